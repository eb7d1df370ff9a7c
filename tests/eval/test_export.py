"""What is exported is what the run says, and mteb reads its own files back."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from embedder.errors import EmbedderError, InputError
from eval.__main__ import main
from eval.config import RunConfig
from eval.export import MTEB, export, score_table
from eval.run import run
from eval.runs import Run, load_run
from tests.eval.conftest import CHECKPOINT
from tests.eval.made_runs import make_run, row

VALUES = np.linspace(0, 1, 9)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the golden checkpoint."""
    out = tmp_path_factory.mktemp("real")
    (out / "small" / "qrels").mkdir(parents=True)
    corpus = [json.dumps({"_id": f"d{i}", "text": f"text number {i}"}) for i in range(12)]
    queries = [json.dumps({"_id": f"q{i}", "text": f"number {i}"}) for i in range(5)]
    (out / "small" / "corpus.jsonl").write_text("\n".join(corpus))
    (out / "small" / "queries.jsonl").write_text("\n".join(queries))
    (out / "small" / "qrels" / "test.tsv").write_text("\n".join(f"q{i}\td{i}\t1" for i in range(5)))
    config = RunConfig(
        model=str(CHECKPOINT), device="cpu", model_precision="float32", benchmark=(str(out / "small"),),
        dim=(16, 256), vectors=("dense", "late"), baseline=("bm25", "pca"), out=out / "results",
        precision=("float32", "binary"),
    )  # fmt: skip
    return load_run(run(config, quiet=True)[0])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_has_every_row_with_its_provenance(real: Run, tmp_path: Path, kind: str) -> None:
    (path,) = export([real], kind, tmp_path / "new")
    assert path == tmp_path / "new" / f"scores.{kind}" and list(path.parent.iterdir()) == [path]
    rows = (pyarrow.csv.read_csv(path) if kind == "csv" else pq.read_table(path)).to_pylist()
    assert len(rows) == len(real.scores) > 20
    for found, wanted in zip(rows, real.scores, strict=True):
        assert {name: found[name] or None for name in wanted} == {n: v or None for n, v in wanted.items()}
        assert found["run_id"] == real.run_id and found["command"] == real.content["command"]
        assert found["model_fingerprint"] == real.content["model"]["fingerprint"]
        assert found["benchmark_fingerprint"] == real.content["benchmarks"][0]["fingerprint"]
        assert (found["documents"], found["queries"], found["seed"], found["depth"]) == (12, 5, 0, 100)
        assert found["version_torch"] == real.content["versions"]["torch"]


def test_several_runs_are_one_table(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, name, {row(): VALUES}) for name in ("a", "b")]
    assert score_table(runs)["run_id"].to_pylist() == ["a", "b"]


def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    made = make_run(
        tmp_path, "a", {row(benchmark="=1+1"): -VALUES / 2, row(model="@SUM(A1)", benchmark="b"): VALUES}
    )
    for kind, mark in (("csv", "'"), ("parquet", "")):
        (path,) = export([made], kind, tmp_path)
        found = (pyarrow.csv.read_csv(path) if kind == "csv" else pq.read_table(path)).to_pylist()
        assert [one["benchmark"] for one in found] == [f"{mark}=1+1", "b"]
        assert [one["model"] for one in found] == ["mini", f"{mark}@SUM(A1)"]
        assert found[0]["value"] == -0.25, "a negative number is no formula"


def test_mteb_reads_its_files_back(real: Run, tmp_path: Path) -> None:
    from mteb.cache import ResultCache
    from mteb.results import TaskResult

    written = export([real], "mteb", tmp_path)
    told = ("metric", "value", "ci_low", "ci_high", "n_queries")
    settings = {tuple(value for name, value in r.items() if name not in told) for r in real.scores}
    assert len(written) == len(settings) == 2 * 2 + 2 + 1 + 2
    for path in written:
        found = TaskResult.from_disk(path)
        meta: Any = json.loads((path.parent / "model_meta.json").read_text())
        named = meta["experiment_kwargs"]
        own = [r for r in real.scores if all(r[name] == named.get(name) for name in
               ("task", "vectors", "dim", "precision", "search", "baseline"))]  # fmt: skip
        values = {r["metric"]: r["value"] for r in own}
        assert len(own) == 6
        (entry,) = found.scores["test"]
        for ours, theirs in (("ndcg@10", "main_score"), ("ndcg@10", "ndcg_at_10"), ("map", "map_at_100"),
                             ("mrr@10", "mrr_at_10"), ("recall@100", "recall_at_100")):  # fmt: skip
            assert entry[theirs] == pytest.approx(values[ours], abs=1e-6)
        assert found.get_score() == pytest.approx(values["ndcg@10"], abs=1e-6)
        assert found.dataset_revision == real.content["benchmarks"][0]["fingerprint"]
        assert found.mteb_version == MTEB
    loaded = ResultCache(tmp_path).load_results(include_remote=False, load_experiments="match_name")
    assert sum(len(model.task_results) for model in loaded) == len(written)
    assert {model.model_name for model in loaded} == {"checkpoint", "bm25"}
    kinds = {model.model_meta.model_type[0] for model in loaded if model.model_meta}
    assert kinds == {"dense", "late-interaction"}


def test_our_version_of_mteb_is_the_one_pinned() -> None:
    root = Path(__file__).resolve().parents[2]
    assert f"mteb=={MTEB}" in (root / "constraints.txt").read_text()
    assert f'"mteb=={MTEB}"' in (root / "pyproject.toml").read_text()


def test_without_mteb_the_line_to_run_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_run(tmp_path, "a", {row(): VALUES})
    monkeypatch.setitem(sys.modules, "mteb", None)
    assert main(["export", str(made.folder), "--format", "mteb", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert 'pip install ".[mteb]"' in said and f"pip install mteb=={MTEB}" in said


def test_one_name_for_two_data_sets_is_refused_for_mteb(tmp_path: Path) -> None:
    a = make_run(tmp_path, "a", {row(): VALUES})
    b = make_run(tmp_path, "b", {row(): VALUES}, fingerprints={"small": "f"})
    with pytest.raises(InputError, match="small is not the same data in a and b"):
        export([a, b], "mteb", tmp_path / "out")


def test_languages_are_mteb_s_own_where_it_knows_the_task(tmp_path: Path) -> None:
    from mteb.results import TaskResult

    names = ("NFCorpus", "mteb:SciFact", "python-docs", "my own")
    made = make_run(tmp_path, "a", {row(benchmark=name): VALUES for name in names})
    found = [TaskResult.from_disk(path) for path in export([made], "mteb", tmp_path / "out")]
    told = {one.task_name: one.scores["test"][0]["languages"] for one in found}
    english = ["eng-Latn"]
    assert told == {"NFCorpus": english, "SciFact": english, "python-docs": english, "my own": ["und-Zyyy"]}


def test_the_command_exports_a_folder_of_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        make_run(tmp_path / "results", name, {row(): VALUES})
    given = ["export", str(tmp_path / "results"), "--format", "parquet", "--out", str(tmp_path / "out")]
    assert main(given) == 0 and main(given) == 0  # written anew
    assert capsys.readouterr().out.split() == 2 * [str(tmp_path / "out" / "scores.parquet")]
    assert len(pq.read_table(tmp_path / "out" / "scores.parquet")) == 2


def test_bad_options_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make_run(tmp_path, "a", {row(): VALUES})
    assert main(["export", str(made.folder), "--format", "xlsx"]) == 2
    assert "--format 'xlsx': one of mteb, csv, parquet" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "nowhere")]) == 2
    assert "holds no run" in capsys.readouterr().err
    (tmp_path / "file").touch()
    with pytest.raises(EmbedderError, match="another --out"):
        export([made], "csv", tmp_path / "file" / "out")


def test_every_option_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    options: dict[str, list[str]] = {
        "compare": ["--metric", "--json", "--results", "--seed"],
        "export": ["--format", "--out"],
    }
    for command, names in options.items():
        with pytest.raises(SystemExit):
            main([command, "--help"])
        told = " ".join(capsys.readouterr().out.split())
        assert "exit codes: 0 done" in told and "example: results/" in told
        assert all(f"example: {name} " in told for name in names), told
        assert told.count("--") == sum(told.count(name) for name in [*names, "--help"])
