"""What a setting costs: bytes, time per query, and which settings are worth their bytes."""

import time
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from embedder.errors import InputError
from embedder.quantization import Quantizer, VectorPrecision
from embedder.truncation import truncate
from eval.ranking import Matrix
from eval.sweep import Setting

Key = TypeVar("Key", bound=Hashable)

MILLION = 1_000_000
_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Bytes:
    """Bytes of one document's vector; of a million documents' they are as many megabytes.

    Attributes:
        searched: what a search through the whole corpus reads, to be kept in memory.
        stored: that and what candidates are scored anew with, which may lie on a disk.
    """

    searched: int
    stored: int

    @property
    def searched_per_million(self) -> int:
        """Bytes to be kept in memory for a million documents."""
        return self.searched * MILLION

    @property
    def stored_per_million(self) -> int:
        """Bytes to be kept at all for a million documents."""
        return self.stored * MILLION


@dataclass(frozen=True)
class Latency:
    """Time of one query against all documents, measured.

    Attributes:
        median_ms: half of the queries took no longer, in milliseconds.
        p95_ms: nineteen of twenty took no longer.
        documents: number of documents searched.
    """

    median_ms: float
    p95_ms: float
    documents: int


def bytes_of(setting: Setting) -> Bytes:
    """Bytes of one document's vector in a setting.

    A rescored search keeps the codes and float vectors of the same width. A funnel in float32 keeps one
    vector, whose beginning is searched; a funnel in another precision keeps codes and vectors.
    """
    searched = _code_bytes(setting.precision, setting.first_dim)
    if not setting.is_refined:
        return Bytes(searched, searched)
    anew = _FLOAT_BYTES * setting.dim
    return Bytes(searched, anew if setting.precision == "float32" else searched + anew)


def late_bytes(tokens: Iterable[int], setting: Setting) -> Bytes:
    """Bytes of one document of average length as vectors of its tokens, rounded up.

    Args:
        tokens: number of tokens of each document.
        setting: width and number format of a token's vector; a rescored search keeps it in float32 too.

    Raises:
        InputError: there is no document.
    """
    counts = np.fromiter(tokens, dtype=np.int64)
    if not len(counts):
        raise InputError("the mean length of no documents is not defined")
    token, total = bytes_of(setting), int(counts.sum())
    return Bytes(-(-total * token.searched // len(counts)), -(-total * token.stored // len(counts)))


def measure_latency(
    queries: Matrix, documents: Matrix, dims: Iterable[int], k: int = 10, rounds: int = 3
) -> dict[int, Latency]:
    """Time an exact search in memory, one query at a time, at each width in float32.

    The widths take turns and each query counts by its fastest round, so that what else the machine
    does falls on all alike. Truncating and normalising the documents is not part of the time, cutting
    the query is.

    Args:
        queries: float32 (q, d), q 1 or more.
        documents: float32 (n, d), n 1 or more.
        dims: widths.
        k: documents to find.
        rounds: times that each query is searched for.

    Raises:
        InputError: there is no query or no document, rounds is below 1, or a width does not fit.
    """
    if not len(queries) or not len(documents) or rounds < 1:
        raise InputError(
            f"{len(queries)} queries, {len(documents)} documents and {rounds} rounds: expected 1 or more each"
        )
    indexes = {dim: truncate(documents, dim) for dim in dims}
    seconds = {dim: np.full(len(queries), np.inf) for dim in indexes}
    for _ in range(rounds):
        for dim, index in indexes.items():
            for place, query in enumerate(queries):
                start = time.perf_counter()
                _nearest(index, query, dim, k)
                seconds[dim][place] = min(seconds[dim][place], time.perf_counter() - start)
    return {
        dim: Latency(float(np.median(taken) * 1000), float(np.quantile(taken, 0.95) * 1000), len(documents))
        for dim, taken in seconds.items()
    }


def pareto_front(points: Mapping[Key, tuple[float, float]]) -> list[Key]:
    """The settings that no other beats: none is as good or better for as little or less.

    Args:
        points: setting -> (cost, quality). Of equals the first one stands for all.

    Returns:
        Ascending by cost, and so by quality.

    Raises:
        InputError: a number is NaN.
    """
    for key, point in points.items():
        if any(number != number for number in point):
            raise InputError(f"cost and quality of {key} are {point}, expected numbers")
    front: list[Key] = []
    best = -np.inf
    for key, (_, quality) in sorted(points.items(), key=lambda item: (item[1][0], -item[1][1])):
        if quality > best:
            front.append(key)
            best = quality
    return front


def _code_bytes(precision: VectorPrecision, dim: int) -> int:
    # The ranges of int8 belong to the index, not to a vector; any will do to ask for the size of a code.
    ranges = np.zeros(dim, dtype=np.float32)
    return Quantizer(precision, dim, ranges, ranges).bytes_per_vector


def _nearest(index: Matrix, query: Matrix, dim: int, k: int) -> None:
    scores = index @ truncate(query, dim)
    if k < len(scores):
        best = np.argpartition(scores, -k)[-k:]
        best[np.argsort(-scores[best])]
    else:
        np.argsort(-scores)
