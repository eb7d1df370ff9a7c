"""Pairs of our own making: German captions of drawn scenes, which the miniature hardly reads, in English.

`python -m tests.embedder.training.german` writes `assets/examples/german-captions.jsonl`.
"""

import json
from pathlib import Path

import numpy as np

COLOURS = {
    "red": "rot", "green": "grün", "blue": "blau", "yellow": "gelb", "orange": "orangefarben",
    "purple": "violett", "black": "schwarz", "white": "weiß", "grey": "grau", "brown": "braun",
}  # fmt: skip
SHAPES = {
    "circle": ("Kreis", "m"), "square": ("Quadrat", "n"), "triangle": ("Dreieck", "n"),
    "star": ("Stern", "m"), "cross": ("Kreuz", "n"), "diamond": ("Raute", "f"),
    "ring": ("Ring", "m"), "heart": ("Herz", "n"),
}  # fmt: skip
PLACES = {"above": "über", "below": "unter", "left of": "links von", "right of": "rechts von"}
FIRST = {"m": ("ein", "er"), "n": ("ein", "es"), "f": ("eine", "e")}  # nominative
SECOND = {"m": ("einem", "en"), "n": ("einem", "en"), "f": ("einer", "en")}  # dative
FILE = Path(__file__).parents[3] / "assets" / "examples" / "german-captions.jsonl"


def german(colour, shape, forms):
    noun, gender = SHAPES[shape]
    article, ending = forms[gender]
    return f"{article} {COLOURS[colour]}{ending} {noun}"


def captions(count, seed=0):
    """(German, English) of `count` different scenes of two things."""
    rng = np.random.default_rng(seed)
    found = {}
    while len(found) < count:
        colours = [str(rng.choice(list(COLOURS))) for _ in range(2)]
        shapes = [str(rng.choice(list(SHAPES))) for _ in range(2)]
        place = str(rng.choice(list(PLACES)))
        told = (
            f"{german(colours[0], shapes[0], FIRST)} {PLACES[place]} {german(colours[1], shapes[1], SECOND)}"
        )
        found[told] = f"a {colours[0]} {shapes[0]} {place} a {colours[1]} {shapes[1]}"
    return [(left, right.replace("a orange", "an orange")) for left, right in found.items()]


def lines(pairs):
    return "".join(
        json.dumps({"query": left, "passage": right}, ensure_ascii=False) + "\n" for left, right in pairs
    )


if __name__ == "__main__":
    FILE.write_text(lines(captions(400)), encoding="utf-8")
