"""The Map's controls offer what its vectors have, be they the model's or come with the items."""

from typing import Any

import gradio as gr
import numpy as np
import pytest

from ui import map_controls
from ui.collection import text_item
from ui.map_controls import Offer, halves
from ui.map_view import OWN_VECTORS, MapState, View
from ui.points import Points

OFFER = Offer((32, 64, 128), "which adapter", "which role")


def state(task: str, width: int) -> MapState:
    vectors = np.eye(3, width, dtype=np.float32)
    points = Points.gather([text_item(f"text {at}") for at in range(3)], vectors)
    return MapState(points, vectors, task, "query", vectors, "base")


def offered(view: View, task: str, width: int, dim: object) -> Any:
    return map_controls.follow(OFFER, view, state(task, width), dim)


def test_vectors_that_came_with_the_items_have_their_widths_and_no_adapter() -> None:
    view = View()
    task, role, slider, marks = offered(view, OWN_VECTORS, 20, 128)
    assert not task["interactive"] and not role["interactive"]
    assert "came with the items" in task["info"] and "came with the items" in role["info"]
    assert (slider["maximum"], slider["value"]) == (20, 20)
    assert marks["value"] == "4,8,16,20"
    assert offered(view, OWN_VECTORS, 20, 20) == (gr.skip(),) * 4, "they are told once"


def test_the_model_s_controls_come_back_with_its_vectors() -> None:
    view = View()
    _, _, slider, _ = offered(view, OWN_VECTORS, 1000, 64)
    assert (slider["maximum"], slider["value"]) == (1000, 64), "a width that they have too stays"
    _, _, slider, _ = offered(view, OWN_VECTORS, 30, 1000)
    assert (slider["maximum"], slider["value"]) == (30, 30), "a full width stays the full one"
    task, role, slider, marks = offered(view, "retrieval", 128, 30)
    assert task["interactive"] and role["interactive"]
    assert (task["info"], role["info"]) == ("which adapter", "which role")
    assert (slider["maximum"], slider["value"]) == (128, 64)
    assert marks["value"] == ",".join(map(str, OFFER.widths))
    assert offered(view, "retrieval", 128, 64) == (gr.skip(),) * 4


def test_nothing_is_told_of_the_model_s_own_vectors() -> None:
    assert offered(View(), "retrieval", 128, 128) == (gr.skip(),) * 4
    assert map_controls.follow(OFFER, View(), None, 128) == (gr.skip(),) * 4


@pytest.mark.parametrize(
    ("width", "marks"), [(1, [1]), (3, [3]), (12, [4, 8, 12]), (128, [8, 16, 32, 64, 128]), (5000, None)]
)
def test_marks_of_vectors_of_which_nothing_is_known(width: int, marks: list[int] | None) -> None:
    assert halves(width) == (marks or [512, 1024, 2048, 4096, 5000])
