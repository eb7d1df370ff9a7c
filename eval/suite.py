"""Suites: committed lists of what to run, with the sizes of their data and the values published for them.

A suite is a file of this folder's `suites/`. Its settings are those of a run, its parts are runs; what the
command line names takes the place of what the suite says, so that the same suite runs on another model
or on other benchmarks.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import mean
from typing import Any

from embedder.errors import InputError
from eval.config import RunConfig
from eval.results import Score

SUITES = Path(__file__).with_name("suites")
_NOT_SUITES = ("devices",)


@dataclass(frozen=True)
class DataSize:
    """A data set of a suite: what it is called, and its size where nothing has been fetched yet.

    Attributes:
        name: as `--benchmark` takes it.
        of: the task whose mean it is part of; by default it stands for itself.
        documents: how many.
        queries: how many.
        document_characters: mean length of a document's text, 0 where it has none.
        query_characters: mean length of a query.
        width: mean width of the documents' pictures in pixels, 0 where they have none.
        height: mean height.
    """

    name: str
    documents: int
    queries: int
    of: str = ""
    document_characters: int = 0
    query_characters: int = 0
    width: int = 0
    height: int = 0

    @property
    def group(self) -> str:
        """The task that it is part of."""
        return self.of or self.name


@dataclass(frozen=True)
class Published:
    """A value that somebody has published: mean over the tasks of a part, from 0 to 1, with its source."""

    vectors: str
    metric: str
    value: float
    source: str


@dataclass(frozen=True)
class Part:
    """One run of a suite.

    Attributes:
        name: what it is about.
        settings: fields of `RunConfig`, without the benchmarks.
        data: its data sets.
        published: values to compare with.
        note: what to know about the comparison.
        not_here: why this command cannot run it; empty where it can.
    """

    name: str
    settings: Mapping[str, object]
    data: tuple[DataSize, ...] = ()
    published: tuple[Published, ...] = ()
    note: str = ""
    not_here: str = ""


@dataclass(frozen=True)
class Suite:
    """A committed list of runs, for one model."""

    name: str
    about: str
    model: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Planned:
    """A run to be done: its settings, and the parts it is for (several where options made them equal)."""

    config: RunConfig
    parts: tuple[Part, ...]
    suite: str = ""

    def described(self) -> dict[str, object] | None:
        """What a result keeps of it; None for a run that is not of a suite."""
        return {"name": self.suite, "parts": [part.name for part in self.parts]} if self.suite else None


def names() -> list[str]:
    """Names of the suites that there are."""
    return sorted(path.stem for path in SUITES.glob("*.toml") if path.stem not in _NOT_SUITES)


def load_suite(name: str) -> Suite:
    """Read a suite.

    Raises:
        InputError: there is none of that name.
    """
    if name not in names():
        raise InputError(f"--suite {name!r}: one of {', '.join(names())}")
    text = tomllib.loads((SUITES / f"{name}.toml").read_text(encoding="utf-8"))
    common = text.get("settings", {})
    return Suite(name, text["about"], text["model"], tuple(_part(part, common) for part in text["part"]))


def _part(text: Mapping[str, Any], common: Mapping[str, object]) -> Part:
    settings = {**common, **text.get("settings", {})}
    known = {option.name for option in fields(RunConfig)}
    if unknown := settings.keys() - known:
        there = ", ".join(sorted(known))
        raise InputError(f"suite: {', '.join(sorted(unknown))} is no setting of a run; there are {there}")
    return Part(
        text["name"],
        {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()},
        tuple(DataSize(**one) for one in text.get("data", ())),
        tuple(Published(**one) for one in text.get("published", ())),
        text.get("note", ""),
        text.get("not_here", ""),
    )


def plan_suite(suite: Suite, given: Mapping[str, object]) -> list[Planned]:
    """The runs of a suite, with what the command line names in the place of what the suite says.

    Parts that come to the same settings are run once.
    """
    planned: dict[RunConfig, list[Part]] = {}
    for part in suite.parts:
        if not part.data:
            continue
        benchmarks = tuple(one.name for one in part.data)
        settings = {"model": suite.model, "benchmark": benchmarks, **part.settings, **given}
        config = RunConfig(**settings)  # type: ignore[arg-type]
        planned.setdefault(config, []).append(part)
    return [Planned(config, tuple(parts), suite.name) for config, parts in planned.items()]


def is_its_data(config: RunConfig, part: Part) -> bool:
    """Whether a run is on the part's own data sets."""
    return config.benchmark == tuple(one.name for one in part.data)


@dataclass(frozen=True)
class Reproduced:
    """A published value beside what was measured on the same data; `measured` is None where it was not."""

    part: str
    published: Published
    measured: float | None
    why_not: str = ""


def reproduce(
    part: Part, loaded: Sequence[str], scores: Sequence[Score], model: str, full: int
) -> list[Reproduced]:
    """Published values of a part beside the means of a run's scores.

    Args:
        part: what was to be run.
        loaded: names in the results of the part's data sets, in its order.
        scores: of the run.
        model: whose scores.
        full: width of its full dense vectors.
    """
    found = []
    for value in part.published:
        own = [one for one in scores if one.row.model == model]
        means = _means(part, loaded, own, value, full)
        lacking = [name for name, one in means.items() if one is None]
        why = f"no {value.metric} of {', '.join(lacking[:3])}" if lacking else ""
        measured = None if lacking or not means else mean(one for one in means.values() if one is not None)
        found.append(Reproduced(part.name, value, measured, why))
    return found


def _means(
    part: Part, loaded: Sequence[str], scores: Sequence[Score], value: Published, full: int
) -> dict[str, float | None]:
    """Mean of each task's data sets, exact search on whole float32 vectors; None where one is lacking."""
    rows = {
        one.row.benchmark: one.value
        for one in scores
        if (one.row.metric, one.row.vectors, one.row.precision, one.row.search, one.row.baseline)
        == (value.metric, value.vectors, "float32", "exact", None)
        and (value.vectors == "late" or one.row.dim == full)
    }
    groups: dict[str, list[float | None]] = {}
    for one, name in zip(part.data, loaded, strict=True):
        groups.setdefault(one.group, []).append(rows.get(name))
    return {
        name: None if None in values else mean(v for v in values if v is not None)
        for name, values in groups.items()
    }
