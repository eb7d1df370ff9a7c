"""Ctrl-C, SIGTERM and kill -9 in the middle of a real run: the same command goes on where it stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eval.results import find_runs, read_run
from tests.eval.conftest import CHECKPOINT

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = 600

# The command line, but with a shard every half second: a kill then has something to leave behind.
SHARDS_OFTEN = """
import sys
from functools import partial
from eval import encoding
from eval.cache import Store
encoding.Store = partial(Store, shard_seconds=0.5)
from eval.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def start(out: Path, benchmark: Path, *start_with: str) -> subprocess.Popen[str]:
    options = ["--model", str(CHECKPOINT), "--device", "cpu", "--model-precision", "float32", "--dim", "16"]
    return subprocess.Popen(
        [sys.executable, *(start_with or ("-m", "eval")), "run", *options, "--batch-size", "4",
         "--benchmark", str(benchmark), "--out", str(out)],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(out: Path, pattern: str, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until so many files are there, or the process has ended."""
    for _ in range(1200):
        if len(list(out.rglob(pattern))) >= count or process.poll() is not None:
            return
        time.sleep(0.05)
    raise AssertionError(f"no {pattern} within a minute")


def finish(process: subprocess.Popen[str]) -> tuple[str, str, int]:
    out, err = process.communicate(timeout=150)
    return out, err, process.returncode


def result_of(out: Path) -> dict[str, Any]:
    (run,) = find_runs(out)
    return read_run(run)


@pytest.fixture
def whole(folder: Callable[..., Path], tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A benchmark, and its result without any interruption."""
    benchmark = folder(queries=10, documents=DOCUMENTS, name="large")
    _out, err, code = finish(start(tmp_path / "whole", benchmark))
    assert code == 0, err
    return benchmark, result_of(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_goes_on(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    benchmark, expected = whole
    out = tmp_path / "out"
    process = start(out, benchmark)
    wait_for(out, "key.json", 1, process)  # the encoding has begun
    time.sleep(0.5)
    asked = time.monotonic()
    process.send_signal(number)
    printed, said, got = finish(process)
    assert time.monotonic() - asked < 10
    assert got == code and "the same command goes on from there" in said and "Traceback" not in said
    assert printed == "" and not find_runs(out)
    assert finish(start(out, benchmark))[2] == 0
    result = result_of(out)
    kept, fresh = result["from_cache"]["retrieval"], result["encoded"]["retrieval"]
    assert 0 < kept["passage"] < DOCUMENTS
    assert kept["passage"] + fresh["passage"] == DOCUMENTS
    assert result["scores"] == expected["scores"]


@pytest.mark.slow
def test_a_run_killed_again_and_again_comes_to_the_same_end(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    benchmark, expected = whole
    out = tmp_path / "out"
    kills = 0
    while kills < 3:
        before = len(list(out.rglob("*.safetensors")))
        process = start(out, benchmark, "-c", SHARDS_OFTEN)
        wait_for(out, "*.safetensors", before + 1, process)
        process.kill()
        if finish(process)[2] == 0:
            break
        kills += 1
    assert kills
    if not find_runs(out):
        assert finish(start(out, benchmark))[2] == 0
        assert result_of(out)["encoded"]["retrieval"]["passage"] < DOCUMENTS
    assert result_of(out)["scores"] == expected["scores"]
    assert not list(out.rglob("*.tmp"))
