"""Scenes of one or two coloured shapes: what they are, how people tell them, how a telling goes wrong.

A scene is data only; :mod:`embedder.training.renderers` draws it. Everything random
comes from the ``numpy`` generator that the caller hands in, so a seed repeats a scene.

Example:
    >>> rng = np.random.default_rng(0)
    >>> scene = sample_scene(rng)
    >>> picture = renderers.draw(scene, 224, rng)
    >>> right, wrong = caption(scene, rng), [caption(other, rng) for other in hard_negatives(scene).values()]
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 35),
    "green": (35, 155, 60),
    "blue": (35, 75, 215),
    "yellow": (245, 215, 35),
    "orange": (245, 135, 25),
    "purple": (130, 45, 165),
    "pink": (250, 140, 185),
    "brown": (125, 75, 35),
    "black": (18, 18, 20),
    "white": (250, 250, 248),
    "grey": (135, 135, 138),
    "cyan": (40, 205, 215),
}
"""Colour names and the 8-bit sRGB value in the middle of what each name covers."""

SHAPES = (
    "circle", "square", "triangle", "star", "cross", "diamond",
    "heart", "pentagon", "hexagon", "ring", "rectangle", "oval",
)  # fmt: skip

COLOUR_WORDS = {"purple": ("violet",), "grey": ("gray",), "cyan": ("turquoise",)}
SHAPE_WORDS = {
    "circle": ("disc", "dot"),
    "square": ("box",),
    "cross": ("plus sign", "plus"),
    "diamond": ("rhombus",),
    "ring": ("donut", "hollow circle"),
    "oval": ("ellipse",),
}
"""Other words for a name; :func:`caption` uses them now and then."""

RELATIONS = ("above", "below", "left", "right")
INVERSE = {"above": "below", "below": "above", "left": "right", "right": "left"}
OTHER_AXIS = {"above": "left", "below": "right", "left": "above", "right": "below"}

RELATION_WORDS = {
    "above": ("above", "over", "on top of", "higher than"),
    "below": ("below", "under", "beneath", "underneath", "lower than"),
    "left": ("left of", "to the left of", "on the left of", "on the left side of"),
    "right": ("right of", "to the right of", "on the right of", "on the right side of"),
}
PLACE_WORDS = {
    "above": ("at the top", "on top", "in the upper half"),
    "below": ("at the bottom", "below", "in the lower half"),
    "left": ("on the left", "on the left side", "at the left"),
    "right": ("on the right", "on the right side", "at the right"),
}


@dataclass(frozen=True)
class Thing:
    """One coloured shape; `colour` is a key of ``COLOURS`` and `shape` one of ``SHAPES``."""

    colour: str
    shape: str


@dataclass(frozen=True)
class Scene:
    """One thing alone, or `first` standing in `relation` to `second` ("first above second")."""

    first: Thing
    relation: str | None = None
    second: Thing | None = None

    def mirrored(self) -> Scene:
        """The same picture told from the second thing's side; a scene of one thing is its own mirror."""
        if self.second is None or self.relation is None:
            return self
        return Scene(self.second, INVERSE[self.relation], self.first)

    def canonical(self) -> Scene:
        """The one of the two tellings that uses "above" or "left": equal pictures compare equal."""
        return self.mirrored() if self.relation in ("below", "right") else self


THINGS = tuple(Thing(colour, shape) for colour, shape in product(COLOURS, SHAPES))


def sample_scene(
    rng: np.random.Generator, *, things: int | None = None, allowed: tuple[Thing, ...] = THINGS
) -> Scene:
    """Draw a scene of one (one time in ten) or two different things.

    Args:
        rng: source of randomness.
        things: 1 or 2 to fix the number.
        allowed: the coloured shapes to choose from, at least two.
    """
    count = things or (1 if rng.random() < 0.1 else 2)
    first, second = (allowed[i] for i in rng.choice(len(allowed), 2, replace=False))
    if count == 1:
        return Scene(first)
    return Scene(first, str(rng.choice(RELATIONS)), second)


def all_scenes(allowed: tuple[Thing, ...] = THINGS) -> list[Scene]:
    """Every different picture of one or two different things, as canonical scenes.

    For n things that is n + 2 n (n - 1): 144 things give 41,328 scenes.
    """
    pairs = [(a, b) for a in allowed for b in allowed if a != b]
    return [Scene(a) for a in allowed] + [Scene(a, r, b) for r in ("above", "left") for a, b in pairs]


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def noun(thing: Thing, rng: np.random.Generator | None = None, *, synonyms: float = 0.2) -> str:
    """Words for a thing, "red circle"; with `rng`, each word is a synonym with chance `synonyms`."""
    colour, shape = thing.colour, thing.shape
    if rng is not None:
        if colour in COLOUR_WORDS and rng.random() < synonyms:
            colour = _pick(rng, COLOUR_WORDS[colour])
        if shape in SHAPE_WORDS and rng.random() < synonyms:
            shape = _pick(rng, SHAPE_WORDS[shape])
    return f"{colour} {shape}"


def article(words: str) -> str:
    """The words with "a" or "an" before them."""
    return ("an " if words[0] in "aeiou" else "a ") + words


_SINGLE = (
    "{a}", "{A}", "there is {a}", "a picture of {a}", "an image of {a}", "{n}", "one {n}", "a single {n}",
    "a drawing of {a}", "the picture shows {a}", "only {a}",
)  # fmt: skip
_PAIR = (
    "{a} {rel} {b}", "{a} {rel} {b}", "{a} {rel} {b}", "{a} is {rel} {b}", "the {n} is {rel} the {m}",
    "there is {a} {rel} {b}", "{n} {rel} {m}", "{a} {rel} the {m}", "a picture of {a} {rel} {b}",
    "an image of {a} {rel} {b}", "an image with {a} {rel} {b}", "a drawing of {a} {rel} {b}",
    "the picture shows {a} {rel} {b}", "we see {a} {rel} {b}", "the {n} {rel} the {m}",
    "{rel} {b} there is {a}", "{rel} the {m} is {a}", "there is {a}, and it is {rel} {b}",
)  # fmt: skip
_PLACES = (
    "{a} {pa} and {b} {pb}", "{pa} {a}, {pb} {b}", "{pa} is {a} and {pb} is {b}",
    "{pa} there is {a}, {pb} there is {b}", "{n} {pa}, {m} {pb}",
)  # fmt: skip


def caption(scene: Scene, rng: np.random.Generator | None = None, *, plain: bool = False) -> str:
    """Describe a scene in English.

    Args:
        scene: what to describe.
        rng: chooses wording and from whose side the scene is told; without it the
            plainest sentence is given: "a red circle above a blue square".
        plain: keep the plainest sentence pattern and words, but let `rng` choose the side.
    """
    if rng is not None and rng.random() < 0.5:
        scene = scene.mirrored()
    if rng is None or plain:
        return _plain(scene)
    n = noun(scene.first, rng)
    words = {"n": n, "a": article(n), "A": article(n).capitalize()}
    if scene.second is None or scene.relation is None:
        return _pick(rng, _SINGLE).format(**words)
    m = noun(scene.second, rng)
    words |= {"m": m, "b": article(m), "rel": _pick(rng, RELATION_WORDS[scene.relation])}
    words |= {
        "pa": _pick(rng, PLACE_WORDS[scene.relation]),
        "pb": _pick(rng, PLACE_WORDS[INVERSE[scene.relation]]),
    }
    sentence = _pick(rng, _PLACES if rng.random() < 0.2 else _PAIR).format(**words)
    return _punctuate(sentence, rng)


def _plain(scene: Scene) -> str:
    first = article(noun(scene.first))
    if scene.second is None or scene.relation is None:
        return first
    return f"{first} {RELATION_WORDS[scene.relation][0]} {article(noun(scene.second))}"


def _punctuate(sentence: str, rng: np.random.Generator) -> str:
    """Capitals and a full stop now and then: people write both ways."""
    if rng.random() < 0.25:
        sentence = sentence[0].upper() + sentence[1:]
    return sentence + "." if rng.random() < 0.2 else sentence


def hard_negatives(scene: Scene, rng: np.random.Generator | None = None) -> dict[str, Scene]:
    """Scenes that are wrong for the picture by one thing, by the name of the mistake.

    For two things: "relation" (reversed), "axis" (beside instead of above), "colours"
    and "shapes" (swapped, left out where both are the same), "colour" and "shape" (one
    of them changed). For one thing: "colour" and "shape". Without `rng` the changed
    attribute is the next one in the list of names.
    """
    wrong = {"colour": _recoloured(scene, rng), "shape": _reshaped(scene, rng)}
    first, second, relation = scene.first, scene.second, scene.relation
    if second is None or relation is None:
        return wrong
    pair = {
        "relation": Scene(first, INVERSE[relation], second),
        "axis": Scene(first, OTHER_AXIS[relation], second),
    }
    if first.colour != second.colour:
        pair["colours"] = Scene(
            Thing(second.colour, first.shape), relation, Thing(first.colour, second.shape)
        )
    if first.shape != second.shape:
        pair["shapes"] = Scene(Thing(first.colour, second.shape), relation, Thing(second.colour, first.shape))
    same = scene.canonical()
    return {name: other for name, other in (pair | wrong).items() if other.canonical() != same}


def _other(value: str, names: tuple[str, ...], rng: np.random.Generator | None) -> str:
    step = 1 if rng is None else int(rng.integers(1, len(names)))
    return names[(names.index(value) + step) % len(names)]


def _recoloured(scene: Scene, rng: np.random.Generator | None) -> Scene:
    if scene.second is not None and rng is not None and rng.random() < 0.5:
        second = Thing(_other(scene.second.colour, tuple(COLOURS), rng), scene.second.shape)
        return Scene(scene.first, scene.relation, second)
    first = Thing(_other(scene.first.colour, tuple(COLOURS), rng), scene.first.shape)
    return Scene(first, scene.relation, scene.second)


def _reshaped(scene: Scene, rng: np.random.Generator | None) -> Scene:
    if scene.second is not None and rng is not None and rng.random() < 0.5:
        second = Thing(scene.second.colour, _other(scene.second.shape, SHAPES, rng))
        return Scene(scene.first, scene.relation, second)
    first = Thing(scene.first.colour, _other(scene.first.shape, SHAPES, rng))
    return Scene(first, scene.relation, scene.second)
