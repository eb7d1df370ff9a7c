"""Draw pages: a title in large type, and under it what a small picture shows of small type.

The fonts are those that are installed in Debian's folders; none is in the repository.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from embedder.training.pages import Title, vocabulary
from embedder.training.renderers import Drawing

FONTS = Path("/usr/share/fonts/truetype")
FACES = {
    "fonts-dejavu-core": ("dejavu/DejaVuSans.ttf", "dejavu/DejaVuSans-Bold.ttf", "dejavu/DejaVuSerif.ttf",
                          "dejavu/DejaVuSerif-Bold.ttf", "dejavu/DejaVuSansMono.ttf"),
    "fonts-liberation": tuple(f"liberation/Liberation{name}.ttf" for name in (
        "Sans-Regular", "Sans-Bold", "Sans-Italic", "Serif-Regular", "Serif-Bold", "Serif-Italic",
        "Mono-Regular", "SansNarrow-Bold")),
    "fonts-lato": tuple(f"lato/Lato-{name}.ttf" for name in ("Regular", "Medium", "Bold", "Black")),
    "fonts-open-sans": tuple(f"open-sans/OpenSans-{name}.ttf" for name in ("Regular", "Semibold", "Bold")),
}  # fmt: skip
"""Debian's packages and the faces that are drawn with."""
LARGE = (0.13, 0.24)  # height of the title's type, as a fraction of the side
SMALL = (0.035, 0.06)
Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Page(Drawing):
    """A picture, and where its title's letters are; the boxes of things are none.

    Attributes:
        letters: of each letter of the title, in reading order: itself, its word's number, and its box as
            fractions of the side (left, top, right, bottom).
    """

    image: Image.Image
    letters: tuple[tuple[str, int, Box], ...]


def missing() -> str | None:
    """What is not installed, with the line to run; None where everything is there."""
    absent = [name for name, files in FACES.items() if not all((FONTS / one).is_file() for one in files)]
    return f"not installed here: run `apt-get install {' '.join(absent)}`" if absent else None


def draw_page(title: Title, side: int, rng: np.random.Generator) -> Page:
    """A page with this title, in any face, size, place and colours.

    Args:
        title: words, lower case; each is drawn so, with a capital, or in capitals.
        side: of the square picture, in pixels.
        rng: of everything but the words.
    """
    ground, ink = _colours(rng)
    image = Image.new("RGB", (side, side), ground)
    pen = ImageDraw.Draw(image)
    face = str(rng.choice(_faces()))
    margin = side * float(rng.uniform(0.03, 0.1))
    letters, top, bottom = _title(pen, _cased(title, rng), face, ink, margin, side, rng)
    for high, low in ((bottom + 0.04 * side, side - margin), (margin, top - 0.04 * side)):
        _small_type(pen, face, (margin, high, side - margin, low), side, ink, ground, rng)
    return Page(_grain(image, rng), (), tuple(letters))


def _title(
    pen: ImageDraw.ImageDraw,
    words: Sequence[str],
    face: str,
    ink: Colour,
    margin: float,
    side: int,
    rng: np.random.Generator,
) -> tuple[list[tuple[str, int, Box]], float, float]:
    """Draw the words on as many lines as they need; returns letters, and where the title begins and ends."""
    height, lines = _fitted(words, face, side - 2 * margin, side * float(rng.uniform(*LARGE)))
    font, step = _font(face, height), height * float(rng.uniform(1.0, 1.3))
    free = max(0.0, side - 2 * margin - step * len(lines))
    top = margin + (free * float(rng.uniform(0, 1)) if rng.random() < 0.5 else 0.0)
    centred = rng.random() < 0.4
    letters: list[tuple[str, int, Box]] = []
    for number, line in enumerate(lines):
        left = (side - font.getlength(" ".join(words[i] for i in line))) / 2 if centred else margin
        for word in line:
            corner = (left, top + number * step)
            pen.text(corner, words[word], ink, font)
            letters += _boxes(words[word], word, font, corner, side)
            left += font.getlength(words[word] + " ")
    return letters, top, top + len(lines) * step


def _colours(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Ground and ink: dark on light four times out of five, sometimes coloured."""
    light = rng.integers(225, 256, 3) if rng.random() < 0.7 else np.full(3, 255)
    dark = rng.integers(0, 110, 3) if rng.random() < 0.6 else np.full(3, int(rng.integers(0, 40)))
    a, b = (tuple(int(v) for v in part) for part in (light, dark))
    return (b, a) if rng.random() < 0.2 else (a, b)  # type: ignore[return-value]


def _cased(title: Title, rng: np.random.Generator) -> list[str]:
    kind = rng.random()
    if kind < 0.2:
        return [word.upper() for word in title]
    if kind < 0.55:
        return [word.capitalize() for word in title]
    return [word.capitalize() if kind < 0.75 and at == 0 else word for at, word in enumerate(title)]


def _fitted(words: Sequence[str], face: str, width: float, height: float) -> tuple[float, list[list[int]]]:
    """The height at which the longest word fits, and which words stand on which line."""
    longest = max(_font(face, height).getlength(word) for word in words)
    height = max(8.0, height * min(1.0, width / longest))
    font = _font(face, height)
    lines: list[list[int]] = [[]]
    for number in range(len(words)):
        text = " ".join(words[i] for i in [*lines[-1], number])
        if lines[-1] and font.getlength(text) > width:
            lines.append([number])
        else:
            lines[-1].append(number)
    return height, lines


def _boxes(
    text: str, word: int, font: ImageFont.FreeTypeFont, corner: tuple[float, float], side: int
) -> list[tuple[str, int, Box]]:
    found = []
    _, top, _, bottom = font.getbbox(text)
    for at, letter in enumerate(text):
        left, right = font.getlength(text[:at]), font.getlength(text[: at + 1])
        box = (corner[0] + left, corner[1] + top, corner[0] + right, corner[1] + bottom)
        found.append((letter.lower(), word, tuple(value / side for value in box)))
    return found  # type: ignore[return-value]


def _small_type(
    pen: ImageDraw.ImageDraw,
    face: str,
    box: Box,
    side: int,
    ink: Colour,
    ground: Colour,
    rng: np.random.Generator,
) -> None:
    """Lines of words in small type, up to half of the way to the ground's colour; nothing on some pages."""
    left, y, right, bottom = box
    if rng.random() < 0.25 or bottom <= y:
        return
    height = side * float(rng.uniform(*SMALL))
    font = _font(face, height)
    fade = float(rng.uniform(0.0, 0.5))
    colour = tuple(int(a + (b - a) * fade) for a, b in zip(ink, ground, strict=True))
    words = vocabulary()
    while y + height < bottom:
        text, line = "", ""
        end = left + (right - left) * float(rng.uniform(0.7, 1.0))
        while True:
            text = f"{line} {words[int(rng.integers(len(words)))]}".strip()
            if left + font.getlength(text) > end:
                break
            line = text
        pen.text((left, y), line, colour, font)
        y += height * 1.35


def _grain(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    if rng.random() < 0.3:
        noise = float(rng.uniform(0, 10)) * rng.standard_normal(image.size[::-1], np.float32)[..., None]
        return Image.fromarray((np.asarray(image, np.float32) + noise).clip(0, 255).astype(np.uint8))
    return image


@cache
def _faces() -> tuple[str, ...]:
    return tuple(one for files in FACES.values() for one in files)


def _font(face: str, height: float) -> ImageFont.FreeTypeFont:
    return _sized(face, max(6, round(height)))


@cache
def _sized(face: str, height: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / face, height)
