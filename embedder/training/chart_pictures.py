"""Draw the charts of :mod:`embedder.training.charts`, in styles of many colours, with Pillow alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from embedder.training.charts import Chart

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels of the canvas

GROUNDS: tuple[Colour, ...] = (
    (255, 255, 255), (250, 248, 240), (238, 242, 248), (245, 245, 245), (30, 33, 42), (48, 44, 58),
)  # fmt: skip
PALETTES: tuple[tuple[Colour, ...], ...] = (
    ((214, 69, 65), (60, 120, 190), (240, 170, 50), (75, 160, 95), (140, 90, 165), (90, 175, 190)),
    ((38, 100, 160), (70, 135, 190), (110, 165, 205), (150, 190, 220), (85, 115, 150), (50, 75, 110)),
    ((230, 120, 90), (240, 190, 110), (120, 170, 140), (90, 130, 170), (170, 120, 160), (200, 90, 120)),
    ((20, 140, 120), (235, 150, 60), (190, 70, 100), (100, 100, 180), (150, 170, 60), (120, 90, 70)),
)
SUPERSAMPLE = 2
LABEL = 0.052  # height of letters, as a fraction of the side
TITLE = 0.075


@dataclass(frozen=True)
class Style:
    """How a chart is drawn.

    Attributes:
        ground: colour of the background.
        palette: colours of the parts; lines and points take the first.
        one_colour: all bars in one colour.
        lying: bars lie instead of stand.
        grid: draw faint lines across.
        hole: of a pie, radius of the hole as a fraction of the pie's.
        width: of lines, in pixels at a side of 224.
        dots: mark the points of a line.
    """

    ground: Colour = GROUNDS[0]
    palette: tuple[Colour, ...] = PALETTES[0]
    one_colour: bool = False
    lying: bool = False
    grid: bool = True
    hole: float = 0.0
    width: int = 3
    dots: bool = False

    @property
    def ink(self) -> Colour:
        """Colour of letters and axes: dark on light, light on dark."""
        return (40, 42, 48) if sum(self.ground) > 384 else (232, 232, 228)

    @property
    def faint(self) -> Colour:
        """Colour of the grid, between ground and ink."""
        return tuple((4 * a + b) // 5 for a, b in zip(self.ground, self.ink, strict=True))  # type: ignore[return-value]


def sample_style(rng: np.random.Generator) -> Style:
    """A style at random."""
    palette = PALETTES[int(rng.integers(len(PALETTES)))]
    return Style(
        ground=GROUNDS[int(rng.integers(len(GROUNDS)))],
        palette=tuple(palette[int(i)] for i in rng.permutation(len(palette))),
        one_colour=bool(rng.random() < 0.5),
        lying=bool(rng.random() < 0.3),
        grid=bool(rng.random() < 0.6),
        hole=0.5 if rng.random() < 0.3 else 0.0,
        width=int(rng.integers(2, 5)),
        dots=bool(rng.random() < 0.4),
    )


def draw(chart: Chart, side: int, rng: np.random.Generator, style: Style | None = None) -> Image.Image:
    """A chart as an RGB picture.

    Args:
        chart: what it shows.
        side: of the square picture, in pixels; letters can be read from about 160.
        rng: source of the style, if none is given.
        style: how to draw it.
    """
    style = style or sample_style(rng)
    full = side * SUPERSAMPLE
    canvas = Image.new("RGB", (full, full), style.ground)
    pen = ImageDraw.Draw(canvas)
    title = chart.subject.capitalize()
    pen.text((full / 2, 0.03 * full), title, style.ink, _font(pen, title, TITLE * full, 0.94 * full), "ma")
    _DRAWERS[chart.kind](pen, chart, style, (0.1 * full, 0.17 * full, 0.95 * full, 0.88 * full))
    return canvas.resize((side, side), Image.Resampling.LANCZOS)


def _font(pen: ImageDraw.ImageDraw, text: str, size: float, room: float) -> ImageFont.FreeTypeFont:
    """Pillow's own font, as large as fits into `room` pixels."""
    font = ImageFont.load_default(size)
    width = pen.textlength(text, font)
    smaller = size * room / width if width > room else size
    return ImageFont.load_default(max(smaller, 6.0))  # type: ignore[return-value]  # with a size it is one


def _axes(pen: ImageDraw.ImageDraw, style: Style, box: Box, *, upright: bool = True) -> None:
    left, top, right, bottom = box
    if style.grid:
        for share in (0.25, 0.5, 0.75, 1.0):
            y, x = bottom - share * (bottom - top), left + share * (right - left)
            pen.line((left, y, right, y) if upright else (x, top, x, bottom), style.faint, 2)
    pen.line((left, top, left, bottom, right, bottom), style.ink, 3)


def _bars(pen: ImageDraw.ImageDraw, chart: Chart, style: Style, box: Box) -> None:
    left, top, right, bottom = box
    if style.lying:
        left += 0.16 * (right - left)
    _axes(pen, style, (left, top, right, bottom), upright=not style.lying)
    step = ((bottom - top) if style.lying else (right - left)) / len(chart.labels)
    size = LABEL * (box[2] - box[0])
    for number, (label, value) in enumerate(zip(chart.labels, chart.values, strict=True)):
        colour = style.palette[0 if style.one_colour else number % len(style.palette)]
        if style.lying:
            y = top + (number + 0.5) * step
            pen.rectangle((left, y - 0.35 * step, left + value * (right - left), y + 0.35 * step), colour)
            pen.text((left - 6, y), label, style.ink, _font(pen, label, size, left - 12), "rm")
        else:
            x = left + (number + 0.5) * step
            pen.rectangle((x - 0.35 * step, bottom - value * (bottom - top), x + 0.35 * step, bottom), colour)
            pen.text((x, bottom + 8), label, style.ink, _font(pen, label, size, 0.96 * step), "ma")


def _line(pen: ImageDraw.ImageDraw, chart: Chart, style: Style, box: Box) -> None:
    left, top, right, bottom = box
    _axes(pen, style, box)
    xs = np.linspace(left + 6, right - 6, len(chart.values))
    points = [(float(x), bottom - v * (bottom - top)) for x, v in zip(xs, chart.values, strict=True)]
    colour, width = style.palette[0], max(2, round(style.width * (right - left) / 190))
    pen.line(points, colour, width, joint="curve")
    for x, y in points if style.dots else points[:0]:
        pen.ellipse((x - 1.6 * width, y - 1.6 * width, x + 1.6 * width, y + 1.6 * width), colour)
    font = ImageFont.load_default(LABEL * (right - left))
    for x, label, anchor in ((left, chart.labels[0], "la"), (right, chart.labels[-1], "ra")):
        pen.text((x, bottom + 8), label, style.ink, font, anchor)


def _pie(pen: ImageDraw.ImageDraw, chart: Chart, style: Style, box: Box) -> None:
    left, top, right, bottom = box
    x, y = (left + right) / 2, (top + bottom) / 2 + 0.03 * (bottom - top)
    radius = 0.36 * (bottom - top)
    circle = (x - radius, y - radius, x + radius, y + radius)
    ends = -90 + 360 * np.cumsum([0.0, *chart.values]) / sum(chart.values)
    for number, label in enumerate(chart.labels):
        start, end = float(ends[number]), float(ends[number + 1])
        pen.pieslice(circle, start, end, style.palette[number % len(style.palette)], style.ground, 3)
        angle = np.deg2rad((start + end) / 2)
        across, down = float(np.cos(angle)), float(np.sin(angle))
        at = (x + 1.1 * radius * across, y + 1.12 * radius * down)
        room = (right - at[0]) if across > 0 else (at[0] - 0.02 * right)
        anchor = ("l" if across > 0.2 else "r" if across < -0.2 else "m") + ("d" if down < -0.8 else "m")
        pen.text(at, label, style.ink, _font(pen, label, LABEL * (right - left), max(room, 60)), anchor)
    inner = style.hole * radius
    pen.ellipse((x - inner, y - inner, x + inner, y + inner), style.ground)


def _scatter(pen: ImageDraw.ImageDraw, chart: Chart, style: Style, box: Box) -> None:
    left, top, right, bottom = box
    _axes(pen, style, box)
    size = max(3.0, 0.006 * style.width * (right - left))
    for across, value in zip(chart.across, chart.values, strict=True):
        x, y = left + across * (right - left), bottom - value * (bottom - top)
        pen.ellipse((x - size, y - size, x + size, y + size), style.palette[0])
    first, _, second = chart.subject.partition(" and ")
    font = ImageFont.load_default(LABEL * (right - left))
    pen.text((right, bottom + 8), first, style.ink, font, "ra")
    pen.text((left, top - 4), second, style.ink, font, "ld")


_DRAWERS: dict[str, Callable[[ImageDraw.ImageDraw, Chart, Style, Box], None]] = {
    "bar": _bars, "line": _line, "pie": _pie, "scatter": _scatter,
}  # fmt: skip
