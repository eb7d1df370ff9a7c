"""The guided tour: offered once, walked with keys, closed for good, and never over a link to a view."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import steps  # noqa: F401 - a longer wait for a busy machine
from tests.browser.find_chromium import find_chromium
from tests.browser.harness import Pages, Watch, chromium_flags, overflow, shoot
from ui.tour import STOPS

BOX, OFFER = ".xp-tour-box", ".xp-tour-offer"
TABS = "#explorer-tabs > .tab-wrapper [role=tab]"


def again(page: Page) -> Page:
    """The dashboard once more, in the same browser: what it remembers is there."""
    other = page.context.new_page()
    other.goto(page.url.split("?")[0])
    other.get_by_role("tab").first.wait_for(timeout=90_000)
    expect(other.get_by_role("button", name="Tour", exact=True)).to_be_visible()
    return other


def test_the_card_keeps_its_distance_beside_a_scrollbar(browser: Browser, app_url: str, watch: Watch) -> None:
    chromium = browser.browser_type.launch(
        executable_path=find_chromium(), args=chromium_flags(), ignore_default_args=["--hide-scrollbars"]
    )
    try:
        page = Pages(chromium, app_url, watch)(viewport="desktop")
        page.set_viewport_size({"width": 390, "height": 700})
        page.get_by_role("button", name="Start the tour").click()
        box, room = page.locator(BOX).bounding_box(), page.evaluate("document.documentElement.clientWidth")
        assert room < 390 and box is not None, "there is no scrollbar here"
        assert box["x"] >= 12 and box["x"] + box["width"] <= room - 12
    finally:
        chromium.close()


@pytest.mark.core
def test_the_tour_is_walked_with_keys_and_stays_closed(page: Page) -> None:
    page.get_by_role("button", name="Start the tour").click()
    dialogue = page.get_by_role("dialog")
    for number, stop in enumerate(STOPS, start=1):
        expect(dialogue).to_contain_text(f"Step {number} of {len(STOPS)}")
        expect(page.get_by_role("heading", name=stop.title)).to_be_focused()
        expect(page.locator(f"{TABS}[data-tab-id={stop.tab}]")).to_have_attribute("aria-selected", "true")
        expect(page.locator(".xp-tour-here")).to_be_visible()
        # the figure itself, though what stands in for it comes earlier on the page
        expect(page.locator(stop.at.split(",")[0])).to_have_class(re.compile("xp-tour-here"))
        assert set(dialogue.get_by_role("button").all_inner_texts()) >= {"Back"}
        page.get_by_role("button", name="Next" if number < len(STOPS) else "Done").focus()
        page.keyboard.press("Enter")
    expect(page.locator(BOX)).to_be_hidden()
    expect(page.locator(".xp-tour-here")).to_have_count(0)
    expect(page.get_by_role("button", name="Tour", exact=True)).to_be_focused()
    expect(again(page).locator(OFFER)).to_have_count(0)


def test_escape_ends_the_tour_and_the_button_starts_it_again(page: Page) -> None:
    start = page.get_by_role("button", name="Tour", exact=True)
    start.click()
    expect(page.locator(OFFER)).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator(BOX)).to_be_hidden()
    expect(start).to_be_focused()
    start.click()
    expect(page.locator(BOX)).to_contain_text("Step 1 of")


def test_a_link_to_a_view_opens_without_the_offer(open_page: Pages) -> None:
    page = open_page(query={"s": "1", "tab": "similarity"})
    expect(page.get_by_role("button", name="Tour", exact=True)).to_be_visible()
    expect(page.locator(OFFER)).to_have_count(0)
    expect(page.locator(BOX)).to_be_hidden()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_tour_fits_a_telephone(open_page: Pages, theme: str) -> None:
    page = open_page(theme=theme, viewport="phone")
    expect(page.locator(OFFER)).to_be_visible()
    shoot(page, f"tour-offer-{theme}-phone", full_page=False)
    page.get_by_role("button", name="Start the tour").click()
    for stop in STOPS[1:]:
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("heading", name=stop.title)).to_be_in_viewport()
        expect(page.locator(f"{TABS}[data-tab-id={stop.tab}]")).to_have_attribute("aria-selected", "true")
        expect(page.locator(".xp-tour-here")).to_be_visible()
        # the figure itself, though what stands in for it comes earlier on the page
        expect(page.locator(stop.at.split(",")[0])).to_have_class(re.compile("xp-tour-here"))
    assert overflow(page) == 0
    shoot(page, f"tour-{theme}-phone", full_page=False)
