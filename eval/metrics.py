"""Retrieval metrics per query, equal to trec_eval's.

Each function sees one query: `ranked`, the gains of the documents found, the best-placed first (0 where a
document is not judged), and `judged`, the gains of all its judged documents. A document is relevant if
its gain is 1 or more; smaller gains count as 0. All results lie from 0 to 1.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from embedder.errors import InputError
from eval.ranking import Ranking, Relevance, Rows

Gains: TypeAlias = Sequence[int]
Metric: TypeAlias = Callable[[Gains, Gains], float]


@dataclass(frozen=True, eq=False)
class PerQuery:
    """Metrics of each query that has a relevant document.

    Attributes:
        queries: their indices, ascending, int64 (n,).
        values: name of the metric -> float64 (n,).
        left_out: number of queries without a relevant document.
    """

    queries: Rows
    values: dict[str, npt.NDArray[np.float64]]
    left_out: int


def evaluate(ranking: Ranking, relevance: Relevance, metrics: Iterable[str]) -> PerQuery:
    """Metrics of a ranking, query by query.

    Args:
        ranking: rows (queries, k). Metrics look no deeper than k.
        relevance: gains by query index and corpus row.
        metrics: names as in "ndcg@10", "recall@100", "precision@5", "mrr@10", "map".

    Raises:
        InputError: no such metric, its cut is deeper than the ranking although there were more documents
            to find, or `relevance` names a query that the ranking does not have.
    """
    functions = {name: metric(name) for name in metrics}
    strangers = [query for query in relevance if not 0 <= query < len(ranking)]
    if strangers:
        raise InputError(f"judgements of query {strangers[0]}, the ranking has {len(ranking)} queries")
    for name in functions:
        _check_depth(name, ranking)
    queries = [q for q in range(len(ranking)) if any(gain > 0 for gain in relevance.get(q, {}).values())]
    values = {name: np.empty(len(queries)) for name in functions}
    for place, query in enumerate(queries):
        gains = relevance[query]
        ranked = [gains.get(row, 0) for row in ranking.rows[query].tolist() if row >= 0]
        judged = list(gains.values())
        for name, function in functions.items():
            values[name][place] = function(ranked, judged)
    return PerQuery(np.array(queries, dtype=np.int64), values, len(ranking) - len(queries))


def metric(name: str) -> Metric:
    """The function that a name stands for.

    Args:
        name: ndcg, recall, precision or mrr with a cut as in "ndcg@10"; "map" with or without one.

    Raises:
        InputError: no such metric.
    """
    function, cut = _split(name)
    return function if cut is None else partial(function, k=cut)


def ndcg(ranked: Gains, judged: Gains, k: int) -> float:
    """Discounted gain of the first k over the greatest possible one; linear gain.

    Järvelin and Kekäläinen 2002 (doi 10.1145/582415.582418), with the discount log2(rank + 1).
    """
    best = _discounted(sorted(judged, reverse=True)[:k])
    return _discounted(ranked[:k]) / best if best else 0.0


def recall(ranked: Gains, judged: Gains, k: int) -> float:
    """Share of the relevant documents that are among the first k."""
    relevant = _relevant(judged)
    return _relevant(ranked[:k]) / relevant if relevant else 0.0


def precision(ranked: Gains, judged: Gains, k: int) -> float:
    """Share of k that is relevant among the first k, also where fewer were found."""
    return _relevant(ranked[:k]) / k


def mrr(ranked: Gains, judged: Gains, k: int) -> float:
    """One over the rank of the first relevant document, 0 if it is not among the first k."""
    return next((1 / rank for rank, gain in enumerate(ranked[:k], start=1) if gain > 0), 0.0)


def average_precision(ranked: Gains, judged: Gains, k: int | None = None) -> float:
    """Mean over all relevant documents of the precision at their ranks, 0 for one not found."""
    ranks = [rank for rank, gain in enumerate(ranked[:k], start=1) if gain > 0]
    relevant = _relevant(judged)
    return sum(place / rank for place, rank in enumerate(ranks, start=1)) / relevant if relevant else 0.0


_FUNCTIONS = {"ndcg": ndcg, "recall": recall, "precision": precision, "mrr": mrr, "map": average_precision}


def _split(name: str) -> tuple[Callable[..., float], int | None]:
    found = re.fullmatch(r"([a-z]+)(?:@([1-9][0-9]{0,5}))?", name)
    if not found or found[1] not in _FUNCTIONS or (found[2] is None and found[1] != "map"):
        raise InputError(
            f"metric is {name!r}, expected ndcg@K, recall@K, precision@K, mrr@K, map or map@K "
            "with a whole number K from 1"
        )
    return _FUNCTIONS[found[1]], int(found[2]) if found[2] else None


def _check_depth(name: str, ranking: Ranking) -> None:
    cut = _split(name)[1]
    # A row of -1 says that there were no more documents to find.
    if cut is not None and cut > ranking.depth and (ranking.rows >= 0).all():
        raise InputError(f"{name} needs {cut} documents per query, the ranking has {ranking.depth}")


def _discounted(gains: Gains) -> float:
    values = np.maximum(np.array(gains, dtype=np.float64), 0)
    return float(values @ (1 / np.log2(np.arange(2, len(values) + 2))))


def _relevant(gains: Gains) -> int:
    return sum(gain > 0 for gain in gains)
