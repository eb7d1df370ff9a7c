"""A benchmark of emoji: a name or a keyword asks for their pictures.

Names and keywords are English ones of the Unicode CLDR, pictures are drawn with the Noto colour emoji
font; both come from Debian's packages and nothing of them is kept here. A name asks for its own emoji
(gain 2), and a keyword that a few emoji have for all of them (gain 1 each).
"""

from collections import defaultdict
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image, ImageDraw, ImageFont

from eval.benchmarks.model import Benchmark, Items, assemble

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
NAMES = Path("/usr/share/unicode/cldr/common/annotations/en.xml")
PACKAGES = {FONT: "fonts-noto-color-emoji", NAMES: "unicode-cldr-core"}  # of Debian and its descendants
FONT_SIZE = 109  # the only one that the font has pictures of
SIDE = 128  # pixels
FEWEST, MOST = 2, 8  # emoji that share a keyword that is asked for


def missing() -> str | None:
    """What is not installed, with the line to run; None where everything is there."""
    absent = {path: package for path, package in PACKAGES.items() if not path.is_file()}
    if not absent:
        return None
    return f"not installed here: run `apt-get install {' '.join(absent.values())}`"


def emoji(name: str, _seed: int = 0) -> Benchmark:
    """Names and keywords against the pictures of all emoji of one character.

    Args:
        name: what it is called.
    """
    known = _known()
    corpus = Items.of([_id(sign) for sign in known], [draw(sign) for sign in known])
    judgements: dict[str, dict[str, int]] = {}
    texts: list[str] = []
    for text, signs in _questions(known).items():
        judgements[f"q:{text}"] = {_id(sign): gain for sign, gain in signs.items()}
        texts.append(text)
    queries = Items.of(list(judgements), texts)
    source = "names and keywords: Unicode CLDR; pictures: Noto colour emoji font (OFL); as installed here"
    return assemble(name, "text to image", corpus, queries, judgements, source=source)


def size() -> tuple[int, int]:
    """Number of pictures and of questions."""
    known = _known()
    return len(known), len(_questions(known))


def draw(sign: str) -> Image.Image:
    """One emoji on white, 128 x 128 pixels."""
    canvas = Image.new("RGB", (SIDE + 32, SIDE + 32), "white")
    pen = ImageDraw.Draw(canvas)
    middle = (canvas.width / 2, canvas.height / 2)
    pen.text(middle, sign, "black", _font(), anchor="mm", embedded_color=True)
    return canvas.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


@cache
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, FONT_SIZE)


@cache
def _known() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Emoji -> name and keywords, of those whose picture the font has, each picture once."""
    names: dict[str, str] = {}
    keywords: dict[str, tuple[str, ...]] = {}
    for node in ElementTree.parse(NAMES).getroot().iter("annotation"):
        sign, text = str(node.get("cp")), node.text or ""
        if node.get("type") == "tts":
            names[sign] = text
        else:
            keywords[sign] = tuple(word.strip() for word in text.split("|") if word.strip())
    seen = {_picture("\uffff")}  # what the font shows for what it does not know
    known = {}
    for sign, text in names.items():
        if len(sign) == 1 and (shown := _picture(sign)) not in seen:
            seen.add(shown)
            known[sign] = (text, keywords.get(sign, ()))
    return known


def _picture(sign: str) -> bytes:
    return draw(sign).tobytes()


def _questions(known: dict[str, tuple[str, tuple[str, ...]]]) -> dict[str, dict[str, int]]:
    """Question -> emoji -> gain; a keyword that is also a name asks for both."""
    asked: dict[str, dict[str, int]] = {}
    bearers: dict[str, list[str]] = defaultdict(list)
    for sign, (text, words) in known.items():
        asked.setdefault(text, {})[sign] = 2
        for word in words:
            bearers[word].append(sign)
    for word, signs in bearers.items():
        if FEWEST <= len(signs) <= MOST:
            asked[word] = dict.fromkeys(signs, 1) | asked.get(word, {})
    return asked


def _id(sign: str) -> str:
    return f"U+{ord(sign):04X}"
