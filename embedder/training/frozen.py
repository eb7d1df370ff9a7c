"""Frozen vectors of many pairs: what each side of an adapter's batch must find its other half among.

Thousands of negatives for the price of one pass before training. They stay where the base model has
them, so an adapter cannot win by moving everything somewhere else, as it can when both sides move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from embedder.training.batches import share_a_text
from embedder.training.losses import at_width
from embedder.training.network import Miniature
from embedder.training.pairs import PairSet
from embedder.training.text_stage import half, select, text_vectors

TEMPERATURE = 0.05


@dataclass(frozen=True)
class FrozenPairs:
    """Some pairs of a source and their vectors.

    Attributes:
        pairs: the source.
        picks: which of its pairs are here, int64 (n,).
        left: vectors of the left sides, float32 (n, hidden), not normalised.
        right: of the right sides.
    """

    pairs: PairSet
    picks: NDArray[np.int64]
    left: Tensor
    right: Tensor

    def __len__(self) -> int:
        return len(self.picks)

    def keys(self) -> Tensor:
        """What marks equal texts, int64 (n, 2)."""
        both = [keys[self.picks] for keys in (self.pairs.left_keys, self.pairs.right_keys)]
        return torch.from_numpy(np.stack(both, axis=1))

    def same(self, rows: NDArray[np.int64]) -> Tensor:
        """(rows, n) bool, True where a pair is no negative for a row: they have a text in common."""
        keys = self.keys()
        return share_a_text(keys[torch.from_numpy(rows)], keys)

    def loss(
        self, vectors: Tensor, rows: NDArray[np.int64], candidates: Tensor, dims: Sequence[int]
    ) -> Tensor:
        """Cross-entropy that each vector's own other half is the nearest of all candidates.

        Args:
            vectors: (m, hidden) of one side of the pairs `rows`, with gradients.
            rows: places in this bank, (m,).
            candidates: `left` or `right`, the side that `vectors` are not of.
            dims: Matryoshka widths; the mean over them is taken.
        """
        target = torch.from_numpy(rows)
        others = self.same(rows)
        others[torch.arange(len(rows)), target] = False
        losses = []
        for dim in dims:
            scores = at_width(vectors, dim) @ at_width(candidates, dim).T / TEMPERATURE
            losses.append(functional.cross_entropy(scores.masked_fill(others, -1e4), target))
        return torch.stack(losses).mean()


@torch.no_grad()
def freeze(network: Miniature, pairs: PairSet, count: int, tokens: int, seed: int, kept: Path) -> FrozenPairs:
    """Encode `count` pairs, drawn once, as the network has them now; texts are cut to `tokens`.

    The vectors are kept in the file `kept`, so that a run taken up again goes on with the same ones.
    """
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        return FrozenPairs(pairs, state["picks"].numpy(), state["left"], state["right"])
    rng = np.random.default_rng((seed, 10))
    picks = np.sort(rng.choice(len(pairs), min(count, len(pairs)), replace=False))
    with half():
        sides = [
            torch.from_numpy(text_vectors(network, select(rows, picks), limit=tokens))
            for rows in (pairs.left, pairs.right)
        ]
    torch.save({"picks": torch.from_numpy(picks), "left": sides[0], "right": sides[1]}, kept)
    return FrozenPairs(pairs, picks, sides[0], sides[1])
