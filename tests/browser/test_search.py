"""The Search tab, by clicks."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.harness import overflow, settle, shoot
from tests.browser.steps import appears, open_tab

RESULTS = "#search-results"
COLUMNS = f"{RESULTS} .xp-column"
EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"


@pytest.fixture
def tab(page: Page) -> Page:
    return opened(page)


def opened(page: Page) -> Page:
    open_tab(page, "Search")
    appears(page, COLUMNS, 2)
    return page


def labels(page: Page, column: int = 0) -> list[str]:
    return page.locator(COLUMNS).nth(column).locator(".xp-label").all_inner_texts()


def test_the_first_view_is_a_search_in_two_columns(
    page_in_each_view: Page, request: pytest.FixtureRequest
) -> None:
    page = opened(page_in_each_view)
    expect(page.locator(COLUMNS).nth(0)).to_contain_text("Full width")
    expect(page.locator(COLUMNS).nth(1)).to_contain_text("Cut to")
    assert len(labels(page)) == 10
    expect(page.locator(f"{RESULTS} .xp-move")).to_have_count(10)
    expect(page.locator(f"{RESULTS} .xp-hit img").first).to_be_visible()
    settle(page)
    assert overflow(page) == 0
    shoot(page, request.node.name)


@pytest.mark.core
def test_texts_and_pictures_find_themselves_first(tab: Page) -> None:
    tab.locator("#search-query textarea").fill("a yellow star to the left of a green triangle")
    tab.locator("#search-go").click()
    expect(tab.locator(f"{RESULTS} .xp-asked")).to_contain_text("yellow star")
    assert labels(tab)[0] == "a yellow star to the left of a green triangle"
    tab.locator("#search-image input[type=file]").set_input_files(
        EXAMPLES / "blue-square-above-red-circle.png"
    )
    expect(tab.locator("#search-image img")).to_be_visible()
    tab.locator("#search-go").click()
    expect(tab.locator(f"{RESULTS} .xp-asked img")).to_be_visible()
    assert labels(tab, 0)[0] == labels(tab, 1)[0] == "blue square above red circle"
    second = labels(tab)[1]
    tab.locator(f"{COLUMNS} .xp-hit").nth(1).click()
    expect(tab.locator(f"{RESULTS} .xp-asked b")).to_have_text(second)


@pytest.mark.core
def test_width_temperature_and_measure_rerank_without_a_search(tab: Page) -> None:
    tab.locator("button[aria-label='64 dimensions']:visible").first.click()
    expect(tab.locator(COLUMNS).nth(1)).to_contain_text("Cut to 64")

    def share() -> float:
        return float(tab.locator(f"{RESULTS} .xp-score small").first.inner_text().strip("<% "))

    before = share()
    tab.get_by_role("button", name="More: measure").click()
    slider = tab.get_by_label("number input for Softmax temperature")
    slider.fill("2")
    slider.press("Tab")
    tab.wait_for_function(
        "old => parseFloat(document.querySelector('#search-results .xp-score small').textContent) !== old",
        arg=before,
    )
    assert share() < before
    tab.get_by_label("Euclidean").locator("visible=true").first.check()
    expect(tab.locator(RESULTS)).to_contain_text("one to prefer")


def test_presets_say_what_they_set_and_search(tab: Page) -> None:
    without = {"Text search": "img", "Image search": ".xp-glyph", "Cross-modal": ".nothing"}
    words = {"Text search": "query prompt", "Image search": "float16", "Cross-modal": "temperature 0.07"}
    for name, said in words.items():
        tab.get_by_role("button", name=name).click()
        expect(tab.locator("#search-preset")).to_contain_text(said)
        expect(tab.locator(f"{COLUMNS} .xp-hit {without[name]}")).to_have_count(0)
        settle(tab)
        shoot(tab, f"search-preset-{name}")


@pytest.mark.core
def test_a_query_of_nothing_and_a_picture_that_is_none_are_messages(tab: Page, tmp_path: Path) -> None:
    tab.locator("#search-query textarea").fill(" ")
    tab.locator("#search-go").click()
    expect(tab.locator("#search-status .xp-error")).to_contain_text("There is no query")
    expect(tab.locator(RESULTS)).to_contain_text("No search yet")
    appears(tab, COLUMNS, 0)  # what was found for another query does not pass for an answer
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"GIF89a nonsense")
    tab.locator("#search-image input[type=file]").set_input_files(bad)
    expect(tab.locator("#search-image .xp-error")).to_contain_text("bad.jpg")


def test_an_example_set_brings_its_query_and_its_results(tab: Page) -> None:
    tab.locator(".xp-side:visible").get_by_label("Example sets").click()
    tab.get_by_role("option", name="Code").click()
    expect(tab.locator("#search-query textarea")).to_have_value("Split a list into chunks of equal size.")
    expect(tab.locator(f"{RESULTS} .xp-asked")).to_contain_text("Split a list")
    assert labels(tab)[0] == "Split a list into chunks of equal size."


def test_a_new_picture_can_be_searched_for(tab: Page, tmp_path: Path) -> None:
    path = tmp_path / "teal.png"
    Image.new("RGB", (90, 60), "teal").save(path)
    side = tab.locator(".xp-side:visible")
    side.locator("input[type=file]").set_input_files(path)
    expect(side.locator(".xp-list li")).to_have_count(13)
    tab.locator("#search-image input[type=file]").set_input_files(path)
    expect(tab.locator("#search-image img")).to_be_visible()
    tab.locator("#search-go").click()
    expect(tab.locator(f"{RESULTS} .xp-asked")).to_contain_text("teal.png")
    assert labels(tab)[0] == "teal.png"
