"""From rankings to rows: metrics per query, intervals, and tests against the full width."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from embedder.errors import InputError
from eval.benchmarks.model import Benchmark
from eval.metrics import evaluate, metric
from eval.ranking import Ranking
from eval.results import Row, Score
from eval.significance import CONFIDENCE, RESAMPLES, compare, non_inferiority, resampled_means

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """How a ranking came about; the fields are those of a row of scores.

    Attributes:
        task: adapter, or None for what uses no model.
        vectors: "dense", "late" or None.
        dim: width or None.
        precision: of the stored vectors or None.
        search: "exact" and so on.
        baseline: None for the model itself.
    """

    task: str | None
    vectors: str | None
    dim: int | None
    precision: str | None
    search: str = "exact"
    baseline: str | None = None


def check_depth(metrics: Sequence[str], depth: int) -> None:
    """Refuse what is no metric, or one that looks deeper than the search.

    Raises:
        InputError: the metric and the depth are named.
    """
    for name in metrics:
        metric(name)
        cut = int(name.partition("@")[2] or 0)
        if cut > depth:
            raise InputError(f"--metric {name} looks at {cut} documents, --depth is {depth}: make it {cut}")


def score(
    model: str,
    benchmark: Benchmark,
    rankings: Mapping[Way, Ranking],
    metrics: Sequence[str],
    seed: int = 0,
) -> list[Score]:
    """Every metric of every ranking, with 95% bootstrap intervals over queries.

    Args:
        model: name for the rows.
        benchmark: what was searched.
        rankings: of all its queries.
        metrics: names as in "ndcg@10".
        seed: of the resampling; all rows see the same resampled queries.
    """
    rows, columns = [], []
    if not rankings:
        return []
    for way, ranking in rankings.items():
        found = evaluate(ranking, benchmark.relevance, metrics)
        for name, values in found.values.items():
            rows.append(Row(model=model, benchmark=benchmark.name, metric=name, **asdict(way)))
            columns.append(values)
    table = np.stack(columns, axis=1)  # (queries, rows)
    low, high = intervals(table, seed=seed)
    ids = list(benchmark.queries.ids)
    return [
        Score(row, float(values.mean()), float(low[place]), float(high[place]), ids, values)
        for place, (row, values) in enumerate(zip(rows, columns, strict=True))
    ]


def intervals(
    table: Values, *, confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[Values, Values]:
    """Lower and upper ends of the bootstrap intervals of the means of many columns.

    The same as `significance.interval` of each column: all see the same draws.

    Args:
        table: float64 (queries, columns).
        confidence: share of intervals that hold the true mean.
        resamples: draws of as many queries, with replacement.
        seed: of the draws.

    Returns:
        Two arrays, float64 (columns,).
    """
    means = resampled_means(table, resamples, seed)
    ends = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return ends[0], ends[1]


def against_full(
    scores: Sequence[Score], reference: Score, margin: float, seed: int = 0
) -> list[dict[str, object]]:
    """Paired tests of settings against the full width, corrected for their number (Holm).

    Args:
        scores: of the same benchmark, task and metric.
        reference: the full width's.
        margin: the loss that would matter, such as .01 for one point.
        seed: of the resampling.

    Returns:
        A row for each score: what it is, the difference with its interval, p-values, whether it is
        shown to lose less than the margin ("non_inferior"), or more ("inferior"), and the differences
        that these queries could detect.
    """
    others = {score.row: score.values for score in scores if score.row != reference.row}
    if not others:
        return []
    differences = compare(reference.values, others, seed=seed)
    losses = non_inferiority(reference.values, others, margin=margin, seed=seed)
    return [
        {
            **asdict(row),
            "reference_task": reference.row.task,
            "reference_dim": reference.row.dim,
            "reference_value": reference.value,
            "difference": differences[row].interval.mean,
            "ci_low": differences[row].interval.low,
            "ci_high": differences[row].interval.high,
            "p": differences[row].p_value,
            "p_holm": differences[row].adjusted_p,
            "detectable": _finite(differences[row].detectable),
            "margin": margin,
            "non_inferior": losses[row].is_shown,
            "non_inferior_p_holm": losses[row].adjusted_p,
            "inferior": losses[row].is_refuted,
            "inferior_p_holm": losses[row].adjusted_loss_p,
            "lower_bound": losses[row].lower,
            "detectable_margin": _finite(losses[row].detectable),
        }
        for row in others
    ]


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return value if np.isfinite(value) else None
