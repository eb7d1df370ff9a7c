"""The three figures that training watches; the full evaluation lives in the ``eval`` package."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def ranks(
    queries: Floats, documents: Floats, relevant: NDArray[np.int64], *, chunk: int = 1024
) -> NDArray[np.int64]:
    """Rank (from 1) of each query's one relevant document by inner product; ties count against it.

    Args:
        queries: (q, d) unit rows.
        documents: (n, d) unit rows.
        relevant: (q,) row of `documents` that answers each query.
        chunk: queries scored at a time.
    """
    found = []
    for start in range(0, len(queries), chunk):
        scores = queries[start : start + chunk] @ documents.T  # (chunk, n)
        own = scores[np.arange(len(scores)), relevant[start : start + chunk]]
        found.append((scores >= own[:, None]).sum(1))
    return np.concatenate(found)


def ndcg_at_10(rank: NDArray[np.int64]) -> float:
    """nDCG@10 with one relevant document per query: 1 / log2(1 + rank) within the first ten, else 0."""
    return float(np.where(rank <= 10, 1 / np.log2(1.0 + rank), 0.0).mean())


def recall_at(rank: NDArray[np.int64], k: int) -> float:
    """Share of queries whose document is among the first `k`."""
    return float((rank <= k).mean())


def unit(vectors: Floats, dim: int | None = None) -> Floats:
    """Rows cut to `dim` components and scaled to unit length, float32."""
    cut = vectors[:, :dim].astype(np.float32)
    return cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-12)
