"""Scores of all widths in one pass: products of slices, added up.

The product of the first 256 dimensions is that of the first 128 plus that of the next 128. So
every width together costs one product at full width, and squared lengths add up in the same way:
a cosine at any width is the sum so far over the two lengths so far.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from embedder.quantization import Quantizer, VectorPrecision
from embedder.truncation import truncate
from eval.ranking import Matrix, Rows

Scales: TypeAlias = npt.NDArray[np.float64]
Vectors: TypeAlias = npt.NDArray[np.floating]


class Kind(StrEnum):
    """How two vectors are compared."""

    COSINE = "cosine"
    SCALED = "scaled"  # both sides int8 or uint8
    SCALED_ASYMMETRIC = "scaled, float queries"
    SIGNS = "signs"  # both sides binary or ubinary
    SIGNS_ASYMMETRIC = "signs, float queries"


@dataclass(frozen=True)
class Stage:
    """One search: a comparison at a width."""

    kind: Kind
    dim: int


@dataclass(frozen=True, eq=False)
class Side:
    """Vectors, and for each width what makes their products scores.

    Attributes:
        values: float32 (n, d).
        scales: width -> float64 (n,).
    """

    values: Matrix
    scales: Mapping[int, Scales]


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores of one or two kinds that compare with the same documents' vectors.

    Attributes:
        dims: ascending widths.
        queries: the queries as each kind sees them.
        documents: makes of float vectors (n, d) what the queries are compared with.
    """

    dims: Sequence[int]
    queries: Mapping[Kind, Side]
    documents: Callable[[Vectors], Side]

    def scores(self, documents: Side, lines: slice | Rows) -> Iterator[tuple[Stage, Matrix]]:
        """Scores of some queries with prepared documents: float32 (lines, documents) for each stage.

        The order in which a matrix product sums depends on a row's place, so that even equal
        documents may differ in the last bits.
        """
        for kind, queries in self.queries.items():
            total: Matrix | None = None
            for start, dim in itertools.pairwise([0, *self.dims]):
                part = queries.values[lines, start:dim] @ documents.values[:, start:dim].T
                total = part if total is None else np.add(total, part, out=total)
                scores = total * documents.scales[dim].astype(np.float32)
                scores *= queries.scales[dim][lines].astype(np.float32)[:, None]
                yield Stage(kind, dim), scores

    def pairs(self, stage: Stage, lines: Rows, rows: Matrix) -> Matrix:
        """Scores of single pairs, summed in float64, the same wherever the document lies.

        Args:
            stage: one of this scorer's.
            lines: query of each pair, int64 (p,).
            rows: the document's float vector of each pair, (p, dim) or wider.

        Returns:
            float32 (p,).
        """
        queries, dim = self.queries[stage.kind], stage.dim
        documents = self.documents(rows[:, :dim].astype(np.float64))
        left = queries.values[lines, :dim].astype(np.float64)
        dots = np.vecdot(left, documents.values[:, :dim].astype(np.float64))
        return (dots * documents.scales[dim] * queries.scales[dim][lines]).astype(np.float32)

    def serves(self, stage: Stage) -> bool:
        """Whether the stage is one of this scorer's."""
        return stage.kind in self.queries and stage.dim in self.dims


def scorers(queries: Matrix, stages: Sequence[Stage], quantizers: Mapping[int, Quantizer]) -> list[Scorer]:
    """What computes the scores of all stages.

    Args:
        queries: float32 (q, d).
        stages: the searches wanted.
        quantizers: int8, fitted on the corpus, for each width of the scaled stages.
    """
    found, exact = [], queries.astype(np.float64)
    if dims := _dims(stages, Kind.COSINE):
        cosine = {Kind.COSINE: unit_side(exact, dims)}
        found.append(Scorer(dims, cosine, partial(unit_side, dims=dims)))
    if dims := _dims(stages, Kind.SIGNS, Kind.SIGNS_ASYMMETRIC):
        sides = {Kind.SIGNS: signs_side(queries, dims), Kind.SIGNS_ASYMMETRIC: unit_side(exact, dims)}
        found.append(Scorer(dims, _asked(sides, stages), partial(signs_side, dims=dims)))
    for dim in _dims(stages, Kind.SCALED, Kind.SCALED_ASYMMETRIC):
        codes = partial(scaled_side, quantizer=quantizers[dim])
        sides = {Kind.SCALED: codes(queries), Kind.SCALED_ASYMMETRIC: _plain_side(truncate(queries, dim))}
        found.append(Scorer([dim], _asked(sides, stages), codes))
    return found


def unit_side(rows: Vectors, dims: Sequence[int]) -> Side:
    """Float vectors; the scales are one over their length at each width, 0 for a zero vector.

    Lengths are computed in the precision of `rows`.
    """
    squares = np.zeros(len(rows))
    scales = {}
    for start, dim in itertools.pairwise([0, *dims]):
        part = rows[:, start:dim]
        squares += np.vecdot(part, part)
        lengths = np.sqrt(squares)
        scales[dim] = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return Side(rows.astype(np.float32, copy=False), scales)


def signs_side(rows: Vectors, dims: Sequence[int]) -> Side:
    """What binary codes stand for: +1 and -1, of length sqrt(width) at each width.

    Sums of them are whole numbers, so that equal Hamming distances give equal scores.
    """
    quantizer = Quantizer(VectorPrecision.BINARY, rows.shape[1])
    signs = np.sign(quantizer.dequantize(quantizer.quantize(rows)))
    return Side(signs, {dim: np.full(len(rows), dim**-0.5) for dim in dims})


def scaled_side(rows: Vectors, quantizer: Quantizer) -> Side:
    """What the codes of vectors, truncated to the quantizer's width, stand for."""
    return _plain_side(quantizer.dequantize(quantizer.quantize(truncate(rows, quantizer.dim))))


def _plain_side(rows: Matrix) -> Side:
    """Vectors whose products are scores as they are."""
    return Side(rows, {rows.shape[1]: np.ones(len(rows))})


def _dims(stages: Sequence[Stage], *kinds: Kind) -> list[int]:
    return sorted({stage.dim for stage in stages if stage.kind in kinds})


def _asked(sides: Mapping[Kind, Side], stages: Sequence[Stage]) -> dict[Kind, Side]:
    """The sides of kinds that a stage asks for."""
    return {kind: side for kind, side in sides.items() if _dims(stages, kind)}
