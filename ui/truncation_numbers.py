"""What truncation and smaller number formats do to one collection: neighbours, order, quality, bytes.

Numbers alone, from full-width vectors: no model, no widgets. Scores are those of the benchmarks
(:mod:`eval.scoring`), and so are neighbours, metrics and intervals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedder.quantization import Quantizer, VectorPrecision
from embedder.truncation import truncate
from eval.baselines import Rotation, principal_axes
from eval.cost import bytes_of
from eval.metrics import evaluate
from eval.neighbours import order, order_correlation, overlap
from eval.ranking import Ranking, top_k, without
from eval.scoring import Kind, Stage, scorers
from eval.significance import Interval, resampled_means
from eval.sweep import Setting
from ui.relevance import Judged

Array = np.ndarray[Any, np.dtype[Any]]

FORMATS = ("float32", "int8", "binary", "PCA")
"""Number formats of vectors that are cut, and the control: as many principal axes, in float32."""
MEASURES = ("neighbours kept", "rank correlation", "quality")
METRICS = ("ndcg@10", "mrr@10", "recall@1", "recall@5", "map")
DEPTH = 100
"""Documents ranked for a query: no metric looks deeper."""
RESAMPLES = 4_000
_KINDS = {"float32": Kind.COSINE, "int8": Kind.SCALED, "binary": Kind.SIGNS, "PCA": Kind.COSINE}


@dataclass(frozen=True, eq=False)
class Sides:
    """What asks and what is searched.

    Attributes:
        queries: float32 (q, full), unit rows.
        documents: float32 (n, full), unit rows.
        own: position of a query -> of itself among the documents, which its search leaves out.
        gains: relevance, as ``eval.metrics`` takes it; empty where only neighbours are looked at.
    """

    queries: Array
    documents: Array
    own: Mapping[int, int]
    gains: Mapping[int, Mapping[int, int]]


@dataclass(frozen=True)
class Numbers:
    """One curve's point; shares from 0 to 1, the correlation from -1 to 1.

    Attributes:
        task: adapter.
        form: one of ``FORMATS``.
        dim: width.
        size: bytes per vector.
        measures: name of the measure -> mean with its 95% interval over items or queries.
    """

    task: str
    form: str
    dim: int
    size: int
    measures: Mapping[str, Interval]


def quality_sides(asked: Array, searched: Array, judged: Judged) -> Sides:
    """The items that ask against those that may answer.

    Args:
        asked: float32 (items, full), all items in the role of queries.
        searched: float32 (items, full), all items in the role of documents.
        judged: which of them are on which side.
    """
    queries, documents = asked[list(judged.queries)], searched[list(judged.documents)]
    return Sides(queries, documents, judged.own(), judged.gains)


def curve_widths(full: int, marks: Sequence[int]) -> list[int]:
    """Widths for smooth curves: the trained ones, powers of two from 4 on, and one between each two."""
    steps = {2**power * part // 2 for power in range(2, 20) for part in (2, 3)}
    return sorted({width for width in (*steps, *marks, full) if 1 <= width <= full})


def bytes_per_vector(form: str, dim: int) -> int:
    """Bytes of one stored vector."""
    precision = VectorPrecision.FLOAT32 if form == "PCA" else VectorPrecision(form)
    return bytes_of(Setting(dim, precision)).searched


def scores(sides: Sides, form: str, dims: Sequence[int]) -> Iterator[tuple[int, Array]]:
    """Scores of all queries with all documents: (width, float32 (q, n)) for each of ``dims``, ascending.

    int8 ranges and principal axes are fitted on these documents.
    """
    queries, documents = sides.queries, sides.documents
    if form == "PCA":
        rotation = _axes(documents)
        queries, documents = rotation.apply(queries), rotation.apply(documents)
    # there are no more principal axes than documents: wider is what all of them give
    reach = documents.shape[1]
    asked = sorted({min(dim, reach) for dim in dims})
    stages = [Stage(_KINDS[form], dim) for dim in asked]
    fitted = {dim: _ranges(documents, dim) for dim in asked} if form == "int8" else {}
    found: dict[int, Array] = {}
    for method in scorers(queries, stages, fitted):
        for stage, table in method.scores(method.documents(documents), slice(None)):
            found[stage.dim] = table
    for dim in sorted(set(dims)):
        yield dim, found[min(dim, reach)]


def _ranges(documents: Array, dim: int) -> Quantizer:
    rows = truncate(documents, dim)
    return Quantizer(VectorPrecision.INT8, dim, rows.min(axis=0), rows.max(axis=0))


def _axes(documents: Array) -> Rotation:
    """Principal axes; of fewer documents than dimensions from their inner products, which are fewer."""
    count, full = documents.shape
    if count >= full:
        return principal_axes(documents, count, full, full)
    mean = documents.mean(axis=0, dtype=np.float64)
    centred = documents - mean
    strengths, mixes = np.linalg.eigh(centred @ centred.T)  # ascending
    real = strengths > 1e-9 * max(strengths[-1], 1e-30)
    axes = centred.T @ (mixes[:, real] / np.sqrt(strengths[real]))
    return Rotation(mean, axes[:, ::-1])


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Items among each other at full width: what everything else is compared with.

    Attributes:
        sides: every item against all others.
        near: neighbours that count, from 1 to one less than there are items.
        nearest: each item's neighbours.
        order: of all others around each item, as ``eval.neighbours`` compares it.
    """

    sides: Sides
    near: int
    nearest: Ranking
    order: Array

    @classmethod
    def of(cls, vectors: Array, near: int) -> "Neighbourhood":
        """Of float32 (n, full), unit rows, n 3 or more."""
        sides = Sides(vectors, vectors, {row: row for row in range(len(vectors))}, {})
        [(_, full)] = scores(sides, "float32", [vectors.shape[1]])
        return cls(sides, near, _ranking(full, sides, near), order(_others(full)))

    def kept(self, form: str, dims: Sequence[int]) -> Iterator[tuple[int, dict[str, Array]]]:
        """Of each item the share of its nearest that stay, and how far the order of all others does.

        Yields:
            (width, measure -> float64 (items,))
        """
        for dim, table in scores(self.sides, form, dims):
            yield (
                dim,
                {
                    MEASURES[0]: overlap(self.nearest, _ranking(table, self.sides, self.near), self.near),
                    MEASURES[1]: order_correlation(self.order, order(_others(table))),
                },
            )


def _others(table: Array) -> Array:
    """A square table without its diagonal: (n, n - 1)."""
    count = len(table)
    return table[~np.eye(count, dtype=bool)].reshape(count, count - 1)


def quality_values(sides: Sides, form: str, dims: Sequence[int], metric: str) -> Iterator[tuple[int, Array]]:
    """The metric of each query: (width, float64 (queries,)) for each of ``dims``."""
    for dim, table in scores(sides, form, dims):
        found = evaluate(_ranking(table, sides, DEPTH), sides.gains, [metric])
        yield dim, found.values[metric]


def _ranking(table: Array, sides: Sides, depth: int) -> Ranking:
    names = [f"{row:06d}" for row in range(table.shape[1])]
    return without(top_k(table, names, depth + bool(sides.own)), sides.own, depth)


@dataclass(frozen=True, eq=False)
class Subject:
    """An adapter's vectors, ready to be measured; quality None where no relevance is known."""

    task: str
    neighbours: Neighbourhood
    quality: Sides | None = None


def measured(
    wanted: Sequence[tuple[Subject, str]], dims: Sequence[int], metric: str
) -> dict[tuple[str, str, int], Numbers]:
    """Everything about some adapters in some formats at some widths.

    Args:
        wanted: subjects over the same items, each with one of ``FORMATS``.
        dims: widths.
        metric: of quality, one of ``METRICS``.

    Returns:
        By adapter, format and width.
    """
    columns: dict[tuple[str, str, int, str], Array] = {}
    asked: dict[tuple[str, str, int, str], Array] = {}
    for subject, form in wanted:
        for dim, found in subject.neighbours.kept(form, dims):
            columns |= {(subject.task, form, dim, name): values for name, values in found.items()}
        if subject.quality is not None:
            for dim, values in quality_values(subject.quality, form, dims, metric):
                asked[(subject.task, form, dim, MEASURES[2])] = values
    means = {**_intervals(columns), **_intervals(asked)}
    return {
        key: Numbers(*key, bytes_per_vector(key[1], key[2]), _of(means, key))
        for key in dict.fromkeys(key[:3] for key in columns)
    }


def _intervals(columns: Mapping[Any, Array]) -> dict[Any, Interval]:
    """Mean and 95% percentile bootstrap interval of each column; all see the same draws."""
    if not columns:
        return {}
    table = np.stack(list(columns.values()), axis=1)
    low, high = np.quantile(resampled_means(table, RESAMPLES), [0.025, 0.975], axis=0)
    ends = zip(columns, table.mean(axis=0), low, high, strict=True)
    return {key: Interval(float(mean), float(a), float(b)) for key, mean, a, b in ends}


def _of(means: Mapping[Any, Interval], key: tuple[str, str, int]) -> dict[str, Interval]:
    return {name: means[(*key, name)] for name in MEASURES if (*key, name) in means}
