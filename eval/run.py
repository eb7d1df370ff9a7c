"""One run: load, encode once, search in every way asked for, score, test, write."""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from embedder import EmbedderNotice, InputError
from eval import analysis, benchmarks, searching
from eval.benchmarks.model import Benchmark, Items
from eval.cache import StoredVectors
from eval.config import PROJECTIONS, RunConfig
from eval.cost import Latency
from eval.encoding import Job, roles_of
from eval.examples import Examples, examples
from eval.metrics import metric
from eval.plan import Plan, make_plan
from eval.progress import Progress, clock, columns
from eval.provenance import provenance
from eval.ranking import Ranking
from eval.results import Score, check_writable, new_run_id, save_vectors, write_run
from eval.scores import Way, against_full, check_depth, score
from eval.significance import MARGIN

Kept = tuple[str, Items, StoredVectors]  # name of the file, what it is of, the vectors


@dataclass
class Outcome:
    """What was found: scores, tests against the full width, neighbourhoods kept, costs, examples."""

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

    def details(self) -> dict[str, object]:
        """All but the scores, as result.json keeps it."""
        return {"tests": self.tests, "neighbours": self.neighbours, "costs": self.costs}

    def save_vectors(self, folder: Path) -> None:
        """Write all vectors below a run's folder."""
        for name, items, stored in self.kept:
            save_vectors(folder / "vectors", name, items.ids, stored.lengths, stored, stored.width)


def run(config: RunConfig, *, quiet: bool = False) -> tuple[Path, list[Score]]:
    """Do what the settings say.

    Args:
        config: the settings.
        quiet: say nothing on the way.

    Returns:
        The run's folder, and its scores.

    Raises:
        InputError: a setting does not fit the model, or a benchmark cannot be used.
        CheckpointError: the model cannot be loaded.
        DeviceError: the device cannot be had, or its memory ran out.
        EmbedderError: results cannot be written.
    """
    began, progress = time.monotonic(), Progress(quiet=quiet)
    for name in config.metric:
        metric(name)
    check_depth(config.metric, config.depth)
    check_writable(config.out)
    found = _load_benchmarks(config, progress)
    plan = make_plan(config, progress)
    outcome = Outcome()
    with _noted(plan.encoder.counts.notices):
        for benchmark in found:
            outcome.add(_measure(plan, benchmark))
    about = provenance(plan, found, time.monotonic() - began) | outcome.details()

    def attach(folder: Path) -> None:
        outcome.examples.write(folder)
        if config.save_vectors:
            outcome.save_vectors(folder)

    folder = write_run(config.out, new_run_id(config.model), about, outcome.scores, attach)
    progress.say(f"took {clock(time.monotonic() - began)}")
    return folder, outcome.scores


@contextmanager
def _noted(kept: list[str]) -> Iterator[None]:
    """Keep the notices of others for the result, and show them as before."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def both(
            message: Warning | str, category: type[Warning], filename: str, lineno: int,
            file: TextIO | None = None, line: str | None = None,
        ) -> None:  # fmt: skip
            if issubclass(category, EmbedderNotice):
                kept.append(str(message))
            show(message, category, filename, lineno, file, line)

        warnings.showwarning = both
        yield


def _load_benchmarks(config: RunConfig, progress: Progress) -> list[Benchmark]:
    found = []
    for name in config.benchmark:
        loaded = benchmarks.load(name, seed=config.seed)
        progress.say(
            f"{loaded.name}: {len(loaded.corpus):,} documents, {len(loaded.queries):,} queries "
            f"({loaded.modality})"
        )
        for notice in loaded.notices:
            progress.say(f"note: {notice}")
        found.append(loaded)
    names = [benchmark.name for benchmark in found]
    if len(set(names)) < len(names):
        raise InputError(f"--benchmark: two of {', '.join(names)} have the same name; rename a folder")
    return found


def _measure(plan: Plan, benchmark: Benchmark) -> Outcome:
    """One benchmark with every task."""
    config = plan.config
    sides = {task: [Job(task, role) for role in roles_of(task)] for task in config.task}
    corpus = plan.encoder.encode(
        benchmark.corpus, [documents for _, documents in sides.values()], f"documents of {benchmark.name}"
    )
    queries = plan.encoder.encode(
        benchmark.queries, [asked for asked, _ in sides.values()], f"queries of {benchmark.name}"
    )
    _warn_of_small_corpus(plan, benchmark)
    outcome = Outcome(
        score(config.model, benchmark, _without_model(plan, benchmark), config.metric, config.seed),
        kept=[
            (f"{benchmark.name}.{job.task}.{side}.{kind}", items, stored)
            for side, items, found in (
                ("queries", benchmark.queries, queries),
                ("corpus", benchmark.corpus, corpus),
            )
            for (job, kind), stored in found.items()
        ],
    )
    common = list(outcome.scores)
    times: dict[int, Latency] = {}
    for task, (asked, documents) in sides.items():
        plan.progress.say(f"searching {benchmark.name}, {task}")
        pairs = {kind: (queries[asked, kind], corpus[documents, kind]) for kind in config.vectors}
        rankings = _search(plan, benchmark, task, pairs)
        more = score(config.model, benchmark, rankings, config.metric, config.seed)
        main = [one for one in more if one.row.metric == config.metric[0]]
        outcome.tests += _tests(plan, [*main, *common])
        outcome.examples.add(examples(benchmark, main, rankings))
        outcome.scores += [one for one in more if plan.is_asked(one.row)]
        if "dense" in pairs:
            outcome.neighbours += analysis.neighbours(plan, benchmark, rankings, *pairs["dense"])
            times = times or analysis.latencies(plan, *pairs["dense"])
        late = pairs["late"][1] if "late" in pairs else None
        outcome.costs += analysis.costs([one for one in main if plan.is_asked(one.row)], late, times)
    return outcome


def _warn_of_small_corpus(plan: Plan, benchmark: Benchmark) -> None:
    """Candidates that are the whole corpus make a rescored search an exact one."""
    candidates = plan.config.depth * plan.config.oversample
    if any(setting.is_refined for setting in plan.settings) and candidates >= len(benchmark.corpus):
        notice = (
            f"{benchmark.name}: rescored and funnel searches score {candidates} candidates anew and the "
            f"corpus has {len(benchmark.corpus)}, so they equal exact ones; lower --depth and --oversample"
        )
        plan.encoder.counts.notices.append(notice)
        plan.progress.say(f"note: {notice}")


def _without_model(plan: Plan, benchmark: Benchmark) -> dict[Way, Ranking]:
    if "bm25" not in plan.config.baseline:
        return {}
    found = searching.bm25(benchmark, depth=plan.config.depth)
    if not found:
        plan.encoder.counts.notices.append(f"{benchmark.name}: has pictures, and so no bm25")
    return found


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
        rankings |= searching.late(task, *pairs["late"], benchmark, depth=depth)
    return rankings


def _tests(plan: Plan, scores: Sequence[Score]) -> list[dict[str, object]]:
    """Tests of one benchmark and task against the full width, by the first metric."""
    main = [one for one in scores if one.row.metric == plan.config.metric[0]]
    reference = [one for one in main if plan.is_full(one.row)]
    return against_full(main, reference[0], MARGIN, plan.config.seed) if reference else []


def table(scores: Sequence[Score]) -> str:
    """The first metric of every setting, as text for a terminal."""
    name = scores[0].row.metric
    head = ("benchmark", "task", "vectors", "dim", "precision", "search", "baseline", name, "95% interval")
    lines: list[tuple[str, ...]] = [head]
    for one in scores:
        row = one.row
        if row.metric == name:
            told = (row.benchmark, row.task, row.vectors, row.dim, row.precision, row.search, row.baseline)
            cells = ["-" if value is None else str(value) for value in told]
            lines.append((*cells, f"{one.value:.4f}", f"{one.ci_low:.4f} to {one.ci_high:.4f}"))
    return columns(lines, right=(3, 7))
