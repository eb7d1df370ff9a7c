"""What is drawn: a curve, a line across, a point, a difference; and the traces that draw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from embedder.errors import InputError
from eval.curve_places import CONTROLS, places
from eval.drawing import DASHES, PALETTE, QUIET, SYMBOLS, limits_of, tinted


@dataclass(frozen=True)
class Curve:
    """A quantity at several widths.

    Attributes:
        name: what stands at its end.
        dims: widths, ascending; numbers above 0 of any other kind with another axis title.
        values: one for each.
        lows: lower ends of their intervals; none for no band.
        highs: upper ends.
        quiet: whether it is there to compare with: drawn in grey.
    """

    name: str
    dims: Sequence[float]
    values: Sequence[float]
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()
    quiet: bool = False


@dataclass(frozen=True)
class Level:
    """A quantity that has no width to vary, drawn as a line across."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Point:
    """A setting by what it costs and what it gives.

    Attributes:
        label: short, such as its width.
        group: what its colour says, such as its number format.
        cost: bytes per vector, above 0.
        value: quality.
        low: lower end of its interval.
        high: upper end.
        is_front: whether no other setting is as good for as little.
    """

    label: str
    group: str
    cost: float
    value: float
    low: float
    high: float
    is_front: bool


@dataclass(frozen=True)
class Effect:
    """A difference from the full width, in points (hundredths).

    Attributes:
        name: of the setting.
        mean: negative is a loss.
        low: lower end of the 95% interval.
        high: upper end.
        verdict: "yes" (shown to lose less than the margin), "no" (shown to lose more) or "cannot tell".
    """

    name: str
    mean: float
    low: float
    high: float
    verdict: str


def check_curves(curves: Sequence[Curve]) -> None:
    """Refuse curves that cannot be drawn.

    Raises:
        InputError: there is none, or one has not as many values as widths.
    """
    if not curves:
        raise InputError("no curves to draw")
    for curve in curves:
        ends = (len(curve.lows), len(curve.highs))
        if not len(curve.dims) == len(curve.values) > 0 or ends not in {(0, 0), 2 * (len(curve.dims),)}:
            raise InputError(
                f"curve {curve.name!r} has {len(curve.dims)} widths, {len(curve.values)} values and "
                f"{ends[0]} lower and {ends[1]} upper ends: one of each per width, or no ends"
            )


def range_of(curves: Sequence[Curve], levels: Sequence[Level]) -> tuple[float, float]:
    """A vertical axis that holds curves, bands and lines."""
    numbers = [n for curve in curves for part in (curve.values, curve.lows, curve.highs) for n in part]
    return limits_of([*numbers, *(level.value for level in levels)])


def styled(curves: Sequence[Curve]) -> list[tuple[Curve, dict[str, str]]]:
    """Each curve with its colour, dash and marker, its own in every figure; those to compare with in grey."""
    loud = iter(places([curve.name for curve in curves if not curve.quiet]))
    quiet = iter(range(1, len(curves) + 1))
    styles = []
    for curve in curves:
        if curve.quiet:
            styles.append((curve, style_of(CONTROLS.get(curve.name, next(quiet))) | {"color": QUIET}))
        else:
            styles.append((curve, style_of(next(loud))))
    return styles


def style_of(place: int) -> dict[str, str]:
    """Colour, dash and marker of a place; the seventh has the first's colour, not its dash."""
    turn = place + place // len(PALETTE)
    return {
        "color": PALETTE[place % len(PALETTE)],
        "dash": DASHES[turn % len(DASHES)],
        "symbol": SYMBOLS[turn % len(SYMBOLS)],
    }


def clouds(points: Sequence[Point]) -> list[go.Scatter]:
    """Points by their groups, each with the colour and the marker that its curve has in other figures."""
    groups = list(dict.fromkeys(point.group for point in points))
    loud = [group for group in groups if group not in CONTROLS]
    styles = {group: style_of(place) for group, place in zip(loud, places(loud), strict=True)}
    styles |= {group: style_of(CONTROLS[group]) | {"color": QUIET} for group in groups if group in CONTROLS}
    return [cloud(group, [p for p in points if p.group == group], styles[group]) for group in groups]


def line(curve: Curve, style: Mapping[str, str]) -> go.Scatter:
    """The line of a curve."""
    between = " (95%: %{customdata[0]:.4f} to %{customdata[1]:.4f})" if curve.lows else ""
    return go.Scatter(
        x=list(curve.dims), y=list(curve.values), name=curve.name, mode="lines+markers",
        line={"color": style["color"], "dash": style["dash"], "width": 2},
        marker={"symbol": style["symbol"], "size": 8, "color": style["color"]},
        customdata=list(zip(curve.lows, curve.highs, strict=True)) if curve.lows else None,
        hovertemplate=f"{curve.name} at %{{x}}: %{{y:.4f}}{between}<extra></extra>",
    )  # fmt: skip


def band(curve: Curve, colour: str) -> go.Scatter:
    """The interval around a curve."""
    return go.Scatter(
        x=[*curve.dims, *reversed(curve.dims)], y=[*curve.highs, *reversed(curve.lows)], mode="lines",
        fill="toself", fillcolor=tinted(colour, 0.14), line={"width": 0}, hoverinfo="skip", showlegend=False,
        name=f"{curve.name}, 95% interval",
    )  # fmt: skip


def across(level: Level, dims: Sequence[float], dash: str) -> go.Scatter:
    """A line from the first width to the last."""
    ends = f" (95%: {level.low:.4f} to {level.high:.4f})" if level.low is not None else ""
    return go.Scatter(
        x=[dims[0], dims[-1]], y=[level.value, level.value], name=level.name, mode="lines",
        line={"color": QUIET, "dash": dash, "width": 1.5},
        hovertemplate=f"{level.name}: %{{y:.4f}}{ends}<extra></extra>",
    )  # fmt: skip


def cloud(group: str, points: Sequence[Point], style: Mapping[str, str]) -> go.Scatter:
    """The points of one group; those on the front with their labels."""
    return go.Scatter(
        x=[p.cost for p in points], y=[p.value for p in points], name=group, mode="markers+text",
        text=[p.label if p.is_front else "" for p in points], textposition="top center",
        cliponaxis=False,
        marker={
            "color": style["color"], "symbol": style["symbol"], "size": 10,
            "opacity": [1 if p.is_front else 0.55 for p in points],
        },
        error_y={
            "type": "data", "array": [p.high - p.value for p in points],
            "arrayminus": [p.value - p.low for p in points], "width": 0, "thickness": 1,
            "color": tinted(style["color"], 0.45),
        },
        customdata=[(p.label, p.low, p.high) for p in points],
        hovertemplate=(
            f"{group}, %{{customdata[0]}}: %{{y:.4f}} "
            "(95%: %{customdata[1]:.4f} to %{customdata[2]:.4f}), %{x:,} bytes<extra></extra>"
        ),
    )  # fmt: skip


def effect_marks(verdict: str, effects: Sequence[Effect], colour: str, symbol: str) -> go.Scatter:
    """Differences of one verdict with their intervals."""
    return go.Scatter(
        x=[e.mean for e in effects], y=[e.name for e in effects], mode="markers", name=verdict,
        marker={"color": colour, "symbol": symbol, "size": 9, "line": {"width": 2, "color": colour}},
        error_x={
            "type": "data", "array": [e.high - e.mean for e in effects],
            "arrayminus": [e.mean - e.low for e in effects], "color": colour, "thickness": 1.5, "width": 0,
        },
        customdata=[(e.low, e.high) for e in effects],
        hovertemplate=(
            "%{y}: %{x:+.2f} points (95%: %{customdata[0]:+.2f} to %{customdata[1]:+.2f}), "
            f"{verdict}<extra></extra>"
        ),
    )  # fmt: skip
