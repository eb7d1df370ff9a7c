"""Other ways to make vectors narrower, for comparison with cutting them.

A principal component analysis and a random projection are rotations of which the first dimensions
are kept. So each is fitted once, and the sweep over the rotated vectors gives all widths in one pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from embedder.errors import InputError
from eval.blocks import Corpus, Reader
from eval.ranking import Matrix

Table: TypeAlias = npt.NDArray[np.float64]

_ROWS = 4096  # rotated at a time


@dataclass(frozen=True, eq=False)
class Rotation:
    """A map of vectors to others whose first dimensions matter most, or none more than another.

    Attributes:
        mean: taken off first, float64 (d,).
        axes: orthonormal columns, float64 (d, width).
    """

    mean: Table
    axes: Table

    def apply(self, rows: Matrix) -> Matrix:
        """Rotated vectors of (n, d): float32 (n, width), not normalised.

        Computed in float64, so that equal vectors stay equal wherever they are.
        """
        return ((rows - self.mean) @ self.axes).astype(np.float32)

    def over(self, corpus: Corpus) -> "Rotated":
        """The rotated corpus, block by block, as often as it is read."""
        return Rotated(self, corpus)


@dataclass(frozen=True, eq=False)
class Rotated:
    """A corpus that is rotated as it is read."""

    rotation: Rotation
    corpus: Corpus

    def __iter__(self) -> Iterator[Matrix]:
        blocks = [self.corpus] if isinstance(self.corpus, np.ndarray) else self.corpus
        for block in blocks:
            for start in range(0, len(block), _ROWS):
                yield self.rotation.apply(block[start : start + _ROWS])


def principal_axes(corpus: Corpus, documents: int, dim: int, width: int) -> Rotation:
    """Principal component analysis of a corpus: the first axes keep most of its variance.

    Pearson 1901; computed from the covariance in float64, read in one pass.

    Args:
        corpus: float32 vectors (n, d), blockwise.
        documents: n, 1 or more.
        dim: d.
        width: axes to keep, from 1 to d. Every narrower width is the first of them.

    Raises:
        InputError: no document, a width out of range, or vectors that do not fit.
    """
    _check_width(width, dim)
    if documents < 1:
        raise InputError("principal axes need one document or more")
    total, products = np.zeros(dim), np.zeros((dim, dim))
    for chunk in Reader(corpus, dim, documents):
        rows = chunk.rows.astype(np.float64)
        total += rows.sum(axis=0)
        products += rows.T @ rows
    mean = total / documents
    _, axes = np.linalg.eigh(products / documents - np.outer(mean, mean))  # ascending
    axes = axes[:, ::-1][:, :width]
    # Either sign is right; the largest entry is made positive, so that every machine gives the same.
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(width)]
    return Rotation(mean, axes * np.sign(largest))


def random_axes(dim: int, width: int, seed: int = 0) -> Rotation:
    """A random rotation: its first axes keep distances as well as any axes chosen without looking.

    Johnson and Lindenstrauss 1984; orthonormal axes of a Gaussian matrix are drawn evenly from all
    (Mezzadri 2007, arXiv math-ph/0609050).

    Args:
        dim: of the vectors.
        width: axes to draw, from 1 to dim. Every narrower width is the first of them.
        seed: of the draw.

    Raises:
        InputError: a width out of range.
    """
    _check_width(width, dim)
    axes, triangle = np.linalg.qr(np.random.default_rng(seed).standard_normal((width, dim)).T)
    return Rotation(np.zeros(dim), axes * np.sign(np.diag(triangle)))


def _check_width(width: int, dim: int) -> None:
    if not 1 <= width <= dim:
        raise InputError(f"width is {width}, expected 1 to {dim}, the width of the vectors")
