"""Groups: several things in no relation, "two red circles" or "a red circle, a blue square and a star".

A group is data only, as a scene is; :mod:`embedder.training.group_pictures` draws it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from embedder.training.scenes import COLOURS, SHAPES, THINGS, Thing, article, noun

NUMBERS = {2: "two", 3: "three", 4: "four"}
THREE = 3  # different things of a mixed group

_COUNTED = (
    "{n}",
    "{n}",
    "a picture of {n}",
    "there are {n}",
    "an image of {n}",
    "{n} in one picture",
    "we see {n}",
)
_MIXED = (
    "{list}",
    "{list}",
    "a picture of {list}",
    "an image with {list}",
    "there is {list}",
    "we see {list}",
)


@dataclass(frozen=True)
class Group:
    """Two to four equal things, or three different ones in no order."""

    things: tuple[Thing, ...]

    @property
    def counted(self) -> bool:
        """Whether it is so many of one thing."""
        return len(set(self.things)) == 1

    def same(self, other: Group) -> bool:
        """Whether both show the same, in whatever order."""
        return Counter(self.things) == Counter(other.things)


def counted_groups() -> list[Group]:
    """Every number of every thing: 3 x 144."""
    return [Group((thing,) * number) for number in NUMBERS for thing in THINGS]


def sample_mixed(rng: np.random.Generator) -> Group:
    """Three things; colours and shapes are all different half of the time."""
    if rng.random() < 0.5:
        colours = rng.choice(list(COLOURS), THREE, replace=False)
        shapes = rng.choice(SHAPES, THREE, replace=False)
        return Group(tuple(Thing(str(c), str(s)) for c, s in zip(colours, shapes, strict=True)))
    return Group(tuple(THINGS[i] for i in rng.choice(len(THINGS), THREE, replace=False)))


def plural(words: str) -> str:
    """The last word in the plural: "red crosses"."""
    return words + ("es" if words.endswith(("s", "x")) else "s")


def caption(group: Group, rng: np.random.Generator | None = None, *, plain: bool = False) -> str:
    """Describe a group in English.

    Args:
        group: what to describe.
        rng: chooses wording and order; without it the plainest sentence in the group's own order.
        plain: keep the plainest words, but let `rng` choose the order.
    """
    varied = None if plain else rng
    if group.counted:
        words = f"{NUMBERS[len(group.things)]} {plural(noun(group.things[0], varied))}"
        return _said(_COUNTED, varied).format(n=words)
    order = range(len(group.things)) if rng is None else rng.permutation(len(group.things))
    names = [article(noun(group.things[i], varied)) for i in order]
    return _said(_MIXED, varied).format(list=", ".join(names[:-1]) + " and " + names[-1])


def _said(patterns: tuple[str, ...], rng: np.random.Generator | None) -> str:
    return patterns[0] if rng is None else patterns[int(rng.integers(len(patterns)))]


def hard_negatives(group: Group, rng: np.random.Generator) -> dict[str, Group]:
    """Groups that are wrong by one thing, by the name of the mistake.

    Of equal things "number", "colour" and "shape"; of different ones "colour" and "shape" (one of them
    changed), "colours" and "shapes" (of two things swapped), each left out where it changes nothing.
    """
    things = list(group.things)
    if group.counted:
        thing, number = things[0], len(things)
        others = [other for other in NUMBERS if other != number]
        return {
            "number": Group((thing,) * others[int(rng.integers(len(others)))]),
            "colour": Group((_recoloured(thing, rng),) * number),
            "shape": Group((_reshaped(thing, rng),) * number),
        }
    at, to = (int(i) for i in rng.choice(len(things), 2, replace=False))
    one, two = things[at], things[to]
    wrong = {
        "colour": _with(things, {at: _recoloured(one, rng)}),
        "shape": _with(things, {at: _reshaped(one, rng)}),
        "colours": _with(things, {at: Thing(two.colour, one.shape), to: Thing(one.colour, two.shape)}),
        "shapes": _with(things, {at: Thing(one.colour, two.shape), to: Thing(two.colour, one.shape)}),
    }
    return {name: other for name, other in wrong.items() if not other.same(group)}


def _with(things: list[Thing], changed: dict[int, Thing]) -> Group:
    return Group(tuple(changed.get(i, thing) for i, thing in enumerate(things)))


def _recoloured(thing: Thing, rng: np.random.Generator) -> Thing:
    others = [colour for colour in COLOURS if colour != thing.colour]
    return Thing(others[int(rng.integers(len(others)))], thing.shape)


def _reshaped(thing: Thing, rng: np.random.Generator) -> Thing:
    others = [shape for shape in SHAPES if shape != thing.shape]
    return Thing(thing.colour, others[int(rng.integers(len(others)))])
