"""Pairs and their vectors by the token table, which cost next to nothing.

A text that must find its other half among thousands of them cannot win by moving everything somewhere else;
it can where its other half moves too, so those are never mixed. They also say which pairs are close to each
other, before any training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from embedder.training.batches import share_a_text
from embedder.training.losses import at_width
from embedder.training.network import Miniature
from embedder.training.pairs import PairSet
from embedder.training.static_table import static_vectors
from embedder.training.text_stage import select

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


def table_of(network: Miniature) -> Tensor:
    """A copy of the network's token table without the constant of the exact mapping, (vocabulary, hidden)."""
    table = network.model.language_model.embed_tokens.weight.detach().clone()
    table[:, -1] = 0.0
    return table


def by_table(table: Tensor, pairs: PairSet, count: int, seed: tuple[int, ...]) -> FrozenPairs:
    """`count` pairs of a source, drawn once, and their vectors by the token table."""
    rng = np.random.default_rng(seed)
    picks = np.sort(rng.choice(len(pairs), min(count, len(pairs)), replace=False))
    left, right = (
        torch.from_numpy(static_vectors(table, select(rows, picks))) for rows in (pairs.left, pairs.right)
    )
    return FrozenPairs(pairs, picks, left, right)
