"""Which pairs train and which are held out: no side of a held-out pair is a side of a training pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedder.errors import InputError
from embedder.training.adapter_pairs import Pair, Side, known_answers

FEWEST = 8  # pairs to train with: with fewer a batch holds hardly anything to tell apart
MOST_HELD_OUT = 1000  # pairs, when they are split off; a file of its own may hold more


@dataclass(frozen=True)
class Split:
    """Pairs to train with, pairs held out, and how many were left out because they overlap with those."""

    train: tuple[Pair, ...]
    held_out: tuple[Pair, ...]
    left_out: int = 0


def split(pairs: Sequence[Pair], share: float, seed: int) -> Split:
    """Hold out about `share` of the pairs, at most a thousand.

    Pairs that share a query or a passage stay together, so that nothing held out was seen in training.

    Args:
        pairs: of one file.
        share: from 0 (none) to below 1.
        seed: of the choice.

    Raises:
        InputError: too few pairs, or so many share a side that none can be held out.
    """
    if not 0 <= share < 1:
        raise InputError(f"--val-share is {share:g}, expected from 0 to below 1")
    wanted = min(MOST_HELD_OUT, max(2, round(share * len(pairs)))) if share else 0
    if len(pairs) - wanted < FEWEST:
        raise InputError(
            f"{len(pairs)} different pairs, {wanted} of them to be held out, leave {len(pairs) - wanted} to "
            f"train with; at least {FEWEST} are needed: add pairs"
        )
    groups = connected(pairs)
    chosen: list[int] = []
    for number in np.random.default_rng((seed, 1)).permutation(len(groups)):
        if len(chosen) + len(groups[number]) <= wanted:
            chosen += groups[number]
    if share and len(chosen) < 2:
        largest = max(map(len, groups))
        raise InputError(
            f"no pairs can be held out: of {len(pairs)} pairs {largest} hang together by queries or passages "
            "they share; give other pairs with --val-pairs FILE, or go without with --val-share 0"
        )
    out = set(chosen)
    return Split(
        tuple(pair for place, pair in enumerate(pairs) if place not in out),
        tuple(pairs[place] for place in sorted(out)),
    )


def beside(pairs: Sequence[Pair], held_out: Sequence[Pair]) -> Split:
    """Pairs of a file, without those whose query is asked in `held_out` too.

    A passage may be in both: it is then part of one corpus.

    Raises:
        InputError: fewer than eight are left.
    """
    asked = {pair.query for pair in held_out}
    kept = tuple(pair for pair in pairs if pair.query not in asked)
    if len(kept) < FEWEST:
        raise InputError(
            f"{len(kept)} of {len(pairs)} different pairs have a query that is not in --val-pairs; at least "
            f"{FEWEST} are needed to train with: add pairs"
        )
    return Split(kept, tuple(held_out), len(pairs) - len(kept))


def connected(pairs: Sequence[Pair]) -> list[list[int]]:
    """Places of the pairs in groups; two pairs that share a side, in either role, are in one group."""
    parent = list(range(len(pairs)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    seen: dict[Side, int] = {}
    for place, pair in enumerate(pairs):
        for side in (pair.query, pair.passage):
            parent[root(place)] = root(seen.setdefault(side, place))
    groups: dict[int, list[int]] = {}
    for place in range(len(pairs)):
        groups.setdefault(root(place), []).append(place)
    return list(groups.values())


@dataclass(frozen=True)
class HeldOut:
    """Held-out pairs as a search.

    Attributes:
        queries: each once.
        gallery: all passages and negatives, each once.
        relevant: for each query its places in `gallery`, ascending.
    """

    queries: tuple[Side, ...]
    gallery: tuple[Side, ...]
    relevant: tuple[tuple[int, ...], ...]


def as_search(pairs: Sequence[Pair]) -> HeldOut:
    """The queries of `pairs`, to be found among all their passages and negatives."""
    sides = [side for pair in pairs for side in (pair.passage, *pair.negatives)]
    place = {side: number for number, side in enumerate(dict.fromkeys(sides))}
    answers = known_answers(pairs)
    relevant = tuple(tuple(sorted(place[side] for side in found)) for found in answers.values())
    return HeldOut(tuple(answers), tuple(place), relevant)
