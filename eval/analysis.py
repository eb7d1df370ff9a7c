"""What a run tells besides scores: neighbourhoods kept, bytes, latency, and what is worth its bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from embedder.quantization import VectorPrecision
from eval.benchmarks.model import Benchmark
from eval.cache import StoredVectors
from eval.cost import Bytes, Latency, bytes_of, late_bytes, measure_latency, pareto_front
from eval.neighbours import overlap, rank_correlation
from eval.plan import Plan
from eval.ranking import Ranking
from eval.results import Row, Score
from eval.scores import Way, intervals
from eval.sweep import Setting

Mean = tuple[float | None, float | None, float | None]  # with the ends of its interval

NEIGHBOURS = 10
SAMPLE = 2000  # queries and documents whose order is compared
TIMED_QUERIES = 50
TIMED_DOCUMENTS = 20_000


def neighbours(
    plan: Plan,
    benchmark: Benchmark,
    rankings: Mapping[Way, Ranking],
    queries: StoredVectors,
    corpus: StoredVectors,
) -> list[dict[str, object]]:
    """How much of the full width's neighbourhood each search keeps, whatever is relevant; with intervals."""
    reference = next(ranking for way, ranking in rankings.items() if plan.is_full(way))
    near = min(NEIGHBOURS, reference.depth)
    sample = next(corpus.blocks(SAMPLE))
    asked = queries.matrix()[:SAMPLE]
    # One document has no order.
    order = rank_correlation(asked, sample, plan.config.dim) if len(sample) > 1 else {}
    ways = {way: r for way, r in rankings.items() if way.vectors == "dense" and not plan.is_full(way)}
    shares = _means([overlap(reference, ranking, near) for ranking in ways.values()], plan.config.seed)
    orders = dict(zip(order, _means(list(order.values()), plan.config.seed), strict=True))
    return [
        {
            "model": plan.config.model,
            "benchmark": benchmark.name,
            **asdict(way),
            **_named(f"overlap@{NEIGHBOURS}", "overlap", share),
            **_named("rank_correlation", "rank_correlation", orders.get(_cut_to(way), (None, None, None))),
        }
        for way, share in zip(ways, shares, strict=True)
    ]


def _means(columns: Sequence[NDArray[np.float64]], seed: int) -> list[Mean]:
    """Means over queries with their 95% bootstrap intervals; all see the same resampled queries."""
    if not columns:
        return []
    low, high = intervals(np.stack(columns, axis=1), seed=seed)
    means = (float(values.mean()) for values in columns)
    return list(zip(means, low.tolist(), high.tolist(), strict=True))


def _named(name: str, short: str, found: Mean) -> dict[str, float | None]:
    return dict(zip((name, f"{short}_ci_low", f"{short}_ci_high"), found, strict=True))


def _cut_to(way: Way) -> int:
    """Width of a plain search of vectors that are cut and nothing else; 0 for any other."""
    is_cut = (way.precision, way.search, way.baseline) == ("float32", "exact", None)
    return way.dim or 0 if is_cut else 0


def latencies(plan: Plan, queries: StoredVectors, corpus: StoredVectors) -> dict[int, Latency]:
    """Time of a query at each width, in float32, among up to 20,000 documents in memory."""
    asked = next(queries.blocks(TIMED_QUERIES))
    return measure_latency(asked, next(corpus.blocks(TIMED_DOCUMENTS)), plan.config.dim)


def costs(
    scores: Sequence[Score], late: StoredVectors | None, times: Mapping[int, Latency]
) -> list[dict[str, object]]:
    """Bytes and time of each setting of one benchmark and task, and whether it is on the Pareto front.

    Args:
        scores: one per setting, of the metric that counts as quality.
        late: token vectors of the corpus, where late interaction is among the settings.
        times: by width.

    Returns:
        A row per setting that has vectors. `is_worth` is true where no other setting is as good for as
        few bytes in memory; `searched_bytes` are those of one document there, `stored_bytes` all of it.
    """
    found = {one.row: _bytes(one.row, late) for one in scores if one.row.vectors}
    quality = {one.row: one.value for one in scores}
    # A projection costs what cutting costs; the front is of the model's own settings.
    own = {row: (size.searched, quality[row]) for row, size in found.items() if row.baseline is None}
    front = set(pareto_front(own))
    return [
        {
            **asdict(row),
            "value": quality[row],
            "searched_bytes": size.searched,
            "stored_bytes": size.stored,
            "searched_bytes_per_million": size.searched_per_million,
            "stored_bytes_per_million": size.stored_per_million,
            **_time(row, times),
            "is_worth": row in front,
        }
        for row, size in found.items()
    ]


def _bytes(row: Row, late: StoredVectors | None) -> Bytes:
    assert row.dim is not None and row.precision is not None
    setting = Setting(row.dim, VectorPrecision(row.precision), row.search)
    if row.vectors == "late":
        assert late is not None
        return late_bytes(late.lengths, setting)
    return bytes_of(setting)


def _time(row: Row, times: Mapping[int, Latency]) -> dict[str, object]:
    """Measured in float32 and exact; of other searches nothing is claimed."""
    plain = (row.vectors, row.precision, row.search, row.baseline) == ("dense", "float32", "exact", None)
    taken = times.get(row.dim or 0) if plain else None
    if taken is None:
        return {"latency_median_ms": None, "latency_p95_ms": None, "latency_documents": None}
    return {
        "latency_median_ms": taken.median_ms,
        "latency_p95_ms": taken.p95_ms,
        "latency_documents": taken.documents,
    }
