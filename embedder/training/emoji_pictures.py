"""Emoji for training: pictures of the installed font on changing grounds, and the names that CLDR gives them.

Nothing of the font and the names is kept in the repository: both are read from Debian's packages when the
training or an evaluation runs.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
NAMES = Path("/usr/share/unicode/cldr/common/annotations/en.xml")
PACKAGES = {FONT: "fonts-noto-color-emoji", NAMES: "unicode-cldr-core"}  # of Debian and its descendants
FONT_SIZE = 109  # the only one that the font has pictures of
GLYPH = 136  # pixels: the side of the square that every glyph fits into
HOLD_OUT = 10  # one emoji in so many is held out


@dataclass(frozen=True)
class Emoji:
    """A sign of one character, its English name, and the keywords that CLDR lists with it."""

    sign: str
    name: str
    keywords: tuple[str, ...]

    @property
    def held_out(self) -> bool:
        """Whether training leaves it out (decided by a checksum of its sign)."""
        return zlib.crc32(self.sign.encode()) % HOLD_OUT == 0


def missing() -> str | None:
    """What is not installed, with the line to run; None where everything is there."""
    absent = [package for path, package in PACKAGES.items() if not path.is_file()]
    return f"not installed here: run `apt-get install {' '.join(absent)}`" if absent else None


@cache
def known() -> tuple[Emoji, ...]:
    """Emoji of one character whose picture the font has, each picture once, in CLDR's order."""
    names: dict[str, str] = {}
    keywords: dict[str, tuple[str, ...]] = {}
    for node in ElementTree.parse(NAMES).getroot().iter("annotation"):
        sign, text = str(node.get("cp")), node.text or ""
        if node.get("type") == "tts":
            names[sign] = text
        else:
            keywords[sign] = tuple(word.strip() for word in text.split("|") if word.strip())
    seen = {glyph("\uffff").tobytes()}  # what the font shows for what it does not know
    found = []
    for sign, name in names.items():
        if len(sign) == 1 and (shown := glyph(sign).tobytes()) not in seen:
            seen.add(shown)
            found.append(Emoji(sign, name, keywords.get(sign, ())))
    return tuple(found)


@cache
def font() -> ImageFont.FreeTypeFont:
    """The font at its one size."""
    return ImageFont.truetype(FONT, FONT_SIZE)


@cache
def glyph(sign: str) -> Image.Image:
    """The font's picture of a sign, RGBA, 136 x 136 pixels, nothing behind it."""
    canvas = Image.new("RGBA", (GLYPH, GLYPH), (0, 0, 0, 0))
    middle = (GLYPH / 2, GLYPH / 2)
    ImageDraw.Draw(canvas).text(middle, sign, "black", font(), anchor="mm", embedded_color=True)
    return canvas


def draw_emoji(sign: str, side: int, rng: np.random.Generator) -> Image.Image:
    """A sign turned by up to 20 degrees, between half and the whole of the picture large, on some ground.

    Args:
        sign: one character that :func:`known` lists.
        side: of the square picture, in pixels.
        rng: of angle, size, place, ground, noise and JPEG marks.
    """
    size = max(8, round(side * float(rng.uniform(0.5, 1.0))))
    turned = glyph(sign).rotate(float(rng.uniform(-20, 20)), Image.Resampling.BICUBIC)
    if rng.random() < 0.1:
        turned = turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned = turned.resize((size, size), Image.Resampling.BILINEAR)
    picture = Image.new("RGB", (side, side), _ground(rng))
    corner = (int(rng.integers(side - size + 1)), int(rng.integers(side - size + 1)))
    picture.paste(turned, corner, turned)
    return _worn(picture, rng)


def _ground(rng: np.random.Generator) -> tuple[int, int, int]:
    """White or nearly so as often as not; otherwise any colour."""
    low, high = (235, 256) if rng.random() < 0.5 else (0, 256)
    red, green, blue = (int(value) for value in rng.integers(low, high, 3))
    return red, green, blue


def _worn(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Brightness, grain and JPEG marks, now and then."""
    if rng.random() < 0.4:
        pixels = np.asarray(picture, dtype=np.float32) * float(rng.uniform(0.8, 1.15))
        pixels = (
            pixels + float(rng.uniform(0, 10)) * rng.standard_normal(pixels.shape[:2], np.float32)[..., None]
        )
        picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.2:
        coded = io.BytesIO()
        picture.save(coded, "JPEG", quality=int(rng.integers(40, 95)))
        picture = Image.open(coded).convert("RGB")
    return picture
