"""Figures show the numbers they are given, say what their axes mean, and can be told apart by everybody."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.io
import pytest

from embedder.errors import InputError
from eval import series
from eval.drawing import PALETTE, PAPER, QUIET, byte_text, powers_of_two, spread, template
from eval.figures import (
    Curve,
    Effect,
    Level,
    Point,
    differences,
    latency,
    loss_curves,
    pareto,
    trade_off,
)

# Machado, Oliveira and Fernandes 2009, table 1, severity 1: linear RGB as seen without one kind of cone.
BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
SRGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> np.ndarray:
    shares = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    x, y, z = SRGB @ np.clip(rgb, 0, 1) / np.array([0.9505, 1, 1.089])
    f = [np.cbrt(v) if v > 216 / 24389 else (24389 / 27 * v + 16) / 116 for v in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((float((SRGB[1] * linear(colour)).sum()) for colour in (one, other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", [*PALETTE, QUIET])
def test_every_colour_stands_out_on_both_papers(colour: str) -> None:
    assert all(contrast(colour, paper) >= 3 for paper in PAPER.values())


@pytest.mark.parametrize("kind", ["none", *BLINDNESS])
def test_colours_are_told_apart_by_everybody(kind: str) -> None:
    seen = np.array(BLINDNESS.get(kind, np.eye(3)))
    labs = [lab(seen @ linear(colour)) for colour in PALETTE]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(labs, 2)) >= 20


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_readable(theme: Any) -> None:
    assert contrast(template(theme).layout.font.color, PAPER[theme]) >= 7
    with pytest.raises(InputError, match="'sepia', expected light or dark"):
        template("sepia")  # type: ignore[arg-type]


FORMS = ["float32", "int8", "binary"]
ADAPTERS = ["retrieval", "text-matching", "code"]


def looks(shown: Sequence[str], quiet: Sequence[str] = ()) -> dict[str, tuple[str, str, str]]:
    curves = [Curve(name, [1, 2], [0, 1], quiet=name in quiet) for name in shown]
    drawn = trade_off(curves).data
    return {line.name: (line.line.color, line.line.dash, line.marker.symbol) for line in drawn}


@pytest.mark.parametrize("whole", [ADAPTERS, FORMS, ["A · retrieval", "A · code", "B · retrieval"]])
def test_a_colour_belongs_to_its_curve_whatever_stands_beside_it(whole: list[str]) -> None:
    every = looks(whole)
    assert len(set(every.values())) == len(whole)
    for shown in itertools.permutations(whole, 2):
        if "B" in " ".join(shown) and "A" not in shown[0]:
            continue  # which model is the first one is all there is to go by
        assert looks(shown) == {name: every[name] for name in shown}


def test_a_number_format_looks_alike_by_width_and_by_bytes() -> None:
    lines = looks([*FORMS, "PCA (control)"], quiet=["PCA (control)"])
    groups = ["PCA (control)", "binary", "int8", "float32"]
    dots = pareto([Point("8", name, 8, 0.5, 0.4, 0.6, is_front=False) for name in groups]).data
    assert {dot.name: (dot.marker.color, dot.marker.symbol) for dot in dots} == {
        name: (colour, symbol) for name, (colour, _, symbol) in lines.items()
    }
    assert lines["PCA (control)"][0] == QUIET


def test_names_that_nobody_knows_get_what_is_left() -> None:
    found = looks(["mine", "code", "int8 = uint8", "another", "retrieval", "text-matching", "more", "most"])
    assert len(set(found.values())) == 8
    assert found["code"][0] == looks(["code"])["code"][0] != found["mine"][0]


def names(figure: Any) -> list[str]:
    return [annotation.text.split("</span> ")[-1] for annotation in figure.layout.annotations]


CURVES = [
    Curve("retrieval", [16, 64, 256], [0.5, 0.6, 0.7], [0.4, 0.5, 0.6], [0.6, 0.7, 0.8]),
    Curve("code", [16, 64, 256], [0.3, 0.4, 0.699]),
    Curve("pca", [16, 64], [0.35, 0.45], quiet=True),
]


def test_trade_off_draws_curves_bands_and_levels() -> None:
    figure = trade_off(CURVES, [Level("BM25", 0.62, 0.6, 0.64)], y_title="nDCG@10 (0 to 1)")
    by_name = {trace.name: trace for trace in figure.data}
    assert list(by_name["retrieval"].x) == [16, 64, 256] and list(by_name["retrieval"].y) == [0.5, 0.6, 0.7]
    band = by_name["retrieval, 95% interval"]
    assert list(band.x) == [16, 64, 256, 256, 64, 16] and list(band.y) == [0.6, 0.7, 0.8, 0.6, 0.5, 0.4]
    assert list(by_name["BM25"].y) == [0.62, 0.62] and list(by_name["BM25"].x) == [16, 256]
    assert by_name["pca"].line.color == QUIET
    loud = [by_name[name] for name in ("retrieval", "code")]
    assert len({(t.line.color) for t in loud}) == len({t.line.dash for t in loud}) == 2
    assert len({t.marker.symbol for t in loud}) == 2
    assert (
        figure.layout.yaxis.title.text == "nDCG@10 (0 to 1)"
        and "dimensions" in figure.layout.xaxis.title.text
    )
    assert list(figure.layout.xaxis.tickvals) == [16, 64, 256] and figure.layout.xaxis.type == "log"
    low, high = figure.layout.yaxis.range
    assert low < 0.3 and high > 0.8


def test_names_stand_at_the_ends_and_do_not_overlap() -> None:
    figure = trade_off(CURVES, [Level("BM25", 0.7)])
    assert names(figure) == ["retrieval", "code", "pca", "BM25"]
    low, high = figure.layout.yaxis.range
    heights = sorted(annotation.y for annotation in figure.layout.annotations)
    pixels = np.diff(heights) / (high - low) * 306
    assert pixels.min() >= 14
    assert all(annotation.x == pytest.approx(math.log10(256)) for annotation in figure.layout.annotations)
    wide = trade_off([Curve("a name that is rather long", [1, 2], [0, 1])]).layout.margin.r
    assert wide > trade_off([Curve("short", [1, 2], [0, 1])]).layout.margin.r


def test_a_name_is_text_and_no_markup() -> None:
    assert names(trade_off([Curve("a<b>&c", [1, 2], [0, 1])])) == ["a&lt;b>&amp;c"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([], []),
        ([3.0], [3.0]),
        ([0.0, 5.0], [0.0, 5.0]),
        ([1.0, 1.0], [0.5, 1.5]),
        ([1.0, 0.8], [1.4, 0.4]),
        ([0.0, 0.0, 0.0, 10.0], [-1.0, 0.0, 1.0, 10.0]),
    ],
)
def test_labels_push_each_other_apart(wanted: Sequence[float], found: Sequence[float]) -> None:
    assert spread(wanted, 1.0) == pytest.approx(found)


def test_labels_stay_within_limits() -> None:
    assert spread([1.0, 1.0, 1.0], 0.2, (0, 1)) == pytest.approx([0.6, 0.8, 1.0])
    assert spread([0.0, 0.1, 0.9], 0.2, (0, 1)) == pytest.approx([0.0, 0.2, 0.9])


def test_labels_keep_their_order_and_distance() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        wanted = rng.uniform(0, 6, 8).tolist()
        found = spread(wanted, 0.5)
        order = np.argsort(wanted, kind="stable")
        assert np.diff(np.array(found)[order]).min() >= 0.5 - 1e-9


def test_pareto_draws_the_front_and_names_its_points() -> None:
    points = [
        Point("64", "float32", 256, 0.6, 0.5, 0.7, is_front=True),
        Point("16", "float32", 64, 0.4, 0.3, 0.5, is_front=False),
        Point("64", "binary", 8, 0.5, 0.4, 0.6, is_front=True),
    ]
    figure = pareto(points)
    by_name = {trace.name: trace for trace in figure.data}
    assert list(by_name["front"].x) == [8, 256] and list(by_name["front"].y) == [0.5, 0.6]
    assert list(by_name["float32"].text) == ["64", ""] and list(by_name["float32"].x) == [256, 64]
    assert by_name["float32"].error_y.array == pytest.approx([0.1, 0.1])
    assert figure.layout.xaxis.type == "log" and "bytes" in figure.layout.xaxis.title.text
    assert by_name["float32"].marker.symbol != by_name["binary"].marker.symbol
    with pytest.raises(InputError, match="0 points"):
        pareto([])


def test_differences_stand_beside_the_margin() -> None:
    effects = [
        Effect("64 dimensions", -0.2, -0.6, 0.2, "yes"),
        Effect("16 dimensions", -9, -12, -6, "no"),
        Effect("32 dimensions", -2, -4, 0.5, "cannot tell"),
    ]
    figure = differences(effects)
    by_name = {trace.name: trace for trace in figure.data}
    assert {name: list(trace.y) for name, trace in by_name.items()} == {
        "yes": ["64 dimensions"], "no": ["16 dimensions"], "cannot tell": ["32 dimensions"]
    }  # fmt: skip
    assert by_name["no"].error_x.array == pytest.approx([3]) and list(by_name["no"].x) == [-9]
    assert [shape.x0 for shape in figure.layout.shapes] == [0, -1]
    assert list(figure.layout.yaxis.categoryarray)[-1] == "64 dimensions"
    assert len({(trace.marker.color, trace.marker.symbol) for trace in figure.data}) == 3


def test_latency_and_loss() -> None:
    figure = latency([16, 64], [0.1, 0.2], [0.2, 0.4], documents=20_000)
    assert "ms per query, 20,000 documents" in figure.layout.yaxis.title.text
    assert figure.layout.yaxis.range[0] == 0 and names(figure) == ["median", "95th percentile"]
    losses = loss_curves([5, 10, 15], {"dense": [3, 2, 1], "late": [4, 3, 2.5]})
    assert [list(trace.y) for trace in losses.data] == [[3, 2, 1], [4, 3, 2.5]]
    assert names(losses) == ["dense", "late"] and losses.layout.xaxis.type != "log"


def test_bad_data_are_named() -> None:
    with pytest.raises(InputError, match="no curves"):
        trade_off([])
    with pytest.raises(InputError, match="'x' has 2 widths, 1 values and 0 lower and 0 upper"):
        trade_off([Curve("x", [1, 2], [0.5])])
    with pytest.raises(InputError, match="3 lower"):
        trade_off([Curve("x", [1, 2], [0.5, 1], [0, 0, 0], [1, 1])])
    with pytest.raises(InputError, match="no differences"):
        differences([])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_theme_changes_the_template_alone(theme: Any) -> None:
    figures = [trade_off(CURVES, theme=each).to_plotly_json() for each in ("light", theme)]
    for figure in figures:
        figure["layout"].pop("template")
    assert plotly.io.to_json(figures[0]) == plotly.io.to_json(figures[1])


def test_bytes_have_units() -> None:
    assert [byte_text(n) for n in (8, 512, 2048, 3 * 2**20)] == ["8 B", "512 B", "2 KiB", "3 MiB"]
    ticks = powers_of_two(6, 1000)
    assert all(b == 4 * a for a, b in itertools.pairwise(ticks)) and ticks[0] <= 12 and ticks[-1] == 1024


def test_neighbours_kept_have_bands_where_the_run_has_intervals() -> None:
    def kept(dim: int, **more: float) -> dict[str, object]:
        plain = {"vectors": "dense", "precision": "float32", "search": "exact", "baseline": None}
        return {**plain, "dim": dim, "overlap@10": 0.5, "rank_correlation": 0.7, **more}

    ends = {"overlap_ci_low": 0.4, "overlap_ci_high": 0.6}
    ends |= {"rank_correlation_ci_low": 0.65, "rank_correlation_ci_high": 0.75}
    share, order = series.overlaps([kept(16, **ends), kept(32, **ends)], "overlap@10", 64)
    assert (share.dims, share.lows, share.highs) == ([16, 32, 64], [0.4, 0.4, 1.0], [0.6, 0.6, 1.0])
    assert (order.lows, order.highs) == ([0.65, 0.65, 1.0], [0.75, 0.75, 1.0])
    older = series.overlaps([kept(16), kept(32, **ends)], "overlap@10", 64)
    assert [one.lows for one in older] == [(), ()]
