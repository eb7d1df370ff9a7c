"""What the tabs compute from cached full-width vectors: pure numpy, no model and no widgets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedder.similarity import cosine, dot, euclidean
from embedder.truncation import truncate

Array = np.ndarray[Any, np.dtype[Any]]

METRICS = {"cosine": cosine, "dot": dot, "euclidean": euclidean}
EUCLIDEAN_HINT = (
    "Cosine is the measure these vectors were trained for and the one to prefer. On vectors of length 1 "
    "Euclidean distance gives the same ranking (d² = 2 − 2·cosine), on a scale that is harder to read."
)


def pairwise(queries: Array, documents: Array, metric: str, dim: int) -> Array:
    """Scores of every query against every document after cutting both to ``dim``.

    Args:
        queries: float32 (n, full).
        documents: float32 (m, full).
        metric: "cosine", "dot" or "euclidean" (a distance: smaller is nearer).
        dim: 1 to full; both sides are cut and brought back to length 1.

    Returns:
        float32 (n, m); a row or column of NaN where the vector is missing.
    """
    if metric not in METRICS:
        raise ValueError(f"metric is {metric!r}; choose one of {', '.join(METRICS)}")
    left, right = _cut(queries, dim), _cut(documents, dim)
    result = METRICS[metric](left, right).astype(np.float32, copy=True)
    result[_missing(queries)] = np.nan
    result[:, _missing(documents)] = np.nan
    return result


def _missing(vectors: Array) -> Array:
    return np.asarray(~np.isfinite(vectors).all(axis=1))


def _cut(vectors: Array, dim: int) -> Array:
    """Truncate; a missing vector becomes a unit vector that the caller masks afterwards."""
    usable = vectors.copy()
    gone = _missing(vectors)
    usable[gone] = 0.0
    usable[gone, 0] = 1.0
    return truncate(usable, dim)


def cluster_order(vectors: Array) -> list[int]:
    """An order in which alike items are neighbours: average linkage on cosine, leaves ordered optimally.

    Missing vectors (NaN) come last. Deterministic.
    """
    gone = _missing(vectors)
    present = np.flatnonzero(~gone)
    rest = [int(i) for i in np.flatnonzero(gone)]
    if len(present) < 3:
        return [int(i) for i in present] + rest
    from scipy.cluster.hierarchy import leaves_list, linkage  # 0.3 s: only when somebody clusters
    from scipy.spatial.distance import pdist

    distances = np.clip(pdist(vectors[present].astype(np.float64), "cosine"), 0.0, None)
    leaves = leaves_list(linkage(distances, method="average", optimal_ordering=True))
    return [int(present[leaf]) for leaf in leaves] + rest


def colour_limits(values: Array, *, square: bool) -> tuple[float, float]:
    """Ends of the colour scale: the range of the cells, without the diagonal (each item with itself)."""
    cells = values[~np.eye(len(values), dtype=bool)] if square and len(values) > 1 else values.ravel()
    cells = cells[np.isfinite(cells)]
    if not cells.size:
        return 0.0, 1.0
    low, high = float(cells.min()), float(cells.max())
    return (low, high) if high - low > 1e-6 else (low - 0.5, high + 0.5)


def best_first(scores: Array, metric: str) -> list[int]:
    """Indices from best to worst, missing ones left out, ties in input order."""
    signed = scores if metric == "euclidean" else -scores
    return [int(i) for i in np.argsort(signed, kind="stable") if np.isfinite(scores[i])]


@dataclass(frozen=True)
class Hit:
    """One result: the item's index, its rank from 1, its score, its softmax share, places gained or lost."""

    item: int
    rank: int
    score: float
    share: float
    moved: int | None = None


def hits(scores: Array, metric: str, temperature: float, reference: Sequence[int] | None = None) -> list[Hit]:
    """Rank the scores of one query.

    Args:
        scores: float32 (documents,).
        metric: decides whether large or small is best.
        temperature: of the softmax over all documents; above 0.
        reference: another ranking of the same items; ``moved`` is the places gained against it.

    Returns:
        Best first.
    """
    from embedder.similarity import softmax

    order = best_first(scores, metric)
    signed = scores[order] * (-1.0 if metric == "euclidean" else 1.0)
    shares = softmax(signed[None, :], temperature=temperature)[0] if order else signed
    before = {item: rank for rank, item in enumerate(reference, start=1)} if reference is not None else {}
    return [
        Hit(
            item,
            rank,
            float(scores[item]),
            float(share),
            before[item] - rank if reference is not None else None,
        )
        for rank, (item, share) in enumerate(zip(order, shares, strict=True), start=1)
    ]


def overlap(first: Sequence[int], second: Sequence[int], k: int) -> int:
    """How many of the first ``k`` items two rankings share."""
    return len(set(first[:k]) & set(second[:k]))


def rank_correlation(first: Array, second: Array) -> float:
    """Spearman's rank correlation of two score lists of the same cells (NaN cells left out); NaN below 3."""
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < 3:
        return float("nan")
    ranks = [_average_ranks(values[both]) for values in (first, second)]
    spread = [r.std() for r in ranks]
    if min(spread) == 0:
        return float("nan")
    return float(
        ((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())).mean() / (spread[0] * spread[1])
    )


def _average_ranks(values: Array) -> Array:
    """Ranks from 0 with ties sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2.0)[inverse]


def off_diagonal(matrix: Array) -> Array:
    """The cells above the diagonal of a square matrix, as one row."""
    return matrix[np.triu_indices(len(matrix), k=1)]


def kept_length(vectors: Array, dim: int) -> Array:
    """Length of each vector's first ``dim`` values before it is brought back to 1: float32 (n,), 0 to 1."""
    return np.linalg.norm(vectors[:, :dim], axis=1).astype(np.float32)


def nearest_width(wanted: int, widths: Sequence[int]) -> int:
    """The width of ``widths`` nearest to ``wanted``; the larger of two equally near."""
    return min(widths, key=lambda width: (abs(width - wanted), -width))
