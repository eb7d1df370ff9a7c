"""One run: load, encode once, search in every way asked for, score, test, write."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from embedder import Embedder, InputError
from eval import benchmarks, searching
from eval.benchmarks.model import Benchmark
from eval.cache import StoredVectors
from eval.config import PROJECTIONS, RunConfig, settings_of
from eval.encoding import Encoder, Job, folder_fingerprint, roles_of
from eval.metrics import metric
from eval.neighbours import overlap, rank_correlation
from eval.progress import Progress, clock, columns
from eval.ranking import Ranking
from eval.results import Row, Score, environment, new_run_id, write_run
from eval.scores import Way, against_full, check_depth, score
from eval.significance import CONFIDENCE, MARGIN, RESAMPLES
from eval.sweep import Setting

TIES = "scores in float32; equal ones by document id, descending as strings (trec_eval's order)"
NEIGHBOURS = 10
SAMPLE = 2000  # queries and documents whose order is compared


@dataclass(frozen=True)
class Plan:
    """What a run does, once the model is known.

    Attributes:
        config: as given, with every width named.
        model: loaded.
        settings: searches of dense vectors.
        full: the search that the others are tested against.
        encoder: the model with its cache.
        progress: where to say how far it is.
    """

    config: RunConfig
    model: Embedder
    settings: Sequence[Setting]
    full: Setting
    encoder: Encoder
    progress: Progress

    @property
    def searches(self) -> list[Setting]:
        """`settings`, and `full` where they lack it."""
        return list(dict.fromkeys([*self.settings, self.full]))


@dataclass
class Outcome:
    """What was found: scores, tests against the full width, neighbourhoods kept."""

    scores: list[Score] = field(default_factory=list)
    tests: list[dict[str, object]] = field(default_factory=list)
    neighbours: list[dict[str, object]] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        """Take in what was found elsewhere."""
        self.scores += other.scores
        self.tests += other.tests
        self.neighbours += other.neighbours


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
    """
    began, progress = time.monotonic(), Progress(quiet=quiet)
    for name in config.metric:
        metric(name)
    check_depth(config.metric, config.depth)
    found = _load_benchmarks(config, progress)
    plan = _plan(config, progress)
    outcome = Outcome()
    for benchmark in found:
        outcome.add(_measure(plan, benchmark))
    about = _about(plan, found, outcome, time.monotonic() - began)
    folder = write_run(config.out, new_run_id(config.model), about, outcome.scores)
    progress.say(f"took {clock(time.monotonic() - began)}")
    return folder, outcome.scores


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


def _plan(config: RunConfig, progress: Progress) -> Plan:
    """Load the model and fit the settings to it."""
    model = Embedder.from_pretrained(
        config.model, device=config.device, precision=config.model_precision, revision=config.revision
    )
    adapters = {}
    for name, folder in config.adapters.items():
        model.add_adapter(name, folder)
        adapters[name] = folder_fingerprint(folder)
    for task in config.task:
        if task not in model.tasks:
            raise InputError(f"--task {task!r}: {config.model} has {', '.join(model.tasks)}")
    dims = config.dim or model.spec.matryoshka_dims
    for dim in dims:
        if not 1 <= dim <= model.spec.dim:
            raise InputError(f"--dim {dim}: {config.model} has vectors of 1 to {model.spec.dim} numbers")
    encoder = Encoder(
        model,
        config.cache_folder,
        vectors=config.vectors,
        max_length=config.max_length,
        max_pixels=config.max_pixels,
        batch_size=config.batch_size,
        progress=progress,
        adapters=adapters,
    )
    config = replace(config, dim=tuple(dims))
    settings = settings_of(config, config.dim)
    return Plan(config, model, settings, Setting(model.spec.dim), encoder, progress)


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
        score(config.model, benchmark, _without_model(plan, benchmark), config.metric, config.seed)
    )
    common = list(outcome.scores)
    for task, (asked, documents) in sides.items():
        plan.progress.say(f"searching {benchmark.name}, {task}")
        pairs = {kind: (queries[asked, kind], corpus[documents, kind]) for kind in config.vectors}
        rankings = _search(plan, benchmark, task, pairs)
        more = score(config.model, benchmark, rankings, config.metric, config.seed)
        outcome.tests += _tests(plan, [*more, *common])
        outcome.scores += [one for one in more if _is_asked(plan, one.row)]
        if "dense" in pairs:
            outcome.neighbours += _neighbours(plan, benchmark, rankings, *pairs["dense"])
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


def _neighbours(
    plan: Plan,
    benchmark: Benchmark,
    rankings: Mapping[Way, Ranking],
    queries: StoredVectors,
    corpus: StoredVectors,
) -> list[dict[str, object]]:
    """How much of the full width's neighbourhood each search keeps, whatever is relevant."""
    reference = next(ranking for way, ranking in rankings.items() if _full(plan, way))
    near = min(NEIGHBOURS, reference.depth)
    sample = next(corpus.blocks(SAMPLE))
    kept = {dim: 1.0 for dim in plan.config.dim}
    if len(sample) > 1:
        kept = {
            dim: float(values.mean())
            for dim, values in rank_correlation(queries.matrix()[:SAMPLE], sample, plan.config.dim).items()
        }
    return [
        {
            "benchmark": benchmark.name,
            **asdict(way),
            f"overlap@{NEIGHBOURS}": float(overlap(reference, ranking, near).mean()),
            "rank_correlation": kept[way.dim] if _is_cut(way) and way.dim in kept else None,
        }
        for way, ranking in rankings.items()
        if way.vectors == "dense" and not _full(plan, way)
    ]


def _is_cut(way: Way) -> bool:
    """Whether it is a plain search of vectors that are cut and nothing else."""
    return (way.precision, way.search, way.baseline) == ("float32", "exact", None)


def _full(plan: Plan, row: Row | Way) -> bool:
    """Whether something is of the search that others are tested against."""
    full = plan.full
    wanted = ("dense", full.dim, str(full.precision), full.search, None)
    return (row.vectors, row.dim, row.precision, row.search, row.baseline) == wanted


def _is_asked(plan: Plan, row: Row) -> bool:
    """The full width is searched for the tests even where nobody asked to see it."""
    return plan.full in plan.settings or not _full(plan, row)


def _tests(plan: Plan, scores: Sequence[Score]) -> list[dict[str, object]]:
    """Tests of one benchmark and task against the full width, by the first metric."""
    main = [one for one in scores if one.row.metric == plan.config.metric[0]]
    reference = [one for one in main if _full(plan, one.row)]
    return against_full(main, reference[0], MARGIN, plan.config.seed) if reference else []


def _about(plan: Plan, found: Sequence[Benchmark], outcome: Outcome, seconds: float) -> dict[str, object]:
    """Everything of result.json besides scores."""
    config, counts = plan.config, plan.encoder.counts
    settings = asdict(config) | {"out": str(config.out), "cache": str(config.cache_folder)}
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": config.command(),
        "seconds": round(seconds, 3),
        "model": _model(plan),
        "settings": settings,
        "benchmarks": [benchmark.describe() for benchmark in found],
        "encoded": counts.encoded,
        "from_cache": counts.cached,
        "notices": counts.notices,
        "method": {
            "ties": TIES,
            "confidence": CONFIDENCE,
            "resamples": RESAMPLES,
            "interval": "percentile bootstrap over queries",
            "tests": "paired randomisation, Holm over the settings of a benchmark and task",
            "depth": config.depth,
            "seed": config.seed,
        },
        "versions": environment(),
        "tests": outcome.tests,
        "neighbours": outcome.neighbours,
    }


def _model(plan: Plan) -> dict[str, object]:
    model = plan.model
    return {
        "name": plan.config.model,
        "revision": model.revision,
        "fingerprint": plan.encoder.fingerprint,
        "precision": str(model.precision),
        "device": str(model.device),
        "threads": torch.get_num_threads(),
        "dim": model.spec.dim,
        "multi_vector_dim": model.spec.multi_vector_dim,
        "matryoshka_dims": list(model.spec.matryoshka_dims),
        "tasks": list(model.tasks),
        "max_length": plan.config.max_length or model.spec.max_tokens,
        "max_pixels": plan.config.max_pixels or model.spec.pixels.max_pixels,
        "licence": model.spec.licence,
    }


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
