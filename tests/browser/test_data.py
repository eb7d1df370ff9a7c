"""The Your data tab, by clicks: files with faults, collections for the other tabs, vectors on the map."""

import csv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.harness import overflow, settle, shoot
from tests.browser.steps import drawn, open_tab
from tests.browser.test_link import copied

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"
STATUS, PREVIEW, FAULTS = "#data-status", "#data-preview", "#data-faults"
TABLE = """text;topic;year
red apple;fruit;1999
green pear;fruit;2001
night train;travel;1987
too;many;cells;here
<img src=x onerror=alert(1)>;=1+1;3
;fruit;5
"""


@pytest.fixture
def tab(page: Page) -> Page:
    return opened(page)


def opened(page: Page) -> Page:
    open_tab(page, "Your data")
    expect(page.locator("#data-shelf .xp-count")).to_be_visible()
    return page


def drop(page: Page, *files: Path) -> None:
    page.locator("#data-files input[type=file]").set_input_files(list(files))


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def map_is_open(page: Page) -> None:
    """Opened by the button: shown from its top, in the address, and where the next key goes."""
    expect(page.locator("#map-status")).to_be_visible()
    page.wait_for_function("() => new URLSearchParams(location.search).get('tab') === 'map'")
    page.wait_for_function(
        "() => document.activeElement.matches('[role=tabpanel]') && scrollY === 0 "
        "&& document.activeElement.contains(document.querySelector('#map-status'))"
    )


def test_show_on_the_map_opens_the_map_each_time(
    page_in_each_view: Page, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    page = opened(page_in_each_view)
    np.savez(tmp_path / "mine.npz", vectors=np.random.default_rng(1).normal(size=(20, 12)))
    drop(page, tmp_path / "mine.npz")
    for _ in range(2):
        press(page, "Show on the map")
        map_is_open(page)
        expect(page.locator("#map-status")).to_contain_text("came with the items")
        settle(page)
        shoot(page, request.node.name)
        page.get_by_role("button", name="Copy link").click()
        expect(page.locator(".xp-link-said")).to_contain_text("the points on the map")
        open_tab(page, "Your data")
        expect(page.locator(STATUS)).to_contain_text("20 points")
    press(page, "Show the collection on the map again")
    expect(page.locator(STATUS)).to_contain_text("shows the collection")
    expect(page.locator("#map-status")).to_be_hidden()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "notes.csv"
    path.write_text(TABLE, encoding="utf-8-sig")
    return path


def test_a_table_with_bad_rows_becomes_the_collection(
    page_in_each_view: Page, table: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    page = opened(page_in_each_view)
    drop(page, table)
    expect(page.locator(f"{PREVIEW} tbody tr")).to_have_count(5)
    expect(page.locator(f"{FAULTS} tbody tr")).to_have_count(1)
    expect(page.locator(FAULTS)).to_contain_text("4 cells, the heading has 3")
    press(page, "Use as the collection")
    expect(page.locator(STATUS)).to_contain_text("4 added")
    expect(page.locator(f"{FAULTS} tbody tr")).to_have_count(2)
    expect(page.locator(FAULTS)).to_contain_text("neither text nor picture")
    expect(page.locator("#data-shelf")).to_contain_text("notes.csv")
    with page.expect_download() as download:
        page.get_by_text("Download what was left out").click()
    rows = list(csv.DictReader(download.value.path().open(encoding="utf-8")))
    assert [(row["Row"], row["Line"]) for row in rows] == [("4", "5"), ("6", "7")]
    settle(page)
    assert overflow(page) == 0
    shoot(page, request.node.name)


@pytest.mark.core
def test_the_other_tabs_use_it(tab: Page, table: Path) -> None:
    drop(tab, table)
    expect(tab.locator(f"{PREVIEW} tbody tr")).to_have_count(5)
    press(tab, "Use as the collection")
    expect(tab.locator(STATUS)).to_contain_text("4 added")
    open_tab(tab, "Similarity")
    expect(tab.locator(".xp-side:visible .xp-list li")).to_have_count(4)
    drawn(tab, "#similarity-figure-1")
    tab.wait_for_function(
        "() => document.querySelector('#similarity-figure-1 .xp-plot').calcdata?.[0][0].z.length === 4"
    )
    expect(tab.locator(".xp-side:visible .xp-list")).to_contain_text("<img src=x onerror=alert(1)>")


def test_a_zip_of_pictures_is_added(tab: Page, tmp_path: Path) -> None:
    pictures = sorted(EXAMPLES.rglob("*.png"))[:3]
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for path in pictures:
            archive.write(path, f"shapes/{path.name}")
        archive.writestr("../evil.png", pictures[0].read_bytes())
        archive.writestr("words.png", b"these are words")
    drop(tab, tmp_path / "pictures.zip")
    expect(tab.locator(f"{PREVIEW} tbody img")).to_have_count(3)
    expect(tab.locator(FAULTS)).to_contain_text("leads out of the archive")
    press(tab, "Add to the collection")
    expect(tab.locator(STATUS)).to_contain_text("now holds")
    expect(tab.locator("#data-shelf")).to_contain_text("3 pictures")


def test_vectors_go_to_the_map_and_leave_it_again(tab: Page, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(size=(20, 12)) + 4 * np.eye(12)[at] for at in range(3)])
    vectors[7] = np.nan
    groups = np.array([f"group {at // 20}" for at in range(60)])
    np.savez(tmp_path / "mine.npz", vectors=vectors, ids=np.array([f"p{i}" for i in range(60)]), group=groups)
    drop(tab, tmp_path / "mine.npz")
    expect(tab.locator(PREVIEW)).to_contain_text("(12)")
    expect(tab.locator(FAULTS)).to_contain_text("NaN")
    press(tab, "Use as the collection")
    expect(tab.locator(f"{STATUS} .xp-error")).to_contain_text("12 dimensions, the model's have")
    press(tab, "Show on the map")
    map_is_open(tab)
    expect(tab.locator("#map-status")).to_contain_text("came with the items")
    expect(tab.locator("#map-status")).to_contain_text("59")
    expect(tab.locator(".xp-map-colour option", has_text="group")).to_have_count(1)
    expect(tab.locator("#map-status")).to_contain_text("mine.npz")
    copied(tab)
    expect(tab.locator(".xp-link-said")).to_contain_text("only you have them: the points on the map.")
    controls = tab.locator(".xp-controls:visible")
    expect(controls.get_by_label("Task")).to_be_disabled()
    expect(controls.get_by_role("radio", name="passage")).to_be_disabled()
    expect(controls).to_contain_text("no adapter: these vectors came with the items")
    width = controls.locator(".xp-width input[type=number]")
    expect(width).to_have_value("12")
    expect(width).to_have_attribute("max", "12")
    assert controls.locator(".xp-marks button").all_inner_texts() == ["4", "8", "12"]
    controls.get_by_role("button", name="4 dimensions").click()
    expect(tab.locator("#map-figure .xp-chart-title")).to_contain_text("· 4 dimensions")
    settle(tab)
    shoot(tab, "map-of-brought-vectors")
    open_tab(tab, "Your data")
    press(tab, "Show the collection on the map again")
    expect(tab.locator(STATUS)).to_contain_text("shows the collection again")
    open_tab(tab, "Map")
    expect(tab.locator("#map-status")).not_to_contain_text("came with the items")
    copied(tab)
    expect(tab.locator(".xp-link-said")).not_to_contain_text("only you")
    expect(controls.get_by_label("Task")).to_be_enabled()
    expect(controls).to_contain_text("the LoRA adapter in use")
    full = controls.locator(".xp-marks button").last.inner_text()
    expect(width).to_have_value(full)
    expect(width).to_have_attribute("max", full)
    expect(tab.locator("#map-figure .xp-chart-title")).to_contain_text(f"· {full} dimensions")


def test_editing_the_collection_on_the_map_takes_brought_vectors_off(tab: Page, tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", np.random.default_rng(1).normal(size=(30, 5)))
    drop(tab, tmp_path / "mine.npy")
    expect(tab.locator(PREVIEW)).to_contain_text("(5)")
    press(tab, "Show on the map")
    expect(tab.locator(STATUS)).to_contain_text("30 points")
    open_tab(tab, "Map")
    expect(tab.locator("#map-status")).to_contain_text("30")
    side = tab.locator(".xp-side:visible")
    side.locator("textarea").first.fill("one more text")
    side.get_by_role("button", name="Add texts").click()
    expect(tab.locator("#map-status")).to_contain_text("13")
    expect(tab.locator("#map-status")).not_to_contain_text("came with")


@pytest.mark.core
def test_what_cannot_be_read_is_a_message_and_nothing_is_lost(tab: Page, tmp_path: Path) -> None:
    (tmp_path / "bomb.csv").write_bytes(b"\x1f\x8b\x08" + b"\0" * 50)
    np.save(tmp_path / "object.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    drop(tab, tmp_path / "bomb.csv", tmp_path / "object.npy")
    expect(tab.locator(f"{STATUS} .xp-error")).to_contain_text("packed with gzip")
    expect(tab.locator(f"{STATUS} .xp-error")).to_contain_text("pickled objects")
    open_tab(tab, "Similarity")
    expect(tab.locator(".xp-side:visible .xp-list li")).to_have_count(12)


def test_collections_are_kept_and_vectors_taken_away(tab: Page, table: Path) -> None:
    tab.locator("#data-name textarea, #data-name input").fill("first ones")
    press(tab, "Keep what is at hand")
    expect(tab.locator("#data-shelf")).to_contain_text("first ones")
    drop(tab, table)
    expect(tab.locator(f"{PREVIEW} tbody tr")).to_have_count(5)
    press(tab, "Use as the collection")
    expect(tab.locator("#data-shelf li[aria-current]")).to_contain_text("notes.csv")
    press(tab, "Make the file")
    expect(tab.locator("#data-export-status")).to_contain_text("collection.npz: 4 vectors")
    with tab.expect_download() as download:
        press(tab, "Download")
    with np.load(download.value.path(), allow_pickle=False) as archive:
        assert archive["vectors"].shape[0] == 4 and archive["topic"][0] == "fruit"
    tab.locator("#data-kept input").click()
    tab.get_by_role("option", name="first ones").click()
    press(tab, "Switch to it")
    expect(tab.locator("#data-shelf li[aria-current]")).to_contain_text("first ones")
    press(tab, "Delete")
    expect(tab.locator("#data-shelf")).not_to_contain_text("first ones")


def test_no_label_shows_through_a_message_that_stays_in_sight(page: Page) -> None:
    drawn(page, "#embed-figure")
    layers = page.evaluate(
        """() => {
            const message = document.createElement("div");
            message.className = "block xp-status";
            message.innerHTML = "<p class='xp-note'>told</p>";
            document.querySelector("#embed-status").parentElement.append(message);
            const layer = (one) => Number(getComputedStyle(one).zIndex) || 0;
            const place = ".gradio-container label > span, [data-testid=block-info]";
            const labels = [...document.querySelectorAll(place)];
            const found = [layer(message), Math.max(...labels.map(layer))];
            message.remove();
            return found;
        }"""
    )
    assert layers[1] > 0 and layers[0] > layers[1]
