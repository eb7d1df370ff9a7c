"""The Map tab, by clicks and by keys; the canvas is asked where its points are."""

import csv
import json
import re
import time
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.harness import Pages, overflow, settle, shoot
from tests.browser.steps import open_tab
from tests.mini import DIM

MAP = "#map-figure"
STAGE = f"{MAP} .xp-map-stage"
PANEL = "#map-neighbours"


def asked(page: Page, script: str, argument: object = None) -> object:
    """What a function of the map and an argument returns."""
    return page.locator(STAGE).evaluate(f"(e, a) => ({script})(e.explorer, a)", argument)


def opened(page: Page) -> Page:
    open_tab(page, "Map")
    shows(page, "PCA")
    return page


def shows(page: Page, method: str, width: int | None = None) -> None:
    """Waits until the map is of this method (and width), and at rest."""
    page.wait_for_function(
        """([stage, method, width]) => {
            const map = document.querySelector(stage)?.explorer;
            return map?.layout?.method === method && (!width || map.layout.width === width)
                && map.view.v.frame > 0 && !map.view.v.moving;
        }""",
        arg=[STAGE, method, width],
        timeout=60_000,
    )


def places(page: Page) -> list[list[float]]:
    """Where each point is on the canvas, in CSS pixels."""
    found = asked(page, "map => Array.from({length: map.view.v.n}, (_, i) => map.view.screen(i))")
    assert isinstance(found, list)
    return found


def chosen(page: Page) -> list[int]:
    found = asked(page, "map => map.picked")
    assert isinstance(found, list)
    return found


WRITTEN = """map => {
    const context = map.element.querySelector("canvas").getContext("2d"), labels = [], pictures = [];
    const box = (left, top, width, height) => [left, top, left + width, top + height];
    const wide = (text) => context.measureText(text).width;
    context.fillText = (text, x, y) => labels.push([text, ...box(x, y - 9, wide(text), 11)]);
    context.drawImage = (img, x, y, w, h) => pictures.push(["", ...box(x, y, w, h)]);
    map.view.draw();
    delete context.fillText; delete context.drawImage;
    return [labels, pictures];
}"""
"""What the map writes and which pictures it draws, each as (text, left, top, right, bottom)."""


def overlapping(page: Page) -> tuple[int, int, list[str]]:
    """How many labels and pictures the map draws, and the labels that lie over a picture or another one."""
    found = asked(page, WRITTEN)
    assert isinstance(found, list)
    labels, pictures = found
    over = [
        a[0]
        for at, a in enumerate(labels)
        for b in (*pictures, *labels[:at])
        if a[1] < b[3] and b[1] < a[3] and a[2] < b[4] and b[2] < a[4]
    ]
    return len(labels), len(pictures), over


def click_point(page: Page, item: int) -> None:
    page.locator(STAGE).scroll_into_view_if_needed()
    x, y = places(page)[item]
    page.locator(f"{STAGE} canvas").click(position={"x": x, "y": y})


def drag(page: Page, corners: list[tuple[float, float]]) -> None:
    """Draws with the pointer over the canvas; corners as shares of its size."""
    page.locator(STAGE).scroll_into_view_if_needed()
    box = page.locator(f"{STAGE} canvas").bounding_box()
    assert box is not None
    ways = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*ways[0])
    page.mouse.down()
    for way in ways[1:]:
        page.mouse.move(*way, steps=6)
    page.mouse.up()


@pytest.fixture
def tab(page: Page) -> Page:
    return opened(page)


def test_the_first_view_is_a_map_with_pictures(
    page_in_each_view: Page, request: pytest.FixtureRequest
) -> None:
    page = opened(page_in_each_view)
    points = places(page)
    width, height = asked(page, "map => [map.view.v.width, map.view.v.height]")  # type: ignore[misc]
    assert len(points) == 12 and all(0 < x < width and 0 < y < height for x, y in points)
    page.wait_for_function(
        "stage => [...document.querySelector(stage).explorer.view.v.thumbs.values()].every(i => i.complete)",
        arg=STAGE,
    )
    colours = asked(
        page,
        """map => new Set(new Uint32Array(map.find("canvas").getContext("2d")
            .getImageData(0, 0, map.find("canvas").width, map.find("canvas").height).data.buffer)).size""",
    )
    assert isinstance(colours, int) and colours > 200  # pictures, labels, points
    expect(page.locator("#map-measures")).to_contain_text("Trustworthiness")
    expect(page.locator(f"{MAP} .xp-map-key")).to_have_count(2)
    click_point(page, 0)
    expect(page.locator(f"{PANEL} .xp-hit")).to_have_count(20)
    settle(page)
    assert overflow(page) == 0
    shoot(page, request.node.name)


@pytest.mark.parametrize("viewport", ["desktop", "phone"])
def test_labels_lie_over_no_picture_and_no_other_label(open_page: Pages, viewport: str) -> None:
    page = opened(open_page(viewport=viewport))
    settle(page)
    for zoom in (1, 0.6, 0.6, 6):
        asked(page, "(map, zoom) => map.view.zoomBy(zoom)", zoom)
        labels, pictures, over = overlapping(page)
        assert labels >= 1 and pictures == 6 and over == [], zoom
    asked(page, "map => map.view.set({ showThumbs: false })")
    assert overlapping(page)[0] > labels // 2


@pytest.mark.core
def test_a_group_s_name_stands_at_one_of_its_points(page: Page) -> None:
    """Also where the group lies in two places and its middle is empty."""
    script = """() => {
        const canvas = document.body.appendChild(document.createElement("canvas")), written = [], count = 200;
        canvas.style.cssText = "width: 400px; height: 300px";
        const inks = () => ({ text: "#000000", soft: "#555555", paper: "#ffffff", mark: "#d1380f", dark: false });
        const view = window.ExplorerCanvas().create(canvas, { inks, label: String, tool: () => "move", hover() {}, pick() {}, region() {} });
        const places = Float32Array.from({ length: 2 * count }, (_, at) => at % 2 ? (at % 6) / 20 : (at % 4 ? -1 : 1));
        view.setPoints(count); view.resize();
        view.setColours("category", Uint8Array.from({ length: count }, () => 0), ["both", "none"]);
        view.setLayout(places, 2, false);
        canvas.getContext("2d").fillText = (text, x) => written.push([text, x + canvas.getContext("2d").measureText(text).width / 2]);
        view.draw();
        return [written, view.screen(0)[0], view.screen(1)[0]];
    }"""  # noqa: E501
    written, left, right = page.evaluate(script)
    assert [text for text, _ in written] == ["both"]
    assert min(abs(written[0][1] - left), abs(written[0][1] - right)) < 20, "not between the two"


def test_neighbours_open_by_click_and_follow_the_width(tab: Page) -> None:
    click_point(tab, 2)
    expect(tab.locator(PANEL)).to_contain_text("a yellow star to the left of a green triangle")
    expect(tab.locator(PANEL)).to_contain_text("Both lists are at full width")
    before = places(tab)
    tab.locator("button[aria-label='16 dimensions']:visible").first.click()
    expect(tab.locator(PANEL)).to_contain_text("Cut: 16 dimensions")
    shows(tab, "PCA", 16)
    assert max(abs(a[0] - b[0]) for a, b in zip(before, places(tab), strict=True)) > 3
    name = tab.locator(f"{PANEL} .xp-hit .xp-label").first.inner_text()
    tab.locator(f"{PANEL} .xp-hit").first.click()
    expect(tab.locator(f"{PANEL} article p")).to_have_text(name)


def test_all_of_it_works_by_keyboard(tab: Page) -> None:
    tab.locator(STAGE).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        tab.keyboard.press(key)
    first = asked(tab, "map => map.view.v.cursor")
    assert isinstance(first, int) and first >= 0
    expect(tab.locator(f"{MAP} .xp-live")).not_to_be_empty()
    tab.keyboard.press(" ")
    assert chosen(tab) == [first]
    tab.keyboard.press("Enter")
    expect(tab.locator(f"{PANEL} .xp-hit")).to_have_count(20)
    expect(tab.locator(f"{MAP} .xp-live")).to_contain_text("Neighbours of")
    near, far = places(tab), None
    tab.keyboard.press("+")
    tab.wait_for_function("stage => document.querySelector(stage).explorer.view.v.zoom > 1", arg=STAGE)
    tab.keyboard.press("Shift+ArrowLeft")
    tab.wait_for_function("stage => document.querySelector(stage).explorer.view.v.panX !== 0", arg=STAGE)
    tab.wait_for_timeout(100)
    far = places(tab)
    assert far != near
    tab.keyboard.press("Escape")
    assert chosen(tab) == []
    tab.get_by_role("searchbox", name="Find").fill("heart")
    tab.get_by_role("button", name="Select these").press("Enter")
    assert len(chosen(tab)) == 4
    expect(tab.locator(f"{MAP} .xp-map-chosen tbody tr")).to_have_count(4)


@pytest.mark.core
def test_the_search_highlights_without_the_server(tab: Page) -> None:
    settle(tab, quiet_ms=2000)  # a busy server's last word on the map just drawn is not the search's
    asking: list[str] = []
    tab.on("request", lambda request: asking.append(request.url))
    tab.get_by_role("searchbox", name="Find").fill("STAR")
    expect(tab.locator(f"{MAP} .xp-map-found")).to_have_text("4 of 12 found")
    lit = asked(tab, "map => [...map.view.v.lit.keys()].filter(i => map.view.v.lit[i])")
    assert lit == [2, 3, 8, 9]
    tab.locator(f"{MAP} .xp-map-key", has_text="picture").click()
    expect(tab.locator(f"{MAP} .xp-map-found")).to_have_text("2 of 12 found")
    tab.get_by_role("searchbox", name="Find").fill("")
    tab.locator(f"{MAP} .xp-map-key", has_text="picture").click()
    expect(tab.locator(f"{MAP} .xp-map-found")).to_have_text("")
    assert not [url for url in asking if "/gradio_api/" in url and "heartbeat" not in url]


@pytest.mark.parametrize("tool", ["Box", "Lasso"])
@pytest.mark.parametrize("space", ["2D", "3D"])
def test_an_area_becomes_a_table_and_a_gallery(tab: Page, tool: str, space: str) -> None:
    if space == "3D":
        tab.get_by_label("3D").check()
        tab.wait_for_function("stage => document.querySelector(stage).explorer.layout.axes === 3", arg=STAGE)
        shows(tab, "PCA")
    tab.get_by_role("button", name=tool, exact=True).click()
    around = [(0.02, 0.02), (0.98, 0.98)]
    drag(tab, around if tool == "Box" else [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)])
    assert len(chosen(tab)) == 12
    rows = tab.locator(f"{MAP} .xp-map-chosen")
    expect(rows.locator("tbody tr")).to_have_count(12)
    expect(rows.locator(".xp-map-pick")).to_have_count(6)
    left = [i for i, (x, _) in enumerate(places(tab)) if x < 0.5 * (asked(tab, "m => m.view.v.width") or 0)]
    low, high = 0.02, 0.98  # the corners of the stage are rounded
    half = [(low, low), (0.5, high)]
    drag(tab, half if tool == "Box" else [(low, low), (0.5, low), (0.5, high), (low, high)])
    assert chosen(tab) == left
    rows.locator(".xp-map-row").first.click()
    expect(tab.locator(f"{PANEL} .xp-hit")).to_have_count(20)
    tab.get_by_role("button", name="Clear selection").click()
    expect(rows).to_be_hidden()


def test_umap_follows_pca_and_clusters_colour_it(tab: Page) -> None:
    tab.locator(".xp-side:visible").get_by_label("Example sets").click()
    tab.get_by_role("option", name="Languages").click()
    tab.wait_for_function("stage => document.querySelector(stage).explorer.view.v.n === 20", arg=STAGE)
    before = places(tab)
    tab.get_by_label("UMAP").check()
    shows(tab, "UMAP")
    assert places(tab) != before
    expect(tab.locator("#map-status")).to_contain_text("UMAP in")
    expect(tab.locator("#map-measures")).to_contain_text("Trustworthiness")
    tab.locator("#map-clusters input").click()
    tab.get_by_role("option", name="k-means").click()
    expect(tab.get_by_role("combobox", name="Colour")).to_have_value("cluster")
    expect(tab.locator(f"{MAP} .xp-map-key")).to_have_count(4)
    tab.get_by_label("t-SNE").check()
    shows(tab, "t-SNE")
    expect(tab.get_by_role("combobox", name="Colour")).to_have_value("cluster")  # stays with the points
    tab.get_by_label("UMAP").check()
    shows(tab, "UMAP")
    settle(tab)
    shoot(tab, "map-umap-clusters")


def test_an_adapter_is_switched_smoothly(tab: Page) -> None:
    tab.evaluate(
        """stage => {
            const map = document.querySelector(stage).explorer;
            window.ways = [];
            const look = () => { window.ways.push(map.view.v.now[0]); requestAnimationFrame(look); };
            requestAnimationFrame(look);
        }""",
        STAGE,
    )
    tab.get_by_label("Task").locator("visible=true").click()
    tab.get_by_role("option", name="text-matching").locator("visible=true").click()
    expect(tab.locator(f"{MAP} .xp-chart-title")).to_contain_text("text-matching")
    shows(tab, "PCA")
    ways = tab.evaluate("window.ways")
    between = {round(way, 4) for way in ways} - {round(ways[0], 4), round(ways[-1], 4)}
    assert len(between) >= 1  # a busy machine draws few frames
    expect(tab.locator("#map-measures")).to_contain_text("Differs")


def test_whoever_wants_less_motion_sees_none(open_page: Pages) -> None:
    page = open_page()
    page.emulate_media(reduced_motion="reduce")
    opened(page)
    page.evaluate(
        """stage => {
            const map = document.querySelector(stage).explorer;
            window.ways = new Set();
            const look = () => { window.ways.add(map.view.v.now[0]); requestAnimationFrame(look); };
            requestAnimationFrame(look);
        }""",
        STAGE,
    )
    page.locator("button[aria-label='16 dimensions']:visible").first.click()
    shows(page, "PCA", 16)
    page.wait_for_timeout(300)
    assert page.evaluate("window.ways.size") <= 2


def test_dragging_moves_in_two_dimensions_and_turns_in_three(tab: Page) -> None:
    drag(tab, [(0.5, 0.05), (0.6, 0.15)])
    assert asked(tab, "map => map.view.v.panX") == pytest.approx(
        0.1 * asked(tab, "m => m.view.v.width"), abs=3
    )
    tab.get_by_role("button", name="Reset view").click()
    assert asked(tab, "map => map.view.v.panX") == 0
    tab.get_by_label("3D").check()
    tab.wait_for_function("stage => document.querySelector(stage).explorer.layout.axes === 3", arg=STAGE)
    shows(tab, "PCA")
    yaw = asked(tab, "map => map.view.v.yaw")
    drag(tab, [(0.5, 0.05), (0.6, 0.05)])
    assert asked(tab, "map => map.view.v.yaw") != yaw


def saved(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_the_map_is_saved_as_picture_page_positions_and_selection(
    tab: Page, open_page: Pages, tmp_path: Path
) -> None:
    side = tab.locator(".xp-side:visible")
    side.get_by_label("Add texts").first.fill('=1+1 "quoted", and a comma')
    side.get_by_role("button", name="Add texts").click()
    tab.wait_for_function("stage => document.querySelector(stage).explorer.view.v.n === 13", arg=STAGE)
    shows(tab, "PCA")
    picture = saved(tab, "Save PNG", tmp_path)
    with Image.open(picture) as image:
        assert picture.name == f"map-pca-{DIM}.png" and image.width > 1000
        assert len(image.convert("RGB").resize((80, 80)).getcolors(6400) or []) > 30
    data = json.loads(saved(tab, "Save JSON", tmp_path).read_text())
    assert data["method"] == "PCA" and data["width"] == DIM and len(data["items"]) == 13
    assert {"text", "kind", "x", "y"} <= set(data["items"][0])
    tab.get_by_role("searchbox", name="Find").fill("=1+1")
    tab.get_by_role("button", name="Select these").click()
    with saved(tab, "Save CSV", tmp_path).open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["text"] == '\'=1+1 "quoted", and a comma' and float(row["x"])
    page = saved(tab, "Save HTML", tmp_path)
    assert not re.search(r"(src|href)=.?https?:", page.read_text())
    alone = open_page.blank()
    alone.goto(page.as_uri())
    alone.wait_for_function("window.savedMap?.v.frame > 0")
    assert alone.evaluate("window.savedMap.v.n") == 13
    x, y = alone.evaluate("window.savedMap.screen(12)")
    alone.locator("canvas").hover(position={"x": x, "y": y})
    expect(alone.locator("#tip")).to_be_visible()
    shoot(alone, "map-saved-page")


def test_the_map_follows_the_theme(tab: Page) -> None:
    def ink() -> object:
        return asked(
            tab, "map => map.engine.palette('category', 2, document.body.className.includes('dark'))[0]"
        )

    light = asked(tab, "map => map.view.v.frame"), ink()
    tab.get_by_role("button", name="Dark theme").click()
    expect(tab.locator("body.dark")).to_have_count(1)
    tab.wait_for_function(
        "([s, f]) => document.querySelector(s).explorer.view.v.frame > f", arg=[STAGE, light[0]]
    )
    assert ink() != light[1]


def test_a_collection_of_one_says_so_and_comes_back(tab: Page) -> None:
    side = tab.locator(".xp-side:visible")
    side.get_by_role("button", name="Clear").click()
    expect(tab.locator("#map-status")).to_contain_text("at least two items")
    expect(tab.locator(MAP)).to_be_hidden()
    side.get_by_label("Add texts").first.fill("one\ntwo\nthree")
    side.get_by_role("button", name="Add texts").click()
    expect(tab.locator(MAP)).to_be_visible()
    shows(tab, "PCA")
    started = time.monotonic()
    tab.get_by_label("UMAP").check()
    expect(tab.locator("#map-status")).to_contain_text("at least 5 items, there are 3")
    assert time.monotonic() - started < 15
