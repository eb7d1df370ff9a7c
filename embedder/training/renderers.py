"""Draw scenes as pictures, in styles as different from each other as one small module can make them.

The point of the many styles (smooth or jagged edges, outlines, shadows, gradients, noise,
JPEG marks, tinted grounds, tilted shapes) is that a model trained on them reads pictures
that some other program has drawn.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from embedder.training.scenes import COLOURS, Scene, Thing
from embedder.training.shapes import OUTLINES, Points

SHADES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "red": ((255, 0, 0), (205, 30, 40), (235, 60, 55), (180, 15, 20)),
    "green": ((0, 200, 0), (0, 128, 0), (60, 180, 75), (30, 255, 40), (40, 110, 50)),
    "blue": ((0, 0, 255), (30, 90, 220), (60, 110, 245), (15, 40, 150), (40, 130, 240)),
    "yellow": ((255, 255, 0), (255, 215, 0), (245, 225, 70), (250, 235, 40)),
    "orange": ((255, 165, 0), (255, 128, 0), (235, 120, 30), (250, 145, 50)),
    "purple": ((128, 0, 128), (150, 60, 205), (90, 30, 140), (160, 40, 190)),
    "pink": ((255, 192, 203), (255, 105, 180), (245, 140, 190), (250, 165, 205)),
    "brown": ((139, 69, 19), (110, 65, 35), (150, 90, 50), (95, 55, 25)),
    "black": ((0, 0, 0), (25, 25, 28), (35, 32, 35)),
    "white": ((255, 255, 255), (248, 248, 245), (240, 242, 245)),
    "grey": ((128, 128, 128), (150, 150, 155), (105, 105, 110), (165, 165, 165)),
    "cyan": ((0, 255, 255), (0, 190, 210), (60, 215, 220), (64, 224, 208)),
}
"""8-bit sRGB values that people call by the name; a drawn colour is a random mixture of them."""

LIGHT_GROUNDS = (
    (255, 255, 255),
    (245, 245, 245),
    (250, 245, 230),
    (225, 235, 245),
    (235, 245, 232),
    (205, 205, 205),
)
DARK_GROUNDS = ((0, 0, 0), (28, 30, 38), (45, 40, 60), (20, 45, 50), (70, 72, 78), (60, 45, 40))
MIN_CONTRAST = 75.0  # Euclidean distance in 8-bit sRGB between a shape and its ground, without an outline


@dataclass(frozen=True)
class Style:
    """How a picture is drawn; lengths are fractions of the picture's shorter side.

    Attributes:
        ground: 8-bit sRGB of the background, or None to choose one that the shapes stand out from.
        ground_fade: how far (8-bit levels) the background's brightness drifts across the picture.
        supersample: 1 for jagged edges, 2 or 3 for smooth ones.
        outline: width of the line around each shape, 0 for none.
        outline_tone: what the line's colour is made by multiplying the fill's colour with.
        radius: smallest and largest radius of a shape.
        tilt: largest rotation of a shape, in degrees.
        fade: how far the fill's brightness drifts from top to bottom.
        stripes: draw faint stripes on the fill.
        shadow: draw a soft dark copy below and to the right of each shape.
        shift: largest sideways offset between two things.
        colour_jitter: standard deviation of the noise on a shape's colour, 8-bit levels.
        noise: standard deviation of the noise on each pixel, 8-bit levels.
        blur: radius of a blur over the whole picture, pixels.
        jpeg: quality of a JPEG round trip, or None.
    """

    ground: tuple[int, int, int] | None = None
    ground_fade: float = 0.0
    supersample: int = 2
    outline: float = 0.0
    outline_tone: float = 0.0
    radius: tuple[float, float] = (0.12, 0.22)
    tilt: float = 0.0
    fade: float = 0.0
    stripes: bool = False
    shadow: bool = False
    shift: float = 0.08
    colour_jitter: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    jpeg: int | None = None


Layout = Callable[[list[float], Style], tuple[list[float], Points]]

CLEAN = Style(ground=(250, 249, 246), radius=(0.15, 0.2), shift=0.03)
"""A quiet style for example pictures."""


def random_style(rng: np.random.Generator) -> Style:
    """A style with every property drawn at random; about a third of the pictures stay fairly clean."""
    rough = rng.random() < 0.6
    smallest = float(rng.uniform(0.09, 0.2))
    style = Style(
        supersample=int(rng.choice([1, 2, 3], p=[0.4, 0.45, 0.15])),
        outline=float(rng.uniform(0.006, 0.03)) if rng.random() < 0.4 else 0.0,
        outline_tone=float(rng.choice([0.0, 0.0, 0.5, 1.6])),
        radius=(smallest, smallest + float(rng.uniform(0.0, 0.08))),
        tilt=float(rng.choice([0.0, 6.0, 14.0])),
        shift=float(rng.uniform(0.0, 0.16)),
        colour_jitter=float(rng.uniform(0.0, 9.0)),
    )
    if not rough:
        return style
    return replace(
        style,
        ground_fade=float(rng.choice([0.0, 0.0, 25.0, 60.0])),
        fade=float(rng.choice([0.0, 0.0, 30.0, 60.0])),
        stripes=bool(rng.random() < 0.08),
        shadow=bool(rng.random() < 0.15),
        noise=float(rng.choice([0.0, 3.0, 8.0, 14.0])),
        blur=float(rng.choice([0.0, 0.0, 0.5, 0.9])),
        jpeg=int(rng.integers(25, 95)) if rng.random() < 0.3 else None,
    )


def _contrast(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(one - other))


def _shade(colour: str, style: Style, rng: np.random.Generator) -> NDArray[np.float64]:
    """An sRGB value for a colour name: the middle one, moved towards a mixture of its shades."""
    shades = np.array(SHADES[colour], dtype=np.float64)
    mixed = rng.dirichlet(np.full(len(shades), 0.5)) @ shades
    middle = np.array(COLOURS[colour], dtype=np.float64)
    amount = min(1.0, style.colour_jitter / 3)
    return np.clip(middle + amount * (mixed - middle) + rng.normal(0, style.colour_jitter, 3), 0, 255)


def _ground(style: Style, fills: list[NDArray[np.float64]], rng: np.random.Generator) -> NDArray[np.float64]:
    """A background that all fills stand out from; with an outline a weaker contrast will do."""
    needed = MIN_CONTRAST if style.outline == 0 else 25.0
    for _ in range(20):
        grounds = LIGHT_GROUNDS if rng.random() < 0.6 else DARK_GROUNDS
        ground = np.array(grounds[int(rng.integers(len(grounds)))], dtype=np.float64)
        if rng.random() < 0.35:
            ground = rng.uniform(0, 255, 3) * 0.6 + ground * 0.4
        if all(_contrast(ground, fill) >= needed for fill in fills):
            return ground
    return np.array((120.0, 150.0, 120.0))


def _centres(scene: Scene, radii: list[float], style: Style, rng: np.random.Generator) -> Points:
    """Where the things stand, in a square from -0.5 to 0.5; apart from each other and inside the picture."""
    if scene.second is None:
        room = max(0.0, 0.46 - 1.15 * radii[0])
        return rng.uniform(-room, room, (1, 2))
    reach = 1.15 * (radii[0] + radii[1])
    gap = rng.uniform(reach, max(reach, min(0.66, 0.98 - reach)))
    side = rng.uniform(-style.shift, style.shift)
    slack = max(0.0, (0.98 - gap - reach) / 2)
    middle = np.array([rng.uniform(-slack, slack), rng.uniform(-0.12, 0.12)])
    centres = np.array([[-gap / 2, -side / 2], [gap / 2, side / 2]]) + middle
    if scene.relation in ("above", "below"):
        centres = centres[:, ::-1]
    return centres[::-1] if scene.relation in ("below", "right") else centres


def _place(shape: str, centre: Points, radius: float, style: Style, rng: np.random.Generator) -> Points:
    angle = np.deg2rad(rng.uniform(-style.tilt, style.tilt))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return OUTLINES[shape](rng) @ turn.T * radius + centre


class _Canvas:
    """A picture in the making: PIL drawing on an enlarged canvas, fills with fades and stripes."""

    def __init__(self, height: int, width: int, ground: NDArray[np.float64], style: Style) -> None:
        self.style, self.scale = style, style.supersample
        self.size = (width * self.scale, height * self.scale)
        self.side = min(self.size)
        self.image = Image.new("RGB", self.size, tuple(int(v) for v in ground))
        self.ground = tuple(int(v) for v in ground)

    def pixels(self, points: Points) -> list[tuple[float, float]]:
        """Corner points of the unit square's coordinates in pixels of the canvas."""
        moved = points * self.side + np.array(self.size) / 2
        return [(float(x), float(y)) for x, y in moved]

    def mask(self, points: Points, hole: Points | None = None) -> Image.Image:
        mask = Image.new("L", self.size, 0)
        draw = ImageDraw.Draw(mask)
        draw.polygon(self.pixels(points), fill=255)
        if hole is not None:
            draw.polygon(self.pixels(hole), fill=0)
        return mask

    def shape(
        self, thing: Thing, points: Points, colour: NDArray[np.float64], rng: np.random.Generator
    ) -> None:
        """Draw one thing: shadow, outline, fill."""
        centre = (points.min(0) + points.max(0)) / 2
        hole = (points - centre) * rng.uniform(0.5, 0.68) + centre if thing.shape == "ring" else None
        fill = Image.new("RGB", self.size, tuple(int(v) for v in colour))
        mask = self.mask(points, hole)
        if self.style.shadow:
            soft = self.mask(points + 0.02, None if hole is None else hole + 0.02)
            soft = soft.filter(ImageFilter.GaussianBlur(0.015 * self.side)).point(lambda v: v * 0.5)
            self.image.paste(Image.new("RGB", self.size, (0, 0, 0)), mask=soft)
        if self.style.fade or self.style.stripes:
            fill = self._textured(fill, points)
        self.image.paste(fill, mask=mask)
        if self.style.outline:
            self._line(points, hole, colour)

    def _line(self, points: Points, hole: Points | None, colour: NDArray[np.float64]) -> None:
        line = tuple(int(v) for v in np.clip(colour * self.style.outline_tone, 0, 255))
        width = max(1, round(self.style.outline * self.side))
        draw = ImageDraw.Draw(self.image)
        for ring in (points, hole):
            if ring is not None:
                corners = self.pixels(ring)
                draw.line([*corners, *corners[:2]], fill=line, width=width, joint="curve")

    def _textured(self, fill: Image.Image, points: Points) -> Image.Image:
        """The fill with brightness falling from the top of the shape to its bottom, and stripes."""
        height = self.size[1]
        rows = (np.arange(height) - height / 2) / self.side
        top, bottom = points[:, 1].min(), points[:, 1].max()
        change = self.style.fade * (0.5 - (rows - top) / (bottom - top)).clip(-0.5, 0.5)
        if self.style.stripes:
            change = change + 18.0 * np.sign(np.sin(rows * 2 * np.pi / 0.06))
        shaded = np.asarray(fill, dtype=np.float32) + change[:, None, None]
        return Image.fromarray(shaded.clip(0, 255).astype(np.uint8))


def _finish(image: Image.Image, size: tuple[int, int], style: Style, rng: np.random.Generator) -> Image.Image:
    """Shrink to the final size, then blur, drift, noise and JPEG marks as the style says."""
    if image.size != size:
        image = image.reduce(style.supersample)
    if style.blur:
        image = image.filter(ImageFilter.GaussianBlur(style.blur))
    if style.noise or style.ground_fade:
        pixels = np.asarray(image, dtype=np.float32)
        drift = np.linspace(-0.5, 0.5, image.width if rng.random() < 0.5 else image.height, dtype=np.float32)
        drift = drift[None, :, None] if len(drift) == image.width else drift[:, None, None]
        grain = rng.standard_normal(pixels.shape[:2], dtype=np.float32)[..., None]
        pixels = pixels + style.ground_fade * drift + style.noise * grain
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if style.jpeg is not None:
        coded = io.BytesIO()
        image.save(coded, "JPEG", quality=style.jpeg)
        image = Image.open(coded).convert("RGB")
    return image


@dataclass(frozen=True)
class Drawing:
    """A picture and where its things are.

    Attributes:
        image: RGB.
        boxes: for each thing left, top, right, bottom as fractions of the picture's width and height.
    """

    image: Image.Image
    boxes: tuple[tuple[float, float, float, float], ...]


def draw(
    scene: Scene, size: int | tuple[int, int], rng: np.random.Generator, style: Style | None = None
) -> Image.Image:
    """Draw a scene.

    Args:
        scene: one thing, or two in their relation.
        size: side of a square picture in pixels, or (height, width).
        rng: places, radii, tilts and shades are drawn from it.
        style: how it looks; a random style if left out.

    Returns:
        An RGB picture of exactly the size asked for.
    """
    return draw_placed(scene, size, rng, style).image


def draw_placed(
    scene: Scene, size: int | tuple[int, int], rng: np.random.Generator, style: Style | None = None
) -> Drawing:
    """As :func:`draw`, and where the things came to stand."""
    things = [scene.first] if scene.second is None else [scene.first, scene.second]

    def layout(radii: list[float], style: Style) -> tuple[list[float], Points]:
        if len(radii) == 2:  # two large things must shrink to fit side by side
            radii = [radius * min(1.0, 0.42 / sum(radii)) for radius in radii]
        return radii, _centres(scene, radii, style, rng)

    return draw_things(things, layout, size, rng, style)


def draw_things(
    things: Sequence[Thing],
    layout: Layout,
    size: int | tuple[int, int],
    rng: np.random.Generator,
    style: Style | None = None,
) -> Drawing:
    """Draw things where `layout` puts them.

    Args:
        things: in the order in which they are drawn.
        layout: takes a radius for each thing and the style; returns radii that fit, and the centres,
            (things, 2) in a square from -0.5 to 0.5.
        size: as for :func:`draw`.
        rng: as for :func:`draw`.
        style: as for :func:`draw`.
    """
    height, width = (size, size) if isinstance(size, int) else size
    style = random_style(rng) if style is None else style
    fills = [_shade(thing.colour, style, rng) for thing in things]
    radii = [float(rng.uniform(*style.radius)) for _ in things]
    ground = _ground(style, fills, rng) if style.ground is None else np.array(style.ground, dtype=np.float64)
    canvas = _Canvas(height, width, ground, style)
    radii, centres = layout(radii, style)
    boxes = []
    for thing, centre, radius, fill in zip(things, centres, radii, fills, strict=True):
        points = _place(thing.shape, centre, radius, style, rng)
        canvas.shape(thing, points, fill, rng)
        scale = min(height, width) / np.array([width, height])
        corners = np.concatenate([points.min(0) * scale + 0.5, points.max(0) * scale + 0.5])
        left, top, right, bottom = (float(value) for value in corners)
        boxes.append((left, top, right, bottom))
    return Drawing(_finish(canvas.image, (width, height), style, rng), tuple(boxes))


def draw_one(thing: Thing, size: int, rng: np.random.Generator, style: Style | None = None) -> Image.Image:
    """Draw one thing filling most of a square picture, for learning shapes close up."""
    style = random_style(rng) if style is None else style
    radius = float(rng.uniform(0.25, 0.42))
    return draw(Scene(thing), size, rng, replace(style, radius=(radius, radius)))
