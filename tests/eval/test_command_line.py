"""The command line as a shell sees it: exit codes, what goes to which stream, help of every option."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eval.__main__ import _parser
from tests.eval.conftest import CHECKPOINT

ROOT = Path(__file__).resolve().parents[2]
MODEL = ["--model", str(CHECKPOINT), "--device", "cpu", "--model-precision", "float32", "--dim", "16"]


def shell(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "eval", *words],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **variables},
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip


def test_a_run_ends_with_0_a_table_and_progress(folder: Callable[..., Path], tmp_path: Path) -> None:
    done = shell("run", *MODEL, "--benchmark", str(folder()), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    *table, result = done.stdout.splitlines()
    assert table[0].startswith("benchmark") and Path(result).parent == tmp_path / "out"
    assert "20/20 (100%)" in done.stderr and "items/s, took" in done.stderr


def test_quiet_leaves_the_folder_alone(folder: Callable[..., Path], tmp_path: Path) -> None:
    done = shell("run", *MODEL, "--benchmark", str(folder()), "--out", str(tmp_path / "out"), "--quiet")
    assert done.returncode == 0 and done.stderr == "" and len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "--benchmark", "nothing"], 2, "error: benchmark 'nothing'"),
        (["run", "--benchmark", "someone/nothing"], 2, "hf download someone/nothing --repo-type dataset"),
        (["run", "--suite", "nothing"], 2, "error: --suite 'nothing'"),
        (["run", "--model", "someone/nothing", "--benchmark", "scenes"], 1, "hf download someone/nothing"),
        (["run", "--dim", "many"], 2, "invalid list of whole numbers value: 'many'"),
        (["run", "--nothing"], 2, "unrecognized arguments: --nothing"),
        ([], 2, "arguments are required"),
    ],
)
def test_what_cannot_be_done_ends_with_its_code(
    tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    place = ["--out", str(tmp_path)] if words else []
    done = shell(*words, *place, HF_HUB_CACHE=str(tmp_path / "hub"))
    assert (done.returncode, done.stdout) == (code, "") and said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_fault() -> None:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m eval list | head -c 1 >/dev/null"],
        cwd=ROOT, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Those of the commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


@pytest.mark.parametrize("parser", list(parsers(_parser())), ids=lambda parser: parser.prog.split()[-1])
def test_every_option_of_every_command_has_help_with_an_example(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction):
            assert action.help and "example: " in action.help, action.dest
            named = action.help.partition("example: ")[2]
            assert not action.option_strings or action.option_strings[0] in named, action.dest
    told = parser.format_help()
    assert "exit codes: 0" in told and "%%" not in told
