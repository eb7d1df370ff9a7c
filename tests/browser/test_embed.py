"""The Embed tab, by clicks."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.harness import overflow, settle, shoot
from tests.browser.steps import drawn

ROWS = "#embed-table tbody tr"


def embed(page: Page, texts: str) -> None:
    page.locator("#embed-texts textarea").fill(texts)
    page.locator("#embed-go").click()


def no_pictures(page: Page) -> None:
    """Takes the example's pictures out, one by one."""
    tiles = page.locator("#embed-pictures .xp-row li")
    for left in (2, 1, 0):
        tiles.first.get_by_role("button").click()
        expect(tiles).to_have_count(left)


def test_the_first_view_shows_vectors(page_in_each_view: Page, request: pytest.FixtureRequest) -> None:
    page = page_in_each_view
    drawn(page, "#embed-figure", "vectors of")
    expect(page.locator(ROWS)).to_have_count(6)
    expect(page.locator("#embed-table img")).to_have_count(3)
    settle(page)
    assert overflow(page) == 0
    shoot(page, request.node.name)


@pytest.mark.core
def test_texts_are_embedded_and_shown_with_norm_tokens_and_time(page: Page) -> None:
    drawn(page, "#embed-figure")
    no_pictures(page)
    embed(page, "first line\n\nsecond line")
    expect(page.locator(ROWS)).to_have_count(2)
    drawn(page, "#embed-figure", "2 vectors")
    first = page.locator(ROWS).first
    expect(first).to_contain_text("first line")
    expect(first).to_contain_text("1.0000")
    expect(first).to_contain_text("ms")
    expect(page.locator("#embed-status")).to_contain_text("Tokens")


def test_the_downloads_hold_the_vectors_and_the_code_can_be_copied(page: Page, tmp_path: Path) -> None:
    drawn(page, "#embed-figure")
    files = {}
    for kind in ("npy", "json", "csv"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=f"Download {kind}").click()
        files[kind] = tmp_path / f"embeddings.{kind}"
        waiting.value.save_as(files[kind])
        assert waiting.value.suggested_filename == f"embeddings.{kind}"
    vectors = np.load(files["npy"], allow_pickle=False)
    assert vectors.shape[0] == 6 and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    rows = list(csv.reader(files["csv"].read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 7 and np.array_equal(np.float32(rows[1][2:]), vectors[0])
    drawn(page, "#embed-figure")
    page.get_by_role("button", name="The code that does the same").first.click()
    expect(page.locator("#embed-code")).to_contain_text("Embedder.from_pretrained")
    expect(page.locator("#embed-code")).to_contain_text("assets/examples/")
    drawn(page, "#embed-figure")
    page.get_by_role("button", name="32 dimensions").first.click()
    drawn(page, "#embed-figure", "of 32 dimensions")
    kept = page.locator(ROWS).first.locator("td").nth(6)
    assert 0 < float(kept.inner_text()) < 1


def test_a_file_that_is_no_picture_is_named_and_the_rest_is_embedded(page: Page, tmp_path: Path) -> None:
    drawn(page, "#embed-figure")
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.new("RGB", (60, 40), "teal").save(good)
    bad.write_text("<script>alert(1)</script>")
    no_pictures(page)
    page.locator("#embed-pictures input[type=file]").set_input_files([good, bad])
    expect(page.locator("#embed-pictures .xp-error")).to_contain_text("bad.png")
    expect(page.locator("#embed-pictures .xp-row img")).to_have_count(1)
    embed(page, "a text")
    expect(page.locator(ROWS)).to_have_count(2)


def test_text_and_picture_together_are_one_document(page: Page) -> None:
    drawn(page, "#embed-figure")
    page.get_by_label("Text + picture together").check()
    page.locator("#embed-go").click()
    expect(page.locator(ROWS)).to_have_count(3)
    expect(page.locator(ROWS).first).to_contain_text("text + picture")


@pytest.mark.core
def test_hostile_text_stays_text_and_nothing_typed_is_a_hint(page: Page) -> None:
    drawn(page, "#embed-figure")
    embed(page, "<img src=x onerror=\"document.title='owned'\"> %{x} <b>bold</b>")
    expect(page.locator(ROWS).first).to_contain_text("<b>bold</b>")
    page.locator("#embed-figure .xp-plot .nsewdrag").first.hover()
    expect(page.locator("#embed-figure .xp-tip")).to_be_visible()
    assert "owned" not in page.title()
    drawn(page, "#embed-figure")
    no_pictures(page)
    embed(page, "   \n ")
    expect(page.locator("#embed-status")).to_contain_text("Nothing to embed yet")
    expect(page.locator("#embed-figure .xp-plot")).to_be_hidden()


def test_pictures_can_be_dropped(page: Page) -> None:
    drawn(page, "#embed-figure")
    page.locator("#embed-pictures .xp-choose").evaluate(
        """async (zone) => {
            const canvas = Object.assign(document.createElement("canvas"), { width: 50, height: 50 });
            canvas.getContext("2d").fillRect(10, 10, 20, 20);
            const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
            const carried = new DataTransfer();
            carried.items.add(new File([blob], "dropped.png", { type: "image/png" }));
            const how = { dataTransfer: carried, bubbles: true, cancelable: true };
            zone.dispatchEvent(new DragEvent("drop", how));
        }"""
    )
    expect(page.locator("#embed-pictures .xp-row img")).to_have_count(4)


def test_long_work_shows_progress_and_can_be_cancelled(page: Page) -> None:
    drawn(page, "#embed-figure")
    no_pictures(page)
    words = "every one of these lines is long enough to keep the model busy for a little while " * 60
    embed(page, "\n".join(f"{number}: {words}" for number in range(200)))
    expect(page.locator("#embed-status")).to_contain_text("Encoding:")
    expect(page.locator("#embed-status .xp-progress")).to_be_in_viewport()
    page.get_by_role("button", name="Cancel").locator("visible=true").click()
    expect(page.locator("#embed-status")).to_contain_text("Stopped")
    page.wait_for_timeout(1500)
    expect(page.locator("#embed-status")).to_contain_text("Stopped")
    embed(page, "a short one")
    expect(page.locator(ROWS)).to_have_count(1)


def test_inputs_join_the_collection_of_the_other_tabs(page: Page) -> None:
    drawn(page, "#embed-figure")
    no_pictures(page)
    embed(page, "a sentence of my own")
    expect(page.locator(ROWS)).to_have_count(1)
    page.get_by_role("button", name="Add these to the collection").click()
    expect(page.locator("#embed-given")).to_contain_text("now holds 13")
    page.get_by_role("tab", name="Similarity").click()
    expect(page.locator(".xp-side:visible .xp-list li")).to_have_count(13)
    page.wait_for_function(
        "() => document.querySelector('#similarity-figure-1 .xp-plot')?.calcdata?.[0][0].z.length === 13"
    )


@pytest.mark.parametrize(
    ("typed", "used", "words"),
    [
        ("", 64, "No number was typed: 64 is kept"),
        ("0", 1, "0 is too small"),
        ("9999", 0, "9999 is too large"),
        ("12.5", 13, "not a whole number"),
    ],
)
def test_a_width_that_cannot_be_is_put_right_in_words(page: Page, typed: str, used: int, words: str) -> None:
    drawn(page, "#embed-figure")
    box = page.get_by_label("number input for Dimensions").locator("visible=true")
    box.fill("64")
    drawn(page, "#embed-figure", "of 64 dimensions")
    full = int(box.get_attribute("max") or 0)
    box.fill(typed)
    page.wait_for_timeout(600)  # what is half typed goes nowhere
    drawn(page, "#embed-figure", "of 64 dimensions")
    box.press("Tab")
    expect(page.locator(".xp-mended:visible")).to_contain_text(words)
    expect(box).to_have_value(str(used or full))
    drawn(page, "#embed-figure", f"of {used or full} dimensions")
    box.fill("32")
    drawn(page, "#embed-figure", "of 32 dimensions")
    expect(page.locator(".xp-mended:visible")).to_have_count(0)
