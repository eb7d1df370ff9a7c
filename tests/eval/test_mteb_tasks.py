"""Tasks of mteb as benchmarks, by name from the command line; data made on the spot."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

from embedder import Embedder, InputError
from eval.__main__ import main
from eval.benchmarks import load
from eval.benchmarks.mteb_tasks import INSTALL, VERSION, from_task
from eval.ranking import Ranking, without
from eval.results import find_runs, read_run
from tests.eval.conftest import CHECKPOINT, sentences
from tests.eval.tasks_of_mteb import (
    DOCUMENTS,
    QUERIES,
    Languages,
    Pictures,
    Questions,
    Reranked,
    Texts,
    text_data,
)
from tests.eval.test_run import as_it_was  # noqa: F401 - a fixture for all tests here

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """mteb knows the made tasks by their names."""
    known = importlib.import_module("mteb.get_tasks")._TASKS_REGISTRY  # `mteb.get_tasks` is a function
    for task in (Texts, Pictures, Languages, Questions, Reranked):
        monkeypatch.setitem(known, task.metadata.name, task)
    yield


def test_a_task_is_run_by_its_name(tmp_path: Path) -> None:
    names = "mteb:MadeTexts,mteb:MadePictures,mteb:MadeLanguages:de,mteb:MadeLanguages:en#dev"
    options = [
        "--device",
        "cpu",
        "--model-precision",
        "float32",
        "--quiet",
        "--dim",
        "16",
        "--vectors",
        "dense,late",
    ]
    assert (
        main(["run", "--model", str(CHECKPOINT), *options, "--out", str(tmp_path), "--benchmark", names]) == 0
    )
    (folder,) = find_runs(tmp_path)
    result: Any = read_run(folder)
    assert [(about["name"], about["modality"]) for about in result["benchmarks"]] == [
        ("mteb:MadeTexts", "text to text"), ("mteb:MadePictures", "text to image"),
        ("mteb:MadeLanguages:de#test", "text to text"), ("mteb:MadeLanguages:en#dev", "text to text"),
    ]  # fmt: skip
    assert VERSION in result["benchmarks"][0]["source"] and "0" * 40 in result["benchmarks"][0]["source"]
    # Texts and Pictures ask the same queries: a query is known by its content.
    assert result["encoded"] == {"retrieval": {"passage": 4 * DOCUMENTS, "query": 3 * QUERIES}}
    assert result["from_cache"] == {"retrieval": {"passage": 0, "query": QUERIES}}


def test_what_a_document_is(model: Embedder) -> None:
    found = load("mteb:MadeTexts")
    texts = sentences(DOCUMENTS)
    assert list(found.corpus.inputs[:3]) == [f"garden 0 {texts[0]}", texts[1], texts[2]]
    assert found.queries.inputs[1] == f"which {texts[3]}"
    assert sorted(found.relevance[0].values()) == [0, 1, 1, 2, 3]
    shown = load("mteb:MadePictures")
    assert shown.corpus.pictures == DOCUMENTS and shown.corpus.inputs[0]["image"].startswith(b"\x89PNG")
    with pytest.raises(IndexError):
        found.corpus.inputs[DOCUMENTS]


def test_instructions_follow_their_queries() -> None:
    task = Texts()
    data = text_data()
    wishes = ["find the red circle" if row % 2 else None for row in range(QUERIES)]
    data["queries"] = data["queries"].add_column("instruction", wishes)
    task.dataset, task.data_loaded = {"default": {"test": data}}, True
    found = from_task(task)
    assert found.queries.inputs[1].endswith(" find the red circle")
    assert found.queries.inputs[0] == f"which {sentences(1)[0]}"


def test_a_query_does_not_find_itself(tmp_path: Path) -> None:
    found = load("mteb:MadeQuestions")
    assert found.excluded == {row: row for row in range(QUERIES)}
    assert found.fingerprint != load("mteb:MadeTexts").fingerprint
    options = ["--device", "cpu", "--model-precision", "float32", "--quiet", "--dim", "16", "--depth", "10"]
    options += [
        "--metric",
        "ndcg@10",
        "--baseline",
        "bm25,pca",
        "--vectors",
        "dense,late",
        "--precision",
        "float32,int8",
    ]
    options += ["--search", "exact,rescored"]
    assert (
        main(
            [
                "run",
                "--model",
                str(CHECKPOINT),
                *options,
                "--out",
                str(tmp_path),
                "--benchmark",
                "mteb:MadeQuestions",
            ]
        )
        == 0
    )


def test_leaving_a_document_out_of_a_ranking() -> None:
    rows = np.array([[4, 7, 2], [5, 1, -1], [3, 4, 9]], np.int64)
    scores = np.array([[0.9, 0.8, 0.7], [0.6, 0.5, -np.inf], [0.3, 0.2, 0.1]], np.float32)
    found = without(Ranking(rows, scores), {0: 7, 1: 5}, 2)
    assert found.rows.tolist() == [[4, 2], [1, -1], [3, 4]]
    np.testing.assert_array_equal(
        found.scores, np.array([[0.9, 0.7], [0.5, -np.inf], [0.3, 0.2]], np.float32)
    )
    assert without(Ranking(rows, scores), {}, 3).rows is rows
    assert without(Ranking(rows, scores), {0: 8}, 3).rows.tolist() == rows.tolist()


def test_judgements_of_absent_documents_are_counted() -> None:
    task = Texts()
    data = text_data()
    data["relevant_docs"]["q0"]["nowhere"] = 1
    task.dataset, task.data_loaded = {"default": {"test": data}}, True
    found = from_task(task)
    assert any("1 judged documents are not in the corpus" in text for text in found.notices)
    assert len(found.relevance[0]) == 5


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MadeTexs", ["MadeTexs", "Did you mean: 'MadeTexts'"]),
        ("STS12", ["STS", "expected one of retrieval"]),
        ("MadeLanguages", ["has 2 subsets", "mteb:MadeLanguages:en, mteb:MadeLanguages:de"]),
        ("MadeLanguages:fr", ["has no subset 'fr'", ":de"]),
        ("MadeTexts#train", ["has no split 'train'", "#test"]),
        ("MadeReranking", ["reranking"]),
    ],
)
def test_what_is_no_benchmark_is_said(name: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        load(f"mteb:{name}")
    assert all(word in str(caught.value) for word in words), caught.value


def test_data_that_cannot_be_fetched_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real task, offline: the message has the line that fetches its data."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_OFFLINE", True, raising=False)
    line = r"hf download \S*nfcorpus --repo-type dataset --revision [0-9a-f]{40}"
    with pytest.raises(InputError, match=rf"could not be fetched(.|\n)*{line}"):
        load("mteb:NFCorpus")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": ["d1"] * DOCUMENTS, "text": sentences(DOCUMENTS)}, "row 1: id 'd1' occurs twice"),
        ({"id": [f"d{i}" for i in range(DOCUMENTS)], "text": [["a"]] * DOCUMENTS}, "conversations"),
        ({"id": [f"d{i}" for i in range(DOCUMENTS)], "sound": ["a"] * DOCUMENTS}, "neither text nor image"),
    ],
)
def test_corpora_that_cannot_be_used_are_said(change: dict[str, Any], words: str) -> None:
    task = Texts()
    task.dataset = {"default": {"test": text_data() | {"corpus": Dataset.from_dict(change)}}}
    task.data_loaded = True
    with pytest.raises(InputError, match=words):
        from_task(task)


def test_without_mteb_the_line_to_install_it_is_given(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['mteb'] = None\n"
        "from eval.__main__ import main\n"
        "sys.exit(main(['run', '--benchmark', 'mteb:NFCorpus', '--out', sys.argv[1]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and INSTALL in done.stderr
