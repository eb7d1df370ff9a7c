"""A run from the command line: its rows are what a plain computation says, its files keep the contract."""

import json
import shlex
import signal
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder import Embedder, similarity, truncate
from eval.__main__ import main
from eval.benchmarks import BUNDLED
from eval.config import RunConfig, settings_of
from eval.options import OPTIONS
from eval.results import RESULT, find_runs, read_per_query, read_run
from eval.run import run
from eval.significance import interval
from tests.embedder.test_adapters import save_task_as_lora
from tests.eval.conftest import CHECKPOINT, pictures, sentences

Folder = Callable[..., Path]
BASE = ["run", "--model", str(CHECKPOINT), "--device", "cpu", "--model-precision", "float32", "--quiet"]
FIELDS = (
    "model task benchmark vectors dim precision search baseline metric value ci_low ci_high n_queries".split()
)


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """`main` sets what a program may set; put it back."""
    handler, show = signal.getsignal(signal.SIGTERM), warnings.showwarning
    with warnings.catch_warnings():
        yield
    signal.signal(signal.SIGTERM, handler)
    warnings.showwarning = show


def measure(out: Path, benchmark: Path, *options: str) -> dict[str, Any]:
    """Run the command line, and read the newest result."""
    before = set(find_runs(out))
    assert main([*BASE, "--out", str(out), "--benchmark", str(benchmark), *options]) == 0
    (new,) = set(find_runs(out)) - before
    return read_run(new)


def values(result: dict[str, Any]) -> dict[tuple[Any, ...], float]:
    """Row -> value, by everything that tells rows apart."""
    return {tuple(row[name] for name in FIELDS[1:9]): row["value"] for row in result["scores"]}


def naive_ndcg(scores: np.ndarray) -> float:
    """nDCG@10 where document i is the one answer to query i; equal scores by id, descending."""
    found = []
    for query, line in enumerate(scores.astype(np.float32)):
        order = sorted(range(len(line)), key=lambda row: (line[row], f"d{row}"), reverse=True)
        rank = order.index(query) + 1
        found.append(1 / np.log2(rank + 1) if rank <= 10 else 0.0)
    return float(np.mean(found))


@pytest.mark.parametrize("task", ["retrieval", "text-matching"])
def test_values_are_those_of_a_plain_computation(
    model: Embedder, folder: Folder, tmp_path: Path, task: str
) -> None:
    small = folder(queries=12, documents=60)
    result = measure(tmp_path / "out", small, "--task", task, "--dim", "16,64,256", "--vectors", "dense,late")
    found = values(result)
    role = "query" if task == "text-matching" else "passage"
    read = [json.loads(line)["text"] for line in (small / "corpus.jsonl").read_text().splitlines()]
    asked = [json.loads(line)["text"] for line in (small / "queries.jsonl").read_text().splitlines()]
    documents = model.embed(read, task=task, prompt_name=role)
    queries = model.embed(asked, task=task, prompt_name="query")
    for dim in (16, 64, 256):
        plain = naive_ndcg(similarity.cosine(truncate(queries.dense, dim), truncate(documents.dense, dim)))
        row = (task, "small", "dense", dim, "float32", "exact", None, "ndcg@10")
        assert found[row] == pytest.approx(plain, abs=1e-9)
    late = (task, "small", "late", 32, "float32", "exact", None, "ndcg@10")
    assert found[late] == pytest.approx(
        naive_ndcg(similarity.max_sim(queries.late, documents.late)), abs=1e-9
    )


def test_everything_is_encoded_once_however_much_is_asked(folder: Folder, tmp_path: Path) -> None:
    result = measure(
        tmp_path, folder(6, 20),
        "--task", "retrieval,text-matching,code", "--dim", "8,16,32,64,128,256", "--vectors", "dense,late",
        "--precision", "float32,int8,uint8,binary,ubinary", "--search", "exact,asymmetric,rescored,funnel:16",
    )  # fmt: skip
    assert result["encoded"] == {
        "retrieval": {"passage": 20, "query": 6},
        "text-matching": {"query": 26},
        "code": {"passage": 20, "query": 6},
    }
    searches = 6 * 5 + 6 * 4 + 6 * 4 + 4 * 5 + (5 + 4 + 4)  # the last ones by late interaction
    assert len(result["scores"]) == 3 * len(result["settings"]["metric"]) * searches
    again = measure(tmp_path, tmp_path / "small", "--task", "code,retrieval", "--dim", "100")
    assert again["encoded"] == {t: {"passage": 0, "query": 0} for t in ("code", "retrieval")}
    assert again["from_cache"] == {t: {"passage": 20, "query": 6} for t in ("code", "retrieval")}


def test_late_interaction_has_every_number_format(model: Embedder, folder: Folder, tmp_path: Path) -> None:
    small = folder(queries=12, documents=60)
    formats = ("--precision", "float32,int8,uint8,binary,ubinary", "--search", "exact,asymmetric,rescored")
    result = measure(tmp_path, small, "--vectors", "late", "--depth", "10", "--oversample", "2",
                     "--metric", "ndcg@10", *formats)  # fmt: skip
    assert result["encoded"] == {"retrieval": {"passage": 60, "query": 12}}
    found = {(row["precision"], row["search"]): row for row in result["scores"]}
    assert len(found) == len(result["scores"]) == 5 + 4 + 4
    (run_folder,) = find_runs(tmp_path)
    kept = read_per_query(run_folder).to_pylist()
    asked, read = _tokens(model, small)
    signs = [[np.where(item > 0, 1, -1) for item in side] for side in (asked, read)]
    hand = np.array([[(q @ d.T).max(axis=1).sum() / 32 for d in signs[1]] for q in signs[0]])
    for precision in ("binary", "ubinary"):
        row = found[precision, "exact"]
        assert row["value"] == pytest.approx(naive_ndcg(hand), abs=1e-9)
        own = [r["value"] for r in kept if (r["precision"], r["search"]) == (precision, "exact")]
        assert len(own) == 12 and np.mean(own) == pytest.approx(row["value"])
    exact = found["float32", "exact"]["value"]
    assert found["int8", "exact"]["value"] == found["uint8", "exact"]["value"]
    assert found["int8", "exact"]["value"] == pytest.approx(exact, abs=0.05)
    costs = {(row["precision"], row["search"]): row for row in result["costs"]}
    tokens = sum(map(len, read))
    assert {search: row["searched_bytes"] for search, row in costs.items() if search[1] == "exact"} == {
        ("float32", "exact"): -(-tokens * 128 // 60),
        **{(name, "exact"): -(-tokens * 32 // 60) for name in ("int8", "uint8")},
        **{(name, "exact"): -(-tokens * 4 // 60) for name in ("binary", "ubinary")},
    }
    assert costs["binary", "rescored"]["searched_bytes"] == costs["binary", "exact"]["searched_bytes"]
    assert costs["binary", "rescored"]["stored_bytes"] == -(-tokens * (4 + 128) // 60)
    assert costs["binary", "exact"]["stored_bytes_per_million"] == -(-tokens * 4 // 60) * 10**6


def _tokens(model: Embedder, folder: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Token vectors of a folder's queries and documents."""
    sides = (("queries.jsonl", "query"), ("corpus.jsonl", "passage"))
    texts = [
        [json.loads(line)["text"] for line in (folder / name).read_text().splitlines()] for name, _ in sides
    ]
    asked, read = (
        model.embed(side, prompt_name=role, vectors=("late",)).late
        for side, (_, role) in zip(texts, sides, strict=True)
    )
    return asked, read


def test_two_benchmarks_are_counted_together(folder: Folder, tmp_path: Path) -> None:
    one, two = folder(6, 20), folder(5, 10, name="other", salt="other")
    assert main([*BASE, "--out", str(tmp_path), "--benchmark", f"{one},{two}", "--dim", "16"]) == 0
    (run_folder,) = find_runs(tmp_path)
    result: Any = read_run(run_folder)
    assert result["encoded"] == {"retrieval": {"passage": 30, "query": 11}}
    assert [about["name"] for about in result["benchmarks"]] == ["small", "other"]


def test_files_keep_the_contract(folder: Folder, tmp_path: Path) -> None:
    result = measure(tmp_path, folder(6, 20), "--dim", "16,256")
    (run_folder,) = find_runs(tmp_path)
    kept = {RESULT, "per_query.parquet", "examples.json", "tests.parquet"}
    assert {path.name for path in run_folder.iterdir()} == kept
    rows = read_per_query(run_folder).to_pylist()
    for row in result["scores"]:
        assert list(row) == FIELDS and row["n_queries"] == 6
        assert 0 <= row["ci_low"] <= row["value"] <= row["ci_high"] <= 1
        own = [r for r in rows if all(r[name] == row[name] for name in FIELDS[:9])]
        assert [r["query_id"] for r in own] == [f"q{i}" for i in range(6)]
        each = interval([r["value"] for r in own])
        assert (row["value"], row["ci_low"], row["ci_high"]) == pytest.approx(
            (each.mean, each.low, each.high)
        )
    assert {row["metric"] for row in result["scores"]} == {
        "ndcg@10", "recall@10", "recall@100", "mrr@10", "map", "precision@10"
    }  # fmt: skip
    (about,) = result["benchmarks"]
    assert (about["documents"], about["queries"], len(about["fingerprint"])) == (20, 6, 64)
    assert result["model"]["fingerprint"].startswith("sha256:") and result["model"]["precision"] == "float32"
    assert (
        result["versions"]["torch"]
        and result["method"]["seed"] == 0
        and "descending" in result["method"]["ties"]
    )


def test_pictures_are_searched_from_a_folder(model: Embedder, tmp_path: Path) -> None:
    benchmark = tmp_path / "shots"
    (benchmark / "qrels").mkdir(parents=True)
    shown = pictures(40)
    for number, picture in enumerate(shown):
        picture.save(benchmark / f"{number}.png")
    asked = sentences(8)
    corpus = [json.dumps({"_id": f"d{i}", "image": f"{i}.png"}) for i in range(40)]
    queries = [json.dumps({"_id": f"q{i}", "text": text}) for i, text in enumerate(asked)]
    (benchmark / "corpus.jsonl").write_text("\n".join(corpus))
    (benchmark / "queries.jsonl").write_text("\n".join(queries))
    (benchmark / "qrels" / "test.tsv").write_text("\n".join(f"q{i}\td{i}\t1" for i in range(8)))
    result = measure(tmp_path, benchmark, "--dim", "32,256", "--task", "retrieval,code")
    assert result["benchmarks"][0]["modality"] == "text to image"
    assert result["benchmarks"][0]["documents_with_picture"] == 40
    assert result["encoded"] == {task: {"passage": 40, "query": 8} for task in ("retrieval", "code")}
    for dim in (32, 256):
        scores = similarity.cosine(
            model.encode_text(asked, truncate_dim=dim), model.encode_image(shown, truncate_dim=dim)
        )
        row = ("retrieval", "shots", "dense", dim, "float32", "exact", None, "ndcg@10")
        assert values(result)[row] == pytest.approx(naive_ndcg(scores), abs=1e-9)


def test_vectors_are_kept_on_demand(model: Embedder, folder: Folder, tmp_path: Path) -> None:
    result = measure(tmp_path, folder(6, 20), "--dim", "16", "--vectors", "dense,late", "--save-vectors")
    assert "--save-vectors" in shlex.split(result["command"])
    kept = tmp_path / result["run_id"] / "vectors"
    names = {f"small.retrieval.{side}.{kind}" for side in ("queries", "corpus") for kind in ("dense", "late")}
    assert {path.name for path in kept.iterdir()} == {f"{n}.{e}" for n in names for e in ("npy", "json")}
    texts = [
        json.loads(line)["text"] for line in (tmp_path / "small" / "corpus.jsonl").read_text().splitlines()
    ]
    own = model.embed(texts, prompt_name="passage")
    about = json.loads((kept / "small.retrieval.corpus.late.json").read_text())
    assert about == {"ids": [f"d{i}" for i in range(20)], "rows": own.tokens}
    dense = np.load(kept / "small.retrieval.corpus.dense.npy")
    np.testing.assert_allclose(dense, own.dense, atol=2e-6)
    late = np.load(kept / "small.retrieval.corpus.late.npy")
    np.testing.assert_allclose(late, np.concatenate(own.late), atol=5e-6)


def test_the_command_in_a_result_repeats_it(folder: Folder, tmp_path: Path) -> None:
    first = measure(tmp_path, folder(6, 20), "--dim", "16,32", "--precision", "float32,binary")
    words = shlex.split(first["command"])
    assert words[:4] == ["python", "-m", "eval", "run"]
    assert main([*words[3:], "--quiet"]) == 0
    runs = find_runs(tmp_path)
    assert len(runs) == 2
    (second,) = (r for r in map(read_run, runs) if r["run_id"] != first["run_id"])
    assert second["scores"] == first["scores"] and second["command"] == first["command"]


def test_a_result_is_never_changed_by_later_runs(folder: Folder, tmp_path: Path) -> None:
    measure(tmp_path, folder(6, 20), "--dim", "16")
    (first,) = find_runs(tmp_path)
    before = {path.name: path.read_bytes() for path in first.iterdir()}
    measure(tmp_path, tmp_path / "small", "--dim", "16")
    assert {path.name: path.read_bytes() for path in first.iterdir()} == before


def test_widths_are_tested_against_the_full_one_even_if_it_is_not_asked_for(
    folder: Folder, tmp_path: Path
) -> None:
    result = measure(tmp_path, folder(12, 60), "--dim", "8,16")
    assert {row["dim"] for row in result["scores"]} == {8, 16}
    full = measure(tmp_path, tmp_path / "small", "--dim", "8,256")
    value = values(full)["retrieval", "small", "dense", 256, "float32", "exact", None, "ndcg@10"]
    for row in result["tests"]:
        assert row["reference_dim"] == 256 and row["reference_value"] == value
        assert row["difference"] == pytest.approx(
            values(result)["retrieval", "small", "dense", row["dim"], "float32", "exact", None, "ndcg@10"]
            - value
        )
        assert row["p"] <= row["p_holm"] <= 1 and row["margin"] == 0.01
    assert [row["dim"] for row in result["tests"]] == [8, 16]


def test_baselines_stand_beside_the_model(folder: Folder, tmp_path: Path) -> None:
    result = measure(tmp_path, folder(12, 60), "--dim", "16,256", "--baseline", "bm25,pca,random")
    found = values(result)
    assert found[None, "small", None, None, None, "exact", "bm25", "recall@10"] > 0.9  # words shared
    full = found["retrieval", "small", "dense", 256, "float32", "exact", None, "map"]
    for baseline in ("pca", "random"):
        at = {
            dim: found["retrieval", "small", "dense", dim, "float32", "exact", baseline, "map"]
            for dim in (16, 256)
        }
        assert at[16] != found["retrieval", "small", "dense", 16, "float32", "exact", None, "map"]
        # A whole rotation changes nothing; what is centred first is compared from another origin.
        assert baseline == "pca" or at[256] == pytest.approx(full)
    assert len(result["scores"]) == (2 * 3 + 1) * 6
    assert {(row["baseline"], row["reference_task"]) for row in result["tests"]} == {
        (name, "retrieval") for name in (None, "bm25", "pca", "random")
    }


def test_bm25_is_left_out_where_there_are_pictures(folder: Folder, tmp_path: Path) -> None:
    small = folder(2, 5)
    pictures(1)[0].save(small / "p.png")
    with (small / "corpus.jsonl").open("a") as file:
        file.write('\n{"_id": "p", "image": "p.png"}')
    result = measure(tmp_path, small, "--baseline", "bm25", "--dim", "16")
    assert result["notices"] == ["small: has pictures, and so no bm25"]
    assert {row["baseline"] for row in result["scores"]} == {None}


def test_what_is_passed_over_is_said_on_the_way(
    folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small, shown = folder(2, 5), [part for part in BASE if part != "--quiet"]
    pictures(1)[0].save(small / "p.png")
    with (small / "corpus.jsonl").open("a") as file:
        file.write('\n{"_id": "p", "image": "p.png"}')
    options = ["--baseline", "bm25", "--vectors", "dense,late", "--search", "exact,funnel:16", "--dim", "64"]
    assert main([*shown, "--out", str(tmp_path), "--benchmark", str(small), *options]) == 0
    late = (
        "late interaction is searched at its full width, without funnels: --search funnel:16 is of dense "
        "vectors only"
    )
    said = capsys.readouterr().err.splitlines()
    assert said.count("note: small: has pictures, and so no bm25") == 1
    assert said.count(f"note: {late}") == 1
    alone = ["--vectors", "late", "--dim", "64", "--precision", "int8", "--search", "rescored,funnel:16"]
    (notice,) = (text for text in measure(tmp_path, small, *alone)["notices"] if "late interaction" in text)
    assert "--dim 64 and --search funnel:16 are of dense vectors only" in notice
    formats = ["--vectors", "dense,late", "--precision", "int8,binary", "--search", "exact,rescored"]
    assert not [t for t in measure(tmp_path, small, *formats)["notices"] if "late interaction" in t]


def test_neighbours_kept_are_told(model: Embedder, folder: Folder, tmp_path: Path) -> None:
    small = folder(12, 60)
    result = measure(tmp_path / "out", small, "--dim", "16,256", "--precision", "float32,int8")
    rows = {(row["dim"], row["precision"]): row for row in result["neighbours"]}
    assert set(rows) == {(16, "float32"), (16, "int8"), (256, "int8")}
    assert rows[256, "int8"]["overlap@10"] > rows[16, "float32"]["overlap@10"] > 0
    queries, documents = (
        model.encode_text(
            [json.loads(line)["text"] for line in (small / name).read_text().splitlines()], prompt_name=role
        )
        for name, role in (("queries.jsonl", "query"), ("corpus.jsonl", "passage"))
    )
    full, cut = (
        np.argsort(-similarity.cosine(truncate(queries, dim), truncate(documents, dim)), axis=1)[:, :10]
        for dim in (256, 16)
    )
    shared = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(full, cut, strict=True)])
    assert rows[16, "float32"]["overlap@10"] == pytest.approx(shared, abs=0.02)
    assert 0 < rows[16, "float32"]["rank_correlation"] < 1 and rows[16, "int8"]["rank_correlation"] is None
    assert rows[16, "int8"]["rank_correlation_ci_low"] is None
    for row, name in ((rows[16, "float32"], "overlap"), (rows[16, "float32"], "rank_correlation")):
        value = row["overlap@10" if name == "overlap" else name]
        assert 0 < row[f"{name}_ci_low"] < value < row[f"{name}_ci_high"] < 1
    per_query = [len(set(a) & set(b)) / 10 for a, b in zip(full, cut, strict=True)]
    wanted = interval(per_query)
    assert rows[16, "float32"]["overlap_ci_low"] == pytest.approx(wanted.low, abs=0.02)
    assert rows[16, "float32"]["overlap_ci_high"] == pytest.approx(wanted.high, abs=0.02)


def test_costs_are_told_and_what_is_worth_them(folder: Folder, tmp_path: Path) -> None:
    result = measure(
        tmp_path,
        folder(12, 60),
        "--dim",
        "16,256",
        "--precision",
        "float32,binary",
        "--vectors",
        "dense,late",
    )
    rows = {(row["vectors"], row["dim"], row["precision"]): row for row in result["costs"]}
    assert {key: row["searched_bytes"] for key, row in rows.items() if key[0] == "dense"} == {
        ("dense", 16, "float32"): 64,
        ("dense", 256, "float32"): 1024,
        ("dense", 16, "binary"): 2,
        ("dense", 256, "binary"): 32,
    }
    late, coded = (rows["late", 32, precision] for precision in ("float32", "binary"))
    assert late["searched_bytes"] > 5 * 32 * 4 and late["latency_median_ms"] is None
    assert coded["searched_bytes"] == -(-late["searched_bytes"] // 32) < late["searched_bytes"]
    assert coded["latency_median_ms"] is None, "times are of dense float32 alone"
    assert rows["dense", 256, "float32"]["searched_bytes_per_million"] == 1024 * 10**6
    assert (
        0
        < rows["dense", 16, "float32"]["latency_median_ms"]
        <= rows["dense", 16, "float32"]["latency_p95_ms"]
    )
    assert rows["dense", 16, "binary"]["is_worth"]  # nothing is smaller
    for row in rows.values():
        beaten = any(
            other["value"] >= row["value"] and other["searched_bytes"] < row["searched_bytes"]
            for other in rows.values()
        )
        assert not (row["is_worth"] and beaten)


def test_a_corpus_smaller_than_the_cut_is_fine(folder: Folder, tmp_path: Path) -> None:
    result = measure(tmp_path, folder(2, 3), "--dim", "256", "--vectors", "dense,late")
    assert {row["value"] for row in result["scores"] if row["metric"] == "recall@100"} == {1.0}


def test_a_rescored_search_of_everything_is_pointed_out(folder: Folder, tmp_path: Path) -> None:
    options = ("--dim", "16", "--precision", "binary", "--search", "rescored")
    result = measure(tmp_path, folder(6, 20), *options)
    assert "400 candidates anew and the corpus has 20" in result["notices"][0]
    few = measure(
        tmp_path, tmp_path / "small", *options, "--depth", "5", "--oversample", "2", "--metric", "ndcg@5"
    )
    assert few["notices"] == [] and {row["metric"] for row in few["scores"]} == {"ndcg@5"}


def test_notices_on_the_way_are_in_the_result(folder: Folder, tmp_path: Path) -> None:
    config = RunConfig(
        model=str(CHECKPOINT), device="cpu", model_precision="float32", benchmark=(str(folder(6, 20)),),
        dim=(16,), precision=("int8",), out=tmp_path, max_length=6,
    )  # fmt: skip
    with pytest.warns(UserWarning, match="int8 ranges are fitted on 20 vectors"):
        run(config, quiet=True)
    (found,) = find_runs(tmp_path)
    said: Any = read_run(found)["notices"]
    assert any("item 'd0'" in text and "max_length=6" in text for text in said)
    assert any("int8 ranges are fitted on 20 vectors" in text for text in said)


def test_a_lora_of_ones_own_is_a_task(folder: Folder, tmp_path: Path) -> None:
    lora = save_task_as_lora(tmp_path / "lora", "code")
    options = ("--adapter", f"mine={lora}", "--task", "mine,code,retrieval", "--dim", "256")
    found = values(measure(tmp_path / "out", folder(12, 60), *options))
    by_task = {task: found[task, "small", "dense", 256, "float32", "exact", None, "map"] for task in
               ("mine", "code", "retrieval")}  # fmt: skip
    assert by_task["mine"] == by_task["code"] != by_task["retrieval"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--task", "singing"], ["--task 'singing'", "retrieval, text-matching, code"]),
        (["--dim", "257"], ["--dim 257", "256"]),
        (["--dim", "0"], ["--dim 0"]),
        (["--dim", "16,16"], ["--dim", "16,16", "once"]),
        (["--vectors", "sparse"], ["--vectors 'sparse'", "dense, late"]),
        (["--precision", "int4"], ["--precision 'int4'", "ubinary"]),
        (["--search", "guess"], ["'guess'", "exact"]),
        (["--search", "rescored"], ["--search rescored", "float32"]),
        (["--search", "funnel:256"], ["--search funnel:256"]),
        (["--baseline", "magic"], ["--baseline 'magic'"]),
        (["--baseline", "pca", "--vectors", "late"], ["--baseline pca", "dense"]),
        (["--metric", "ndcg"], ["metric", "'ndcg'"]),
        (["--metric", "recall@500"], ["recall@500", "--depth is 100"]),
        (["--depth", "0"], ["--depth is 0"]),
        (["--adapter", "mine"], ["--adapter 'mine'", "NAME=FOLDER"]),
        (["--benchmark", "nothing"], ["'nothing'", "python-docs"]),
        (["--benchmark", "SMALL,SMALL"], ["each once"]),
    ],
)
def test_what_cannot_be_done_is_said_and_ends_with_2(
    folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: list[str]
) -> None:
    small = folder(2, 5)
    given = [option.replace("SMALL", str(small)) for option in options]
    assert main([*BASE, "--out", str(tmp_path / "out"), "--benchmark", str(small), *given]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("error: ") and said.err.count("\n") == 1
    assert all(word in said.err for word in words), said.err
    assert not find_runs(tmp_path / "out")


def test_a_model_that_is_not_there_ends_with_1(
    folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--model", str(tmp_path), "--benchmark", str(folder()), "--out", str(tmp_path)]) == 1
    assert "config.json" in capsys.readouterr().err


def test_results_that_cannot_be_written_are_known_before_the_work(
    folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main([*BASE, "--out", str(tmp_path / "file" / "out"), "--benchmark", "no/such/folder"]) == 1
    assert "give another --out" in capsys.readouterr().err


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="cannot be written"):
        run(
            RunConfig(
                model=str(CHECKPOINT), device="cpu", model_precision="float32", benchmark=(str(folder()),),
                dim=(16,), out=tmp_path / "out", cache=tmp_path / "file",
            ),
            quiet=True,
        )  # fmt: skip
    assert len(find_runs(tmp_path / "out")) == 1


def test_quiet_keeps_notices_for_the_result(
    folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = measure(tmp_path, folder(6, 20), "--dim", "16", "--precision", "int8")
    assert any("int8 ranges" in text for text in result["notices"])
    assert capsys.readouterr().err == ""


def test_quiet_prints_the_folder_alone(
    folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measure(tmp_path, folder(), "--dim", "16")
    (found,) = find_runs(tmp_path)
    assert capsys.readouterr() == (f"{found}\n", "")


def test_otherwise_a_table_and_the_way_there(
    folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [word for word in BASE if word != "--quiet"]
    assert main([*options, "--out", str(tmp_path), "--benchmark", str(folder()), "--dim", "16,32"]) == 0
    said = capsys.readouterr()
    table = said.out.splitlines()
    assert table[0].split()[:3] == ["benchmark", "task", "vectors"] and "ndcg@10" in table[0]
    assert [line.split()[3] for line in table[1:3]] == ["16", "32"]
    assert "encoding documents of small: 20/20 (100%)" in said.err


def test_the_list_shows_sizes_and_folders(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    small = folder(6, 20)
    assert main(["list", str(small)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["name", "modality", "documents", "queries"]
    listed = {line.split()[0]: line for line in lines[1:]}
    assert list(listed)[:-1] == list(BUNDLED)
    assert listed["charts"].split()[:6] == ["charts", "text", "to", "image", "400", "208"]
    assert "made here" in listed["charts"]
    for name in ("emoji", "names", "definitions", "packages", "pages"):
        assert "made here" in listed[name] or "run `apt-get " in listed[name]
    assert lines[-1].split()[:6] == [str(small), "text", "to", "text", "20", "6"]


def test_every_option_is_explained_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(OPTIONS) == {option.name for option in fields(RunConfig)}
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    told = " ".join(capsys.readouterr().out.split()).replace("- ", "-")  # argparse breaks lines at hyphens
    for name, (_, text, example) in OPTIONS.items():
        assert text and f"example: --{name.replace('_', '-')} {example}".strip() in told


def test_searches_that_make_no_sense_are_passed_over() -> None:
    config = RunConfig(precision=("float32", "int8"), search=("exact", "rescored", "funnel:32"))
    found = [(s.dim, str(s.precision), s.search) for s in settings_of(config, (16, 64))]
    assert found == [
        (16, "float32", "exact"), (16, "int8", "exact"), (64, "float32", "exact"), (64, "int8", "exact"),
        (16, "int8", "rescored"), (64, "int8", "rescored"),
        (64, "float32", "funnel:32"), (64, "int8", "funnel:32"),
    ]  # fmt: skip
