"""Sizes: one thing that is small or large in its picture, or a small and a large one in relation.

A sized scene is data only, as a scene is; :func:`draw_sized_placed` draws it in the styles of training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedder.training.renderers import Drawing, Style, draw_things
from embedder.training.scenes import (
    RELATION_WORDS,
    THINGS,
    Scene,
    Thing,
    article,
    hard_negatives,
    noun,
    sample_scene,
)
from embedder.training.shapes import Points

SMALL, LARGE = "small", "large"
SIZE_WORDS = {SMALL: ("small", "small", "little", "tiny"), LARGE: ("large", "large", "big", "huge")}
OTHER = {SMALL: LARGE, LARGE: SMALL}
ALONE = {SMALL: (0.06, 0.12), LARGE: (0.29, 0.4)}
BESIDE = {SMALL: (0.06, 0.11), LARGE: (0.19, 0.27)}
"""Radii of a thing alone, and of one beside another, as fractions of the picture's side."""
ROOM = 1.15  # a thing reaches as far as its radius times this, corners and tilt included

_ALONE = ("{a}", "{a}", "a picture of {a}", "there is {a}", "an image of {a}", "{n}", "the picture shows {a}")
_BESIDE = ("{a} {rel} {b}", "{a} {rel} {b}", "{n} {rel} {m}", "a picture of {a} {rel} {b}",
           "there is {a} {rel} {b}", "the {n} is {rel} the {m}")  # fmt: skip


@dataclass(frozen=True)
class Sized:
    """A scene of one or two things, and the size of the first; a second thing has the other size."""

    scene: Scene
    first: str

    @property
    def sizes(self) -> tuple[str, ...]:
        """For each thing "small" or "large"."""
        return (self.first,) if self.scene.second is None else (self.first, OTHER[self.first])

    @property
    def things(self) -> tuple[Thing, ...]:
        """First and, where there is one, second."""
        second = self.scene.second
        return (self.scene.first,) if second is None else (self.scene.first, second)

    def mirrored(self) -> Sized:
        """The same picture told from the second thing's side."""
        return self if self.scene.second is None else Sized(self.scene.mirrored(), OTHER[self.first])


def single_sizes() -> list[Sized]:
    """Every thing alone, small and large: 2 x 144."""
    return [Sized(Scene(thing), size) for size in (SMALL, LARGE) for thing in THINGS]


def sample_pair(rng: np.random.Generator) -> Sized:
    """A small and a large thing in some relation."""
    return Sized(sample_scene(rng, things=2), SMALL if rng.random() < 0.5 else LARGE)


def wrong_sizes(sized: Sized, rng: np.random.Generator | None = None) -> dict[str, Sized]:
    """The mistake "sizes", every size being the other one, and those of :func:`scenes.hard_negatives`."""
    others = {name: Sized(scene, sized.first) for name, scene in hard_negatives(sized.scene, rng).items()}
    return {"sizes": Sized(sized.scene, OTHER[sized.first])} | others


def tell(sized: Sized, rng: np.random.Generator | None = None) -> str:
    """Describe it: "a small red circle above a large blue square".

    Args:
        sized: what to describe.
        rng: chooses words, pattern and side; without it the plainest sentence is given.
    """
    if rng is not None and rng.random() < 0.5:
        sized = sized.mirrored()
    words = [_noun(thing, size, rng) for thing, size in zip(sized.things, sized.sizes, strict=True)]
    names = dict(zip("nm", words, strict=False)) | dict(zip("ab", map(article, words), strict=False))
    if sized.scene.relation is None:
        return (_ALONE[0] if rng is None else str(rng.choice(_ALONE))).format(**names)
    known = RELATION_WORDS[sized.scene.relation]
    relation = known[0] if rng is None else str(rng.choice(known))
    return (_BESIDE[0] if rng is None else str(rng.choice(_BESIDE))).format(rel=relation, **names)


def _noun(thing: Thing, size: str, rng: np.random.Generator | None) -> str:
    return f"{size if rng is None else rng.choice(SIZE_WORDS[size])} {noun(thing, rng)}"


def draw_sized_placed(
    sized: Sized, size: int | tuple[int, int], rng: np.random.Generator, style: Style | None = None
) -> Drawing:
    """Draw it, and say where the things came to stand; arguments as for ``renderers.draw``."""

    def layout(radii: list[float], style: Style) -> tuple[list[float], Points]:
        ranges = ALONE if len(radii) == 1 else BESIDE
        radii = [float(rng.uniform(*ranges[one])) for one in sized.sizes]
        if sized.scene.relation is None:
            room = 0.49 - ROOM * radii[0]
            return radii, rng.uniform(-room, room, (1, 2))
        return radii, _in_relation(sized.scene.relation, radii, style.shift, rng)

    return draw_things(sized.things, layout, size, rng, style)


def _in_relation(relation: str, radii: list[float], shift: float, rng: np.random.Generator) -> Points:
    """Centres of two things, inside the picture and apart; across the relation at most `shift` off."""
    reach = ROOM * np.array(radii)
    if relation in ("below", "right"):
        reach = reach[::-1]
    free = 0.98 - 2 * reach.sum()
    gap, before = rng.dirichlet((1.0, 1.0, 1.0))[:2] * free
    first = -0.49 + before + reach[0]
    along = np.array([first, first + reach.sum() + gap])
    room = np.minimum(0.49 - reach, shift)
    centres = np.stack([along, rng.uniform(-room, room)], axis=1)
    if relation in ("above", "below"):
        centres = centres[:, ::-1]
    return centres[::-1] if relation in ("below", "right") else centres
