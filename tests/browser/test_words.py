"""Small things on the page that must not mislead: keys for words, old messages, empty places, cut columns."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.steps import drawn


@pytest.mark.core
def test_what_a_screen_reader_is_told_is_words(page: Page) -> None:
    page.evaluate(
        """() => {
            window.told = [];
            const look = () => document.querySelectorAll("[role=status], [aria-live]").forEach(
                region => window.told.push(region.textContent.trim()));
            const all = { subtree: true, childList: true, characterData: true };
            new MutationObserver(look).observe(document.body, all);
        }"""
    )
    drawn(page, "#embed-figure")
    page.locator("#embed-go").click()
    page.wait_for_function("() => window.told.includes('Done')")
    told = set(page.evaluate("window.told"))
    assert [words for words in told if words.startswith("common.")] == []


@pytest.mark.parametrize("place", ["#embed-pictures", "#search-image", ".xp-collection"])
def test_the_message_of_a_bad_picture_goes_with_the_next_good_one(
    page: Page, tmp_path: Path, place: str
) -> None:
    drawn(page, "#embed-figure")
    if place != "#embed-pictures":
        page.get_by_role("tab", name="Search").click()
        expect(page.locator(".xp-hit").first).to_be_visible()
    good, bad = tmp_path / "good.png", tmp_path / "not really.png"
    Image.new("RGB", (60, 40), "teal").save(good)
    bad.write_bytes(b"\x89PNG\r\n\x1a\n" + b"junk" * 40)
    chooser = page.locator(f"{place}:visible input[type=file]").first
    chooser.set_input_files(bad)
    error = page.locator(".xp-messages:visible .xp-error")
    expect(error).to_have_count(1)
    expect(error).to_contain_text("damaged")
    assert error.inner_text().count("not really.png") == 1
    chooser.set_input_files(good)
    expect(error).to_have_count(0)
    chooser.set_input_files(bad)
    expect(error).to_have_count(1)
    page.locator(f"{place}:visible button[data-event=remove]").last.click()
    expect(error).to_have_count(0)


def test_no_cell_is_to_be_clicked_where_there_is_no_heat_map(page: Page) -> None:
    drawn(page, "#embed-figure")
    page.get_by_role("tab", name="Similarity").click()
    drawn(page, "#similarity-figure-1")
    expect(page.locator("#similarity-pair")).to_contain_text("Click a cell")
    page.locator(".xp-side:visible").get_by_role("button", name="Clear").click()
    expect(page.locator("#similarity-status")).to_contain_text("at least two")
    expect(page.locator("#similarity-figure-1 .main-svg:visible")).to_have_count(0)
    expect(page.locator("#similarity-pair")).to_contain_text("press Compare")
    expect(page.locator("#similarity-pair")).not_to_contain_text("Click a cell")


def test_the_table_fits_its_place_at_1280(page: Page) -> None:
    drawn(page, "#embed-figure")
    hidden = "e => e.scrollWidth - e.clientWidth"
    assert page.locator("#embed-table .xp-scroll").evaluate(hidden) <= 0
    page.locator("button[aria-label='16 dimensions']:visible").first.click()
    drawn(page, "#embed-figure", "of 16 dimensions")
    assert page.locator("#embed-table .xp-scroll").evaluate(hidden) <= 0
