"""Every search that a run asks for, on vectors that are there already."""

from collections.abc import Mapping, Sequence

from eval.benchmarks.model import Benchmark
from eval.cache import StoredVectors
from eval.encoding import Job
from eval.late import late_search
from eval.ranking import Ranking
from eval.scores import Way
from eval.sweep import Setting, sweep

Vectors = Mapping[tuple[Job, str], StoredVectors]


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
    found = sweep(queries.matrix(), corpus, benchmark.corpus.ids, settings, k=depth, oversample=oversample)
    return {
        Way(task, "dense", setting.dim, str(setting.precision), setting.search): ranking
        for setting, ranking in found.items()
    }


def late(
    task: str, queries: StoredVectors, corpus: StoredVectors, benchmark: Benchmark, *, depth: int
) -> dict[Way, Ranking]:
    """Late interaction: the query's tokens against the documents', block by block."""
    asked = [query for block in queries.late_blocks() for query in block]
    ranking = late_search(asked, corpus.late_blocks(), benchmark.corpus.ids, k=depth)
    return {Way(task, "late", corpus.width, "float32"): ranking}
