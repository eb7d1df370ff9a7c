"""Another way to draw the same scenes, for testing only: the training never sees a picture made here.

It shares no code, shape formula or layout rule with
:mod:`embedder.training.renderers`: every pixel is decided by a formula of its coordinates,
on a grid four times finer than the picture, and averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from embedder.training.groups import Group
from embedder.training.pages import Title
from embedder.training.scenes import Scene, Thing
from embedder.training.sizes import LARGE, SMALL, Sized

Field = NDArray[np.float64]
Inside = Callable[[Field, Field], NDArray[np.bool_]]

# CSS named colours (W3C CSS Color Module Level 4, section 6.1), one or two for each name.
CSS = {
    "red": ("#ff0000", "#dc143c"), "green": ("#008000", "#228b22"), "blue": ("#0000ff", "#4169e1"),
    "yellow": ("#ffff00", "#ffd700"), "orange": ("#ffa500", "#ff8c00"), "purple": ("#800080", "#8a2be2"),
    "pink": ("#ffc0cb", "#ff69b4"), "brown": ("#8b4513", "#a0522d"), "black": ("#000000", "#101010"),
    "white": ("#ffffff", "#fafafa"), "grey": ("#808080", "#a9a9a9"), "cyan": ("#00ffff", "#00ced1"),
}  # fmt: skip
GROUNDS = ("#ffffff", "#f5f5dc", "#e6e6fa", "#d3d3d3", "#2f4f4f", "#191970", "#556b2f", "#222222")


def _polygonal(sides: int, turn: float) -> Inside:
    """A regular polygon by the distance to its edges (support function)."""

    def inside(x: Field, y: Field) -> NDArray[np.bool_]:
        angle = np.arctan2(y, x) - turn
        sector = 2 * np.pi / sides
        folded = (angle + sector / 2) % sector - sector / 2
        return np.hypot(x, y) * np.cos(folded) <= np.cos(sector / 2)

    return inside


def _star(x: Field, y: Field) -> NDArray[np.bool_]:
    """Five points: between two neighbouring tips the edge is straight to the notch at radius 0.42."""
    sector = 2 * np.pi / 5
    folded = np.abs((np.arctan2(y, x) + np.pi / 2 + sector / 2) % sector - sector / 2)
    u, v = np.hypot(x, y) * np.cos(folded), np.hypot(x, y) * np.sin(folded)
    notch = 0.42 * np.array([np.cos(sector / 2), np.sin(sector / 2)])
    return (1 - u) * notch[1] - v * (1 - notch[0]) >= 0


def _heart(x: Field, y: Field) -> NDArray[np.bool_]:
    """The implicit sextic (x^2 + y^2 - 1)^3 <= x^2 y^3."""
    u, v = 1.2 * x, -1.2 * y + 0.1
    return (u**2 + v**2 - 1) ** 3 - u**2 * v**3 <= 0


FIELDS: dict[str, Inside] = {
    "circle": lambda x, y: x**2 + y**2 <= 1,
    "square": lambda x, y: np.maximum(abs(x), abs(y)) <= 0.85,
    "triangle": _polygonal(3, np.pi / 2),
    "star": _star,
    "cross": lambda x, y: (np.minimum(abs(x), abs(y)) <= 0.3) & (np.maximum(abs(x), abs(y)) <= 1),
    "diamond": lambda x, y: abs(x) / 0.8 + abs(y) <= 1,
    "heart": _heart,
    "pentagon": _polygonal(5, np.pi / 2),
    "hexagon": _polygonal(6, 0.0),
    "ring": lambda x, y: (x**2 + y**2 <= 1) & (x**2 + y**2 >= 0.36),
    "rectangle": lambda x, y: (abs(x) <= 1.1) & (abs(y) <= 0.55),
    "oval": lambda x, y: (x / 1.15) ** 2 + (y / 0.65) ** 2 <= 1,
}


def _rgb(code: str) -> NDArray[np.float64]:
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)


def render(scene: Scene, side: int, rng: np.random.Generator) -> Image.Image:
    """Draw a scene of one or two things on a plain ground, `side` pixels square."""
    things = [thing for thing in (scene.first, scene.second) if thing is not None]
    return _paint(things, lambda: _layout(scene, rng), (0.13, 0.19), side, rng)


def render_group(group: Group, side: int, rng: np.random.Generator) -> Image.Image:
    """Draw a group on a plain ground, `side` pixels square: in different cells of three by three."""

    def cells() -> list[tuple[float, float]]:
        chosen = rng.choice(9, len(group.things), replace=False)
        moved = rng.uniform(-0.02, 0.02, (2, len(chosen)))
        across, down = (np.stack([chosen % 3, chosen // 3]) + 0.5) / 3 + moved
        return [(float(x), float(y)) for x, y in zip(across, down, strict=True)]

    return _paint(group.things, cells, (0.1, 0.125), side, rng)


RADII = {SMALL: (0.07, 0.1), LARGE: (0.2, 0.24)}


def render_sized(sized: Sized, side: int, rng: np.random.Generator) -> Image.Image:
    """Draw small and large things on a plain ground, `side` pixels square; one alone may be larger still."""
    alone = sized.scene.second is None
    radii = [(0.3, 0.36) if alone and size == LARGE else RADII[size] for size in sized.sizes]
    return _paint(sized.things, lambda: _layout(sized.scene, rng), radii, side, rng)


def render_page(title: Title, side: int, rng: np.random.Generator) -> Image.Image:
    """A page in Pillow's own face (training never saw it): the title at the top, and grey lines of text.

    Titles of several words stand on as few lines as their type, which is 1/7 to 1/5 of the side high, needs.
    """
    paper, ink = (("#ffffff", "#000000"), ("#f4ecd8", "#2b2b2b"), ("#10243e", "#f0f4ff"))[
        int(rng.integers(3))
    ]
    image = Image.new("RGB", (side, side), paper)
    pen, edge = ImageDraw.Draw(image), 0.06 * side
    text = " ".join(title).capitalize() if rng.random() < 0.5 else " ".join(title)
    height, broken = side / float(rng.uniform(5, 7)), text
    font = ImageFont.load_default(height)
    while any(font.getlength(word) > side - 2 * edge for word in title):
        height *= 0.95
        font = ImageFont.load_default(height)
    for at in [i for i, letter in enumerate(text) if letter == " "]:
        start = broken.rfind("\n", 0, at) + 1
        end = text.find(" ", at + 1)
        if font.getlength(broken[start : end if end > 0 else None]) > side - 2 * edge:
            broken = broken[:at] + "\n" + broken[at + 1 :]
    pen.multiline_text((edge, edge), broken, ink, font, spacing=0.15 * height)
    y = edge + (broken.count("\n") + 1) * 1.3 * height + 0.05 * side
    while y < side - edge - 0.03 * side:  # small type as it looks from afar: bars with gaps
        for start in np.cumsum([0, *rng.uniform(0.08, 0.2, 6)]):
            left, right = edge + start * side, edge + (start + 0.06) * side
            if right < side - edge:
                pen.rectangle((left, y, right, y + 0.02 * side), "#8a8a8a")
        y += 0.05 * side
    return image


def _paint(
    things: Sequence[Thing],
    places: Callable[[], list[tuple[float, float]]],
    radii: tuple[float, float] | Sequence[tuple[float, float]],
    side: int,
    rng: np.random.Generator,
) -> Image.Image:
    """Things at their centres (0 to 1), on the ground of four that stands out best.

    Radii are drawn from one range, or for each thing from its own.
    """
    colours = [_rgb(str(rng.choice(CSS[thing.colour]))) for thing in things]
    grounds = [_rgb(code) for code in rng.permutation(GROUNDS)]
    ground = max(grounds[:4], key=lambda g: min(np.abs(g - c).sum() for c in colours))
    fine = np.broadcast_to(ground, (4 * side, 4 * side, 3)).copy()
    y, x = np.mgrid[0 : 4 * side, 0 : 4 * side] / (4.0 * side)
    ranges = [radii] * len(things) if isinstance(radii, tuple) else radii
    for thing, colour, (cx, cy), (low, high) in zip(things, colours, places(), ranges, strict=True):
        radius = rng.uniform(low, high)
        fine[FIELDS[thing.shape]((x - cx) / radius, (y - cy) / radius)] = colour
    pixels = fine.reshape(side, 4, side, 4, 3).mean((1, 3))
    return Image.fromarray(pixels.round().astype(np.uint8))


def _layout(scene: Scene, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Centres from 0 to 1: thirds of the picture, moved a little."""
    if scene.second is None:
        return [(float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.3, 0.7)))]
    low, high = rng.uniform(0.22, 0.3), rng.uniform(0.7, 0.78)
    across = rng.uniform(0.42, 0.58, 2)
    first, second = (low, high) if scene.relation in ("above", "left") else (high, low)
    if scene.relation in ("above", "below"):
        return [(float(across[0]), float(first)), (float(across[1]), float(second))]
    return [(float(first), float(across[0])), (float(second), float(across[1]))]
