"""Runs read back: one by its name or folder, all of a folder, and each query's values of any row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from embedder.errors import InputError
from eval.examples import Examples, read_examples
from eval.places import results_folder
from eval.results import PER_QUERY, RESULT, TESTS, Row, find_runs, read_per_query, read_run, read_tests

Record: TypeAlias = dict[str, Any]
"""A row of result.json."""

ROW_FIELDS = tuple(Row.__dataclass_fields__)
SETTING_FIELDS = ("task", "vectors", "dim", "precision", "search", "baseline")


@dataclass(frozen=True, eq=False)
class Run:
    """A run on disk.

    Attributes:
        folder: where it lies.
        content: its result.json.
    """

    folder: Path
    content: Record

    @property
    def run_id(self) -> str:
        """Its name."""
        return str(self.content["run_id"])

    @property
    def scores(self) -> list[Record]:
        """Rows of scores."""
        return list(self.content["scores"])

    @property
    def models(self) -> dict[str, Record]:
        """What is known of each model that was measured, by the name that rows have for it."""
        found = self.content.get("models") or [self.content.get("model") or {}]
        own = [about for about in found if about.get("part", "model") == "model"]
        return {str(about.get("name", "")): about for about in own or found}

    @property
    def benchmarks(self) -> dict[str, Record]:
        """What is known of each benchmark, by name."""
        return {about["name"]: about for about in self.content.get("benchmarks", [])}

    def model_of(self, row: Mapping[str, Any]) -> Record:
        """What is known of the model of a row; rows of costs may leave it out where there is only one."""
        models = self.models
        return models.get(str(row.get("model")), next(iter(models.values())))

    def rows_of(self, part: str) -> list[Record]:
        """Rows of "tests", "neighbours" or "costs"; none if the run has none."""
        return list(self.content.get(part, []))

    @cached_property
    def metrics(self) -> list[str]:
        """Metrics of its scores, in their order."""
        return list(dict.fromkeys(row["metric"] for row in self.scores))

    @cached_property
    def tests(self) -> list[Record]:
        """Tests against the full width by every metric; of older runs by the first metric alone.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            kept = read_tests(self.folder)
        except (OSError, ValueError) as error:
            raise InputError(f"{self.folder / TESTS} cannot be read: {error}") from None
        return list(self.content.get("tests", [])) if kept is None else kept

    @cached_property
    def examples(self) -> Examples:
        """Queries to look at."""
        return read_examples(self.folder)

    @cached_property
    def per_query(self) -> list[tuple[list[str], NDArray[np.float64]]]:
        """Query ids and values of each row of scores, in their order.

        Raises:
            InputError: the file is not of this result.
        """
        try:
            table = read_per_query(self.folder)
        except (OSError, ValueError) as error:
            raise InputError(f"{self.folder / PER_QUERY} cannot be read: {error}") from None
        wanted = sum(row["n_queries"] for row in self.scores)
        if len(table) != wanted:
            raise InputError(
                f"{self.folder}: {PER_QUERY} has {len(table):,} rows, {RESULT} counts {wanted:,}; "
                "one of them is of another run"
            )
        found, start = [], 0
        for row in self.scores:
            part = table.slice(start, row["n_queries"])
            ids = part["query_id"].to_pylist()
            found.append((ids, part["value"].to_numpy().astype(np.float64)))
            start += row["n_queries"]
        return found


def short_name(model: str) -> str:
    """A model's name for people: a hub id as it is, of a path on disk the last part."""
    path = Path(model)
    return path.name if path.is_absolute() or model.startswith((".", "~")) or len(path.parts) > 2 else model


def load_run(name: str | Path, results: Path | None = None) -> Run:
    """A run by its folder, by the path of its result.json, or by its name in a folder of runs.

    Without `results` that is the folder where runs are kept.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    given, kept = Path(name).expanduser(), results or results_folder()
    for folder in (given, given.parent if given.name == RESULT else given, kept / given):
        if (folder / RESULT).is_file():
            return Run(folder, read_run(folder))
    where = f"{given} nor {kept / given}" if not given.is_absolute() else str(given)
    raise InputError(f"no run {str(name)!r}: {RESULT} is neither in {where}; `ls {kept}` shows the runs")


def load_runs(paths: Iterable[str | Path]) -> list[Run]:
    """All runs of some folders, each a run or a folder of runs; the oldest first, each once.

    Raises:
        InputError: a folder holds no run, or a run cannot be read.
    """
    found: dict[Path, Run] = {}
    for path in paths:
        given = Path(path).expanduser()
        folders = [given] if (given / RESULT).is_file() else find_runs(given)
        if not folders:
            raise InputError(f"{given} holds no run: expected {RESULT} in it or in folders below it")
        for folder in folders:
            found[folder.resolve()] = Run(folder, read_run(folder))
    return sorted(found.values(), key=lambda run: (str(run.content.get("created", "")), run.run_id))
