"""Matryoshka truncation: the first components of a vector, made unit again."""

from typing import Any

import numpy as np
import numpy.typing as npt

from embedder.errors import InputError


def truncate(vectors: npt.ArrayLike, dim: int) -> npt.NDArray[np.float32]:
    """Keep the first `dim` components and scale every row to length 1.

    Matryoshka representation learning (arXiv 2205.13147) trains prefixes of a vector to be
    vectors of their own; they are compared by direction, hence the second normalisation.

    Args:
        vectors: real numbers (d,) or (n, d); they need not be unit.
        dim: a whole number from 1 to d.

    Returns:
        float32 (dim,) or (n, dim), a new array. A row whose kept part is zero stays zero;
        one that holds NaN or infinity there becomes NaN as a whole.

    Raises:
        InputError: `dim` is not a whole number from 1 to d, or `vectors` has another shape.
    """
    values = rectangular(vectors, np.float32)
    if values.ndim not in (1, 2):
        raise InputError(f"vectors have shape {values.shape}, expected (d,) or (n, d)")
    width = values.shape[-1]
    if isinstance(dim, bool) or not isinstance(dim, int | np.integer):
        raise InputError(f"dim is {dim!r}, expected a whole number from 1 to {width}")
    if not 1 <= dim <= width:
        raise InputError(f"dim is {dim}, expected a whole number from 1 to {width}, the width of the vectors")
    return unit_rows(values[..., : int(dim)])


def rectangular(vectors: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]:
    """What was given as one array.

    Args:
        vectors: numbers, or sequences of numbers of one length.
        dtype: type of the result; None keeps theirs.

    Raises:
        InputError: rows differ in width, and the first two that do are named; or these are no numbers.
    """
    try:
        values = np.asarray(vectors, dtype=dtype)
    except (ValueError, TypeError) as error:
        raise InputError(_why_no_array(vectors, error)) from None
    if values.dtype.kind not in "fiub":
        raise InputError(f"vectors cannot be read as numbers: they are {values.dtype}; give floats")
    return values


def _why_no_array(vectors: npt.ArrayLike, error: Exception) -> str:
    rows = vectors if isinstance(vectors, list | tuple) else []
    widths = [len(row) if hasattr(row, "__len__") and not isinstance(row, str) else 1 for row in rows]
    odd = next((at for at, width in enumerate(widths) if width != widths[0]), None)
    if odd is None:
        return f"vectors cannot be read as numbers: {error}"
    return (
        f"vectors have rows of different widths: row 0 has {widths[0]} numbers, row {odd} has {widths[odd]}; "
        "give vectors of one width"
    )


def unit_rows(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Rows scaled to length 1, float32 of the same shape; zero rows stay zero.

    The sum of squares is taken in float64, where no float32 row can overflow or vanish.
    A row that holds NaN or infinity becomes NaN.
    """
    values = np.asarray(values, dtype=np.float32)
    norm = np.sqrt(np.square(values, dtype=np.float64).sum(axis=-1, keepdims=True))
    norm = np.where(np.isinf(norm), np.nan, norm)
    return (values / np.where(norm == 0, 1, norm)).astype(np.float32)
