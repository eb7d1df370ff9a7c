"""A training's loss.csv, read and drawn."""

from pathlib import Path

import pytest

from embedder.errors import InputError
from eval.__main__ import main
from eval.figures import loss_curves
from eval.losses import read_losses

ROWS = "step,seconds,loss,dense,rate\n9,1.5,4.25,3.5,0.001\n19,3.0,2.25,1.5,0.0005\n"


def test_losses_are_read_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "loss.csv").write_text(ROWS)
    assert read_losses(tmp_path) == ([10, 20], {"loss": [4.25, 2.25], "dense": [3.5, 1.5]})
    assert read_losses(tmp_path / "loss.csv") == read_losses(tmp_path)
    page = tmp_path / "losses.html"
    assert main(["losses", str(tmp_path), "--html", str(page)]) == 0
    assert capsys.readouterr().out.strip() == str(page)
    text = page.read_text(encoding="utf-8")
    assert "4.25" in text and "dense" in text and "<script src=" not in text


def test_a_loss_that_is_not_taken_at_every_step_is_a_line_through_its_own(tmp_path: Path) -> None:
    (tmp_path / "loss.csv").write_text("step,seconds,scenes,charts\n9,1,4.5,\n19,2,,3.25\n29,3,2.5,\n")
    steps, losses = read_losses(tmp_path)
    assert steps == [10, 20, 30] and [value for value in losses["scenes"] if value == value] == [4.5, 2.5]
    lines = {trace.name: (list(trace.x), list(trace.y)) for trace in loss_curves(steps, losses).data}
    assert lines["scenes"] == ([10, 30], [4.5, 2.5]) and lines["charts"] == ([20], [3.25])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        ("", "has no losses yet"),
        ("step,seconds,rate\n9,1,0.1\n", "has no losses yet"),
        (ROWS + "29,4,x,1,1\n", "line 4 is not a row of numbers"),
    ],
)
def test_what_is_no_loss_file_is_named(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "loss.csv").write_text(content)
    with pytest.raises(InputError, match=said):
        read_losses(tmp_path / "loss.csv")
