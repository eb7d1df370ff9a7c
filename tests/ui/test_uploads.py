"""Dropped pictures: only what this server has stored as an upload is ever opened."""

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.utils import get_upload_folder

from ui import uploads
from ui.collection import MAX_IMAGES, images_from


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


@pytest.fixture
def uploaded(pictures: list[str]) -> Callable[[], str]:
    """Puts a picture where uploads are stored."""

    def store() -> str:
        folder = Path(get_upload_folder()) / uuid.uuid4().hex
        folder.mkdir(parents=True)
        return str(shutil.copy(pictures[0], folder / "a picture.png"))

    return store


def test_an_upload_becomes_an_item(uploaded: Callable[[], str]) -> None:
    added = uploads.received(event(paths=[uploaded()]))
    assert [item.name for item in added.items] == ["a picture.png"] and added.problems == ()


def test_files_of_the_server_are_not_opened(pictures: list[str], uploaded: Callable[[], str]) -> None:
    inside = Path(uploaded())
    link = inside.with_name("link.png")
    link.symlink_to(pictures[0])
    sly = [pictures[0], "/etc/passwd", str(inside.parent / ".." / ".." / ".." / "etc" / "passwd"), str(link)]
    added = uploads.received(event(paths=[*sly, str(inside)]))
    assert [item.name for item in added.items] == ["a picture.png"]
    assert "4 of 5 files are no uploads" in added.problems[0]


@pytest.mark.parametrize("paths", [None, "x", [1], [None], {"a": 1}, ["a\0b"], [["x"]]])
def test_payloads_that_are_no_paths_are_refused(paths: Any) -> None:
    added = uploads.received(event(paths=paths))
    assert added.items == () and "not understood" in added.problems[0]


def test_an_event_without_data_is_refused() -> None:
    assert uploads.received(gr.EventData(None, "text")).problems


def test_pictures_join_and_go(pictures: list[str], uploaded: Callable[[], str]) -> None:
    there = images_from(pictures[1:2]).items
    updated, html, _ = uploads.add_pictures(there, event(paths=[uploaded()]))
    assert [item.name for item in updated] == ["picture 1.png", "a picture.png"]
    assert html.count("<img") == 2 and "aria-label='Remove a picture.png'" in html
    left, html, said = uploads.remove_picture(updated, event(index=0))
    assert said == ""
    assert [item.name for item in left] == ["a picture.png"] and html.count("<img") == 1
    assert uploads.remove_picture(left, event(index=5))[0] == left


def test_there_is_a_limit(pictures: list[str], uploaded: Callable[[], str]) -> None:
    there = images_from(pictures[1:2]).items * MAX_IMAGES
    updated, _, said = uploads.add_pictures(there, event(paths=[uploaded()]))
    assert len(updated) == MAX_IMAGES and f"At most {MAX_IMAGES}" in said


def test_a_query_picture_replaces_the_last(uploaded: Callable[[], str]) -> None:
    first, _, _ = uploads.replace_picture((), event(paths=[uploaded()]))
    second, html, _ = uploads.replace_picture(first, event(paths=[uploaded(), uploaded()]))
    assert len(first) == len(second) == 1 and html.count("<img") == 1
    bad = Path(uploaded())
    bad.write_text("no picture")
    kept, html, said = uploads.replace_picture(second, event(paths=[str(bad)]))
    assert kept == second and html.count("<img") == 1 and "xp-error" in said
