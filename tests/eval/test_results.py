"""A run on disk is whole, complete and never written over."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from embedder.errors import EmbedderError, InputError
from eval.results import (
    RESULT,
    Row,
    Score,
    check_writable,
    environment,
    find_runs,
    new_run_id,
    read_per_query,
    read_run,
    write_run,
)
from eval.shards import temporary_name

FIELDS = (
    "model task benchmark vectors dim precision search baseline metric value ci_low ci_high n_queries".split()
)


def score(metric: str = "ndcg@10", dim: int | None = 64, baseline: str | None = None) -> Score:
    row = Row("mini", "retrieval", "b", "dense", dim, "float32", "exact", baseline, metric)
    values = np.array([0.25, 1.0, 0.1])
    return Score(row, float(values.mean()), 0.1, 0.9, ["q1", "=q2", "größe"], values)


def test_a_run_holds_the_rows_of_the_contract(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "new", "r1", {"command": "python"}, [score(), score("map", None, "bm25")])
    content = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    assert content["run_id"] == folder.name == "r1" and content["command"] == "python"
    assert all(list(row) == FIELDS for row in content["scores"])
    assert content["scores"][0]["value"] == pytest.approx(0.45) and content["scores"][0]["n_queries"] == 3
    assert content["scores"][1]["dim"] is None and content["scores"][1]["baseline"] == "bm25"
    assert read_run(folder) == content


def test_every_query_of_every_row_is_kept(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "r1", {}, [score(), score("map", None, "bm25")])
    rows = read_per_query(folder).to_pylist()
    assert [row["query_id"] for row in rows] == ["q1", "=q2", "größe"] * 2
    assert [row["value"] for row in rows] == [0.25, 1.0, 0.1] * 2
    assert [row["metric"] for row in rows] == ["ndcg@10"] * 3 + ["map"] * 3
    assert [row["dim"] for row in rows] == [64] * 3 + [None] * 3
    assert [row["baseline"] for row in rows] == [None] * 3 + ["bm25"] * 3


def test_a_run_is_never_written_over(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "r1", {"n": 1}, [score()])
    before = (folder / RESULT).read_bytes()
    with pytest.raises(InputError, match="r1 exists"):
        write_run(tmp_path, "r1", {"n": 2}, [score()])
    assert (folder / RESULT).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["r1"]


def test_a_run_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_run(tmp_path, "r1", {"bad": float("nan")}, [score()])
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(EmbedderError, match="another --out"):
        write_run(tmp_path / "file", "r1", {}, [score()])


def test_runs_are_found_among_other_things(tmp_path: Path) -> None:
    for name in ("20260102-000000-a-1", "20260101-000000-b-2"):
        write_run(tmp_path, name, {}, [score()])
    (tmp_path / "cache").mkdir()
    (tmp_path / ".half.tmp").mkdir()
    (tmp_path / ".half.tmp" / RESULT).touch()
    assert [run.name for run in find_runs(tmp_path)] == ["20260101-000000-b-2", "20260102-000000-a-1"]


@pytest.mark.parametrize("text", ["", "[1]", '{"schema": 99}', "{"])
def test_what_is_no_result_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / RESULT).write_text(text)
    with pytest.raises(InputError, match=r"result\.json"):
        read_run(tmp_path)


def test_ids_sort_by_age_and_differ() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    ids = {new_run_id("jinaai/jina-embeddings-v4", moment) for _ in range(50)}
    assert len(ids) == 50
    assert all(name.startswith("20260102-030405-jina-embeddings-v4-") for name in ids)
    assert new_run_id("../../a b/ß!", moment)[:22] == "20260102-030405-model-"


def test_the_environment_names_versions() -> None:
    found = environment()
    assert found["numpy"] == np.__version__ and found["torch"] != "absent"


def test_what_killed_runs_left_is_removed_and_what_is_being_written_stays(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / temporary_name().replace(f".{os.getpid()}.", f".{ended.pid}.")
    ours = tmp_path / temporary_name()
    for folder in (left, ours):
        folder.mkdir()
        (folder / "result.json").write_text("{")
    check_writable(tmp_path)
    assert not left.exists() and (ours / "result.json").exists()
