"""loss.csv keeps each figure in a column of its own, whichever figures a step has."""

import csv
from pathlib import Path

import torch

from embedder.training.progress import Progress


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "stage.loss.csv").open() as file:
        return [
            {key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)
        ]


def test_figures_that_come_and_go_stay_in_their_columns(tmp_path: Path) -> None:
    progress = Progress(tmp_path, "stage", 4, say_every=1)
    for step, values in enumerate(({"a": 1.0}, {"b": 2.0, "a": 3.0}, {"b": 0.25}, {"c": 5.0, "b": 1e-5})):
        progress.log(step, **values)
    assert rows(tmp_path) == [
        {"step": "0", "a": "1.00000", "b": "", "c": ""},
        {"step": "1", "a": "3.00000", "b": "2.00000", "c": ""},
        {"step": "2", "a": "", "b": "0.25000", "c": ""},
        {"step": "3", "a": "", "b": "1e-05", "c": "5.00000"},
    ]


def test_rows_beyond_the_checkpoint_are_dropped_when_a_run_resumes(tmp_path: Path) -> None:
    progress = Progress(tmp_path, "stage", 4, say_every=1, save_every=2)
    for step in range(3):
        progress.log(step, loss=1.5 + step)
        progress.save(step, lambda: {"weight": torch.ones(1)})
    again = Progress(tmp_path, "stage", 4, say_every=1, save_every=2)
    assert again.resume() is not None and list(again.steps()) == [2, 3]
    again.log(2, loss=7.0)
    assert [row["loss"] for row in rows(tmp_path)] == ["1.50000", "2.50000", "7.00000"]
