"""Steps that survive an interruption: loss.csv, a progress line, and a checkpoint now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

State = dict[str, Any]


class Progress:
    """Counts the steps of one stage, writes them down, and takes up where an interrupted run stopped.

    Every random choice of a stage is drawn from (seed, step), so a resumed run takes the
    same steps as one that was never interrupted, and its figures and seconds go on from those of
    the checkpoint. Files in the run's folder: ``NAME.pt`` (the last checkpoint) and ``NAME.loss.csv``,
    or what `csv` says.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        total: int,
        *,
        save_every: int | None = None,
        say_every: int = 50,
        csv: str | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name, self.total = name, total
        self.save_every, self.say_every = save_every or max(1, min(250, total // 4)), say_every
        self.checkpoint, self.csv = folder / f"{name}.pt", folder / (csv or f"{name}.loss.csv")
        self.first, self.started = 0, time.time()
        self.sums: dict[str, tuple[float, int]] = {}
        self.state: State | None = None

    def resume(self) -> State | None:
        """The state saved last, or None when the stage begins; rows of loss.csv beyond it are dropped."""
        if self.checkpoint.exists():
            self.state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            self.first = int(self.state["step"]) + 1
            self.started -= float(self.state.get("seconds", 0.0))
            self.sums = self.state.get("sums", {})
        if self.csv.exists():
            head, *rows = self.csv.read_text(encoding="utf-8").splitlines() or [""]
            kept = [row for row in rows if int(row.split(",")[0]) < self.first]
            self.csv.write_text("\n".join([head, *kept]) + "\n", encoding="utf-8")
        return self.state

    def steps(self) -> Iterator[int]:
        """The steps still to take."""
        return iter(range(self.first, self.total))

    def log(self, step: int, **values: float) -> None:
        """Take note of a step's figures; their means are written every `say_every` steps."""
        for key, value in values.items():
            total, count = self.sums.get(key, (0.0, 0))
            self.sums[key] = (total + value, count + 1)
        if (step + 1) % self.say_every and step + 1 != self.total:
            return
        means = {key: total / count for key, (total, count) in self.sums.items()}
        self.sums = {}
        seconds = time.time() - self.started
        self._write(
            {"step": str(step), "seconds": f"{seconds:.1f}", **{k: _digits(v) for k, v in means.items()}}
        )
        figures = "  ".join(f"{key} {value:.4f}" for key, value in means.items())
        say(f"{self.name} {step + 1}/{self.total}  {figures}  {seconds:.0f} s")

    def _write(self, row: dict[str, str]) -> None:
        """A row of loss.csv: a new figure adds a column, one that is not there this time stays blank."""
        lines = self.csv.read_text(encoding="utf-8").splitlines() if self.csv.exists() else []
        old = lines[0].split(",") if lines and lines[0] else []
        names = [*old, *(name for name in row if name not in old)]
        blank = "," * (len(names) - len(old)) if old else ""
        rows = [
            ",".join(names),
            *(line + blank for line in lines[1:]),
            ",".join(row.get(name, "") for name in names),
        ]
        part = self.csv.with_suffix(".part")
        part.write_text("\n".join(rows) + "\n", encoding="utf-8")
        part.replace(self.csv)

    def save(self, step: int, state: Callable[[], State]) -> None:
        """Keep the state after this step if it is due; the file is replaced whole."""
        if (step + 1) % self.save_every == 0 or step + 1 == self.total:
            part = self.checkpoint.with_suffix(".part")
            begun = {"step": step, "seconds": time.time() - self.started, "sums": self.sums}
            torch.save(begun | state(), part)
            part.replace(self.checkpoint)


def _digits(value: float) -> str:
    return f"{value:.5g}" if abs(value) < 1e-3 else f"{value:.5f}"


def say(line: str) -> None:
    """One progress line on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
