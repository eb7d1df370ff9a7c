"""Scores between vectors: pure numpy, float32 in and out.

Zero rows: their cosine with anything is 0, because they have no direction.
NaN and infinity: a vector that holds one is refused with its row number, since a single
NaN would otherwise order a whole ranking at random.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from embedder.errors import InputError
from embedder.truncation import rectangular, unit_rows

Matrix: TypeAlias = npt.NDArray[np.float32]

_BLOCK = 2**18  # scores held at a time by max_sim: 1 MB, which stays in a core's cache


def cosine(a: npt.ArrayLike, b: npt.ArrayLike) -> Matrix:
    """Cosine of the angle between each row of `a` and each row of `b`.

    Args:
        a: (d,) or (n, d).
        b: (d,) or (m, d); a single vector counts as one row.

    Returns:
        float32 (n, m) from -1 to 1; 0 where either row is zero.

    Raises:
        InputError: the widths differ, a shape is another, or a value is not finite.
    """
    left, right = _pair(a, b)
    return np.clip(unit_rows(left) @ unit_rows(right).T, -1, 1)


def dot(a: npt.ArrayLike, b: npt.ArrayLike) -> Matrix:
    """Inner product of each row of `a` with each row of `b`.

    For unit rows this is the cosine. Shapes and errors as for `cosine`; float32 (n, m).
    """
    left, right = _pair(a, b)
    return left @ right.T


def euclidean(a: npt.ArrayLike, b: npt.ArrayLike) -> Matrix:
    """Euclidean distance between each row of `a` and each row of `b`: smaller is nearer.

    Computed as sqrt(|a|^2 + |b|^2 - 2ab) in float64, and by plain differences for the few
    pairs so near to each other that even there most digits would cancel. So a vector is at
    distance 0 from itself. Shapes and errors as for `cosine`.

    Returns:
        float32 (n, m), 0 or more.
    """
    left, right = (side.astype(np.float64) for side in _pair(a, b))
    scale = (left**2).sum(1)[:, None] + (right**2).sum(1)[None]  # (n, m)
    squared = scale - 2 * (left @ right.T)
    near = squared <= 1e-6 * scale
    for row in np.flatnonzero(near.any(axis=1)):
        squared[row, near[row]] = ((right[near[row]] - left[row]) ** 2).sum(axis=1)
    return np.sqrt(squared).astype(np.float32)


def max_sim(queries: Sequence[npt.ArrayLike], documents: Sequence[npt.ArrayLike]) -> Matrix:
    """Late interaction (ColBERT, arXiv 2004.12832): sum over query tokens of the best document token.

    Args:
        queries: q arrays of shape (tokens_i, d), at least one token each; lengths may differ.
        documents: m arrays of shape (tokens_j, d), at least one token each.

    Returns:
        float32 (q, m). With unit token vectors a score is at most the number of query tokens.

    Raises:
        InputError: an item is empty, has another width, or holds NaN or infinity.
    """
    left, right = _token_lists(queries, "query"), _token_lists(documents, "document")
    scores = np.zeros((len(left), len(right)), dtype=np.float32)
    if not left or not right:
        return scores
    if left[0].shape[1] != right[0].shape[1]:
        raise InputError(f"queries have width {left[0].shape[1]}, documents {right[0].shape[1]}")
    tokens = np.concatenate(left)  # (all query tokens, d)
    starts = np.cumsum([0, *(len(item) for item in left[:-1])])
    for first, last in _blocks([len(item) for item in right], len(tokens)):
        edges = np.cumsum([0, *(len(item) for item in right[first : last - 1])])
        products = tokens @ np.concatenate(right[first:last]).T  # (query tokens, tokens of these documents)
        best = np.maximum.reduceat(products, edges, axis=1)  # (query tokens, documents)
        scores[:, first:last] = np.add.reduceat(best, starts, axis=0, dtype=np.float64)
    return scores


def softmax(scores: npt.ArrayLike, temperature: float = 0.07) -> Matrix:
    """Scores as shares that sum to 1 along the last axis.

    The default temperature is the one CLIP starts from (arXiv 2103.00020). The largest
    score is subtracted first, so that no exponential overflows.

    Args:
        scores: any shape with at least one axis; minus infinity gets the share 0.
        temperature: above 0; small ones favour the best.

    Returns:
        float32 of the same shape. A row of minus infinities alone gets equal shares.

    Raises:
        InputError: the temperature is not above 0, or a score is NaN or plus infinity.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not (np.isfinite(temperature) and temperature > 0):
        raise InputError(f"temperature is {temperature}, expected a finite number above 0")
    if values.ndim == 0:
        raise InputError("scores have shape (), expected at least one axis")
    if np.isnan(values).any() or np.isposinf(values).any():
        raise InputError("scores hold NaN or plus infinity; softmax is not defined there")
    if values.size == 0:
        return values.astype(np.float32)
    peak = values.max(axis=-1, keepdims=True)
    shifted = np.where(np.isneginf(peak), 0, values - np.where(np.isneginf(peak), 0, peak))
    powers = np.exp(shifted / temperature)
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def _pair(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[Matrix, Matrix]:
    left, right = _rows(a, "a"), _rows(b, "b")
    if left.shape[1] != right.shape[1]:
        raise InputError(
            f"vectors of width {left.shape[1]} and of width {right.shape[1]} cannot be compared; "
            "encode or truncate both to the same width"
        )
    return left, right


def _rows(values: npt.ArrayLike, name: str) -> Matrix:
    try:
        rows = rectangular(values, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is not an array of numbers of one width: {error}") from None
    if rows.ndim not in (1, 2):
        raise InputError(f"{name} has shape {rows.shape}, expected (d,) or (n, d)")
    rows = rows.reshape(-1, rows.shape[-1]) if rows.shape[-1] else rows.reshape(len(rows), 0)
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise InputError(f"{name} holds NaN or infinity, first in row {int(np.argmin(finite))}")
    return rows


def _token_lists(items: Sequence[npt.ArrayLike], kind: str) -> list[Matrix]:
    if isinstance(items, np.ndarray) and items.ndim == 2:
        raise InputError(f"{kind} tokens of shape {items.shape} are one item: give a list of such arrays")
    arrays = [_rows(item, f"{kind} {index}") for index, item in enumerate(items)]
    for index, (item, array) in enumerate(zip(items, arrays, strict=True)):
        if np.ndim(item) != 2 or not len(array):
            raise InputError(
                f"{kind} {index} has shape {np.shape(item)}, expected (tokens, d) with tokens >= 1"
            )
        if array.shape[1] != arrays[0].shape[1]:
            raise InputError(f"{kind} {index} has width {array.shape[1]}, {kind} 0 has {arrays[0].shape[1]}")
    return arrays


def _blocks(lengths: list[int], tokens: int) -> list[tuple[int, int]]:
    """Ranges of documents whose products with all query tokens fit in `_BLOCK` scores, one at least."""
    blocks, first, used = [], 0, 0
    for index, length in enumerate(lengths):
        if index > first and (used + length) * tokens > _BLOCK:
            blocks.append((first, index))
            first, used = index, 0
        used += length
    blocks.append((first, len(lengths)))
    return blocks
