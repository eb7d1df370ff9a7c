"""Every search that a run asks for, on vectors that are there already."""

from collections.abc import Mapping, Sequence

from eval.baselines import principal_axes, random_axes
from eval.benchmarks.model import Benchmark
from eval.bm25 import bm25_search
from eval.cache import StoredVectors
from eval.late import late_sweep
from eval.ranking import Ranking, without
from eval.scores import Way
from eval.sweep import Setting, sweep


def dense(
    task: str,
    queries: StoredVectors,
    corpus: StoredVectors,
    benchmark: Benchmark,
    settings: Sequence[Setting],
    *,
    depth: int,
    oversample: int,
) -> dict[Way, Ranking]:
    """The sweep over widths, precisions and kinds of search, in one pass over the corpus."""
    k = depth + bool(benchmark.excluded)
    found = sweep(queries.matrix(), corpus, benchmark.corpus.ids, settings, k=k, oversample=oversample)
    return _named(task, "dense", found, benchmark, depth)


def late(
    task: str,
    queries: StoredVectors,
    corpus: StoredVectors,
    benchmark: Benchmark,
    settings: Sequence[Setting],
    *,
    depth: int,
    oversample: int,
) -> dict[Way, Ranking]:
    """Late interaction: the query's tokens against the documents', block by block, in every format."""
    asked = [query for block in queries.late_blocks() for query in block]
    k = depth + bool(benchmark.excluded)
    found = late_sweep(asked, corpus.late_blocks, benchmark.corpus.ids, settings, k=k, oversample=oversample)
    return _named(task, "late", found, benchmark, depth)


def _named(
    task: str, vectors: str, found: Mapping[Setting, Ranking], benchmark: Benchmark, depth: int
) -> dict[Way, Ranking]:
    """Rankings by the way they were found, without the documents that a query may not find."""
    return {
        Way(task, vectors, setting.dim, str(setting.precision), setting.search): without(
            ranking, benchmark.excluded, depth
        )
        for setting, ranking in found.items()
    }


def bm25(benchmark: Benchmark, *, depth: int) -> dict[Way, Ranking]:
    """The texts alone, without a model; nothing where there are pictures."""
    if benchmark.corpus.pictures or benchmark.queries.pictures:
        return {}
    texts = (benchmark.corpus.inputs[row] for row in range(len(benchmark.corpus)))
    k = depth + bool(benchmark.excluded)
    ranking = bm25_search(list(benchmark.queries.inputs), texts, benchmark.corpus.ids, k)
    return {Way(None, None, None, None, baseline="bm25"): without(ranking, benchmark.excluded, depth)}


def projected(
    task: str,
    baseline: str,
    queries: StoredVectors,
    corpus: StoredVectors,
    benchmark: Benchmark,
    dims: Sequence[int],
    *,
    depth: int,
    seed: int,
) -> dict[Way, Ranking]:
    """Vectors made narrower by another method than cutting: "pca", fitted on the corpus, or "random"."""
    full, width = corpus.width, max(dims)
    pca = baseline == "pca"
    rotation = principal_axes(corpus, len(corpus), full, width) if pca else random_axes(full, width, seed)
    found = sweep(
        rotation.apply(queries.matrix()),
        rotation.over(corpus),
        benchmark.corpus.ids,
        [Setting(dim) for dim in dims],
        k=depth + bool(benchmark.excluded),
    )
    return {
        Way(task, "dense", setting.dim, "float32", baseline=baseline): without(
            ranking, benchmark.excluded, depth
        )
        for setting, ranking in found.items()
    }
