"""Embed and Search: a width that moves while the model runs is drawn when it has ended, and only once."""

from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.harness import settle
from tests.browser.steps import appears, drawn, open_tab

Tab = Literal["embed", "search"]
WORDS = "every one of these lines is long enough to keep the model busy for a little while " * 12
RESULT = {"embed": "#embed-table", "search": "#search-results"}
FIGURE = "document.querySelector('#embed-figure .xp-plot').dataset.drawn"
COUNT = """selector => {
    window.drawings = 0;
    const added = (changes) => changes.some((change) => change.addedNodes.length);
    new MutationObserver((changes) => { if (added(changes)) window.drawings += 1; })
        .observe(document.querySelector(selector), { childList: true, subtree: true });
}"""


def opened(page: Page, tab: Tab) -> None:
    drawn(page, "#embed-figure")
    if tab == "search":
        open_tab(page, "Search")
        appears(page, "#search-results .xp-column", 2)
    settle(page)


def ask(page: Page, tab: Tab, words: str) -> None:
    page.locator("#embed-texts textarea" if tab == "embed" else "#search-query textarea").fill(words)
    page.locator(f"#{tab}-go").click()


@pytest.mark.parametrize("tab", ["embed", "search"])
def test_a_result_is_drawn_once_where_nothing_moves(page: Page, tab: Tab) -> None:
    opened(page, tab)
    page.evaluate(COUNT, RESULT[tab])
    before = int(page.evaluate(FIGURE))
    for number in (1, 2):
        ask(page, tab, f"number {number}")
        expect(page.locator(RESULT[tab])).to_contain_text(f"number {number}")
        settle(page, quiet_ms=1500)
        if tab == "embed":
            assert int(page.evaluate(FIGURE)) == before + number
        else:
            assert page.evaluate("window.drawings") == number


@pytest.mark.parametrize("tab", ["embed", "search"])
def test_a_width_that_moves_while_the_model_runs_is_drawn_at_its_end(page: Page, tab: Tab) -> None:
    opened(page, tab)
    many = "\n".join(f"{number}: {WORDS}" for number in range(90))
    if tab == "embed":
        ask(page, tab, many)
    else:
        side = page.locator(".xp-side:visible")
        side.get_by_label("Add texts").first.fill(many)
        side.get_by_role("button", name="Add texts").click()  # a quick model searches at once
    progress = page.locator(f"#{tab}-status .xp-progress")
    expect(progress).to_be_visible()
    box = page.get_by_label(f"number input for {'Dimensions' if tab == 'embed' else 'Cut to'}")
    box.locator("visible=true").fill("24")
    page.keyboard.press("Tab")
    expect(progress).to_have_count(0)
    if tab == "embed":
        drawn(page, "#embed-figure", "93 vectors of 24 dimensions")
    else:
        expect(page.locator(f"{RESULT[tab]} .xp-stats").first).to_contain_text("102")  # with the examples
        expect(page.locator(RESULT[tab])).to_contain_text("Cut to 24")
