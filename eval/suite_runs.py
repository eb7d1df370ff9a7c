"""What `python -m eval run --suite` plans, says beforehand, and sets beside its results."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.benchmarks import BUNDLED, expand, load
from eval.config import RunConfig
from eval.estimate import Load, load_of, load_of_size, spec_of, totals
from eval.progress import columns
from eval.results import Score, read_run
from eval.suite import Planned, Suite, is_its_data, load_suite, plan_suite, reproduce


def planned_runs(name: str | None, given: Mapping[str, object]) -> tuple[Suite | None, list[Planned]]:
    """The suite, if one is asked for, and the runs to be done: the suite's, or the one of the options.

    Raises:
        InputError: there is no such suite, or an option cannot be used.
    """
    if name is None:
        return None, [Planned(RunConfig(**given), ())]  # type: ignore[arg-type]
    suite = load_suite(name)
    return suite, plan_suite(suite, given)


def dry_run(suite: Suite | None, planned: Sequence[Planned]) -> str:
    """Items, tokens, disk and hours of some runs, without fetching or loading a model or a data set.

    Benchmarks that are made here and local folders are counted; data sets of a suite go by the sizes
    that it tells, and the size of others is not known.

    Raises:
        InputError: nothing is known of the model.
    """
    rows: list[Sequence[str]] = [("part", "data", "items", "text tokens", "picture tokens", "size")]
    runs: list[tuple[RunConfig, list[Load]]] = []
    unknown: list[str] = []
    for one in planned:
        loads = _loads(one, unknown)
        runs += [(replace(one.config, model=model), loads) for model in one.config.models]
        label = ", ".join(part.name for part in one.parts) or "run"
        for load_ in loads:
            counts = [f"{count:,}" for count in (load_.items, load_.text_tokens, load_.image_tokens)]
            rows.append((label, load_.name, *counts, "counted" if load_.is_counted else "as told"))
    said = [columns(rows, right=(2, 3, 4)), *totals(runs), *_not_here(suite)]
    if unknown:
        said.append(f"not counted, as nothing is known of them before they are fetched: {', '.join(unknown)}")
    return "\n".join(said)


def _loads(one: Planned, unknown: list[str]) -> list[Load]:
    """What each data set of a run asks; names of those of unknown size are added to `unknown`."""
    config, spec = one.config, spec_of(one.config.models[0])
    sizes = {size.name: size for part in one.parts for size in part.data}
    found = []
    for name in expand(config.benchmark):
        if name in sizes:
            found.append(load_of_size(sizes[name], config, spec))
        elif name in BUNDLED or Path(name).expanduser().is_dir():
            found.append(load_of(load(name, seed=config.seed), config, spec))
        else:
            unknown.append(name)
    return found


def _not_here(suite: Suite | None) -> list[str]:
    parts = suite.parts if suite else ()
    return [f"{part.name}: not part of this run: {part.not_here}" for part in parts if part.not_here]


def beside_published(suite: Suite | None, one: Planned, folder: Path, scores: Sequence[Score]) -> str:
    """Published values beside what a run has measured on the same data; empty where there are none.

    Args:
        suite: with the values.
        one: what was run.
        folder: of its result.
        scores: of the run.
    """
    rows = [("row", "vectors", "metric", "published", "of", "measured", "of", "difference", "source")]
    notes = []
    if suite is None:
        return ""
    result: Any = read_run(folder)
    loaded = [about["name"] for about in result["benchmarks"]]
    widths = {about["name"]: about["dim"] for about in result["models"]}
    for part in one.parts:
        if not part.published or not is_its_data(one.config, part):
            continue
        notes += [f"{part.name}: {part.note}"] if part.note else []
        for model in one.config.models:
            for found in reproduce(part, loaded, scores, model, widths[model]):
                value = found.published
                measured = "-" if found.measured is None else f"{found.measured:.4f}"
                gap = found.why_not if found.measured is None else f"{found.measured - value.value:+.4f}"
                told = (f"{value.value:.4f}", suite.model, measured, model, gap, value.source)
                rows.append((part.name, value.vectors, value.metric, *told))
    return "\n".join([columns(rows, right=(3, 5)), *notes]) if len(rows) > 1 else ""
