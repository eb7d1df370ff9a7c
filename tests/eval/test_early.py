"""Options that do not fit the model are refused before a benchmark is looked at."""

from pathlib import Path

import pytest

from eval.__main__ import main
from tests.mini import DIM

GOLDEN = str(Path(__file__).parents[1] / "golden" / "checkpoint")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--task", "foo"], "--task 'foo': mini has retrieval"),
        (["--dim", "999"], f"--dim 999: mini has vectors of 1 to {DIM}"),
        (["--dim", "64,0"], "--dim 0: mini"),
        (["--model", f"mini,{GOLDEN}", "--task", "foo"], "none of the models"),
        (["--model", f"mini,{GOLDEN}", "--dim", "999"], f"the widest has {DIM}"),
        (["--adapter", "own=somewhere", "--task", "other"], "--task 'other': mini has retrieval"),
        (["--model", "no/such/folder"], "no such folder"),
        (["--adapter", "own=somewhere", "--task", "own"], "somewhere has no adapter_model.safetensors"),
        (["--search", "funnel"], "search is 'funnel', expected exact"),
        (["--search", "asymmetric"], "--search asymmetric: no use with --dim"),
        (["--device", "nope"], "device 'nope': one of auto, cpu"),
        (["--devices", "cpu,nope"], "device 'nope': one of auto, cpu"),
        (["--model-precision", "int3"], "--model-precision 'int3': one of auto"),
        (["--seed", "-1"], "--seed is -1, expected 0 or more"),
        (["--batch-size", "0"], "--batch-size is 0, expected 1 or more"),
        (["--max-length", "0"], "--max-length is 0, expected 1 or more"),
        (["--max-pixels", "-3"], "--max-pixels is -3, expected 1 or more"),
        (["--metric", "ndcg@0"], "metric is 'ndcg@0'"),
    ],
)
def test_what_the_model_lacks_is_said_first(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A benchmark that is not there would be the error if it were looked at first.
    command = ["run", "--benchmark", str(tmp_path / "nowhere"), "--out", str(tmp_path), *options]
    assert main(command) in (1, 2)
    said = capsys.readouterr().err
    assert words in said and "nowhere" not in said


def test_what_fits_goes_on_to_the_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "--benchmark", str(tmp_path / "nowhere"), "--out", str(tmp_path), "--dim", "16,256"]
    assert main([*command, "--task", "code", "--model", GOLDEN]) == 2
    assert "nowhere" in capsys.readouterr().err
