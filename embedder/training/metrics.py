"""The figures that training watches and the card states; the full evaluation is the ``eval`` package's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Values = NDArray[np.float64]
RESAMPLES = 2000


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


def ndcg_values(rank: NDArray[np.int64]) -> Values:
    """nDCG@10 of each query with one relevant document: 1 / log2(1 + rank) within the first ten, else 0."""
    return np.where(rank <= 10, 1 / np.log2(1.0 + rank), 0.0)


def ndcg_at_10(rank: NDArray[np.int64]) -> float:
    """The mean of :func:`ndcg_values`."""
    return float(ndcg_values(rank).mean())


def interval(values: Values, seed: int = 0) -> list[float]:
    """Mean with its 95% percentile bootstrap interval over the values: [mean, low, high], to four digits.

    Args:
        values: (n,) one per query or picture; differences of two systems for a paired interval.
        seed: of the resampling.
    """
    picks = np.random.default_rng((seed, 17)).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(values[picks].mean(axis=1), (0.025, 0.975))
    return [round(float(value), 4) for value in (values.mean(), low, high)]


def principal_axes(vectors: Floats, count: int) -> Floats:
    """The first `count` right singular vectors of (n, d) rows, (d, count): PCA without centring."""
    rows = unit(vectors)
    values, axes = np.linalg.eigh(rows.T @ rows)
    return axes[:, np.argsort(values)[::-1][:count]].astype(np.float32)


def unit(vectors: Floats, dim: int | None = None) -> Floats:
    """Rows cut to `dim` components and scaled to unit length, float32."""
    cut = vectors[:, :dim].astype(np.float32)
    return cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-12)
