"""What the tests against the full width say, in words: does a shorter vector lose less than a point?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eval.runs import Record
from eval.series import POINT, is_plain

Verdict = Literal["yes", "no", "cannot tell"]

FLOOR = 0.05
"""Below this value at full width a search finds next to nothing, and no width can lose a point of it."""


def verdict(row: Mapping[str, Any]) -> Verdict:
    """Whether a setting loses less than the margin, by the tests corrected for their number.

    Returns:
        "yes" where that is shown, "no" where a larger loss is shown, "cannot tell" where neither is.
    """
    if row["non_inferior"]:
        return "yes"
    # Runs of before the second test was kept: an interval that ends below the margin.
    refuted = row.get("inferior", row["ci_high"] < -row["margin"])
    return "no" if refuted else "cannot tell"


@dataclass(frozen=True)
class Cell:
    """One width of one adapter on one benchmark.

    Attributes:
        verdict: what is shown.
        loss: mean loss in points; negative is a gain.
        detectable: smallest margin in points that these queries could show four times in five if nothing
            were lost; None if they can show none.
    """

    verdict: Verdict
    loss: float
    detectable: float | None


@dataclass(frozen=True)
class Line:
    """What a benchmark and an adapter say of every width.

    Attributes:
        model: name.
        benchmark: name.
        task: adapter.
        full: the width that the others are compared with.
        value: at that width, 0 to 1.
        cells: width -> what is shown of it.
    """

    model: str
    benchmark: str
    task: str
    full: int
    value: float
    cells: Mapping[int, Cell]

    @property
    def is_empty(self) -> bool:
        """Whether next to nothing is found at full width, so that no width can lose anything."""
        return self.value < FLOOR

    @property
    def quarter(self) -> Cell | None:
        """A quarter of the width; None if it was not measured."""
        return self.cells.get(self.full // 4) if self.full % 4 == 0 else None


def lines(tests: Iterable[Record]) -> list[Line]:
    """The plain searches of each model, benchmark and adapter."""
    found: dict[tuple[str, str, str, int], dict[int, Cell]] = {}
    values: dict[tuple[str, str, str, int], float] = {}
    for row in tests:
        if is_plain(row) and row["dim"] is not None:
            key = (row["model"], row["benchmark"], row["task"], row["reference_dim"])
            values[key] = row["reference_value"]
            found.setdefault(key, {})[row["dim"]] = _cell(row)
    return [Line(*key, values[key], dict(sorted(cells.items()))) for key, cells in found.items()]


def _cell(row: Record) -> Cell:
    margin = row["detectable_margin"]
    return Cell(verdict(row), -row["difference"] / POINT, None if margin is None else margin / POINT)


def at_a_quarter(found: Sequence[Line], metric: str) -> list[str]:
    """What the test says at a quarter of the width, a paragraph for each model."""
    return [
        _paragraph(model, [line for line in found if line.model == model], metric)
        for model in dict.fromkeys(line.model for line in found)
    ]


def _paragraph(model: str, found: Sequence[Line], metric: str) -> str:
    measured = [(line, line.quarter) for line in found if line.quarter is not None]
    if not measured:
        full = found[0].full
        return f"A quarter of the width of {model} was not measured: add --dim {full // 4} to the run."
    full, poor = measured[0][0].full, sum(line.is_empty for line, _ in measured)
    cells = [cell for line, cell in measured if cell is not None and not line.is_empty]
    if not cells:
        return (
            f"{model} finds hardly anything even at full width (below {FLOOR:g}) in {_pairs(poor)}: of a "
            f"quarter of its width ({full // 4} of {full} numbers) that says nothing."
        )
    losses = [cell.loss for cell in cells]
    sentences = [
        _counted(cells, model, metric, full),
        f"Mean differences: {_span([-loss for loss in losses])} points.",
    ]
    if poor:
        sentences.append(
            f"{poor} more {'finds' if poor == 1 else 'find'} hardly anything even at full width (below "
            f"{FLOOR:g}): that says nothing of the width and is not counted."
        )
    unsure = [cell.detectable for cell in cells if cell.verdict == "cannot tell" and cell.detectable]
    if unsure:
        sentences.append(
            f"Where they cannot tell, {_span(unsure)} points is the smallest margin that so many queries "
            "show four times in five if nothing is lost at all."
        )
    return " ".join(sentences)


def _counted(cells: Sequence[Cell], model: str, metric: str, full: int) -> str:
    """How many of the pairs say what."""
    count = {name: sum(cell.verdict == name for cell in cells) for name in ("yes", "no", "cannot tell")}
    head = f"Cut to a quarter of its width ({full // 4} of {full} numbers, float32), {model}"
    if len(cells) == 1:
        said = {
            "yes": f"is shown to lose less than one point of {metric} in",
            "no": f"is shown to lose more than one point of {metric} in",
            "cannot tell": f"may lose more or less than one point of {metric} (the queries cannot tell) in",
        }[cells[0].verdict]
        return f"{head} {said} {_pairs(1)}."
    return (
        f"{head} is shown to lose less than one point of {metric} in {count['yes']} of {_pairs(len(cells))}, "
        f"and shown to lose more in {count['no']}; in {count['cannot tell']} the queries cannot tell."
    )


def _pairs(count: int) -> str:
    return (
        "the one pair of benchmark and adapter" if count == 1 else f"{count} pairs of benchmark and adapter"
    )


def _span(numbers: Sequence[float]) -> str:
    low, high = (f"{number:.1f}".replace("-", "−") for number in (min(numbers), max(numbers)))
    return low if low == high else f"{low} to {high}"


def by_pair(found: Sequence[Line]) -> list[tuple[str, str]]:
    """Of each benchmark and adapter what is shown at a quarter of the width, as a phrase."""
    return [
        (f"{line.benchmark}, {line.task}", _phrase(line, line.quarter))
        for line in found
        if line.quarter is not None
    ]


def _phrase(line: Line, cell: Cell) -> str:
    if line.is_empty:
        return (
            f"finds hardly anything even at full width ({line.value:.3f}): there is nothing to lose, and so "
            "nothing to learn"
        )
    points = f"{abs(cell.loss):.1f} points"
    change = f"gains {points}" if cell.loss < 0 and points != "0.0 points" else f"loses {points}"
    shown = {
        "yes": "shown to lose less than one",
        "no": "shown to lose more than one",
        "cannot tell": "whether less than one is lost cannot be told",
    }[cell.verdict]
    return f"{change}: {shown}"
