"""What could not be used of an upload, row by row: as a table on the page and as a file."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ui import cards
from ui.collection import short
from ui.downloads import neutral

MOST_KEPT = 1_000
"""Faults that are kept one by one; further ones are counted."""
MOST_SHOWN = 50
VALUE_CHARS = 80
HEAD = ("File", "Row", "Line", "Column", "Value", "Reason")


@dataclass(frozen=True)
class Fault:
    """One thing that was left out.

    Attributes:
        file: safe base name of the file, or of the entry of an archive.
        reason: what is wrong, and the limit where there is one.
        row: number of the row of data, from 1, without the heading; 0 for a whole file.
        line: line of the file at which the row begins, from 1; 0 where lines have no meaning.
        column: its name, "" for a whole row.
        value: the beginning of what was found there.
    """

    file: str
    reason: str
    row: int = 0
    line: int = 0
    column: str = ""
    value: str = ""

    def cells(self) -> tuple[str, ...]:
        """As in ``HEAD``."""
        numbers = (str(self.row or ""), str(self.line or ""))
        return (self.file, *numbers, self.column, short(self.value, VALUE_CHARS), self.reason)


@dataclass
class Faults:
    """All that was left out of an upload, in bounded memory.

    Attributes:
        kept: the first ``MOST_KEPT``.
        count: of all.
    """

    kept: list[Fault] = field(default_factory=list)
    count: int = 0

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.kept)

    def add(self, fault: Fault) -> None:
        """One more."""
        self.count += 1
        if len(self.kept) < MOST_KEPT:
            value = fault.value[: 4 * VALUE_CHARS]
            self.kept.append(
                Fault(fault.file, fault.reason, fault.row, fault.line, short(fault.column, 60), value)
            )

    def extend(self, others: Iterable[Fault]) -> None:
        """Several more."""
        for fault in others:
            self.add(fault)

    def html(self) -> str:
        """The first of them as a table, "" for none."""
        if not self.count:
            return ""
        rows = [[cards.esc(cell) for cell in fault.cells()] for fault in self.kept[:MOST_SHOWN]]
        more = self.count - len(rows)
        head = f"<h3>Left out: {self.count:,}</h3>"
        tail = cards.note(f"{more:,} more are in the file below.") if more else ""
        table = cards.table(HEAD, rows, stacked=True, name="What was left out")
        return f"<section class='xp-faults'>{head}{table}{tail}</section>"

    def csv(self) -> str:
        """All that are kept as CSV text; no cell can be taken for a formula."""
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(HEAD)
        writer.writerows([neutral(cell) for cell in fault.cells()] for fault in self.kept)
        if self.count > len(self.kept):
            writer.writerow(["", "", "", "", "", f"and {self.count - len(self.kept)} more"])
        return buffer.getvalue()
