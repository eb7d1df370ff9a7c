"""JSON as rows: one object a line, or one array of objects, read piece by piece."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from embedder.errors import InputError
from ui.csv_rows import encoding_of
from ui.limits import PUBLIC, Limits
from ui.tables import MAX_RECORD, Bad, Cell, Table, gathered, unique_names

SAMPLE_ROWS = 200
"""Rows whose names become the columns."""
WHOLE_BYTES = 8 * 2**20
"""Up to this size a file that is one object is read whole."""
LISTS = ("items", "data", "rows", "records", "documents")
"""Fields of one object that may hold the rows."""
_CHUNK = 1 << 16
_BLANK = " \t\r\n"
_SPACE = re.compile(r"[\s,]*")
_LOST = "nothing behind it can be read"
_TEXT = "text"


def read(path: Path, name: str, limits: Limits = PUBLIC) -> Table:
    """A JSON or JSON lines file as a table.

    Rows are objects, or texts (one column, ``text``). Values that are lists of numbers are vectors.

    Raises:
        InputError: no JSON, or no rows in it.
    """
    encoding, notice = encoding_of(path, name)
    with path.open(encoding=encoding, errors="replace") as stream:
        found = _objects(stream, path, name)
        first = list(islice(found, SAMPLE_ROWS))
        names: dict[str, None] = {}
        for record in first:
            if not isinstance(record, Bad):
                names.update(dict.fromkeys(record[1]))
        if not names:
            reasons = [record.reason for record in first if isinstance(record, Bad)]
            raise InputError(f"{name}: holds no rows" + (f": {reasons[0]}" if reasons else ""))
        if len(names) > limits.table_columns:
            raise InputError(f"{name}: has {len(names):,} fields; at most {limits.table_columns:,} are taken")
        rows = _cells(chain(first, found), tuple(names))
        return gathered(name, unique_names(names), rows, [notice] if notice else [], limits)


def _objects(stream: TextIO, path: Path, name: str) -> Iterator[tuple[int, Mapping[str, Any]] | Bad]:
    """Objects of the file with the line of each, whichever of its forms it has."""
    start = stream.read(_CHUNK).lstrip(_BLANK)
    stream.seek(0)
    if start[:1] == "[":
        yield from (_row(0, value) for value in _array(stream))
        return
    single = _one_object(stream, path) if path.stat().st_size <= WHOLE_BYTES else None
    stream.seek(0)
    if single is None:
        yield from _lines(stream)
    else:
        yield from (_row(0, value) for value in _inside(single, name))


def _row(line: int, value: object) -> tuple[int, Mapping[str, Any]] | Bad:
    if isinstance(value, Bad):
        return value
    if isinstance(value, dict):
        return line, value
    if isinstance(value, str):
        return line, {_TEXT: value}
    return Bad(line, f"is {_kind(value)}, expected an object or a text", value=str(value)[:200])


def _kind(value: object) -> str:
    names = {list: "a list", int: "a number", float: "a number", bool: "true or false"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _lines(stream: TextIO) -> Iterator[tuple[int, Mapping[str, Any]] | Bad]:
    number = 0
    while line := stream.readline(MAX_RECORD + 1):
        number += 1
        if len(line) > MAX_RECORD and not line.endswith("\n"):
            while (part := stream.readline(_CHUNK)) and not part.endswith("\n"):
                pass
            yield Bad(number, f"the line has more than {MAX_RECORD:,} characters", value=line[:200])
        elif line.strip():
            yield _row(number, _parsed(line, number))


def _parsed(text: str, line: int) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        return Bad(line, "is nested too deeply", value=text[:200])
    except ValueError as error:
        return Bad(line, f"is no JSON: {_why(error)}", value=text[:200])


def _why(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else "a number with too many digits"


def _one_object(stream: TextIO, path: Path) -> dict[str, Any] | None:
    """The file as one object; None where it is several lines of them, or none."""
    try:
        value = json.loads(stream.read())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _inside(value: dict[str, Any], name: str) -> Iterator[object]:
    """Rows of one object: a list in one of the usual fields, columns as lists of one length, or itself."""
    for field in LISTS:
        if isinstance(value.get(field), list):
            yield from value[field]
            return
    lists = [entry for entry in value.values() if isinstance(entry, list)]
    if lists and len(lists) == len(value) and len({len(entry) for entry in lists}) == 1:
        yield from (dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True))
    else:
        yield value


def _array(stream: TextIO) -> Iterator[object]:
    """The elements of one array, one at a time, however long it is.

    Within an array there is no telling where the next element begins after a broken one: it ends there.
    """
    decoder, at = json.JSONDecoder(), 0
    buffer = stream.read(_CHUNK).lstrip(_BLANK + "\ufeff")[1:]
    while True:
        at = _SPACE.match(buffer, at).end()  # type: ignore[union-attr]
        if buffer[at : at + 1] == "]":
            return
        try:
            value, end = decoder.raw_decode(buffer, at)
            if end < len(buffer):  # a number at the very end may go on
                yield value
                at = end
                continue
            why = "the file ends within the array"
        except RecursionError:
            yield Bad(0, f"is nested too deeply; {_LOST}", value=buffer[at : at + 200])
            return
        except ValueError as error:
            why = _why(error)
        buffer, at = buffer[at:], 0
        if len(buffer) > MAX_RECORD:
            yield Bad(0, f"more than {MAX_RECORD:,} characters, or {why}; {_LOST}", value=buffer[:200])
            return
        more = stream.read(max(_CHUNK, len(buffer)))
        if not more:
            what = f"is no JSON: {why}; {_LOST}" if buffer.strip() else "the file ends within the array"
            yield Bad(0, what, value=buffer[:200])
            return
        buffer += more


def _cells(
    found: Iterator[tuple[int, Mapping[str, Any]] | Bad], names: tuple[str, ...]
) -> Iterator[tuple[int, list[Cell]] | Bad]:
    for record in found:
        if isinstance(record, Bad):
            yield record
            continue
        line, value = record
        yield line, [cell_of(value.get(name)) for name in names]


def cell_of(value: object) -> Cell:
    """A JSON value as a cell: lists of numbers are vectors, other lists and objects their JSON text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return value if abs(value) < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list) and len(value) > 1 and all(type(entry) in (int, float) for entry in value):
        try:
            return np.array(value, dtype=np.float32)
        except OverflowError:
            return str(value)[:MAX_RECORD]
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return str(type(value).__name__)
