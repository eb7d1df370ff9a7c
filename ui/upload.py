"""What a visitor sent, put together: tables, vectors, pictures and zips of them become one table."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from embedder.errors import EmbedderError, InputError
from embedder.headers import sniff
from embedder.images import FORMATS
from ui import archives, kept_files
from ui.collection import Item, image_item, safe_name
from ui.faults import Fault, Faults
from ui.limits import PUBLIC, Limits
from ui.tables import Cell, Row, Table, read_table, unique_names
from ui.vector_files import VectorSet, is_vector_file, read_vectors

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")

Array = np.ndarray[Any, np.dtype[Any]]

VECTOR = "vector"
PICTURE = "picture"
MAX_FILES = 500
FEWEST_NUMBERED = 8
"""Columns such as d1, d2, d3 ... that make a vector."""
_ASKS = {"query", "question", "query-id", "query_id", "queries"}
_ANSWERS = {"item", "relevant", "document", "answer", "corpus-id", "corpus_id", "item-id", "item_id", "doc"}
_NUMBERED = re.compile(r"(.*?)[_ .-]?(\d+)")


@dataclass(frozen=True)
class Upload:
    """One table of everything that came.

    Attributes:
        name: for people.
        table: rows; their cells may be texts, numbers, paths of pictures and vectors.
        pictures: those that came as files of their own or in a zip, by path and by base name, lower case.
        pairs: a second table, of queries and what answers them, or None.
        faults: what was left out so far.
        notices: how it was understood.
        files: how many were sent.
    """

    name: str
    table: Table
    pictures: Mapping[str, Item]
    pairs: Table | None
    faults: Faults
    notices: tuple[str, ...]
    files: int


@dataclass
class _Parts:
    """What has been read so far."""

    tables: list[Table]
    vectors: list[VectorSet]
    pictures: list[tuple[str, Item]]
    faults: Faults
    notices: list[str]


def read_upload(
    paths: Sequence[Path], *, header: bool = True, limits: Limits = PUBLIC
) -> Iterator[str | Upload]:
    """Read files of any kind; one that cannot be used is a fault of its own, the others go on.

    Args:
        paths: stored uploads.
        header: whether the first row of a CSV names the columns.
        limits: of the host.

    Yields:
        Words about progress, then the upload.

    Raises:
        InputError: nothing in it can be used; all reasons are given.
    """
    parts = _Parts([], [], [], Faults(), [])
    for at, path in enumerate(paths[:MAX_FILES], start=1):
        name = safe_name(path.name)
        yield f"Reading {name} ({at} of {len(paths)})"
        try:
            yield from _one(path, name, parts, header, limits)
        except EmbedderError as error:
            parts.faults.add(Fault(name, _shortened(str(error), name)))
    if len(paths) > MAX_FILES:
        parts.notices.append(f"{len(paths) - MAX_FILES} files were left out: at most {MAX_FILES} at a time")
    yield _assembled(parts, min(len(paths), MAX_FILES))


def _shortened(message: str, name: str) -> str:
    """The name has a column of its own."""
    return message.removeprefix(f"{name}: ").removeprefix(f"{name} ")


def _one(path: Path, name: str, parts: _Parts, header: bool, limits: Limits) -> Iterator[str]:
    with path.open("rb") as file:
        start = file.read(64)
    if is_vector_file(start, name):
        found = read_vectors(path, name, limits)
        parts.vectors.append(found)
        parts.faults.extend(found.faults)
        parts.notices += found.notices
    elif archives.is_zip(start) and not name.lower().endswith((".xlsx", ".ods", ".docx", ".pptx")):
        yield from _archive(path, name, parts, limits)
    elif sniff(start) in FORMATS and not start.startswith(b"BM,"):
        parts.pictures.append((name, image_item(path)))
    elif name.lower().endswith(PICTURE_ENDINGS):
        raise InputError(f"{name}: is not a picture, whatever its name says; it was left out")
    else:
        table = read_table(path, name, header=header, keep=kept_files.keep, limits=limits)
        parts.tables.append(table)
        parts.faults.extend(table.faults)
        parts.notices += table.notices


def _archive(path: Path, name: str, parts: _Parts, limits: Limits) -> Iterator[str]:
    before = len(parts.pictures)
    for found in archives.pictures(path, name, limits):
        if isinstance(found, Fault):
            parts.faults.add(found)
            continue
        parts.pictures.append((found.path, found.item))
        if len(parts.pictures) % 5 == 0:
            yield f"{name}: {len(parts.pictures) - before:,} pictures"


def _assembled(parts: _Parts, files: int) -> Upload:
    pictures = {path.lower(): item for path, item in parts.pictures}
    pictures = {**{_base(path): item for path, item in parts.pictures}, **pictures}
    table, pairs = _main_table(parts)
    for extra in parts.vectors[1:]:
        parts.faults.add(Fault(extra.name, f"a second file of vectors; {parts.vectors[0].name} is taken"))
    if table is None and parts.vectors:
        table = _of_vectors(parts.vectors[0])
    elif table is not None and parts.vectors:
        table = _joined(table, parts.vectors[0], parts.faults)
    if table is None and parts.pictures:
        table = _of_pictures(parts.pictures)
    if table is None:
        reasons = "; ".join(f"{fault.file}: {fault.reason}" for fault in parts.faults.kept[:5])
        raise InputError(f"nothing in it can be used. {reasons}" if reasons else "no file has arrived")
    table = _with_numbered_vector(table, parts.faults)
    if not table.rows:
        parts.notices.append(f"{table.name}: no row can be used")
    return Upload(table.name, table, pictures, pairs, parts.faults, tuple(parts.notices), files)


def _base(path: str) -> str:
    return path.rsplit("/", 1)[-1].lower()


def is_pairs(table: Table) -> bool:
    """Whether a table says which item answers which query, by the names of its columns."""
    names = {name.lower() for name in table.columns}
    return bool(names & _ASKS) and bool(names & _ANSWERS) and len(table.columns) <= 4


def pair_columns(table: Table) -> tuple[str, str, str]:
    """The columns of a table of pairs: query, item, gain ("" for none)."""
    by_name = {name.lower(): name for name in reversed(table.columns)}
    gains = [by_name[key] for key in ("score", "gain", "relevance", "rating") if key in by_name]
    asks = next(by_name[key] for key in by_name if key in _ASKS)
    answers = next(by_name[key] for key in by_name if key in _ANSWERS)
    return asks, answers, gains[0] if gains else ""


def _main_table(parts: _Parts) -> tuple[Table | None, Table | None]:
    """The table of items, and that of pairs; alone, a table of pairs is one of items."""
    several = len(parts.tables) + bool(parts.vectors) + bool(parts.pictures) > 1
    pairs = [table for table in parts.tables if is_pairs(table)] if several else []
    others = [table for table in parts.tables if table not in pairs]
    for extra in [*others[1:], *pairs[1:]]:
        parts.faults.add(Fault(extra.name, "one table at a time: join them into one file"))
    return (others[0] if others else None), (pairs[0] if pairs else None)


def _of_pictures(pictures: Sequence[tuple[str, Item]]) -> Table:
    rows = []
    for number, (path, item) in enumerate(pictures, start=1):
        folder, _, _ = path.rpartition("/")
        width, height = item.size or (0, 0)
        rows.append(Row(number, 0, (path, folder or None, width, height)))
    name = pictures[0][1].name if len(pictures) == 1 else f"{len(pictures)} pictures"
    return Table(name, (PICTURE, "folder", "width", "height"), tuple(rows), total=len(rows))


def _of_vectors(found: VectorSet) -> Table:
    columns = unique_names([*found.columns, VECTOR])
    values = [*found.columns.values(), list(found.vectors)]
    rows = [
        Row(number, 0, tuple(cells))
        for number, cells in zip(found.rows, zip(*values, strict=True), strict=True)
    ]
    return Table(found.name, columns, tuple(rows), total=max(found.rows))


def _joined(table: Table, found: VectorSet, faults: Faults) -> Table:
    """The table with the vectors beside its rows, by number: row 7 has vector 7."""
    last = max(found.rows, default=0)
    if last > table.total or len(found.rows) + len(found.faults) != table.total:
        count = len(found.rows) + len(found.faults)
        words = f"has {count:,} vectors, {table.name} {table.total:,} rows: they do not go together"
        faults.add(Fault(found.name, words))
        return table
    by_number = dict(zip(found.rows, found.vectors, strict=True))
    return table.with_column(VECTOR, [by_number.get(row.number) for row in table.rows])


def _with_numbered_vector(table: Table, faults: Faults) -> Table:
    """Columns such as d1 ... d512, as this page's own CSV has them, become one vector."""
    groups: dict[str, list[tuple[int, int]]] = {}
    for at, name in enumerate(table.columns):
        found = _NUMBERED.fullmatch(name)
        if found:
            groups.setdefault(found[1], []).append((int(found[2]), at))
    best = max(groups.values(), key=len, default=[])
    numbers = sorted(number for number, _ in best)
    if len(best) < FEWEST_NUMBERED or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return table
    places = [at for _, at in sorted(best)]
    rows = []
    rest = [at for at in range(len(table.columns)) if at not in set(places)]
    for row in table.rows:
        try:
            vector = np.array([float(row.cells[at]) for at in places], np.float32)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            bad = next(at for at in places if not _is_number(row.cells[at]))
            words = "is no number, as its column's values are"
            faults.add(
                Fault(table.name, words, row.number, row.line, table.columns[bad], str(row.cells[bad]))
            )
            continue
        rows.append(Row(row.number, row.line, (*(row.cells[at] for at in rest), vector)))
    columns = unique_names([*(table.columns[at] for at in rest), VECTOR])
    return replace(table, columns=columns, rows=tuple(rows))


def _is_number(value: Cell) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
