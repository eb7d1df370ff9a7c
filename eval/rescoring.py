"""Scoring found documents anew: to order near ties rightly, and to refine a coarse search.

A matrix product in float32 sums in an order that depends on a row's place: equal documents may get
scores that differ in the last bits, and which of them comes first would be chance. So whatever lies
within `TOLERANCE` of its neighbour in a ranking is scored anew, each pair by itself in float64. After
that a ranking is the one of float64 scores, rounded to float32, with ties by id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eval.blocks import Chunk, Reader
from eval.ranking import Matrix, Ranking, Rows, TieOrder, TopK
from eval.scoring import Kind, Scorer, Stage

TOLERANCE = np.float32(2e-6)
"""Twice what float32 sums of products of unit vectors may be off, with a wide margin."""

MARGIN = 8
"""Documents to find beyond those wanted: among them the ranking is cut where it is clear."""

_PAIRS = 1024  # scored at a time, in float64
_LINES = 1024  # queries scored at a time


@dataclass(frozen=True, eq=False)
class _Open:
    """What one stage's ranking leaves open.

    Attributes:
        near: entries too close to a neighbour, bool (queries, depth).
        deep: queries so full of near ties at the end that documents may be missing, int64 (m,).
        floor: for those, the least score that a missing one can have, float32 (m,).
    """

    near: npt.NDArray[np.bool_]
    deep: Rows
    floor: Matrix


def settle(
    reader: Reader,
    methods: Sequence[Scorer],
    found: Mapping[Stage, Ranking],
    depths: Mapping[Stage, int],
    ties: TieOrder,
) -> dict[Stage, Ranking]:
    """Put near ties in their right order.

    Args:
        reader: the corpus.
        methods: what computed the scores.
        found: for each stage a ranking by `Scorer.scores`, `MARGIN` deeper than wanted.
        depths: depth wanted for each stage.
        ties: the order of ids.

    Returns:
        Rankings of the depths wanted.
    """
    # Sums of signs are whole numbers: exact in any order.
    unclear = {
        stage: _left_open(ranking, depths[stage], len(ties))
        for stage, ranking in found.items()
        if stage.kind != Kind.SIGNS
    }
    scores = {stage: found[stage].scores.copy() for stage in unclear}
    best = {stage: TopK(len(found[stage]), depths[stage], ties) for stage in unclear}
    if any(left.near.any() or len(left.deep) for left in unclear.values()):
        for chunk in reader:
            for stage, left in unclear.items():
                method = next(method for method in methods if method.serves(stage))
                _score_near(method, stage, chunk, left.near, found[stage].rows, scores[stage])
                _search_deep(method, stage, chunk, left, best[stage])
    settled = {}
    for stage, ranking in found.items():
        if stage in unclear:
            known = ranking.rows >= 0
            known[unclear[stage].deep] = False
            best[stage].add_pairs(scores[stage][known], ranking.rows[known], np.nonzero(known)[0])
            ranking = best[stage].ranking()
        settled[stage] = ranking.top(depths[stage])
    return settled


def refine(reader: Reader, method: Scorer, wanted: Mapping[Stage, Sequence[tuple[Rows, TopK]]]) -> None:
    """Score candidates by another stage.

    Args:
        reader: the corpus.
        method: serves the stages.
        wanted: for each stage, corpus rows (queries, depth), -1 for none, and what collects the scores.
    """
    for chunk in reader:
        for stage, jobs in wanted.items():
            for rows, best in jobs:
                line, slot = np.nonzero(_inside(rows, chunk))
                for part in _parts(len(line)):
                    lines, chosen = line[part], rows[line[part], slot[part]]
                    scores = method.pairs(stage, lines, chunk.rows[:, : stage.dim][chosen - chunk.first])
                    best.add_pairs(scores, chosen, lines)


def _left_open(ranking: Ranking, wanted: int, documents: int) -> _Open:
    scores, found = ranking.scores, ranking.rows >= 0
    close = found[:, 1:] & (
        np.where(found, scores, 0)[:, :-1] - np.where(found, scores, 0)[:, 1:] <= TOLERANCE
    )
    near = np.zeros(found.shape, dtype=bool)
    near[:, :-1] |= close
    near[:, 1:] |= close
    if ranking.depth >= documents:
        deep = np.zeros(0, dtype=np.int64)
    else:
        deep = np.flatnonzero(close[:, wanted - 1 :].all(axis=1))
    near[deep] = False  # these are searched anew as a whole
    return _Open(near, deep, scores[deep, wanted - 1] - TOLERANCE)


def _score_near(
    method: Scorer, stage: Stage, chunk: Chunk, near: npt.NDArray[np.bool_], rows: Rows, scores: Matrix
) -> None:
    line, slot = np.nonzero(near & _inside(rows, chunk))
    for part in _parts(len(line)):
        vectors = chunk.rows[:, : stage.dim][rows[line[part], slot[part]] - chunk.first]
        scores[line[part], slot[part]] = method.pairs(stage, line[part], vectors)


def _search_deep(method: Scorer, stage: Stage, chunk: Chunk, left: _Open, best: TopK) -> None:
    """Score anew every document that a query with many near ties may have to keep."""
    if not len(left.deep):
        return
    documents = method.documents(chunk.rows)
    for start in range(0, len(left.deep), _LINES):
        lines = left.deep[start : start + _LINES]
        table = next(table for asked, table in method.scores(documents, lines) if asked == stage)
        line, column = np.nonzero(table >= left.floor[start : start + _LINES, None])
        for part in _parts(len(line)):
            scores = method.pairs(stage, lines[line[part]], chunk.rows[:, : stage.dim][column[part]])
            best.add_pairs(scores, column[part] + chunk.first, lines[line[part]])


def _inside(rows: Rows, chunk: Chunk) -> npt.NDArray[np.bool_]:
    return (rows >= chunk.first) & (rows < chunk.first + chunk.count)


def _parts(count: int) -> list[slice]:
    return [slice(start, start + _PAIRS) for start in range(0, count, _PAIRS)]
