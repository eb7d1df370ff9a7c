"""Saved runs in the lab: figures from files, and words where there are none."""

import json
from pathlib import Path

import numpy as np
import pytest

from embedder.errors import InputError
from eval.results import RESULT
from tests.eval.made_runs import make_run, row
from ui import run_figures, saved_runs
from ui.run_figures import NAMES
from ui.run_index import RunIndex

QUERIES = 60


def write(
    out: Path, run_id: str = "20260102-030405-mini-aaaaaa", models: tuple[str, ...] = ("mini",)
) -> None:
    draws = np.random.default_rng(2)
    full = 0.4 + 0.6 * draws.random(QUERIES)
    values = {}
    for model in models:
        for task in ("retrieval", "code"):
            values[row(model=model, task=task)] = full
            values[row(32, model=model, task=task)] = np.clip(full - 0.001 * draws.random(QUERIES), 0, 1)
            values[row(8, model=model, task=task)] = 0.4 * full
        values[row(model=model, precision="binary")] = 0.8 * full
        values[row(model=model, metric="recall@10")] = full
    costs = [
        {
            **{name: getattr(one, name) for name in ("model", "task", "benchmark", "vectors", "dim")},
            "precision": one.precision, "search": "exact", "baseline": None, "metric": one.metric,
            "value": float(np.mean(numbers)), "searched_bytes": 4 * (one.dim or 1),
            "latency_median_ms": 0.1, "latency_p95_ms": 0.2, "latency_documents": 10,
            "is_worth": one.dim == 8,
        }
        for one, numbers in values.items()
    ]  # fmt: skip
    near = [{**cost, "overlap@10": 0.5, "rank_correlation": 0.7} for cost in costs if cost["dim"] < 64]
    about = {"models": [{"name": name, "fingerprint": name, "precision": "float32"} for name in models]}
    make_run(out, run_id, values, costs=costs, neighbours=near, **about)


@pytest.fixture
def index(tmp_path: Path) -> RunIndex:
    return RunIndex(place=lambda: tmp_path / "results")


def table(packed: str) -> list[dict]:
    return json.loads(packed)["table"]


def test_every_figure_has_the_numbers_of_the_file(index: RunIndex, tmp_path: Path):
    write(tmp_path / "results")
    run = index.open("20260102-030405-mini-aaaaaa")
    offered = run_figures.offered(run)
    assert {(one.subject, one.metric) for one in offered} == {
        ("retrieval", "ndcg@10"), ("code", "ndcg@10"), ("retrieval", "recall@10"),
    }  # fmt: skip
    made = run_figures.figures(run, offered[0])
    assert list(made) == list(NAMES) and all(made.values())
    told = {(r["curve"], r["width"]): r for r in table(made["by-adapter"])}
    known = {
        (r["task"], r["dim"]): r
        for r in run.scores
        if r["precision"] == "float32" and r["metric"] == "ndcg@10"
    }
    assert set(told) == set(known)
    for key, line in told.items():
        assert line["nDCG@10"] == known[key]["value"] and line["low"] == known[key]["ci_low"]
    assert told[("retrieval", 32)]["against full width"] == "shown to lose less than the margin"
    assert told[("retrieval", 8)]["against full width"] == "shown to lose more than the margin"
    marks = [t for t in json.loads(made["by-adapter"])["data"] if str(t.get("name")).startswith("shown to")]
    assert sorted(t["x"][0] for t in marks) == [8, 8, 32, 32]  # rings and crosses of both adapters
    assert {r["format"] for r in table(made["by-format"] and made["bytes"])} == {"float32", "binary"}
    assert {r["setting"] for r in table(made["differences"])} >= {
        "32 · float32",
        "8 · float32",
        "64 · binary",
    }


def test_a_metric_that_was_not_tested_still_has_its_curves(index: RunIndex, tmp_path: Path):
    write(tmp_path / "results")
    run = index.open("20260102-030405-mini-aaaaaa")
    chosen = run_figures.nearest(run_figures.offered(run), "small", "retrieval", "recall@10")
    assert chosen.metric == "recall@10"
    made = run_figures.figures(run, chosen)
    assert "recall@10" in json.loads(made["by-adapter"])["title"]
    [one] = table(made["bytes"])  # its only score is the full width's
    assert one["recall@10"] == pytest.approx(run.scores[-1]["value"])


def test_two_models_of_a_run_are_told_apart(index: RunIndex, tmp_path: Path):
    write(tmp_path / "results", models=("mini", "other"))
    run = index.open("20260102-030405-mini-aaaaaa")
    offered = run_figures.offered(run)
    assert {"mini · code", "other · code"} <= {one.subject for one in offered}
    made = run_figures.figures(run, run_figures.nearest(offered, "small", "other · code", "ndcg@10"))
    assert len({r["curve"] for r in table(made["by-adapter"])}) == 4
    assert {r["curve"] for r in table(made["by-format"])} == {"float32"}  # binary was of another adapter


def test_the_section_opens_on_the_newest_run_and_keeps_what_is_chosen(index: RunIndex, tmp_path: Path):
    write(tmp_path / "results", "20260102-030405-mini-aaaaaa")
    write(tmp_path / "results", "20260202-030405-mini-bbbbbb")
    said, run, benchmark, task, metric, *figures, code = saved_runs._show(index, None, None, None, None)
    assert run["value"] in said and len(run["choices"]) == 2
    assert (benchmark["value"], task["value"], metric["value"]) == ("small", "retrieval", "ndcg@10")
    assert len(figures) == len(NAMES) and run["value"] in code
    old = "20260102-030405-mini-aaaaaa"
    said, run, _, task, *_ = saved_runs._show(index, old, "small", "code", "ndcg@10")
    assert (run["value"], task["value"]) == (old, "code") and old in said


@pytest.mark.parametrize(
    "sent", [("../../etc", 5, [], {}), (None, None, None, None), (["x"], "no", "no", "no")]
)
def test_what_is_not_there_becomes_what_is(index: RunIndex, tmp_path: Path, sent: tuple[object, ...]):
    write(tmp_path / "results")
    _, run, benchmark, *_ = saved_runs._show(index, *sent)
    assert (run["value"], benchmark["value"]) == ("20260102-030405-mini-aaaaaa", "small")


def test_without_runs_it_says_how_to_make_one(index: RunIndex):
    said, run, *rest = saved_runs._show(index, None, None, None, None)
    assert "no saved runs" in said and run["value"] is None and rest[-1] == ""


def test_a_damaged_run_is_passed_over_or_named(index: RunIndex, tmp_path: Path):
    write(tmp_path / "results")
    file = tmp_path / "results" / "20260102-030405-mini-aaaaaa" / RESULT
    content = json.loads(file.read_text())
    for one in content["tests"]:
        del one["margin"]
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match="lacks 'margin'"):
        saved_runs._show(index, None, None, None, None)
    file.write_text("{")
    assert "no saved runs" in saved_runs._show(index, None, None, None, None)[0]
