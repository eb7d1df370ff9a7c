"""All runs on disk as one table: read once, and again only where a file has changed.

Of a run only ``result.json`` is read here. Two hundred runs are some hundred thousand rows, which are kept in
columns: filtering and sorting them takes milliseconds.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from embedder.errors import InputError
from eval.places import results_folder
from eval.results import RESULT, find_runs, read_run
from eval.runs import Run, short_name

ITSELF = "the model itself"
NONE = "–"
FILTERS = ("model", "benchmark", "task", "vectors", "dim", "precision", "search", "baseline", "metric", "run")
NUMBERS = ("value", "ci_low", "ci_high", "n_queries")
COLUMNS = (*FILTERS, "created", *NUMBERS, "mark", "place")
"""``mark`` tells models and data of one name apart; ``place`` is the row's place in its result.json."""
SAME = ("model", "benchmark", "task", "vectors", "dim", "precision", "search", "baseline", "metric", "mark")
MARK = 8


@dataclass(frozen=True)
class Entry:
    """A run without its rows.

    Attributes:
        run: its folder and content, the rows of scores left out of memory.
        rows: as a table with `COLUMNS`.
        state: of its file: time of the last change in nanoseconds, and bytes.
    """

    run_id: str
    folder: Path
    created: str
    seconds: float
    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    rows: pa.Table
    state: tuple[int, int]


@dataclass
class RunIndex:
    """The runs of a folder.

    Attributes:
        place: says where they are, each time.
        broken: name of a folder -> why its run cannot be read.
    """

    place: Callable[[], Path] = results_folder
    broken: dict[str, str] = field(default_factory=dict)
    _entries: dict[Path, Entry] = field(default_factory=dict)
    _failed: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _table: pa.Table | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def entries(self) -> list[Entry]:
        """All runs, newest first; what has changed on disk is read."""
        with self._lock:
            self._refresh()
            return sorted(self._entries.values(), key=lambda e: (e.created, e.run_id), reverse=True)

    def table(self) -> pa.Table:
        """Rows of scores of all runs, newest run first, with `COLUMNS`."""
        found = self.entries()
        with self._lock:
            if self._table is None:
                parts = [entry.rows for entry in found]
                self._table = pa.concat_tables(parts).combine_chunks() if parts else _columns([])
            return self._table

    def open(self, run_id: object) -> Run:
        """A run by its name, whole.

        Raises:
            InputError: there is none of that name, or it cannot be read.
        """
        for entry in self.entries():
            if entry.run_id == run_id:
                return Run(entry.folder, read_run(entry.folder))
        raise InputError(f"there is no run {str(run_id)[:80]!r} here any more")

    def _refresh(self) -> None:
        folders, changed = find_runs(self.place()), False
        for gone in self._entries.keys() - set(folders):
            del self._entries[gone]
            changed = True
        for folder in folders:
            try:
                about = (folder / RESULT).stat()
            except OSError:
                continue
            state = (about.st_mtime_ns, about.st_size)
            known = self._entries.get(folder)
            if (known and known.state == state) or self._failed.get(folder) == state:
                continue
            changed = True
            try:
                self._entries[folder] = _entry(folder, state)
                self.broken.pop(folder.name, None)
            except (InputError, KeyError, TypeError, ValueError, AttributeError, pa.ArrowException) as error:
                self._entries.pop(folder, None)
                self._failed[folder] = state
                self.broken[folder.name] = f"{type(error).__name__}: {error}"[:300]
        if changed:
            self._table = None


def _entry(folder: Path, state: tuple[int, int]) -> Entry:
    run = Run(folder, read_run(folder))
    created = str(run.content.get("created") or "")
    return Entry(
        run.run_id, folder, created, float(run.content.get("seconds") or 0.0),
        tuple(short_name(name) for name in run.models), tuple(run.benchmarks), _rows(run, created), state,
    )  # fmt: skip


def _rows(run: Run, created: str) -> pa.Table:
    models, data = run.models, run.benchmarks
    marks = {name: _mark(about) for name, about in models.items()}
    sets = {name: str(about.get("fingerprint"))[:MARK] for name, about in data.items()}
    rows = []
    for place, row in enumerate(run.scores):
        name = str(row.get("model") or next(iter(models)))
        shown = {part: NONE if row[part] is None else row[part] for part in ("task", "vectors", "precision")}
        rows.append({
            **{part: row[part] for part in ("benchmark", "search", "metric", *NUMBERS)}, **shown,
            "dim": int(row["dim"] or 0), "baseline": row["baseline"] or ITSELF, "model": short_name(name),
            "run": run.run_id, "created": created, "place": place,
            "mark": f"{marks.get(name, '')} {sets.get(row['benchmark'], '')}",
        })  # fmt: skip
    return _columns(rows)


def _mark(about: Mapping[str, Any]) -> str:
    return f"{str(about.get('fingerprint')).removeprefix('sha256:')[:MARK]} {about.get('precision')}"


def _columns(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    kinds = {"dim": pa.int32(), "n_queries": pa.int32(), "place": pa.int32()}
    kinds |= dict.fromkeys(("value", "ci_low", "ci_high"), pa.float64())
    made = {}
    for name in COLUMNS:
        column = pa.array([row[name] for row in rows], kinds.get(name, pa.string()))
        # names repeat: as a dictionary they take a twentieth of the memory
        made[name] = column if name in kinds else column.cast(pa.dictionary(pa.int32(), pa.string()))
    return pa.table(made)


def choices(table: pa.Table) -> dict[str, list[str]]:
    """What each filter can be set to, in a fitting order."""
    found = {}
    for name in FILTERS:
        values = pc.unique(_plain(table[name])).to_pylist()
        if name == "dim":
            found[name] = [_width(value) for value in sorted(values)]
        elif name == "run":
            found[name] = sorted(values, reverse=True)
        else:
            found[name] = sorted(values, key=lambda value: (value == NONE, value != ITSELF, value))
    return found


def _width(value: int) -> str:
    return str(value) if value else NONE


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def chosen(
    table: pa.Table,
    wanted: Mapping[str, Sequence[str]],
    *,
    sort: str = "value",
    descending: bool = True,
    newest: bool = True,
) -> pa.Table:
    """Rows that all filters let pass, sorted.

    Args:
        table: of `RunIndex.table`.
        wanted: filter -> values; of a filter without values everything passes.
        sort: a column.
        descending: largest first.
        newest: of searches that several runs made of the same model and data keep the newest run's.

    Raises:
        InputError: no such filter or column.
    """
    for name in [*wanted, sort]:
        if name not in COLUMNS:
            raise InputError(f"{name!r} is no column; there are {', '.join(COLUMNS)}")
    for name, values in wanted.items():
        if not values:
            continue
        if name == "dim":
            widths = [int(value) if value.isdecimal() else 0 for value in values]
            table = table.filter(pc.is_in(table[name], pa.array(widths, pa.int32())))
        else:
            table = table.filter(pc.is_in(_plain(table[name]), pa.array([str(v) for v in values])))
    if newest and len(table):
        table = table.take(_first_of_each(table))
    plain = table.set_column(table.schema.get_field_index(sort), sort, _plain(table[sort]))
    order = pc.sort_indices(plain, [(sort, "descending" if descending else "ascending")])
    return table.take(order)


def _first_of_each(table: pa.Table) -> pa.Array:
    """Places of the first row of each search; rows come newest first."""
    keys = pa.table({name: _plain(table[name]) for name in SAME} | {"at": pa.array(range(len(table)))})
    firsts = keys.group_by(list(SAME)).aggregate([("at", "min")])
    return firsts["at_min"].combine_chunks().sort()
