"""The Similarity tab, by clicks and by keys."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.harness import overflow, settle, shoot
from tests.browser.steps import drawn, open_tab

FIRST, SECOND = "#similarity-figure-1", "#similarity-figure-2"
PAIR = "#similarity-pair"


@pytest.fixture
def tab(page: Page) -> Page:
    return opened(page)


def opened(page: Page) -> Page:
    open_tab(page, "Similarity")
    drawn(page, FIRST, "cosine")
    return page


def cells(page: Page, figure: str = FIRST) -> list[float]:
    """The numbers that the figure holds, row by row."""
    script = "e => { const z = e.calcdata[0][0].z; return [].concat(...z.map(r => Array.from(r))) }"
    return page.locator(f"{figure} .xp-plot").evaluate(script)


def click_cell(page: Page, row: int, col: int) -> None:
    plot = page.locator(f"{FIRST} .xp-plot .nsewdrag").first
    box, count = plot.bounding_box(), round(len(cells(page)) ** 0.5)
    assert box is not None
    plot.click(position={"x": box["width"] * (col + 0.5) / count, "y": box["height"] * (row + 0.5) / count})


def assert_distances(distances: list[float], cosines: list[float]) -> None:
    """Both are of the same vectors: one half computed by the page, the other by the server."""
    expected = [max(0.0, 2 - 2 * cosine) ** 0.5 for cosine in cosines]
    assert distances == pytest.approx(expected, abs=2e-3)  # float32 near 0: a root of 1e-7


def test_the_first_view_is_a_heat_map_with_thumbnails(
    page_in_each_view: Page, request: pytest.FixtureRequest
) -> None:
    page = opened(page_in_each_view)
    assert len(cells(page)) == 144
    assert page.locator(f"{FIRST} .xp-plot .imagelayer image").count() == 12  # six pictures on two axes
    click_cell(page, 0, 1)
    expect(page.locator(f"{PAIR} .xp-pair article")).to_have_count(2)
    settle(page)
    assert overflow(page) == 0
    shoot(page, request.node.name)


@pytest.mark.core
def test_cells_open_by_pointer_and_by_keyboard(tab: Page) -> None:
    tab.locator(f"{FIRST} .xp-plot .nsewdrag").first.hover()
    expect(tab.locator(f"{FIRST} .xp-tip .xp-tip-item")).to_have_count(2)
    click_cell(tab, 0, 5)
    value = cells(tab)[5]
    expect(tab.locator(PAIR)).to_contain_text(f"{value:.4f}"[:-1])
    expect(tab.locator(PAIR)).to_contain_text("dot product")
    expect(tab.locator(PAIR)).to_contain_text("neighbours")
    tab.locator(f"{FIRST} .xp-plot").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Enter"):
        tab.keyboard.press(key)
    expect(tab.locator(f"{FIRST} .xp-live")).to_contain_text("cosine")
    expect(tab.locator(f"{PAIR} .xp-pair article")).to_have_count(2)


@pytest.mark.core
def test_dimension_measure_and_view_redraw_at_once(tab: Page) -> None:
    before = cells(tab)
    tab.locator("button[aria-label='16 dimensions']:visible").first.click()
    drawn(tab, FIRST, "16 dimensions")
    after = cells(tab)
    assert len(after) == len(before)
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) > 0.001
    tab.get_by_label("Euclidean").locator("visible=true").first.check()
    drawn(tab, FIRST, "euclidean")
    assert_distances(cells(tab), after)  # these from the server, those from the page
    tab.locator("button[aria-label='32 dimensions']:visible").first.click()
    drawn(tab, FIRST, "32 dimensions")
    distances = cells(tab)
    tab.get_by_label("cosine").locator("visible=true").first.check()
    drawn(tab, FIRST, "cosine · 32")
    assert_distances(distances, cells(tab))
    tab.get_by_label("Euclidean").locator("visible=true").first.check()
    drawn(tab, FIRST, "euclidean")
    expect(tab.locator("#similarity-remark")).to_contain_text("one to prefer")
    tab.get_by_label("texts × pictures").check()
    tab.wait_for_function(
        "() => document.querySelector('#similarity-figure-1 .xp-plot').calcdata[0][0].z.length === 6"
    )
    assert len(cells(tab)) == 36


@pytest.mark.core
def test_the_width_stays_when_an_older_answer_comes_in(tab: Page) -> None:
    """The measure was asked for at 512 dimensions, and its answer comes after the slider went to 16."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "euclidean" in (route.request.post_data or "") and not held:
            held.append(route)
        else:
            route.continue_()

    tab.route("**/queue/join*", hold)
    with tab.expect_request("**/queue/join*"):
        tab.get_by_label("Euclidean").locator("visible=true").first.check()
    tab.locator("button[aria-label='16 dimensions']:visible").first.click()
    drawn(tab, FIRST, "cosine · 16 dimensions")
    cosines = cells(tab)
    assert len(held) == 1
    held[0].continue_()
    drawn(tab, FIRST, "euclidean · 16 dimensions")
    assert_distances(cells(tab), cosines)
    tab.get_by_role("button", name="The code that does the same").locator("visible=true").click()
    expect(tab.locator("#similarity-code")).to_contain_text("truncate_dim=16")


def test_two_tasks_side_by_side(tab: Page) -> None:
    expect(tab.locator(f"{SECOND} .xp-plot")).to_be_hidden()
    tab.get_by_label("Beside it").click()
    tab.get_by_role("option", name="text-matching").click()
    tab.locator("#similarity-go").click()
    drawn(tab, SECOND, "text-matching")
    first, second = (tab.locator(f"{name} .xp-plot").bounding_box() for name in (FIRST, SECOND))
    assert first is not None and second is not None
    assert abs(first["y"] - second["y"]) < 5 and second["x"] > first["x"] + 100
    expect(tab.locator("#similarity-remark")).to_contain_text("rank correlation")
    settle(tab)
    shoot(tab, "similarity-two-tasks")


@pytest.mark.core
def test_items_are_added_and_removed(tab: Page, tmp_path: Path) -> None:
    picture = tmp_path / "my own.png"
    Image.new("RGB", (80, 80), "orange").save(picture)
    side = tab.locator(".xp-side:visible")
    side.get_by_label("Add texts").first.fill("a new text\nand another")
    side.get_by_role("button", name="Add texts").click()
    expect(side.locator(".xp-list li")).to_have_count(14)
    side.locator("input[type=file]").set_input_files(picture)
    expect(side.locator(".xp-list li")).to_have_count(15)
    side.get_by_role("button", name="Remove a new text").click()
    expect(side.locator(".xp-list li")).to_have_count(14)
    tab.wait_for_function(
        "() => document.querySelector('#similarity-figure-1 .xp-plot').calcdata[0][0].z.length === 14"
    )
    tab.get_by_role("tab", name="Search").click()
    expect(tab.locator(".xp-side:visible .xp-list li")).to_have_count(14)


def test_the_example_sets_load(tab: Page) -> None:
    side = tab.locator(".xp-side:visible")
    side.get_by_label("Example sets").click()
    tab.get_by_role("option", name="Languages").click()
    expect(side.locator(".xp-count")).to_contain_text("20 texts")
    tab.wait_for_function(
        "() => document.querySelector('#similarity-figure-1 .xp-plot').calcdata[0][0].z.length === 20"
    )
    side.get_by_role("button", name="Clear").click()
    expect(side).to_contain_text("Nothing here yet")
    expect(tab.locator("#similarity-status")).to_contain_text("at least two")


def test_the_figure_is_saved_and_follows_the_theme(tab: Page, tmp_path: Path) -> None:
    with tab.expect_download() as waiting:
        tab.locator(f"{FIRST} .xp-png").first.click()
    saved = tmp_path / "figure.png"
    waiting.value.save_as(saved)
    with Image.open(saved) as picture:
        assert waiting.value.suggested_filename.endswith(".png") and picture.width > 800
        assert len(picture.convert("RGB").resize((60, 60)).getcolors(3600) or []) > 20

    def ink() -> str:
        return tab.locator(f"{FIRST} .xtick text").first.evaluate("e => getComputedStyle(e).fill")

    light = ink()
    tab.get_by_role("button", name="Dark theme").click()
    expect(tab.locator("body.dark")).to_have_count(1)
    tab.wait_for_function(
        "old => getComputedStyle(document.querySelector('#similarity-figure-1 .xtick text')).fill !== old",
        arg=light,
    )
