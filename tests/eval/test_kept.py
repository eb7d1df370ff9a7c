"""Rankings done again from a run's cache are those that were scored."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from embedder import InputError
from eval.benchmarks import load
from eval.kept import count_missing, find_store, search_again, way_of
from eval.metrics import evaluate
from eval.runs import Run, load_run
from tests.eval.made_runs import real_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return real_run(tmp_path_factory.mktemp("kept"), precision=("float32", "int8", "binary"))


@pytest.mark.parametrize("name", ["words", "shots"])
def test_every_search_gives_the_values_that_the_run_kept(run: Run, name: str) -> None:
    benchmark = load(str(run.folder.parents[1] / name))
    seen = 0
    for row, (ids, values) in zip(run.scores, run.per_query, strict=True):
        if row["benchmark"] != name or row["metric"] not in ("ndcg@10", "map"):
            continue
        way = way_of(row)
        ranking = search_again(run, benchmark, [way])[way]
        again = evaluate(ranking, benchmark.relevance, [row["metric"]]).values[row["metric"]]
        assert ids == list(benchmark.queries.ids)
        np.testing.assert_array_equal(again, values, err_msg=str(way))
        seen += 1
    # two tasks of two metrics: three formats at three widths and of late, one projection at three widths
    assert seen == 2 * 2 * (9 + 3 + 3) + (2 if name == "words" else 0)


def test_late_codes_are_searched_again_in_every_way(tmp_path: Path) -> None:
    run = real_run(
        tmp_path, vectors=("late",), task=("retrieval",), precision=("uint8", "ubinary"), baseline=(),
        search=("exact", "asymmetric", "rescored"), depth=3, oversample=2, metric=("map",),
    )  # fmt: skip
    benchmark = load(str(run.folder.parents[1] / "words"))
    seen = set()
    for row, (_, values) in zip(run.scores, run.per_query, strict=True):
        if row["benchmark"] == "words":
            way = way_of(row)
            ranking = search_again(run, benchmark, [way])[way]
            again = evaluate(ranking, benchmark.relevance, ["map"]).values["map"]
            np.testing.assert_array_equal(again, values, err_msg=str(way))
            seen.add((way.vectors, way.precision, way.search))
    assert len(seen) == 2 * 3 and {vectors for vectors, *_ in seen} == {"late"}


def test_another_benchmark_of_the_name_is_refused(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "words"
    shutil.copytree(run.folder.parents[1] / "words", folder)
    lines = (folder / "corpus.jsonl").read_text().splitlines()
    first = json.loads(lines[0]) | {"text": "something else"}
    (folder / "corpus.jsonl").write_text("\n".join([json.dumps(first), *lines[1:]]))
    with pytest.raises(InputError, match="is not what run"):
        search_again(run, load(str(folder)), [way_of(run.scores[0])])


def test_a_cache_that_is_gone_is_said(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "results" / run.run_id
    shutil.copytree(run.folder, copy)
    content = json.loads((copy / "result.json").read_text())
    content["settings"]["cache"] = str(tmp_path / "nowhere")
    (copy / "result.json").write_text(json.dumps(content))
    benchmark = load(str(run.folder.parents[1] / "words"))
    dense = next(row for row in run.scores if row["vectors"] == "dense" and row["benchmark"] == "words")
    with pytest.raises(InputError, match=r"vectors of 12 of 12 queries of words are not in the cache"):
        search_again(load_run(copy), benchmark, [way_of(dense)])


def test_what_is_missing_is_counted_by_content(run: Run) -> None:
    benchmark = load(str(run.folder.parents[1] / "words"))
    about = next(iter(run.models.values()))
    there = find_store([run.folder.parent / "cache"], about, "code", "passage", "dense")
    assert count_missing(there, benchmark.corpus) == 0
    assert find_store([run.folder.parent / "cache"], about, "text-matching", "query", "dense") is None
    assert count_missing(None, benchmark.corpus) == len(benchmark.corpus)
