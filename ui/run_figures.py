"""Figures of one saved benchmark run, from its files alone: what width, number format and bytes cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from embedder.errors import InputError
from eval import series, verdicts
from eval.figures import VERDICTS, differences, latency, pareto, trade_off
from eval.marks import Curve, Level
from eval.report_parts import metric_name
from eval.runs import Record, Run, short_name
from ui import plots

NAMES = ("by-adapter", "by-format", "differences", "bytes", "neighbours", "latency")
"""The figures, in the order of the page."""
READ = {
    "by-adapter": "How good each adapter is at each width, in float32; bands are 95% intervals over queries, "
    "lines across are late interaction. A ring says: shown to lose less than one point against full width. "
    "A cross: shown to lose more. Neither: the queries cannot tell.",
    "by-format": "The same for one adapter with smaller numbers, and with PCA as the control where the run "
    "has it. Rings and crosses as above, bands are 95% intervals.",
    "differences": "What each setting loses against the full width in float32, with its 95% interval; to the "
    "left is worse. The dashed line is the margin: an interval wholly to its right is a loss ruled out, one "
    "wholly to its left a loss shown (before the correction for many tests, which the colours have).",
    "bytes": "Each mark is a width and a number format, further left is smaller, higher is better. On the "
    "grey front no other setting is as good for as little: what lies below it is not worth its bytes.",
    "neighbours": "Of the ten documents that full width finds, the share still found; and how alike the "
    "whole order is (rank correlation). It needs no judgements, but a lost neighbour may be a wrong one.",
    "latency": "Milliseconds that one exact search takes on the machine of the run, over so many documents "
    "as the axis says; the query's encoding is not in it.",
}
"""How to read each figure."""
_SHOWN = {"yes": "shown to lose less than the margin", "no": "shown to lose more than the margin"}


@dataclass(frozen=True)
class Chosen:
    """What is looked at.

    Attributes:
        benchmark: name.
        subject: the adapter, with its model before it where the run has several.
        metric: name.
        model: of the adapter.
        task: the adapter itself.
    """

    benchmark: str
    subject: str
    metric: str
    model: str
    task: str


def offered(run: Run) -> list[Chosen]:
    """Every benchmark with every adapter and metric that the run has measured, in its order."""
    rows = [row for row in run.scores if row["baseline"] is None and row["task"] is not None]
    found = [
        Chosen(row["benchmark"], _subject(run, row), row["metric"], row["model"], row["task"]) for row in rows
    ]
    return list(dict.fromkeys(found))


def _subject(run: Run, row: Mapping[str, Any]) -> str:
    return f"{short_name(row['model'])} · {row['task']}" if len(run.models) > 1 else str(row["task"])


def nearest(found: Sequence[Chosen], benchmark: object, subject: object, metric: object) -> Chosen:
    """Of what there is the one that agrees most with what is wanted, the benchmark before all.

    Raises:
        InputError: there is nothing.
    """
    if not found:
        raise InputError("this run holds no scores of its model; choose another run")
    return max(
        found, key=lambda one: (one.benchmark == benchmark, one.subject == subject, one.metric == metric)
    )


def figures(run: Run, chosen: Chosen) -> dict[str, str]:
    """Every figure that the run has numbers for, packed for :func:`ui.plots.plot`, "" for the others."""
    rows = [r for r in run.scores if (r["benchmark"], r["metric"]) == (chosen.benchmark, chosen.metric)]
    mine = [row for row in rows if row["model"] == chosen.model and row["task"] in (chosen.task, None)]
    parts = _Parts(run, chosen, mine)
    made: dict[str, Callable[[], str]] = {
        "by-adapter": lambda: _by_adapter(parts, rows),
        "by-format": lambda: _by_format(parts),
        "differences": lambda: _differences(parts),
        "bytes": lambda: _bytes(parts),
        "neighbours": lambda: _neighbours(parts),
        "latency": lambda: _latency(parts),
    }
    return {name: _or_nothing(made[name]) for name in NAMES}


def _or_nothing(make: Callable[[], str]) -> str:
    try:
        return make()
    except InputError:  # there is nothing to draw
        return ""


class _Parts:
    """Rows of one benchmark, adapter and metric."""

    def __init__(self, run: Run, chosen: Chosen, rows: Sequence[Record]) -> None:
        self.run, self.chosen, self.rows = run, chosen, rows
        self.metric = metric_name(chosen.metric)
        self.where = f"{chosen.benchmark}, {chosen.subject}"

    def of(self, part: str, subject: str | None = None) -> list[Record]:
        """Rows of "tests" by this metric, or of "costs" or "neighbours": of this adapter, or of another."""
        wanted = (self.chosen.benchmark, subject or self.chosen.subject)
        rows = self.run.tests if part == "tests" else self.run.rows_of(part)
        named = ({"model": self.chosen.model, **row} for row in rows)
        found = [row for row in named if (row["benchmark"], _subject(self.run, row)) == wanted]
        if part != "tests":
            return found
        return [row for row in found if row.get("metric", self.chosen.metric) == self.chosen.metric]

    def pack(self, figure: go.Figure, title: str, name: str, table: Sequence[dict[str, Any]]) -> str:
        """For the page; files are named after the run."""
        return plots.pack(figure, title=title, name=f"{self.run.run_id}-{name}", table=table)


def _by_adapter(parts: _Parts, rows: Sequence[Record]) -> str:
    curves, levels = series.by_subject(rows, lambda row: _subject(parts.run, row))
    figure = trade_off(curves, levels, y_title=f"{parts.metric} (0 to 1)")
    marks: dict[tuple[str, object], str] = {}
    for curve in curves:
        marks |= _mark(figure, curve, parts.of("tests", curve.name))
    title = f"{parts.metric} by width and adapter, {parts.chosen.benchmark}"
    return parts.pack(figure, title, "by-adapter", _told(curves, levels, parts.metric, marks))


def _by_format(parts: _Parts) -> str:
    curves, levels = series.by_precision(parts.rows)
    figure = trade_off(curves, levels, y_title=f"{parts.metric} (0 to 1)")
    marks = {}
    for curve in curves:
        own = [row for row in parts.of("tests") if _curve_name(row) == curve.name]
        marks |= _mark(figure, curve, own, plain=False)
    title = f"{parts.metric} by width and number format, {parts.where}"
    return parts.pack(figure, title, "by-format", _told(curves, levels, parts.metric, marks))


def _curve_name(row: Mapping[str, Any]) -> str:
    return series.projection_of(row) if row["baseline"] else series.way_of(row)


def _mark(
    figure: go.Figure, curve: Curve, tests: Sequence[Record], *, plain: bool = True
) -> dict[tuple[str, object], str]:
    """Draw what the tests against full width have shown around a curve's points.

    Returns:
        Curve and width -> what is shown.
    """
    known = {row["dim"]: verdicts.verdict(row) for row in tests if not plain or series.is_plain(row)}
    heights = dict(zip(curve.dims, curve.values, strict=True))
    for verdict, words in _SHOWN.items():
        dims = [dim for dim, found in known.items() if found == verdict and dim in heights]
        if dims:
            colour = VERDICTS[verdict][0]
            figure.add_scatter(
                x=dims, y=[heights[dim] for dim in dims], mode="markers", showlegend=False,
                cliponaxis=False,
                marker={
                    "symbol": "circle-open" if verdict == "yes" else "x-thin-open", "size": 17,
                    "color": colour, "line": {"width": 2, "color": colour},
                },
                hovertemplate=f"{curve.name} at %{{x}}: {words}<extra></extra>", name=words,
            )  # fmt: skip
    return {(curve.name, dim): _SHOWN.get(found, "cannot tell") for dim, found in known.items()}


def _told(
    curves: Sequence[Curve], levels: Sequence[Level], metric: str, marks: Mapping[tuple[str, object], str]
) -> list[dict[str, object]]:
    rows = plots.curve_table(curves, levels, y=metric)
    for row in rows:
        row["against full width"] = marks.get((str(row["curve"]), row["width"]), "")
    return rows


def _differences(parts: _Parts) -> str:
    tests = [row for row in parts.of("tests") if row["vectors"] and row["baseline"] is None]
    tests.sort(key=lambda row: (str(row["vectors"]), str(row["precision"]), str(row["search"]), row["dim"]))
    margin = tests[0]["margin"] / series.POINT if tests else 1.0
    figure = differences(series.effects(tests, verdicts.verdict), margin=margin)
    table = [
        {
            "setting": series.setting_of(row), "difference": row["difference"], "low": row["ci_low"],
            "high": row["ci_high"], "p (Holm)": row["p_holm"], "margin": row["margin"],
            "loses less than the margin": verdicts.verdict(row),
        }
        for row in tests
    ]  # fmt: skip
    title = f"Loss of {parts.metric} against full width, {parts.where}"
    return parts.pack(figure, title, "differences", table)


def _bytes(parts: _Parts) -> str:
    scores = {series.key_of(row): row for row in parts.rows}
    points = series.points(series.valued(parts.of("costs"), scores), scores)
    figure = pareto(points, y_title=f"{parts.metric} (0 to 1)")
    table: list[dict[str, Any]] = [
        {"format": p.group, "width": p.label, "bytes": p.cost, parts.metric: p.value}
        | {"low": p.low, "high": p.high, "on the front": "yes" if p.is_front else "no"}
        for p in points
    ]
    return parts.pack(figure, f"What a byte buys: {parts.metric}, {parts.where}", "bytes", table)


def _neighbours(parts: _Parts) -> str:
    kept = parts.of("neighbours")
    name = next((key for row in kept for key in row if key.startswith("overlap@")), "overlap@10")
    full = next((row["reference_dim"] for row in parts.of("tests")), None)
    curves = series.overlaps(kept, name, full)
    figure = trade_off(curves, y_title=f"{name} with full width (0 to 1)", limits=(0, 1.05))
    title = f"Neighbours kept by width, {parts.where}"
    return parts.pack(figure, title, "neighbours", plots.curve_table(curves, y=name))


def _latency(parts: _Parts) -> str:
    timed = [row for row in parts.of("costs") if row.get("latency_median_ms") is not None]
    timed.sort(key=lambda row: row["dim"])
    if not timed:
        raise InputError("nothing was timed")
    dims, medians, slow = (
        [row[name] for row in timed] for name in ("dim", "latency_median_ms", "latency_p95_ms")
    )
    figure = latency(dims, medians, slow, documents=timed[0]["latency_documents"])
    table = [
        {"width": dim, "median (ms)": middle, "95th percentile (ms)": most}
        for dim, middle, most in zip(dims, medians, slow, strict=True)
    ]
    return parts.pack(figure, f"Time of a query by width, {parts.where}", "latency", table)
