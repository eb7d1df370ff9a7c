"""Figures: plotly itself accepts them, the numbers arrive unchanged, labels stay labels."""

import base64
import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from ui import charts
from ui.collection import texts_from

ITEMS = texts_from("one\n<b>two</b><script>alert(1)</script>\n%{x} three").items
VALUES = np.array([[1.0, 0.25, np.nan], [0.25, 1.0, -0.5], [0.1, -0.5, 1.0]], dtype=np.float32)


def decode(typed: dict[str, str]) -> np.ndarray[Any, Any]:
    shape = tuple(int(n) for n in typed["shape"].split(","))
    return np.frombuffer(base64.b64decode(typed["bdata"]), dtype="<f4").reshape(shape)


def heatmap(**changes: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"title": "t", "value_name": "cosine", "limits": (-0.5, 0.25), **changes}
    return json.loads(charts.heatmap(VALUES, ITEMS, [2, 0, 1], [2, 0, 1], **options))


def test_plotly_accepts_the_trace_and_the_numbers_are_the_same() -> None:
    spec = heatmap()
    figure = go.Figure(data=[spec["trace"]])
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-0.5, 0.25)
    np.testing.assert_array_equal(decode(spec["trace"]["z"]), VALUES)
    assert spec["rows"] == [2, 0, 1] and spec["shape"] == "3x3"


def test_distances_are_bright_when_near() -> None:
    assert heatmap(reverse=True)["trace"]["reversescale"] is True
    assert heatmap()["trace"]["reversescale"] is False


def test_labels_come_back_unchanged_and_look_like_no_markup_on_the_way() -> None:
    packed = charts.heatmap(VALUES, ITEMS, [0, 1, 2], [0, 1, 2], title="t", value_name="v", limits=(0, 1))
    assert "<" not in packed
    labels = [item["label"] for item in json.loads(packed)["items"]]
    assert labels == [item.text for item in ITEMS]


def test_vectors_for_the_slider_keep_their_bits_and_what_is_missing() -> None:
    vectors = np.array([[0.6, -0.8], [np.nan, np.nan]], np.float32)
    sent = json.loads(charts.live_vectors(vectors, "<b>code"))
    assert "<" not in charts.live_vectors(vectors, "<b>code") and sent["task"] == "<b>code"
    found = np.frombuffer(base64.b64decode(sent["values"]), "<f4").reshape(sent["count"], sent["full"])
    np.testing.assert_array_equal(found, vectors)


def test_the_strip_is_symmetric_about_zero_and_accepted_by_plotly() -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)
    spec = json.loads(charts.strip(vectors, ITEMS, (16, 32, 64), title="t"))
    figure = go.Figure(data=[spec["trace"]], layout={"shapes": spec["shapes"]})
    assert figure.data[0].zmin == -figure.data[0].zmax < 0
    assert [shape.x0 for shape in figure.layout.shapes] == [15.5, 31.5]  # full width needs no line
    assert spec["xTicks"] == [16, 32, 64]


def test_a_strip_of_zeros_has_a_scale() -> None:
    spec = json.loads(charts.strip(np.zeros((1, 4), np.float32), ITEMS[:1], (4,), title="t"))
    assert spec["trace"]["zmax"] > 0


@pytest.mark.parametrize(
    ("marks", "dim", "ticks"),
    [
        ((16, 32, 64, 128, 256), 256, [32, 64, 128, 256]),
        ((128, 256, 512, 1024, 2048), 300, [128, 256, 300]),
        ((128, 256), 7, [7]),
    ],
)
def test_axis_labels_do_not_touch(marks: tuple[int, ...], dim: int, ticks: list[int]) -> None:
    assert charts.axis_ticks(marks, dim) == ticks


def test_plotly_js_is_the_installed_package_s_own() -> None:
    path = charts.plotly_js()
    assert path.name == "plotly.min.js" and path.stat().st_size > 1_000_000
