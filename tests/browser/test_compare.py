"""Comparing two runs, down to a query with what each found, by clicks and by keys."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import grave
from tests.browser.harness import ARTIFACTS, overflow, running, settle, shoot
from tests.browser.steps import drawn, open_tab
from tests.browser.test_evaluation import RESULTS, open_part
from tests.eval.made_runs import real_run


@pytest.fixture(scope="module")
def app_url(tmp_path_factory: pytest.TempPathFactory, test_model: str) -> Iterator[str]:
    """The program, with two runs whose texts were cut at different lengths."""
    home = tmp_path_factory.mktemp("home")
    told = {"task": ("retrieval",), "dim": (64,), "vectors": ("dense",), "precision": ("float32",)}
    for longest in (None, 6):
        real_run(home, **told, baseline=(), max_length=longest)
    assert Path(home / RESULTS).is_dir()
    with running(["--model", test_model], log=ARTIFACTS / "compare.log", cwd=home) as app:
        yield app.url


def listed(page: Page) -> Page:
    open_tab(page, "Evaluation")
    open_part(page, "Compare two runs")
    drawn(page, "#compare-figure")
    page.locator("#compare-table .ev-open", has_text="words").first.click()
    expect(page.locator("#compare-queries .ev-open").first).to_be_visible()
    return page


@pytest.mark.core
def test_a_query_that_changed_opens_by_a_click_and_by_keys(page: Page) -> None:
    buttons = listed(page).locator("#compare-queries .ev-open")
    for at, press in enumerate((lambda b: b.click(), lambda b: (b.focus(), page.keyboard.press("Enter")))):
        button = buttons.nth(at)
        words = button.inner_text()
        press(button)
        expect(page.locator("#compare-query .xp-asked b")).to_have_text(words)
        heads = page.locator("#compare-query .xp-column h3")
        expect(heads).to_have_text(["A: 64 · float32", "B: 64 · float32", "Should be found"])
        expect(page.locator("#compare-query .ev-documents li").first).to_be_visible()
        expect(button).to_be_focused()


def test_it_fits_in_every_view(page_in_each_view: Page, request: pytest.FixtureRequest) -> None:
    page = listed(page_in_each_view)
    page.locator("#compare-queries .ev-open").first.click()
    expect(page.locator("#compare-query .ev-documents li").first).to_be_visible()
    settle(page)
    assert overflow(page) == 0
    assert not grave(page)
    shoot(page, f"evaluation-compared-query-{request.node.callspec.id}")
