"""Two runs are compared in pairs, and only where they did the same."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from embedder.errors import InputError
from eval.__main__ import main
from eval.compare import compare_runs, table, what_differs
from eval.config import RunConfig
from eval.run import run
from eval.runs import load_run
from eval.significance import compare, holm, interval, randomisation_p
from tests.eval.conftest import CHECKPOINT
from tests.eval.made_runs import make_run, row

RNG = np.random.default_rng(0)
BASE = RNG.uniform(0.2, 0.8, 120)
GOOD = BASE + RNG.normal(0.05, 0.05, 120)
SAME = BASE + RNG.normal(0, 0.05, 120)


def test_differences_are_paired_by_query_with_interval_and_p(tmp_path: Path) -> None:
    a = make_run(tmp_path, "a", {row(16): BASE, row(64): BASE})
    b = make_run(tmp_path, "b", {row(16): GOOD, row(64): SAME})
    found = compare_runs(a, b)
    better, same = found.rows
    assert (better.dim, better.verdict, same.dim, same.verdict) == (16, "better", 64, "")
    assert better.difference == pytest.approx((GOOD - BASE).mean())
    assert (better.a, better.b, better.n_queries) == (
        pytest.approx(BASE.mean()),
        pytest.approx(GOOD.mean()),
        120,
    )
    alone = interval(GOOD - BASE)
    assert (better.ci_low, better.ci_high) == pytest.approx((alone.low, alone.high))
    p_values = {16: randomisation_p(GOOD - BASE), 64: randomisation_p(SAME - BASE)}
    assert {one.dim: one.p for one in found.rows} == p_values
    assert {one.dim: one.p_holm for one in found.rows} == holm(p_values)
    assert better.detectable == pytest.approx(compare(BASE, {0: GOOD})[0].detectable)
    back = compare_runs(b, a).rows[0]
    assert back.verdict == "worse" and back.difference == pytest.approx(-better.difference)


def test_formats_of_late_interaction_are_compared_each_with_its_own(tmp_path: Path) -> None:
    late = [row(8, vectors="late", precision=name) for name in ("float32", "binary")]
    late.append(row(8, vectors="late", precision="binary", search="rescored"))
    a = make_run(tmp_path, "a", dict(zip(late, (BASE, BASE, SAME), strict=True)))
    b = make_run(tmp_path, "b", dict(zip(late, (BASE, GOOD, SAME), strict=True)))
    found = compare_runs(a, b).rows
    assert [(one.precision, one.search, one.verdict) for one in found] == [
        ("float32", "exact", ""), ("binary", "exact", "better"), ("binary", "rescored", ""),
    ]  # fmt: skip


def test_queries_are_paired_across_benchmarks_of_different_size(tmp_path: Path) -> None:
    small, large = row(benchmark="small"), row(benchmark="large")
    a = make_run(tmp_path, "a", {small: BASE[:20], large: BASE})
    b = make_run(tmp_path, "b", {small: GOOD[:20], large: GOOD})
    assert [(one.benchmark, one.n_queries) for one in compare_runs(a, b).rows] == [
        ("small", 20),
        ("large", 120),
    ]


def test_other_data_are_refused_and_the_rest_is_compared(tmp_path: Path) -> None:
    values = {row(): BASE, row(benchmark="other"): BASE}
    a = make_run(tmp_path, "a", values)
    b = make_run(tmp_path, "b", values, fingerprints={"small": 64 * "f"})
    found = compare_runs(a, b)
    assert found.refused == {"small": "the data differ: fingerprint 000000000000 against ffffffffffff"}
    assert [one.benchmark for one in found.rows] == ["other"]
    assert "not comparable: small: the data differ" in table(found)


def test_other_queries_are_refused(tmp_path: Path) -> None:
    a = make_run(tmp_path, "a", {row(): BASE[:3]})
    b = make_run(tmp_path, "b", {row(): BASE[:3]}, ids=["q0", "q1", "q9"])
    with pytest.raises(InputError, match="small: the queries differ: 3 against 3, 2 of them shared"):
        compare_runs(a, b)


def test_what_differs_is_listed(tmp_path: Path) -> None:
    a = make_run(tmp_path, "a", {row(): BASE})
    model = a.content["model"] | {"revision": "abc"}
    versions = {"python": "3.12.1", "torch": "2.13.0"}
    b = make_run(tmp_path / "elsewhere", "b", {row(): BASE}, model=model, versions=versions)
    assert what_differs(a, b) == {"model.revision": (None, "abc"), "versions.python": ("3.11.7", "3.12.1")}
    told = table(compare_runs(a, b))
    assert "model.revision   None    abc" in told and "settings.out" not in told
    assert "are the same in both" in table(compare_runs(a, a))


def test_baselines_and_what_one_run_lacks_are_left_out(tmp_path: Path) -> None:
    a = make_run(tmp_path, "a", {row(16): BASE, row(64): BASE, row(16, baseline="pca"): BASE})
    b = make_run(tmp_path, "b", {row(64): SAME, row(32): SAME, row(16, baseline="pca"): SAME})
    found = compare_runs(a, b)
    assert [one.dim for one in found.rows] == [64]
    assert (found.only_a, found.only_b) == (1, 1)
    assert "1 searches of A alone, 1 of B alone" in table(found)


def test_metrics_are_chosen_and_are_one_family(tmp_path: Path) -> None:
    values = {row(metric=name): GOOD for name in ("ndcg@10", "map", "mrr@10")}
    a = make_run(tmp_path, "a", dict.fromkeys(values, BASE))
    b = make_run(tmp_path, "b", values)
    assert [one.metric for one in compare_runs(a, b).rows] == ["ndcg@10"]
    assert [one.metric for one in compare_runs(a, b, ["map", "mrr@10"]).rows] == ["map", "mrr@10"]
    all_rows = compare_runs(a, b, ["all"]).rows
    assert len(all_rows) == 3 and all(one.p_holm == pytest.approx(3 * one.p) for one in all_rows)
    with pytest.raises(InputError, match="'recall@10': both runs have ndcg@10, map, mrr@10"):
        compare_runs(a, b, ["recall@10"])


def test_two_models_are_compared_whatever_they_are_called(tmp_path: Path) -> None:
    a = make_run(tmp_path, "a", {row(): BASE})
    other = a.content["model"] | {"name": "other"}
    b = make_run(tmp_path, "b", {row(model="other"): GOOD}, model=other)
    assert compare_runs(a, b).rows[0].verdict == "better"


def test_nothing_in_common_says_what_each_has(tmp_path: Path) -> None:
    a = make_run(tmp_path, "a", {row(16): BASE})
    b = make_run(tmp_path, "b", {row(32): BASE})
    with pytest.raises(
        InputError, match=r"a has benchmark small, .*dim 16.*; b has benchmark small, .*dim 32"
    ):
        compare_runs(a, b)


def test_a_file_of_another_run_is_noticed(tmp_path: Path) -> None:
    a = make_run(tmp_path, "a", {row(): BASE})
    b = make_run(tmp_path, "b", {row(): BASE[:7]})
    (a.folder / "per_query.parquet").write_bytes((b.folder / "per_query.parquet").read_bytes())
    with pytest.raises(InputError, match="per_query.parquet has 7 rows, result.json counts 120"):
        compare_runs(load_run(a.folder), b)


def test_the_command_prints_a_table_and_writes_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = make_run(tmp_path, "a", {row(): BASE})
    make_run(tmp_path, "b", {row(): GOOD})
    target = tmp_path / "made" / "difference.json"
    given = ["compare", str(a.folder), "b", "--results", str(tmp_path), "--json", str(target), "--seed", "3"]
    assert main(given) == 0
    told = capsys.readouterr().out
    assert "B is better in 1 of 1 searches, worse in 0; of 0 neither is shown" in told
    content = json.loads(target.read_text())
    assert content["rows"][0]["difference"] == pytest.approx((GOOD - BASE).mean())
    assert (content["a"]["run_id"], content["rows"][0]["verdict"], content["method"]["seed"]) == (
        "a",
        "better",
        3,
    )


def test_the_command_ends_with_2_where_nothing_can_be_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = make_run(tmp_path, "a", {row(): BASE})
    b = make_run(tmp_path, "b", {row(): BASE}, fingerprints={"small": "f"})
    assert main(["compare", str(a.folder), str(b.folder)]) == 2
    assert "the data differ" in capsys.readouterr().err
    assert main(["compare", str(a.folder), "nothing", "--results", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "no run 'nothing'" in said and str(tmp_path / "nothing") in said


def test_real_runs_of_two_tasks_are_compared(folder: Callable[..., Path], tmp_path: Path) -> None:
    """The same searches made twice are equal; another text limit is said and shown."""
    small = str(folder(queries=20, documents=60))
    runs = [
        load_run(
            run(
                RunConfig(
                    model=str(CHECKPOINT), device="cpu", model_precision="float32", benchmark=(small,),
                    dim=(64, 256), out=tmp_path, max_length=limit,
                ),
                quiet=True,
            )[0]
        )
        for limit in (None, None, 4)
    ]  # fmt: skip
    assert all(one.difference == 0 and one.p == 1 for one in compare_runs(*runs[:2]).rows)
    assert "settings.max_length" in what_differs(runs[0], runs[2])
    cut = compare_runs(runs[0], runs[2]).rows
    assert [one.dim for one in cut] == [64, 256] and any(one.difference < 0 for one in cut)
