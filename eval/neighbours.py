"""How much of the neighbourhood a change of the vectors keeps, whatever is relevant."""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from embedder import similarity
from embedder.errors import InputError
from embedder.truncation import truncate
from eval.ranking import Matrix, Ranking

Values: TypeAlias = npt.NDArray[np.float64]


def overlap(full: Ranking, other: Ranking, k: int) -> Values:
    """Share of each query's k nearest documents that is among the k nearest in both rankings.

    Args:
        full: rows (queries, depth), depth k or more.
        other: of the same queries over the same corpus.
        k: neighbours, 1 or more.

    Returns:
        float64 (queries,) from 0 to 1; of as many documents as `full` has found where that is fewer
        than k, and 1 where it has found none.

    Raises:
        InputError: the numbers of queries differ, or a ranking is less deep than k.
    """
    if len(full) != len(other):
        raise InputError(f"rankings of {len(full)} and {len(other)} queries cannot be compared")
    left, right = full.top(k).rows, other.top(k).rows
    documents = 1 + max(int(left.max(initial=-1)), int(right.max(initial=-1)))
    lines = documents * np.arange(len(left))[:, None]  # so that no two queries share a number
    shared = np.isin(np.where(left < 0, -2, left + lines), np.where(right < 0, -1, right + lines)).sum(axis=1)
    found = (left >= 0).sum(axis=1)
    return np.where(found > 0, shared / np.maximum(found, 1), 1.0)


def rank_correlation(queries: Matrix, documents: Matrix, dims: Iterable[int]) -> dict[int, Values]:
    """Spearman's correlation of the order of documents at full width and at others.

    Args:
        queries: float32 (q, d).
        documents: float32 (n, d), n 2 or more: a corpus or a sample of it.
        dims: widths.

    Returns:
        For each width float64 (q,) from -1 to 1. Equal scores share a rank; a query to which all
        documents are equally near has a correlation of 0.

    Raises:
        InputError: fewer than 2 documents, or shapes or widths that do not fit.
    """
    if len(documents) < 2:
        raise InputError(f"a correlation needs 2 documents or more, there are {len(documents)}")
    full = similarity.cosine(queries, documents)
    return {
        dim: score_correlation(full, similarity.cosine(truncate(queries, dim), truncate(documents, dim)))
        for dim in dims
    }


def score_correlation(full: Matrix, other: Matrix) -> Values:
    """Spearman's correlation, query by query, of two ways of scoring the same documents.

    Args:
        full: float32 (q, n).
        other: float32 (q, n), of the same queries and documents.

    Returns:
        float64 (q,) from -1 to 1; 0 for a query to which all documents are equally near.

    Raises:
        InputError: the shapes differ.
    """
    if full.shape != other.shape:
        raise InputError(f"scores of shapes {full.shape} and {other.shape} cannot be compared")
    return order_correlation(order(full), order(other))


def order(scores: Matrix) -> Values:
    """What correlations compare: ranks around their mean, brought to length 1, float64 of the same shape.

    Worth keeping where many scores are compared with the same ones. All zeros where all scores are equal.
    """
    ranks: Values = rankdata(scores, axis=1)
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    found: Values = centred / np.where(lengths == 0, 1, lengths)
    return found


def order_correlation(full: Values, other: Values) -> Values:
    """Spearman's correlation of two results of `order`: float64 (q,) from -1 to 1."""
    correlation: Values = np.clip((full * other).sum(axis=1), -1.0, 1.0)
    return correlation
