"""CSV as people really send it: any of four delimiters, many encodings, quoted line breaks, broken rows."""

import codecs
import csv
import io
from collections import Counter, deque
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from embedder.errors import InputError
from ui.limits import PUBLIC, Limits
from ui.tables import MAX_RECORD, Bad, Cell, Table, gathered, unique_names

DELIMITERS = (",", ";", "\t", "|")
MAX_LINES = 3_000_000
"""Physical lines, blank and faulty ones included."""
SAMPLE_CHARS = 64_000
SAMPLE_ROWS = 50
_CHUNK = 1 << 16
# the longer marks first: that of UTF-32 begins with that of UTF-16
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
_REASONS = {
    "field larger": "a cell has more than 131,072 characters, or a quote is opened and never closed",
    "unexpected end": "a quote is opened here and never closed",
    "expected after": "a quote stands inside a quoted cell; write it twice",
}


class _TooLong(Exception):
    """A row that goes on beyond ``MAX_RECORD``."""


def encoding_of(path: Path, name: str) -> tuple[str, str]:
    """How a text file is encoded, by its mark, else UTF-8, else Windows-1252.

    Returns:
        Name of the encoding, and a notice ("" for none).

    Raises:
        InputError: the bytes are no text.
    """
    with path.open("rb") as file:
        start = file.read(_CHUNK)
        for mark, found in _MARKS:
            if start.startswith(mark):
                return found, ""
        zeros = start.count(0)
        even, odd = start[::2].count(0), start[1::2].count(0)
        if zeros > len(start) // 4 and min(even, odd) <= len(start) // 20:
            found = "utf-16-le" if odd > even else "utf-16-be"
            return found, f"{name}: has no byte order mark; read as {found.upper()}"
        if zeros > len(start) // 4 or _controls(start) > len(start) // 20:
            raise InputError(f"{name}: is no text file, and of no other kind that is understood here")
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while start:
                decoder.decode(start)
                start = file.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            return "cp1252", f"{name}: is not UTF-8 (byte 0x{byte:02X}); read as Windows-1252"
    return "utf-8", ""


def _controls(start: bytes) -> int:
    return sum(byte < 32 and byte not in (0, 9, 10, 12, 13, 27) for byte in start)


class _Lines:
    """Physical lines of a stream, in bounded memory, some of which can be given back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._back: deque[str] = deque()
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._stream.readline(MAX_RECORD + 1)
        if not line or self.number >= MAX_LINES:
            raise StopIteration
        self.number += 1
        return line

    def give_back(self, lines: list[str]) -> None:
        """Lines to come once more."""
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)

    def skip_rest(self) -> None:
        """Drop what is left of a line that was cut at the limit."""
        while (part := self._stream.readline(_CHUNK)) and not part.endswith(("\n", "\r")):
            pass


def records(stream: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]] | Bad]:
    """The rows of a stream: the line at which each begins, with its cells, or what is wrong with it.

    After a row that cannot be read, reading goes on at the next line: one quote too many costs one row.
    """
    lines = _Lines(stream)
    while True:
        taken: list[str] = []
        start = lines.number + 1
        try:
            cells = next(csv.reader(_fed(lines, taken), delimiter=delimiter, strict=True), None)
        except _TooLong:
            if len(taken[-1]) > MAX_RECORD and not taken[-1].endswith(("\n", "\r")):
                lines.skip_rest()
            yield from _resumed(lines, taken, start, f"the row has more than {MAX_RECORD:,} characters")
        except csv.Error as error:
            words = next((said for key, said in _REASONS.items() if key in str(error)), str(error))
            yield from _resumed(lines, taken, start, words)
        else:
            if cells is None:
                return
            if any(cell.strip() for cell in cells):
                yield start, cells


def _fed(lines: _Lines, taken: list[str]) -> Iterator[str]:
    size = 0
    for line in lines:
        taken.append(line)
        size += len(line)
        if size > MAX_RECORD:
            raise _TooLong
        yield line


def _resumed(lines: _Lines, taken: list[str], start: int, reason: str) -> Iterator[Bad]:
    lines.give_back(taken[1:])
    yield Bad(start, reason, value=taken[0][:200])


def delimiter_of(sample: str) -> str:
    """The delimiter that cuts most rows of the sample into equally many cells; a comma if none does."""

    def merit(delimiter: str) -> tuple[float, int]:
        counts = Counter(
            0 if isinstance(record, Bad) else len(record[1])
            for record in islice(records(io.StringIO(sample, newline=""), delimiter), SAMPLE_ROWS)
        )
        if not counts:
            return (0.0, 0)
        cells, rows = counts.most_common(1)[0]
        return (rows / counts.total(), cells) if cells > 1 else (0.0, 0)

    best = max(DELIMITERS, key=merit)
    return best if merit(best)[1] else ","


def read(path: Path, name: str, *, header: bool = True, limits: Limits = PUBLIC) -> Table:
    """A CSV file as a table.

    Raises:
        InputError: no text, or too many columns.
    """
    encoding, notice = encoding_of(path, name)
    with path.open(encoding=encoding, errors="replace", newline="") as stream:
        sample = stream.read(SAMPLE_CHARS)
    whole = sample if len(sample) < SAMPLE_CHARS else sample[: sample.rfind("\n") + 1] or sample
    delimiter = delimiter_of(whole)
    with path.open(encoding=encoding, errors="replace", newline="") as stream:
        found = records(stream, delimiter)
        first = next(found, None)
        if isinstance(first, Bad):
            raise InputError(f"{name}: its first row cannot be read: {first.reason}")
        if first is None:
            raise InputError(f"{name}: holds no row")
        if len(first[1]) > limits.table_columns:
            raise InputError(
                f"{name}: has {len(first[1]):,} columns; at most {limits.table_columns:,} are taken"
            )
        columns = unique_names(first[1] if header else [""] * len(first[1]))
        said = [f"{name}: columns are divided by a {_NAMES[delimiter]}"] if len(columns) > 1 else []
        fitted = _fitted(found if header else chain([first], found), len(columns))
        return gathered(name, columns, fitted, [*([notice] if notice else []), *said], limits)


def _fitted(
    found: Iterator[tuple[int, list[str]] | Bad], count: int
) -> Iterator[tuple[int, list[Cell]] | Bad]:
    """Rows of ``count`` cells; blank ones too many are dropped, any other number is a fault."""
    for record in found:
        if isinstance(record, Bad):
            yield record
            continue
        line, cells = record
        if len(cells) > count and not any(cells[count:]):
            cells = cells[:count]
        if len(cells) != count:
            advice = "; a delimiter inside a cell needs quotes around the cell" if len(cells) > count else ""
            words = f"{len(cells)} cell{'s' if len(cells) != 1 else ''}, the heading has {count}{advice}"
            yield Bad(line, words, value=" | ".join(cells)[:200])
        else:
            yield line, list(cells)
