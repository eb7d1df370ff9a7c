"""Two processes encode what one would, each its share; the result is the same and the counts are true."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder import Embedder, InputError
from eval.benchmarks.model import Items
from eval.config import RunConfig
from eval.encoding import Counts, Encoder, Job
from eval.results import find_runs, read_run
from tests.eval.conftest import CHECKPOINT, sentences

Folder = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[2]
JOB = Job("retrieval", "passage")
OPTIONS = [
    "--model",
    str(CHECKPOINT),
    "--model-precision",
    "float32",
    "--dim",
    "16,256",
    "--task",
    "retrieval,code",
]


def start(out: Path, benchmark: Path, *options: str, launcher: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    words = [sys.executable, *(launcher or ("-m",)), "eval", "run", *OPTIONS, *options]
    return subprocess.Popen(
        [*words, "--benchmark", str(benchmark), "--out", str(out)],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def measure(out: Path, benchmark: Path, *options: str, launcher: tuple[str, ...] = ()) -> dict[str, Any]:
    process = start(out, benchmark, *options, launcher=launcher)
    _, said = process.communicate(timeout=500)
    assert process.returncode == 0, said
    (run,) = find_runs(out)
    return read_run(run)


def test_shares_are_disjoint_and_whole(model: Embedder, tmp_path: Path) -> None:
    items = Items.of([f"d{i}" for i in range(31)], sentences(31))
    counts = []
    for number in range(3):
        encoder = Encoder(model, tmp_path)
        encoder.share = (number, 3)
        assert encoder.encode(items, [JOB], "docs") == {}
        counts.append(encoder.counts)
    assert [one.encoded["retrieval"]["passage"] for one in counts] == [11, 10, 10]
    whole = Encoder(model, tmp_path)
    found = whole.encode(items, [JOB], "docs")[JOB, "dense"].matrix()
    assert whole.counts.encoded == {"retrieval": {"passage": 0}}
    np.testing.assert_allclose(found, model.encode_text(items.inputs, prompt_name="passage"), atol=2e-6)
    for one in counts:
        whole.counts.credit(one)
    assert whole.counts.encoded == {"retrieval": {"passage": 31}}
    assert whole.counts.cached == {"retrieval": {"passage": 0}}


def test_credit_keeps_notices() -> None:
    one = Counts(notices=["a"])
    one.credit(Counts(notices=["b"]))
    assert one.notices == ["a", "b"]


@pytest.mark.slow  # each process imports torch and loads the model
@pytest.mark.timeout(900)
def test_two_devices_find_what_one_finds(folder: Folder, tmp_path: Path) -> None:
    small = folder(12, 60)
    alone = measure(tmp_path / "one", small, "--device", "cpu")
    both = measure(tmp_path / "two", small, "--devices", "cpu,cpu", "--max-length", "32768")
    for row, other in zip(alone["scores"], both["scores"], strict=True):
        assert row["metric"] == other["metric"] and row["value"] == pytest.approx(other["value"], abs=1e-6)
    assert (
        both["encoded"]
        == alone["encoded"]
        == {t: {"passage": 60, "query": 12} for t in ("retrieval", "code")}
    )
    assert both["from_cache"] == {t: {"passage": 0, "query": 0} for t in ("retrieval", "code")}
    assert "--devices cpu,cpu" in both["command"]


@pytest.mark.slow  # each process imports torch and loads the model
@pytest.mark.timeout(900)
def test_ranks_of_torchrun_share_the_work(folder: Folder, tmp_path: Path) -> None:
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")
    result = measure(tmp_path / "out", folder(12, 60), "--device", "cpu", launcher=launcher)
    assert result["encoded"] == {t: {"passage": 60, "query": 12} for t in ("retrieval", "code")}
    assert result["from_cache"] == {t: {"passage": 0, "query": 0} for t in ("retrieval", "code")}


@pytest.mark.slow  # each process imports torch and loads the model
@pytest.mark.timeout(900)
def test_what_is_ended_goes_on_where_it_stopped(folder: Folder, tmp_path: Path) -> None:
    """SIGTERM to the first process ends the others too; what they had encoded is there."""
    small = folder(40, 4000)
    process = start(tmp_path / "out", small, "--devices", "cpu,cpu", "--batch-size", "4")
    for _ in range(1200):
        if list((tmp_path / "out").rglob("key.json")):
            break
        time.sleep(0.05)
    time.sleep(4)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    assert process.returncode == 143
    assert list((tmp_path / "out" / "cache").rglob("*.safetensors"))
    result = measure(tmp_path / "out", small, "--devices", "cpu,cpu")
    assert 0 < result["encoded"]["retrieval"]["passage"] + result["encoded"]["code"]["passage"] < 8000
    kept = result["from_cache"]["retrieval"]["passage"] + result["from_cache"]["code"]["passage"]
    assert kept + sum(result["encoded"][t]["passage"] for t in ("retrieval", "code")) == 8000


@pytest.mark.slow  # each process imports torch and loads the model
@pytest.mark.timeout(900)
def test_an_error_of_a_share_is_the_runs(folder: Folder, tmp_path: Path) -> None:
    small = folder(2, 5)
    process = start(tmp_path / "out", small, "--devices", "cpu,cuda:99")
    _, said = process.communicate(timeout=500)
    assert process.returncode == 1 and "device 'cuda:99'" in said and "Traceback" not in said


def test_one_way_to_name_devices() -> None:
    with pytest.raises(InputError, match="--device cpu and --devices cpu,cpu: give one of them"):
        RunConfig(device="cpu", devices=("cpu", "cpu"))
