"""By keyboard alone: every stop can be seen and shows that it has the focus; the tabs follow the arrows."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.harness import Pages, settle
from tests.browser.steps import open_tab
from tests.browser.test_start import ALL_TABS

STOP = """() => {
    const here = document.activeElement;
    if (here === document.body) return null;
    const box = here.getBoundingClientRect();
    let ringed = null;
    for (let at = here, steps = 0; at && steps < 5; at = at.parentElement, steps += 1) {
        const look = getComputedStyle(at);
        if (look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2) { ringed = at; break; }
    }
    const seen = box.width > 0 && box.height > 0;
    return { tag: here.outerHTML.slice(0, 160), seen, ringed: Boolean(ringed) };
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_whatever_has_the_focus_shows_it(open_page: Pages, theme: str) -> None:
    page = open_page(theme=theme)
    without = {}
    for name in [name.strip() for name in page.locator(ALL_TABS).all_text_contents()]:
        open_tab(page, name)
        settle(page)
        page.get_by_role("tab", name=name, exact=True).focus()
        stops = []
        while len(stops) < 120:
            page.keyboard.press("Tab")
            if (stop := page.evaluate(STOP)) is None:
                break
            stops.append(stop)
        assert len(stops) > 5, name
        without[name] = [stop["tag"] for stop in stops if not (stop["seen"] and stop["ringed"])]
    assert not any(without.values()), without


def selected(page: Page, name: str) -> None:
    tab = page.get_by_role("tab", name=name, exact=True)
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(tab).to_be_focused()


def test_arrows_walk_over_the_tabs(page: Page) -> None:
    page.get_by_role("tab", name="Embed", exact=True).focus()
    page.keyboard.press("ArrowRight")
    selected(page, "Similarity")
    page.keyboard.press("End")
    selected(page, "Model")
    page.keyboard.press("ArrowRight")
    selected(page, "Embed")
    page.keyboard.press("ArrowLeft")
    selected(page, "Model")
    page.keyboard.press("Home")
    selected(page, "Embed")
    assert re.search(r"[?&]tab=|^[^?]*\?__theme=light$", page.url), page.url
