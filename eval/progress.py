"""What a terminal shows: how far a long job is, and tables."""

import sys
import time
from collections.abc import Sequence
from typing import TextIO

LINE_SECONDS = 10.0  # between lines where there is no terminal to overwrite
_TERMINAL_SECONDS = 0.2


class Progress:
    """Writes to standard error: one line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        """Say nothing if `quiet`; otherwise write to `stream`, by default standard error."""
        self._stream = None if quiet else stream or sys.stderr
        self._total = self._done = 0
        self._began = self._last = 0.0
        self._label = ""

    def start(self, label: str, total: int) -> None:
        """Begin a job of `total` items."""
        self._label, self._total, self._done = label, total, 0
        self._began = self._last = time.monotonic()

    def advance(self, count: int) -> None:
        """Count `count` more items, and show the line if it is time."""
        self._done += count
        terminal = self._stream is not None and self._stream.isatty()
        if time.monotonic() - self._last >= (_TERMINAL_SECONDS if terminal else LINE_SECONDS):
            self._last = time.monotonic()
            self._write(f"\r{self.line()}\033[K" if terminal else f"{self.line()}\n")

    def finish(self) -> None:
        """End a job with its last line, if it had any items."""
        if self._total:
            terminal = self._stream is not None and self._stream.isatty()
            self._write(f"\r{self.line()}\033[K\n" if terminal else f"{self.line()}\n")

    def say(self, text: str) -> None:
        """A line of its own."""
        self._write(f"{text}\n")

    def line(self) -> str:
        """Label, items done, items per second, time left."""
        seconds = max(time.monotonic() - self._began, 1e-6)
        rate = self._done / seconds
        share = f"{self._done:,}/{self._total:,} ({self._done / max(self._total, 1):.0%})"
        if self._done >= self._total:
            return f"{self._label}: {share}, {rate:.1f} items/s, took {clock(seconds)}"
        left = clock((self._total - self._done) / rate) if self._done else "unknown time"
        return f"{self._label}: {share}, {rate:.1f} items/s, {left} left"

    def _write(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write(text)
            self._stream.flush()


def clock(seconds: float) -> str:
    """A time as 0:07, 12:34 or 3:21:09."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A table of texts, its columns aligned; those numbered in `right` to the right."""
    widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
