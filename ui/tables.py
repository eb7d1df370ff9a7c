"""Tables from files: CSV, JSON, JSON lines and Parquet become rows, and what cannot be used is named.

A file is read as a stream, up to limits on rows and characters, so that its size does not matter. What kind
of file it is says its content, never its name.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from embedder.errors import InputError
from embedder.headers import sniff
from ui.collection import short
from ui.faults import Fault, Faults
from ui.limits import PUBLIC, Limits

Array = np.ndarray[Any, np.dtype[Any]]
Cell: TypeAlias = str | int | float | Path | Array | None
"""A text, a number, the file of a picture, a vector, or nothing."""

MAX_WEIGHT = 120_000_000
"""Of all cells together, a byte for each character and ``CELL_WEIGHT`` for each cell."""
CELL_WEIGHT = 50
MAX_FAULTS = 10_000
"""Faulty rows after which a file is not read on."""
MAX_RECORD = 1_000_000
"""Characters of one row."""
NAME_CHARS = 60

_PACKED = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf", "7z"),
    (b"Rar!", "rar"),
)
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0", "an Excel or Word file of the old kind: save it as CSV"),
    (b"SQLite format 3", "an SQLite database: export the table as CSV"),
    (b"\x80\x02", "a pickle, which could run code: save it as CSV, JSON or npy"),
    (b"\x80\x03", "a pickle, which could run code: save it as CSV, JSON or npy"),
    (b"\x80\x04", "a pickle, which could run code: save it as CSV, JSON or npy"),
    (b"\x80\x05", "a pickle, which could run code: save it as CSV, JSON or npy"),
    (b"\x89HDF", "an HDF5 file: save the vectors as npy"),
)


class Row(NamedTuple):
    """One row of data: its number from 1, the line of the file where it begins (0 for none), its cells."""

    number: int
    line: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Rows with named columns.

    Attributes:
        name: safe base name of the file.
        columns: their names, all different.
        rows: those that can be used.
        faults: the others.
        notices: how the file was understood, and what was not read.
        total: rows seen, faulty ones included.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...] = ()
    notices: tuple[str, ...] = ()
    total: int = 0

    def values(self, column: str) -> list[Cell]:
        """The cells of a column, in the order of ``rows``."""
        at = self.columns.index(column)
        return [row.cells[at] for row in self.rows]

    def with_column(self, name: str, values: Sequence[Cell]) -> "Table":
        """The table with one more column at its end."""
        columns = unique_names([*self.columns, name])
        rows = [Row(r.number, r.line, (*r.cells, value)) for r, value in zip(self.rows, values, strict=True)]
        return replace(self, columns=columns, rows=tuple(rows))


class Bad(NamedTuple):
    """A row that cannot be used: line, reason, and the column and value where it is one cell's fault."""

    line: int
    reason: str
    column: str = ""
    value: str = ""


Keep: TypeAlias = Callable[[bytes, str], Path]
"""Puts the bytes of a picture with a name into a file of its own."""


def unique_names(names: Iterable[object]) -> tuple[str, ...]:
    """Names of columns: short, none empty, no two alike."""
    found: dict[str, None] = {}
    for at, name in enumerate(names, start=1):
        base = short(str(name if name is not None else "").strip("\ufeff \t"), NAME_CHARS) or f"column {at}"
        unique, again = base, 2
        while unique in found:
            unique, again = f"{base} ({again})", again + 1
        found[unique] = None
    return tuple(found)


def refuse_foreign(start: bytes, name: str) -> None:
    """Refuse what is certainly no table, by its first bytes.

    Raises:
        InputError: the file is packed, a picture, or of another program; the message says what to do.
    """
    for mark, kind in _PACKED:
        if start.startswith(mark):
            raise InputError(f"{name}: is packed with {kind}; unpack it first, it is not opened here")
    for mark, words in _FOREIGN:
        if start.startswith(mark):
            raise InputError(f"{name}: is {words}")
    if start.startswith(b"PK"):
        raise InputError(f"{name}: is an archive or an Excel workbook; save the sheet as CSV")
    found = sniff(start)
    if found and not found.startswith(("HTML", "XML", "SVG", "BM")):
        raise InputError(f"{name}: is a {found} file, no table")
    if found and found != "BMP":
        raise InputError(f"{name}: is {found}, no table; save the table as CSV")


def gathered(
    name: str,
    columns: tuple[str, ...],
    records: Iterator[tuple[int, Sequence[Cell]] | Bad],
    notices: Sequence[str],
    limits: Limits,
) -> Table:
    """Rows up to the limits, and what was wrong with the others.

    Args:
        name: of the file.
        columns: how many cells a row needs, by their names.
        records: line and cells of each row, or why it cannot be used.
        notices: what was said so far.
        limits: how many rows are read.
    """
    rows: list[Row] = []
    faults = Faults()
    said, weight, number, most = list(notices), 0, 0, limits.table_rows
    for record in records:
        if len(rows) >= most or weight > MAX_WEIGHT:
            why = f"at most {most:,} are taken" if len(rows) >= most else "the file is too large for more"
            said.append(f"{name}: the first {len(rows):,} rows were read; {why}")
            break
        if faults.count >= MAX_FAULTS:
            said.append(
                f"{name}: {faults.count:,} of {number:,} rows are faulty; it was not read any further"
            )
            break
        number += 1
        if isinstance(record, Bad):
            value = short(record.value, 200)
            faults.add(Fault(name, record.reason, number, record.line, record.column, value))
            continue
        line, cells = record
        weight += sum(_weight(cell) for cell in cells)
        rows.append(Row(number, line, tuple(cells)))
    if faults.count > len(faults.kept):
        faults.kept.append(Fault(name, f"and {faults.count - len(faults.kept):,} more rows like these"))
    return Table(name, columns, tuple(rows), tuple(faults), tuple(said), number)


def _weight(cell: Cell) -> int:
    if isinstance(cell, str):
        return CELL_WEIGHT + len(cell)
    return CELL_WEIGHT + (cell.nbytes if isinstance(cell, np.ndarray) else 0)


def read_table(
    path: Path, name: str, *, header: bool = True, keep: Keep | None = None, limits: Limits = PUBLIC
) -> Table:
    """A table of any kind that is understood here.

    Args:
        path: the file; only its content matters.
        name: what messages call it.
        header: whether the first row of a CSV holds the names of the columns.
        keep: where pictures inside the file go; None to leave them out.
        limits: how many rows and columns are read.

    Raises:
        InputError: the file as a whole cannot be used; the message says why and what to do.
    """
    from ui import csv_rows, json_rows, parquet_rows

    with path.open("rb") as file:
        start = file.read(4096)
    if not start:
        raise InputError(f"{name}: is empty")
    if start.startswith(b"PAR1"):
        return parquet_rows.read(path, name, keep, limits)
    refuse_foreign(start, name)
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] in (b"{", b"["):
        return json_rows.read(path, name, limits)
    return csv_rows.read(path, name, header=header, limits=limits)
