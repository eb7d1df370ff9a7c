"""The best documents of each query, with one order for equal scores.

The order is trec_eval's, so that the same scores always give the same metrics: by score in
float32, then by document id as a string, the larger id first.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from embedder.errors import InputError

Matrix: TypeAlias = npt.NDArray[np.float32]
Rows: TypeAlias = npt.NDArray[np.int64]

Relevance: TypeAlias = Mapping[int, Mapping[int, int]]
"""Gain of each judged document: query index -> corpus row -> whole number, relevant from 1 up."""

_NOTHING = np.iinfo(np.int64).min  # a key below every document's
_MAX_DOCUMENTS = 2**32


@dataclass(frozen=True, eq=False)
class Ranking:
    """The k best documents of each query, the best first.

    Attributes:
        rows: indices into the corpus, int64 (queries, k); -1 where a query has fewer documents.
        scores: float32 (queries, k), descending; minus infinity beside a row of -1.
    """

    rows: Rows
    scores: Matrix

    def __post_init__(self) -> None:
        """Refuse what is not a ranking."""
        if self.rows.ndim != 2 or self.rows.shape != self.scores.shape:
            raise InputError(
                f"rows have shape {self.rows.shape} and scores {self.scores.shape}, "
                "expected (queries, k) on both sides"
            )
        if self.rows.dtype != np.int64 or self.scores.dtype != np.float32:
            raise InputError(
                f"rows are {self.rows.dtype} and scores {self.scores.dtype}, expected int64 and float32"
            )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def depth(self) -> int:
        """Documents kept for a query: k."""
        return int(self.rows.shape[1])

    def top(self, k: int) -> "Ranking":
        """The first k of each query: a ranking cut short is the ranking of a shorter search."""
        if not 1 <= k <= self.depth:
            raise InputError(f"k is {k}, expected 1 to {self.depth}, the depth of the ranking")
        return Ranking(self.rows[:, :k], self.scores[:, :k])


def without(ranking: Ranking, excluded: Mapping[int, int], k: int) -> Ranking:
    """A ranking with one document of some queries left out, cut to k.

    Args:
        ranking: of depth k + 1 where a document is to be left out.
        excluded: query -> corpus row.
        k: documents to keep for each query.
    """
    if not excluded:
        return ranking if ranking.depth <= k else ranking.top(k)
    stranger = np.full(len(ranking), -2, np.int64)  # no row, and not the -1 of a place that is empty
    stranger[list(excluded)] = list(excluded.values())
    out = ranking.rows == stranger[:, None]  # (queries, depth)
    order = np.argsort(out, axis=1, kind="stable")  # what is left out goes to the end
    rows, scores = (np.take_along_axis(part, order, axis=1) for part in (ranking.rows, ranking.scores))
    last = np.take_along_axis(out, order, axis=1)
    kept = Ranking(np.where(last, -1, rows), np.where(last, np.float32(-np.inf), scores))
    return kept if kept.depth <= k else kept.top(k)


class TieOrder:
    """Who comes first among documents of equal score: the larger id as a string.

    Strings are compared by code point, which is the order of their UTF-8 bytes that trec_eval uses.

    Attributes:
        place: for each corpus row its place in the ascending order of ids, int64 (documents,).
        row: the inverse: the corpus row at each place.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        """Order the ids of a corpus.

        Raises:
            InputError: an id occurs twice, or there are more than 2**32.
        """
        if len(ids) > _MAX_DOCUMENTS:
            raise InputError(f"the corpus has {len(ids):,} documents, the limit is {_MAX_DOCUMENTS:,}")
        order = sorted(range(len(ids)), key=ids.__getitem__)
        for before, after in itertools.pairwise(order):
            if ids[before] == ids[after]:
                raise InputError(f"document id {ids[after]!r} occurs twice, in rows {before} and {after}")
        self.row: Rows = np.array(order, dtype=np.int64)
        self.place: Rows = np.empty(len(ids), dtype=np.int64)
        self.place[self.row] = np.arange(len(ids), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.row)


class TopK:
    """Collects scores block by block and keeps the k best of each query, in bounded memory.

    What is kept is one whole number per document: the score's bits above the place of its id.
    Such keys are all different and sort as the tie rule says, so that the result depends neither
    on the blocks nor on their order.
    """

    def __init__(self, queries: int, k: int, ties: TieOrder) -> None:
        """Start with nothing.

        Args:
            queries: number of queries, 0 or more.
            k: documents to keep for each, 1 or more.
            ties: the order of the corpus's ids.

        Raises:
            InputError: k is below 1.
        """
        if k < 1:
            raise InputError(f"k is {k}, expected 1 or more")
        self._ties = ties
        self._k = k
        self._keys: Rows = np.full((queries, self._k), _NOTHING)
        self._least: Matrix = np.full(queries, -np.inf, dtype=np.float32)

    def add(self, scores: Matrix, first_row: int, first_query: int = 0) -> None:
        """Take in the scores of some queries with some documents; a document is added once.

        Args:
            scores: float32 (q, n), finite.
            first_row: corpus row of the first column.
            first_query: query of the first line.
        """
        count, width = scores.shape
        if not count or not width:
            return
        lines = slice(first_query, first_query + count)
        least = self._least[lines]
        if width > self._k and np.isneginf(least).any():
            # Nothing to compare with yet: the k-th best of these is the least that matters.
            kth = np.partition(scores, width - self._k, axis=1)[:, width - self._k]
            least = np.maximum(least, kth)
        line, column = np.divmod(np.flatnonzero(scores >= least[:, None]), width)  # faster than nonzero
        self._merge(lines, line, self._keys_of(scores[line, column], column + first_row))

    def add_pairs(self, scores: Matrix, rows: Rows, queries: Rows) -> None:
        """Take in scores of single pairs; a pair is added once.

        Args:
            scores: float32 (p,), finite.
            rows: corpus row of each, int64 (p,).
            queries: query of each, int64 (p,), ascending.
        """
        if len(queries):
            lines = slice(int(queries[0]), int(queries[-1]) + 1)
            self._merge(lines, queries - queries[0], self._keys_of(scores, rows))

    def ranking(self) -> Ranking:
        """What has been found so far."""
        keys = np.sort(self._keys, axis=1)[:, ::-1]
        found = keys != _NOTHING
        places = np.where(found, keys & (2**32 - 1), 0)
        rows = np.where(found, self._ties.row[places] if len(self._ties) else -1, -1)
        return Ranking(rows, np.where(found, _scores_of(keys), np.float32(-np.inf)))

    def _keys_of(self, scores: Matrix, rows: Rows) -> Rows:
        return (_ordered_bits(scores) << 32) | self._ties.place[rows]

    def _merge(self, lines: slice, line: Rows, keys: Rows) -> None:
        """Put keys, sorted by line, beside those kept, and keep the k largest."""
        if not len(line):
            return
        kept = self._keys[lines]
        counts = np.bincount(line, minlength=len(kept))
        starts = np.cumsum(counts) - counts
        table = np.full((len(kept), self._k + int(counts.max())), _NOTHING)
        table[:, : self._k] = kept
        table[line, self._k + np.arange(len(line)) - starts[line]] = keys
        table.partition(table.shape[1] - self._k, axis=1)
        best = table[:, -self._k :]
        self._keys[lines] = best
        worst = best.min(axis=1)
        self._least[lines] = np.where(worst == _NOTHING, np.float32(-np.inf), _scores_of(worst))


def top_k(scores: Matrix, ids: Sequence[str], k: int) -> Ranking:
    """The ranking of a table of scores, float32 (queries, documents), finite."""
    best = TopK(len(scores), k, TieOrder(ids))
    best.add(scores, first_row=0)
    return best.ranking()


def _ordered_bits(scores: Matrix) -> Rows:
    """Whole numbers in the order of the scores: the bits of a float, mirrored where negative."""
    bits = (scores + np.float32(0)).view(np.int32)  # adding 0 makes -0 the 0 that it equals
    return (bits ^ ((bits >> 31) & np.int32(2**31 - 1))).astype(np.int64)


def _scores_of(keys: Rows) -> Matrix:
    """The scores in keys; nonsense for the key of nothing."""
    bits = (keys >> 32).astype(np.int32)
    return (bits ^ ((bits >> 31) & np.int32(2**31 - 1))).view(np.float32)
