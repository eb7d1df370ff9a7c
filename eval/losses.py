"""The losses of a training run: a loss.csv read, and its curves as a page that opens offline."""

import csv
import math
from pathlib import Path

from embedder.errors import InputError
from eval.figures import loss_curves

ASIDE = ("step", "seconds", "rate")  # columns that are no losses


def read_losses(path: Path) -> tuple[list[int], dict[str, list[float]]]:
    """Steps, ascending, and each loss by name; NaN where a row has none of it.

    Args:
        path: a loss.csv as `python -m embedder.training` writes it, or the folder it lies in.

    Raises:
        InputError: there is none, it has no rows yet, or a value is no number; the line is named.
    """
    file = path / "loss.csv" if path.is_dir() else path
    try:
        rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    names = [name for name in rows[0] if name not in ASIDE] if rows else []
    if not names or "step" not in rows[0]:
        raise InputError(f"{file} has no losses yet: expected a column step, columns of losses, and a row")
    steps: list[int] = []
    losses: dict[str, list[float]] = {name: [] for name in names}
    for line, row in enumerate(rows, start=2):
        try:
            steps.append(int(row["step"]) + 1)  # counted from 1, as the terminal shows them
            for name in names:
                losses[name].append(float(row[name]) if row[name] != "" else math.nan)  # not taken then
        except (TypeError, ValueError) as error:
            raise InputError(f"{file} line {line} is not a row of numbers: {error}") from None
    return steps, losses


def losses_page(path: Path) -> str:
    """An HTML page with the curves of a loss.csv; it needs nothing else."""
    steps, losses = read_losses(path)
    figure = loss_curves(steps, losses)
    return str(figure.to_html(include_plotlyjs=True, full_html=True))
