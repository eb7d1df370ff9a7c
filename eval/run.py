"""One run: load, encode once, search in every way asked for, score, test, write."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from embedder import EmbedderNotice, InputError
from embedder.protocol import Model
from eval import benchmarks
from eval.benchmarks.model import Benchmark
from eval.config import RunConfig
from eval.distributed import Shares, encode_together, rank_of_torchrun
from eval.measure import Outcome, measure
from eval.plan import Plan, check_models, make_plan
from eval.progress import Progress, clock, columns
from eval.provenance import provenance
from eval.results import Score, check_writable, new_run_id, write_run
from eval.rivals import Rivals, rank_rivals
from eval.scores import check_depth


@dataclass(frozen=True)
class Host:
    """What a program that calls `run` has already, and how it wants to hear of the way.

    Attributes:
        models: loaded models by their name in the settings; others are loaded.
        load: gives a benchmark by name and seed.
        progress: told how far the run is; what it raises ends the run, and what was encoded is kept.
    """

    models: Mapping[str, Model] = field(default_factory=dict)
    load: Callable[..., Benchmark] = benchmarks.load
    progress: Progress | None = None


def run(
    config: RunConfig,
    *,
    quiet: bool = False,
    suite: Mapping[str, object] | None = None,
    host: Host | None = None,
) -> tuple[Path, list[Score]]:
    """Do what the settings say.

    Args:
        config: the settings.
        quiet: say nothing on the way.
        suite: what the result keeps of the suite that the run is part of.
        host: of the program that calls; None for a run by itself.

    Returns:
        The run's folder, and its scores; in a rank of torchrun other than 0, which only helps to encode, the
        folder of runs and no scores.

    Raises:
        InputError: a setting does not fit the model, or a benchmark cannot be used.
        CheckpointError: the model cannot be loaded.
        DeviceError: the device cannot be had, or its memory ran out.
        EmbedderError: results cannot be written.
    """
    rank, host = rank_of_torchrun(), host or Host()
    began = time.monotonic()
    progress = host.progress or Progress(quiet=quiet or (rank is not None and rank.number > 0))
    check_depth(config.metric, config.depth)
    check_writable(config.out)
    found = _load_benchmarks(config, progress, host.load)
    said: list[str] = []
    outcome, models = Outcome(), list[dict[str, Any]]()
    check_models(config)
    shares = encode_together(config, found, progress)
    if shares is None:
        return config.out, []
    with _noted(said):
        rivals = rank_rivals(config, found, progress)
        for name in config.models:
            plan = make_plan(config, name, progress, host.models.get(name))
            about, more = _measure_model(plan, found, rivals, shares)
            models.append(about)
            outcome.add(more)
    notices = [*said, *rivals.notices, *chain.from_iterable(model.pop("notices") for model in models)]
    _tell(notices, said, progress)
    seconds = time.monotonic() - began
    about = provenance(config, [*models, *rivals.models], found, notices, seconds) | outcome.details(
        config.metric[0]
    )
    if suite is not None:
        about["suite"] = dict(suite)

    def attach(folder: Path) -> None:
        outcome.write(folder, vectors=config.save_vectors)

    folder = write_run(config.out, new_run_id(config.models[0]), about, outcome.scores, attach)
    progress.say(f"took {clock(time.monotonic() - began)}")
    return folder, outcome.scores


def _tell(notices: Sequence[str], said: Sequence[str], progress: Progress) -> None:
    """Say each notice once, without those that were shown as warnings on the way."""
    for notice in dict.fromkeys(notices):
        if notice not in said:
            progress.say(f"note: {notice}")


def _measure_model(
    plan: Plan, found: Sequence[Benchmark], rivals: Rivals, shares: Shares
) -> tuple[dict[str, Any], Outcome]:
    """One model on all benchmarks: what there is to know about it, and what was found."""
    name, outcome = plan.config.model, Outcome()
    for benchmark in found:
        if plan.can_take(benchmark):
            outcome.add(measure(plan, benchmark, rivals.rankings[benchmark.name]))
    if not outcome.scores:
        raise InputError(f"--model {name}: takes texts only, and every --benchmark has pictures")
    for counts in shares.get(name, []):
        plan.encoder.counts.credit(counts)
    return plan.about(), outcome


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


def _load_benchmarks(
    config: RunConfig, progress: Progress, load: Callable[..., Benchmark]
) -> list[Benchmark]:
    found = []
    for name in benchmarks.expand(config.benchmark):
        loaded = load(name, seed=config.seed)
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


def table(scores: Sequence[Score]) -> str:
    """The first metric of every setting, as text for a terminal."""
    name = scores[0].row.metric
    head = ("benchmark", "task", "vectors", "dim", "precision", "search", "baseline", name, "95% interval")
    lines: list[tuple[str, ...]] = [head]
    rows = [one for one in scores if one.row.metric == name]
    for one in rows:
        row = one.row
        told = (row.benchmark, row.task, row.vectors, row.dim, row.precision, row.search, row.baseline)
        cells = ["-" if value is None else str(value) for value in told]
        lines.append((*cells, f"{one.value:.4f}", f"{one.ci_low:.4f} to {one.ci_high:.4f}"))
    if len({one.row.model for one in rows}) == 1:
        return columns(lines, right=(3, 7))
    models = ["model", *(one.row.model for one in rows)]
    return columns([(model, *line) for model, line in zip(models, lines, strict=True)], right=(4, 8))
