"""A benchmark of emoji: a name or a keyword asks for their pictures.

Names and keywords are English ones of the Unicode CLDR, pictures are drawn with the Noto colour emoji
font; both come from Debian's packages and nothing of them is kept here. A name asks for its own emoji
(gain 2), and a keyword that a few emoji have for all of them (gain 1 each).
"""

from collections import defaultdict

from PIL import Image, ImageDraw

from embedder.training.emoji_pictures import font, known
from embedder.training.emoji_pictures import missing as missing
from eval.benchmarks.model import Benchmark, Items, assemble

SIDE = 128  # pixels
FEWEST, MOST = 2, 8  # emoji that share a keyword that is asked for


def emoji(name: str, _seed: int = 0) -> Benchmark:
    """Names and keywords against the pictures of all emoji of one character.

    Args:
        name: what it is called.
    """
    corpus = Items.of([_id(one.sign) for one in known()], [draw(one.sign) for one in known()])
    judgements: dict[str, dict[str, int]] = {}
    texts: list[str] = []
    for text, signs in _questions().items():
        judgements[f"q:{text}"] = {_id(sign): gain for sign, gain in signs.items()}
        texts.append(text)
    queries = Items.of(list(judgements), texts)
    source = "names and keywords: Unicode CLDR; pictures: Noto colour emoji font (OFL); as installed here"
    return assemble(name, "text to image", corpus, queries, judgements, source=source)


def size() -> tuple[int, int]:
    """Number of pictures and of questions."""
    return len(known()), len(_questions())


def draw(sign: str) -> Image.Image:
    """One emoji on white, 128 x 128 pixels."""
    canvas = Image.new("RGB", (SIDE + 32, SIDE + 32), "white")
    pen = ImageDraw.Draw(canvas)
    middle = (canvas.width / 2, canvas.height / 2)
    pen.text(middle, sign, "black", font(), anchor="mm", embedded_color=True)
    return canvas.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def _questions() -> dict[str, dict[str, int]]:
    """Question -> emoji -> gain; a keyword that is also a name asks for both."""
    asked: dict[str, dict[str, int]] = {}
    bearers: dict[str, list[str]] = defaultdict(list)
    for one in known():
        asked.setdefault(one.name, {})[one.sign] = 2
        for word in one.keywords:
            bearers[word].append(one.sign)
    for word, signs in bearers.items():
        if FEWEST <= len(signs) <= MOST:
            asked[word] = dict.fromkeys(signs, 1) | asked.get(word, {})
    return asked


def _id(sign: str) -> str:
    return f"U+{ord(sign):04X}"
