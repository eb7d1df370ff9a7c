"""The card's picture: how much of the full-width score is left at each width, as an SVG of a few lines.

Plain text, so that no drawing library is needed where the model is trained; colours that read on white and on
a dark page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

FILE = "truncation.svg"
COLOURS = ("#1f77b4", "#d97706", "#2ca02c", "#9467bd")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 360, 60, 190, 30, 50
INK, LINE = "#6b7280", "#9ca3af"


def drawn(curves: Mapping[str, Mapping[int, Sequence[float]]]) -> str:
    """The picture as text.

    Args:
        curves: name -> width -> [mean, low, high]; all with the same widths, of which the largest is full.
    """
    widths = sorted(next(iter(curves.values())))
    shares = {
        name: [[value / points[widths[-1]][0] for value in points[width]] for width in widths]
        for name, points in curves.items()
    }
    floor = math.floor(10 * min(low for points in shares.values() for _, low, _ in points)) / 10
    places = [LEFT + (WIDTH - LEFT - RIGHT) * at / (len(widths) - 1) for at in range(len(widths))]
    parts = _axes(widths, places, floor)
    ends = _apart([_height(points[-1][0], floor) + 24 * at for at, points in enumerate(shares.values())])
    for colour, (name, points), end in zip(COLOURS, shares.items(), ends, strict=True):
        parts += _curve(name, colour, places, points, floor, end)
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="13" role="img">\n'
        f"<title>Share of the full-width score at each width, with 95% intervals</title>\n{inside}\n</svg>\n"
    )


def _height(share: float, floor: float) -> float:
    """Where a share stands, in pixels from above; the axis ends a little over 1."""
    return TOP + (HEIGHT - TOP - BOTTOM) * (1.05 - share) / (1.05 - floor)


def _apart(heights: Sequence[float], gap: float = 18) -> list[float]:
    """The same places from above to below, no two nearer than `gap`."""
    found: list[float] = []
    for height in heights:
        found.append(height if not found else max(height, found[-1] + gap))
    return found


def _text(x: float, y: float, words: str, anchor: str = "start", colour: str = INK) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'


def _axes(widths: Sequence[int], places: Sequence[float], floor: float) -> list[str]:
    parts = []
    for step in range(round(10 * floor), 11, 2 if floor < 0.5 else 1):
        y = _height(step / 10, floor)
        parts.append(
            f'<line x1="{LEFT}" x2="{places[-1]:.0f}" y1="{y:.0f}" y2="{y:.0f}" stroke="{LINE}" '
            f'stroke-width="{1.2 if step == 10 else 0.4}"/>'
        )
        parts.append(_text(LEFT - 8, y + 4, f"{10 * step} %", "end"))
    parts += [
        _text(x, HEIGHT - BOTTOM + 20, str(width), "middle") for x, width in zip(places, widths, strict=True)
    ]
    parts.append(_text((LEFT + places[-1]) / 2, HEIGHT - 10, "dimensions kept", "middle"))
    return [*parts, _text(LEFT, 16, "share of the full-width score")]


def _curve(
    name: str,
    colour: str,
    places: Sequence[float],
    points: Sequence[Sequence[float]],
    floor: float,
    end: float,
) -> list[str]:
    """Band, line and name."""
    middle, low, high = (
        [f"{x:.1f},{_height(point[kind], floor):.1f}" for x, point in zip(places, points, strict=True)]
        for kind in range(3)
    )
    return [
        f'<polygon points="{" ".join([*high, *low[::-1]])}" fill="{colour}" opacity="0.15"/>',
        f'<polyline points="{" ".join(middle)}" fill="none" stroke="{colour}" stroke-width="2.2"/>',
        *(f'<circle cx="{x.split(",")[0]}" cy="{x.split(",")[1]}" r="3" fill="{colour}"/>' for x in middle),
        _text(places[-1] + 12, end + 4, name, "start", colour),
    ]
