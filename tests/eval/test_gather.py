"""Of what was measured twice the newer counts, and different things of one name stand side by side."""

import json
from pathlib import Path

import numpy as np
import pytest

from embedder.errors import InputError
from eval.examples import EXAMPLES
from eval.gather import gather, metrics_of
from eval.runs import load_run, load_runs, short_name
from tests.eval.made_runs import make_run, row

LOW, HIGH = np.linspace(0, 0.5, 9), np.linspace(0.5, 1, 9)


def test_the_newer_run_counts(tmp_path: Path) -> None:
    old = make_run(tmp_path, "a", {row(16): LOW, row(64): LOW, row(32): LOW})
    new = make_run(tmp_path, "b", {row(16): HIGH, row(64): HIGH}, created="2026-02-01T00:00:00+00:00")
    found = gather([old, new])
    assert {r["dim"]: r["value"] for r in found.scores} == {16: 0.75, 64: 0.75, 32: 0.25}
    assert {r["dim"]: r["run_id"] for r in found.tests} == {16: "b", 32: "a"}
    assert [run.run_id for run in found.runs] == ["a", "b"] and found.passed_over == []
    newer = make_run(tmp_path, "c", {row(16): LOW, row(64): LOW}, created="2026-03-01T00:00:00+00:00")
    found = gather([old, new, newer])
    assert [run.run_id for run in found.runs] == ["a", "c"] and found.passed_over == ["b"]


def test_one_name_for_two_things_is_told_apart(tmp_path: Path) -> None:
    a = make_run(tmp_path, "a", {row(): LOW})
    other = a.content["model"] | {"fingerprint": "sha256:" + 64 * "b"}
    b = make_run(tmp_path, "b", {row(): HIGH}, model=other, fingerprints={"small": 64 * "1"})
    found = gather([a, b])
    assert set(found.models) == {"mini (aaaaaaaa float32)", "mini (bbbbbbbb float32)"}
    assert set(found.benchmarks) == {"small (00000000)", "small (11111111)"}
    assert [(r["model"][6:9], r["benchmark"][7:10], r["value"]) for r in found.scores] == [
        ("aaa", "000", 0.25), ("bbb", "111", 0.75)
    ]  # fmt: skip
    assert found.subject(found.scores[0]) == "mini (aaaaaaaa float32) · retrieval"
    assert gather([a]).subject(a.scores[0]) == "retrieval"


def test_only_the_first_metric_of_the_newest_run_is_taken(tmp_path: Path) -> None:
    a = make_run(tmp_path, "a", {row(): LOW, row(metric="map"): HIGH})
    b = make_run(tmp_path, "b", {row(16, metric="map"): HIGH, row(16): LOW})
    assert [r["metric"] for r in gather([a, b]).scores] == ["map", "map"]


def test_another_metric_can_be_asked_for(tmp_path: Path) -> None:
    a = make_run(tmp_path, "a", {row(): LOW, row(metric="map"): HIGH})
    b = make_run(tmp_path, "b", {row(16, metric="map"): HIGH, row(16): LOW})
    assert metrics_of([a, b]) == ["map", "ndcg@10"]
    assert [(r["metric"], r["value"]) for r in gather([a, b], "ndcg@10").scores] == [("ndcg@10", 0.25)] * 2


def test_newer_examples_take_the_place_of_older_ones(tmp_path: Path) -> None:
    entry = {"model": "mini", "benchmark": "small", "task": "retrieval", "kind": "worst"}
    runs = []
    for name in ("a", "b"):
        made = make_run(tmp_path, name, {row(): LOW})
        content = {"schema": 1, "entries": [{**entry, "query": name}], "documents": {"small": {name: {}}}}
        (made.folder / EXAMPLES).write_text(json.dumps(content))
        runs.append(load_run(made.folder))
    found = gather(runs)
    assert [e["query"] for e in found.examples] == ["b"] and set(found.documents["small"]) == {"a", "b"}


def test_runs_are_found_by_folder_file_and_name(tmp_path: Path) -> None:
    make_run(tmp_path, "a", {row(): LOW}, created="2026-02-01T00:00:00+00:00")
    make_run(tmp_path, "b", {row(): LOW})
    assert load_run(tmp_path / "a").run_id == load_run(tmp_path / "a" / "result.json").run_id == "a"
    assert load_run("b", results=tmp_path).run_id == "b"
    assert [run.run_id for run in load_runs([tmp_path, tmp_path / "a"])] == ["b", "a"]  # the oldest first
    with pytest.raises(InputError, match="holds no run"):
        load_runs([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("model", "name"),
    [("mini", "mini"), ("jinaai/jina-embeddings-v4", "jinaai/jina-embeddings-v4"), ("/models/mine", "mine"),
     ("./mine", "mine"), ("a/b/c", "c")],
)  # fmt: skip
def test_models_have_short_names(model: str, name: str) -> None:
    assert short_name(model) == name
