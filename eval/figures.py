"""Figures of an evaluation: numbers in, a plotly figure out, and nothing else.

Looks are those of `eval.drawing`: one palette for light and dark pages, names at the ends of lines, axis
titles with units. Every figure takes a theme; to change it on a page replace `layout.template` alone.
"""

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from embedder.errors import InputError
from eval.drawing import (
    BOTTOM,
    DASHES,
    PALETTE,
    QUIET,
    TOP,
    Theme,
    byte_text,
    empty,
    label_ends,
    powers_of_two,
    template,
)
from eval.marks import (
    Curve,
    Effect,
    Level,
    Point,
    across,
    band,
    check_curves,
    clouds,
    effect_marks,
    line,
    range_of,
    styled,
)

__all__ = [
    "Curve",
    "Effect",
    "Level",
    "Point",
    "changes",
    "differences",
    "latency",
    "loss_curves",
    "pareto",
    "query_changes",
    "template",
    "trade_off",
]

# What a verdict looks like.
VERDICTS = {"yes": (PALETTE[3], "circle"), "cannot tell": (QUIET, "circle-open"), "no": (PALETTE[2], "x")}
CHANGES = {"better": (PALETTE[3], "circle"), "not shown": (QUIET, "circle-open"), "worse": (PALETTE[2], "x")}


def trade_off(
    curves: Sequence[Curve],
    levels: Sequence[Level] = (),
    *,
    y_title: str = "nDCG@10",
    x_title: str = "width (dimensions)",
    theme: Theme = "light",
    limits: tuple[float, float] | None = None,
) -> go.Figure:
    """Quantities against width, with bands of their intervals and their names at their ends.

    Args:
        curves: at least one; of those that are not quiet six can be told apart.
        levels: lines across.
        y_title: axis title with its unit.
        x_title: axis title with its unit.
        theme: colour scheme.
        limits: of the vertical axis; None fits it to what is drawn.

    Raises:
        InputError: there is no curve, or one has not as many values as widths.
    """
    check_curves(curves)
    dims = sorted({dim for curve in curves for dim in curve.dims})
    figure = empty(theme, y_title, x_title)
    low, high = limits or range_of(curves, levels)
    ends = []
    for curve, style in styled(curves):
        if curve.lows:
            figure.add_trace(band(curve, style["color"]))
        figure.add_trace(line(curve, style))
        ends.append((curve.name, curve.values[-1], style["color"]))
    for place, level in enumerate(levels):
        figure.add_trace(across(level, dims, DASHES[2 - place % 2]))
        ends.append((level.name, level.value, QUIET))
    label_ends(figure, ends, dims[-1], (low, high))
    figure.update_xaxes(
        type="log", tickvals=dims, ticktext=[f"{dim:g}" for dim in dims], showgrid=False, range=_reach(dims)
    )  # fmt: skip
    figure.update_yaxes(range=[low, high])
    return figure


def _reach(dims: Sequence[float]) -> list[float]:
    """Ends of a logarithmic axis: plotly's own choice would make room for the names beside the margin's."""
    low, high = math.log10(dims[0]), math.log10(dims[-1])
    room = (high - low) * 0.06 or 0.3
    return [low - room, high + room]


def pareto(points: Sequence[Point], *, y_title: str = "nDCG@10", theme: Theme = "light") -> go.Figure:
    """Quality against bytes per vector, and the front of what is worth its bytes.

    Raises:
        InputError: there is no point, or a cost is not above 0.
    """
    if not points or min(point.cost for point in points) <= 0:
        raise InputError(f"{len(points)} points: expected at least one, each of more than 0 bytes")
    figure = empty(theme, y_title, "bytes searched per document (logarithmic)")
    front = sorted((point for point in points if point.is_front), key=lambda point: point.cost)
    if front:
        step = {"shape": "hv", "color": QUIET, "width": 1.5}
        x, y = [point.cost for point in front], [point.value for point in front]
        figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line=step, name="front", hoverinfo="skip"))
    figure.add_traces(clouds(points))
    costs = [point.cost for point in points]
    ticks = powers_of_two(min(costs), max(costs))
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[byte_text(tick) for tick in ticks])
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": 1.06, "yanchor": "bottom", "x": 0}, margin={"t": 64}
    )
    return figure


def differences(effects: Sequence[Effect], *, margin: float = 1.0, theme: Theme = "light") -> go.Figure:
    """Losses with their intervals beside the margin, the first on top.

    Args:
        effects: at least one.
        margin: the loss that would matter, in points, above 0.
        theme: colour scheme.

    Raises:
        InputError: there is no effect.
    """
    if not effects:
        raise InputError("no differences to draw")
    figure = empty(theme, "", "difference (points; − is a loss)")
    for verdict, (colour, symbol) in VERDICTS.items():
        own = [effect for effect in effects if effect.verdict == verdict]
        if own:
            figure.add_trace(effect_marks(verdict, own, colour, symbol))
    figure.add_vline(x=0, line={"color": QUIET, "width": 1})
    figure.add_vline(
        x=-margin, line={"color": PALETTE[2], "width": 1.5, "dash": "dash"},
        annotation={"text": f"−{margin:g}", "y": 0, "yanchor": "bottom", "xanchor": "right"},
    )  # fmt: skip
    figure.update_yaxes(categoryorder="array", categoryarray=[e.name for e in effects][::-1], showgrid=False)
    figure.update_layout(
        height=TOP + BOTTOM + 50 + 22 * len(effects), showlegend=True,
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "title": {"text": "loses less? "}},
        margin={"t": 50, "r": 16},
    )  # fmt: skip
    return figure


def changes(effects: Sequence[Effect], *, theme: Theme = "light") -> go.Figure:
    """Differences between two runs with their intervals, the first on top.

    Args:
        effects: at least one; verdicts are "better", "worse" or "not shown".
        theme: colour scheme.

    Raises:
        InputError: there is no effect.
    """
    if not effects:
        raise InputError("no differences to draw")
    figure = empty(theme, "", "B − A (points; + means that B is better)")
    for verdict, (colour, symbol) in CHANGES.items():
        own = [effect for effect in effects if effect.verdict == verdict]
        if own:
            figure.add_trace(effect_marks(verdict, own, colour, symbol))
    figure.add_vline(x=0, line={"color": QUIET, "width": 1})
    figure.update_yaxes(categoryorder="array", categoryarray=[e.name for e in effects][::-1], showgrid=False)
    figure.update_layout(
        height=TOP + BOTTOM + 50 + 22 * len(effects), showlegend=True,
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "title": {"text": "B is "}},
        margin={"t": 50, "r": 16},
    )  # fmt: skip
    return figure


def query_changes(values: Sequence[float], names: Sequence[str], *, theme: Theme = "light") -> go.Figure:
    """Differences of single queries, sorted: how many gain, how many lose, and how much.

    Args:
        values: difference of each query, in points.
        names: of the queries.
        theme: colour scheme.

    Raises:
        InputError: there is no query.
    """
    if not len(values):
        raise InputError("no queries to draw")
    order = sorted(range(len(values)), key=lambda place: -values[place])
    heights = [values[place] for place in order]
    colours = [CHANGES["better" if height > 0 else "worse"][0] for height in heights]
    figure = empty(theme, "B − A (points)", "queries, from the largest gain to the largest loss")
    figure.add_trace(
        go.Bar(
            x=list(range(1, len(order) + 1)), y=heights, marker={"color": colours, "line": {"width": 0}},
            customdata=[names[place] for place in order], name="queries",
            hovertemplate="%{customdata}: %{y:+.1f} points<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(bargap=0)
    return figure


def latency(
    dims: Sequence[int], medians: Sequence[float], p95s: Sequence[float], *, documents: int,
    theme: Theme = "light",
) -> go.Figure:  # fmt: skip
    """Time of one query at each width, in milliseconds.

    Args:
        dims: widths.
        medians: half of the queries took no longer.
        p95s: nineteen of twenty took no longer.
        documents: how many were searched.
        theme: colour scheme.
    """
    curves = [Curve("median", dims, medians), Curve("95th percentile", dims, p95s)]
    top = max(p95s) * 1.1
    return trade_off(curves, y_title=f"ms per query, {documents:,} documents", theme=theme, limits=(0, top))


def loss_curves(
    steps: Sequence[float], losses: Mapping[str, Sequence[float]], *, theme: Theme = "light"
) -> go.Figure:
    """Losses of a training run by step, one line for each column of its loss.csv.

    Args:
        steps: ascending.
        losses: name -> one value for each step; NaN is left out of the line.
        theme: colour scheme.

    Raises:
        InputError: there is no loss, or one has not as many values as steps.
    """
    check_curves([Curve(name, [int(step) for step in steps], values) for name, values in losses.items()])
    curves = []
    for name, values in losses.items():
        taken = [at for at, value in enumerate(values) if not math.isnan(value)]
        curves.append(Curve(name, [int(steps[at]) for at in taken], [values[at] for at in taken]))
    figure = empty(theme, "loss", "step")
    ends = []
    for curve, style in styled(curves):
        trace = line(curve, style)
        figure.add_trace(trace.update(mode="lines", hovertemplate="step %{x}: %{y:.4f}<extra></extra>"))
        ends.append((curve.name, curve.values[-1], style["color"]))
    low, high = range_of(curves, ())
    label_ends(figure, ends, curves[0].dims[-1], (low, high), logarithmic=False)
    figure.update_yaxes(range=[low, high])
    return figure
