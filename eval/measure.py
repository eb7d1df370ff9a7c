"""One model on one benchmark: encode once, search in every way asked for, score, test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eval import analysis, searching
from eval.benchmarks.model import Benchmark, Items
from eval.cache import StoredVectors
from eval.config import PROJECTIONS
from eval.cost import Latency
from eval.encoding import Encoder, Job, roles_of
from eval.examples import Examples, examples
from eval.plan import Plan
from eval.ranking import Ranking
from eval.results import Score, save_vectors, write_tests
from eval.scores import Way, against_full, score
from eval.significance import MARGIN

Vectors = dict[tuple[Job, str], StoredVectors]
Kept = tuple[str, Items, StoredVectors]  # name of the file, what it is of, the vectors


@dataclass
class Outcome:
    """What was found: scores, tests by every metric, neighbourhoods kept, costs, examples."""

    scores: list[Score] = field(default_factory=list)
    tests: list[dict[str, object]] = field(default_factory=list)
    neighbours: list[dict[str, object]] = field(default_factory=list)
    costs: list[dict[str, object]] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    examples: Examples = field(default_factory=Examples)

    def add(self, other: "Outcome") -> None:
        """Take in what was found elsewhere."""
        self.scores += other.scores
        self.tests += other.tests
        self.neighbours += other.neighbours
        self.costs += other.costs
        self.kept += other.kept
        self.examples.add(other.examples)

    def details(self, metric: str) -> dict[str, object]:
        """All but the scores, as result.json keeps it: of the tests those by one metric."""
        tests = [row for row in self.tests if row["metric"] == metric]
        return {"tests": tests, "neighbours": self.neighbours, "costs": self.costs}

    def write(self, folder: Path, *, vectors: bool) -> None:
        """Write what stands beside result.json: examples, tests, and vectors if wanted."""
        self.examples.write(folder)
        write_tests(folder, self.tests)
        if vectors:
            self._save_vectors(folder)

    def _save_vectors(self, folder: Path) -> None:
        for name, items, stored in self.kept:
            save_vectors(folder / "vectors", name, items.ids, stored.lengths, stored, stored.width)


def measure(plan: Plan, benchmark: Benchmark, others: Mapping[Way, Ranking]) -> Outcome:
    """One model on one benchmark, with every task.

    Args:
        plan: the model, and what to do with it.
        benchmark: what to search.
        others: rankings of baselines that need not this model, to stand beside it.

    Raises:
        InputError: an item cannot be encoded; it is named.
    """
    config = plan.config
    sides = sides_of(config.task)
    queries, corpus = encode_sides(plan.encoder, benchmark, config.task)
    _warn_of_small_corpus(plan, benchmark)
    outcome = Outcome(
        score(config.model, benchmark, others, config.metric, config.seed),
        kept=[
            (f"{plan.label}{benchmark.name}.{job.task}.{side}.{kind}", items, stored)
            for side, items, found in (
                ("queries", benchmark.queries, queries),
                ("corpus", benchmark.corpus, corpus),
            )
            for (job, kind), stored in found.items()
        ],
    )
    common = list(outcome.scores)
    main = [one for one in common if one.row.metric == config.metric[0]]
    outcome.costs += analysis.costs(main, None, {})
    times: dict[int, Latency] = {}
    for task, (asked, documents) in sides.items():
        plan.progress.say(f"searching {benchmark.name}, {task}")
        pairs = {kind: (queries[asked, kind], corpus[documents, kind]) for kind in config.vectors}
        rankings = _search(plan, benchmark, task, pairs)
        more = score(config.model, benchmark, rankings, config.metric, config.seed)
        main = [one for one in more if one.row.metric == config.metric[0]]
        outcome.tests += _tests(plan, [*more, *common])
        outcome.examples.add(examples(benchmark, main, rankings))
        outcome.scores += [one for one in more if plan.is_asked(one.row)]
        if "dense" in pairs:
            outcome.neighbours += analysis.neighbours(plan, benchmark, rankings, *pairs["dense"])
            times = times or analysis.latencies(plan, *pairs["dense"])
        late = pairs["late"][1] if "late" in pairs else None
        outcome.costs += analysis.costs([one for one in main if plan.is_asked(one.row)], late, times)
    return outcome


def sides_of(tasks: Sequence[str]) -> dict[str, tuple[Job, Job]]:
    """Of each task the passes over queries and over documents."""
    return {
        task: (Job(task, asked), Job(task, found))
        for task, (asked, found) in zip(tasks, map(roles_of, tasks), strict=True)
    }


def encode_sides(encoder: Encoder, benchmark: Benchmark, tasks: Sequence[str]) -> tuple[Vectors, Vectors]:
    """Vectors of the queries and of the documents, for each task's pass and each kind.

    Raises:
        InputError: an item cannot be encoded; it is named.
    """
    sides = sides_of(tasks).values()
    corpus = encoder.encode(benchmark.corpus, [job for _, job in sides], f"documents of {benchmark.name}")
    queries = encoder.encode(benchmark.queries, [job for job, _ in sides], f"queries of {benchmark.name}")
    return queries, corpus


def _warn_of_small_corpus(plan: Plan, benchmark: Benchmark) -> None:
    """Candidates that are the whole corpus make a rescored search an exact one."""
    candidates = plan.config.depth * plan.config.oversample
    searches = [*(plan.settings if "dense" in plan.config.vectors else ()), *plan.late_searches]
    if any(setting.is_refined for setting in searches) and candidates >= len(benchmark.corpus):
        notice = (
            f"{benchmark.name}: rescored and funnel searches score {candidates} candidates anew and the "
            f"corpus has {len(benchmark.corpus)}, so they equal exact ones; lower --depth and --oversample"
        )
        plan.encoder.counts.notices.append(notice)


def _search(
    plan: Plan, benchmark: Benchmark, task: str, pairs: Mapping[str, tuple[StoredVectors, StoredVectors]]
) -> dict[Way, Ranking]:
    """Every ranking of a task, from its queries and corpus by kind of vector."""
    config, depth = plan.config, plan.config.depth
    rankings: dict[Way, Ranking] = {}
    if "dense" in pairs:
        rankings |= searching.dense(
            task, *pairs["dense"], benchmark, plan.searches, depth=depth, oversample=config.oversample
        )
        for name in (name for name in config.baseline if name in PROJECTIONS):
            rankings |= searching.projected(
                task, name, *pairs["dense"], benchmark, config.dim, depth=depth, seed=config.seed
            )
    if "late" in pairs:
        rankings |= searching.late(
            task, *pairs["late"], benchmark, plan.late_searches, depth=depth, oversample=config.oversample
        )
    return rankings


def _tests(plan: Plan, scores: Sequence[Score]) -> list[dict[str, object]]:
    """Tests of one benchmark and task against the full width, each metric a family of its own."""
    found: list[dict[str, object]] = []
    for metric in plan.config.metric:
        own = [one for one in scores if one.row.metric == metric]
        reference = next((one for one in own if plan.is_full(one.row)), None)
        found += against_full(own, reference, MARGIN, plan.config.seed) if reference else []
    return found
