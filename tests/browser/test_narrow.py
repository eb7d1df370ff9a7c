"""What the narrow screen of a telephone must not cut off: tables as cards, room for words."""

from itertools import pairwise

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.harness import Pages, settle, shoot
from tests.browser.steps import open_tab
from tests.browser.test_map import STAGE, asked, shows
from tests.browser.test_truncation import LAB, opened, saved_run, width  # noqa: F401 - a fixture
from ui.run_figures import NAMES


@pytest.fixture
def phone(open_page: Pages) -> Page:
    return open_page(theme="dark", viewport="phone")


def inside(parts: Locator) -> None:
    """Every one of these lies within the window's width."""
    boxes = parts.evaluate_all(
        "all => all.map(e => e.getBoundingClientRect()).filter(b => b.width).map(b => [b.left, b.right])"
    )
    assert boxes and all(left >= 0 and right <= 390 for left, right in boxes), boxes


def test_neighbours_and_numbers_are_cards(phone: Page) -> None:
    width(opened(phone), 8)
    inside(phone.locator(f"{LAB} .xp-lab-table .xp-lab-chip"))
    inside(phone.locator("#truncation-numbers td"))
    head = phone.locator("#truncation-numbers td").nth(3)
    assert head.evaluate("e => getComputedStyle(e, '::before').content") == '"Kept of 5"'


def test_every_column_of_the_model_s_tables_is_in_sight(phone: Page) -> None:
    open_tab(phone, "Model")
    settle(phone)
    inside(phone.locator(".xp-facts .xp-table td"))
    head = phone.locator("#model-generations td", has_text="3.93 billion")
    assert head.evaluate("e => getComputedStyle(e, '::before').content") == '"v4"'
    boxes = (
        phone.locator("#model-running tr")
        .nth(4)
        .locator("td")
        .evaluate_all("all => all.map(e => e.getBoundingClientRect().width)")
    )
    assert all(width > 200 for width in boxes), "sentences have the whole width"


@pytest.mark.usefixtures("saved_run")
def test_figures_of_a_saved_run_have_room_and_words(phone: Page) -> None:
    summary = opened(phone).get_by_role("button", name="Saved benchmark runs")
    summary.scroll_into_view_if_needed()
    place = summary.bounding_box()
    summary.click()
    settle(phone)
    assert summary.bounding_box() == place  # the reader is not carried off by what is drawn below
    phone.get_by_label("Run", exact=True).click()
    phone.get_by_role("option", name="b-test").click()
    expect(phone.locator("#truncation-saved-status")).to_contain_text("lab-test")
    settle(phone)
    for name in NAMES:
        figure = phone.locator(f".xp-explained:has(#saved-{name})")
        assert len(figure.locator(".xp-explain").inner_text()) > 60
        for axis in "xy":
            ticks = figure.locator(f".{axis}tick text").evaluate_all(
                "all => all.map(e => e.getBoundingClientRect()).map(b => [b.left, b.right, b.top, b.bottom])"
            )
            near, far = (0, 1) if axis == "x" else (2, 3)
            ends = sorted((tick[near], tick[far]) for tick in ticks)
            assert all(a[1] <= b[0] + 1 for a, b in pairwise(ends)), (name, axis, ends)
    plot = phone.locator("#saved-differences .xy .bg, #saved-differences .nsewdrag").first.bounding_box()
    assert plot is not None and plot["width"] > 130  # not eaten up by the names of the rows
    shoot(phone, "narrow-saved-run")


def test_texts_are_seen_over_the_pictures_that_they_name(open_page: Pages) -> None:
    page = open_page()
    open_tab(page, "Map")
    shows(page, "PCA")
    settle(page)
    drawn = asked(
        page,
        """map => {
            const context = map.element.querySelector("canvas").getContext("2d"), order = [];
            context.drawImage = () => order.push("picture");
            context.arc = () => order.push("dot");
            map.view.draw();
            delete context.drawImage; delete context.arc;
            return order;
        }""",
    )
    assert drawn == ["picture"] * 6 + ["dot"] * 6
    assert page.locator(STAGE).count() == 1
