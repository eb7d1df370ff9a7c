"""Code to copy: Python and REST in two tabs, by click and by key, with the page's own address in it."""

import json
import subprocess

import pytest
from playwright.sync_api import Page, expect

from tests.browser.harness import overflow, settle, shoot
from tests.browser.steps import drawn

OPEN = "The code that does the same"


def shown(page: Page) -> str:
    return page.locator("#embed-code .xp-code-pane").inner_text()


def opened(page: Page) -> None:
    drawn(page, "#embed-figure")
    page.get_by_role("button", name=OPEN).locator("visible=true").click()
    expect(page.locator("#embed-code .xp-code-pane")).to_contain_text("Embedder.from_pretrained")


def test_the_rest_lines_run_as_they_stand_on_the_page(page: Page, app_url: str) -> None:
    opened(page)
    page.locator("#embed-code").get_by_role("tab", name="REST (curl)").click()
    expect(page.locator("#embed-code .xp-code-pane")).to_contain_text(f"curl -sS {app_url}/v1/embeddings")
    done = subprocess.run(["sh", "-eu", "-c", shown(page)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["data"]) == 6


def test_the_choice_stays_while_the_slider_moves_and_works_by_key(page: Page) -> None:
    opened(page)
    tab = page.locator("#embed-code").get_by_role("tab", name="Python")
    tab.focus()
    tab.press("ArrowRight")
    chosen = page.locator("#embed-code [aria-selected=true]")
    expect(chosen).to_have_text("REST (curl)")
    expect(chosen).to_be_focused()
    page.get_by_role("button", name="32 dimensions").locator("visible=true").first.click()
    expect(page.locator("#embed-code .xp-code-pane")).to_contain_text('"dimensions": 32')
    expect(chosen).to_have_text("REST (curl)")


def test_it_is_copied(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page)
    page.locator("#embed-code").get_by_role("button", name="Copy").click()
    expect(page.locator("#embed-code .xp-code-live")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator(
        "#embed-code .xp-code-pane"
    ).evaluate("(pane) => pane.textContent")


def test_it_looks_right_everywhere(page_in_each_view: Page, request: pytest.FixtureRequest) -> None:
    page = page_in_each_view
    opened(page)
    page.locator("#embed-code").get_by_role("tab", name="REST (curl)").click()
    page.locator("#embed-code").scroll_into_view_if_needed()
    settle(page)
    assert overflow(page) == 0
    shoot(page, request.node.name)
