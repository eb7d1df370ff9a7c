"""Data sets of the hub, read from folders of the same layout: columns, splits, subsets, faults, offline."""

import io
import json
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

from embedder.errors import InputError
from eval import benchmarks
from eval.__main__ import main
from eval.benchmarks import hub, tables
from eval.benchmarks.hub import parse
from eval.benchmarks.model import digest
from eval.results import find_runs, read_run
from tests.eval.conftest import CHECKPOINT, pictures

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DOCUMENTS = [
    {"_id": "d1", "title": "Apples", "text": "are red"},
    {"_id": "d2", "title": "", "text": "Pears are green"},
    {"_id": "d3", "title": "", "text": "Plums are blue"},
]
QUERIES = [{"_id": "q1", "text": "what is red"}, {"_id": "q2", "text": "what is blue"}]
QRELS = [
    {"query-id": "q1", "corpus-id": "d1", "score": 2},
    {"query-id": "q1", "corpus-id": "d2", "score": 1},
    {"query-id": "q2", "corpus-id": "d3", "score": 1},
]
Rows = Sequence[dict[str, Any]]


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read from or left in the caches of whoever runs the tests."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cached-tables")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def encoded(picture: Image.Image) -> dict[str, object]:
    """A picture as the hub's tables hold it."""
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    return {"bytes": buffer.getvalue(), "path": None}


def parquet(path: Path, rows: Rows) -> None:
    """Rows as `datasets` writes them, pictures with its own type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = datasets.Dataset.from_list(list(rows))
    if "image" in found.column_names:
        found = found.cast_column("image", datasets.Image())
    found.to_parquet(path)


def lines(path: Path, rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def card(folder: Path, configs: dict[str, dict[str, str]]) -> None:
    """A README.md with the list of configurations that the hub puts there."""
    text = "---\nconfigs:\n"
    for name, files in configs.items():
        text += f"- config_name: {name}\n  data_files:\n"
        text += "".join(f"  - split: {split}\n    path: {path}\n" for split, path in files.items())
    (folder / "README.md").write_text(f"{text}---\n# A data set\n")


def beir(folder: Path, corpus: Rows = DOCUMENTS, queries: Rows = QUERIES, qrels: Rows = QRELS) -> Path:
    """A data set in BEIR's columns, laid out as most of the hub's are."""
    parquet(folder / "corpus" / "corpus-00000-of-00001.parquet", corpus)
    parquet(folder / "queries" / "queries-00000-of-00001.parquet", queries)
    parquet(folder / "data" / "test-00000-of-00001.parquet", qrels)
    card(
        folder,
        {
            "corpus": {"corpus": "corpus/corpus-*"},
            "default": {"test": "data/test-*"},
            "queries": {"queries": "queries/queries-*"},
        },
    )
    return folder


def pages(folder: Path, count: int = 4, name: str = "corpus-id", split: str = "test") -> Path:
    """A data set in the columns of ViDoRe 2 and 3: pages, queries in two languages, graded answers."""
    query = name.replace("corpus", "query")
    parquet(
        folder / "corpus" / f"{split}-00000-of-00001.parquet",
        [{name: i, "image": encoded(p), "markdown": "x"} for i, p in enumerate(pictures(count))],
    )
    parquet(
        folder / "queries" / f"{split}-00000-of-00001.parquet",
        [
            {query: 0, "query": "what is said", "language": "english"},
            {query: 1, "query": "was steht da", "language": "german"},
        ],
    )
    parquet(
        folder / "qrels" / f"{split}-00000-of-00001.parquet",
        [{query: 0, name: 1, "score": 2}, {query: 0, name: 3, "score": 1}, {query: 1, name: 2, "score": 1}],
    )
    return folder


def refused(name: str | Path) -> str:
    with pytest.raises(InputError) as caught:
        benchmarks.load(str(name))
    return str(caught.value)


def test_beirs_columns_are_read_with_their_grades(tmp_path: Path) -> None:
    found = benchmarks.load(str(beir(tmp_path / "fruit")))
    assert (found.name, found.modality, found.source) == ("fruit", "text to text", "folder fruit")
    assert found.corpus.inputs[:] == ["Apples are red", "Pears are green", "Plums are blue"]
    assert list(found.corpus.ids) == ["d1", "d2", "d3"] and list(found.queries.ids) == ["q1", "q2"]
    assert found.relevance == {0: {0: 2, 1: 1}, 1: {2: 1}}


def test_equal_data_have_equal_fingerprints_whatever_their_files(tmp_path: Path) -> None:
    one = benchmarks.load(str(beir(tmp_path / "fruit")))
    other = tmp_path / "lines"
    for name, rows in (("corpus", DOCUMENTS), ("queries", QUERIES), ("qrels/test", QRELS)):
        lines(other / f"{name}.jsonl", rows)
    plain = tmp_path / "plain"
    (plain / "qrels").mkdir(parents=True)
    lines(plain / "corpus.jsonl", DOCUMENTS)
    lines(plain / "queries.jsonl", QUERIES)
    (plain / "qrels" / "test.tsv").write_text("q1\td1\t2\nq1\td2\t1\nq2\td3\t1\n")
    marks = {benchmarks.load(str(folder)).fingerprint for folder in (other, plain)}
    assert marks == {one.fingerprint}
    changed = [*QRELS[:2], QRELS[2] | {"score": 2}]
    assert benchmarks.load(str(beir(tmp_path / "other", qrels=changed))).fingerprint != one.fingerprint


@pytest.mark.parametrize("name", ["corpus-id", "corpus_id"])
def test_pages_are_read_when_it_is_their_turn(tmp_path: Path, name: str) -> None:
    found = benchmarks.load(str(pages(tmp_path / "pages", name=name)))
    assert found.modality == "text to image" and found.corpus.pictures == 4
    assert list(found.corpus.ids) == ["0", "1", "2", "3"]
    assert found.relevance == {0: {1: 2, 3: 1}, 1: {2: 1}}
    assert isinstance(found.corpus.inputs, tables.Inputs)  # not a list: the pictures are on disk
    for row, picture in enumerate(pictures(4)):
        value = found.corpus.inputs[row]
        assert set(value) == {"image"}
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(value["image"]))), np.asarray(picture))
        assert found.corpus.digests[row].tobytes() == digest(value)


def test_a_language_is_a_subset(tmp_path: Path) -> None:
    folder = pages(tmp_path / "pages")
    found = benchmarks.load(f"{folder}:german")
    assert found.name == "pages-german"
    assert list(found.queries.inputs) == ["was steht da"] and found.relevance == {0: {2: 1}}
    assert "no subset or language 'klingon'; there are english, german" in refused(f"{folder}:klingon")


def test_a_subset_may_be_configurations_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    for name, rows in (("corpus", DOCUMENTS), ("queries", QUERIES), ("qrels", QRELS)):
        parquet(folder / f"de-{name}" / "test-00000-of-00001.parquet", rows)
        parquet(folder / "en" / name / "test-00000-of-00001.parquet", rows[:1])
    names = ("corpus", "queries", "qrels")
    card(folder, {f"de-{name}": {"test": f"de-{name}/test-*"} for name in names})
    assert len(benchmarks.load(f"{folder}:de").corpus) == 3
    assert len(benchmarks.load(f"{folder}:en").corpus) == 1
    assert "no corpus, queries, qrels" in refused(folder)


def test_a_split_is_chosen(tmp_path: Path) -> None:
    folder = beir(tmp_path / "fruit")
    parquet(folder / "data" / "dev-00000-of-00001.parquet", QRELS[2:])
    configs = {
        "corpus": {"corpus": "corpus/*"}, "queries": {"queries": "queries/*"},
        "default": {"test": "data/test-*", "dev": "data/dev-*"},
    }  # fmt: skip
    card(folder, configs)
    assert len(benchmarks.load(str(folder)).queries) == 2
    dev = benchmarks.load(f"{folder}#dev")
    assert (dev.name, list(dev.queries.ids)) == ("fruit-dev", ["q2"])
    assert "no split 'train'" in refused(f"{folder}#train") and "there are dev, test" in refused(
        f"{folder}#train"
    )


def questions(folder: Path, rows: Rows) -> Path:
    parquet(folder / "data" / "test-00000-of-00001.parquet", rows)
    return folder


def test_rows_of_questions_are_vidore_1(tmp_path: Path) -> None:
    red, green, blue = map(encoded, pictures(3))
    rows = [
        {"query": "what is red", "image": red, "image_filename": "1.png", "answer": "x"},
        {"query": "what is it", "image": red, "image_filename": "1.png", "answer": "x"},
        {"query": "what is it", "image": green, "image_filename": "2.png", "answer": "x"},
        {"query": None, "image": blue, "image_filename": "3.png", "answer": "x"},
    ]
    found = benchmarks.load(str(questions(tmp_path / "docs", rows)))
    assert found.modality == "text to image"
    assert list(found.corpus.ids) == ["1.png", "2.png", "3.png"]
    assert list(found.queries.inputs) == ["what is red", "what is it"]
    assert found.relevance == {0: {0: 1}, 1: {0: 1, 1: 1}}
    assert found.corpus.inputs[2] == {"image": blue["bytes"]}
    assert found.notices == ()


def test_one_file_name_for_two_pictures_is_pointed_out(tmp_path: Path) -> None:
    rows = [
        {"query": f"question {i}", "image": encoded(p), "image_filename": "page.png"}
        for i, p in enumerate(pictures(2))
    ]
    found = benchmarks.load(str(questions(tmp_path / "docs", rows)))
    assert list(found.corpus.ids) == ["page.png", "page.png#1"] and found.relevance == {0: {0: 1}, 1: {1: 1}}
    assert "1 file names stand for different pictures" in found.notices[0]


def test_empty_texts_and_broken_pictures_are_counted(tmp_path: Path) -> None:
    found = benchmarks.load(
        str(beir(tmp_path / "fruit", [*DOCUMENTS, {"_id": "void", "title": " ", "text": ""}]))
    )
    assert found.corpus.inputs[3] == ""
    assert found.notices == ("fruit, corpus, corpus: 1 empty texts, kept ('void')",)
    folder = pages(tmp_path / "pages")
    shown = [encoded(picture) for picture in pictures(4)]
    shown[2] = {"bytes": bytes(shown[2]["bytes"])[:40], "path": None}  # type: ignore[arg-type]
    path = folder / "corpus" / "test-00000-of-00001.parquet"
    rows = [{"corpus-id": i, "image": one} for i, one in enumerate(shown)]
    features = datasets.Features({"corpus-id": datasets.Value("int64"), "image": datasets.Image()})
    datasets.Dataset.from_list(rows).cast(features).to_parquet(path)
    found = benchmarks.load(str(folder))
    assert list(found.corpus.ids) == ["0", "1", "3"] and found.relevance == {0: {1: 2, 2: 1}}
    said = " | ".join(found.notices)
    assert "1 pictures cannot be used and were left out (first: pages, corpus, test row 2: picture" in said
    assert "1 judgements of documents left out were dropped" in said and "1 of 2 queries have no" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"corpus": [*DOCUMENTS, DOCUMENTS[0]]}, ["corpus row 3", "'d1' occurs twice", "row 0"]),
        ({"queries": [*QUERIES, QUERIES[1]]}, ["queries row 2", "'q2' occurs twice"]),
        ({"qrels": [*QRELS, QRELS[0] | {"corpus-id": "d9"}]}, ["'d9'", "not in the corpus"]),
        ({"qrels": [*QRELS, QRELS[0] | {"query-id": "q9"}]}, ["'q9'", "not among the queries"]),
        ({"qrels": [*QRELS, QRELS[0]]}, ["row 3", "'q1'", "'d1'", "judged twice"]),
        ({"qrels": [row | {"score": 0.5} for row in QRELS]}, ["row 0", "0.5", "whole number"]),
        ({"qrels": [row | {"score": None} for row in QRELS]}, ["row 0", "None", "whole number"]),
        ({"qrels": [{"query-id": "q1", "corpus-id": "d1"}]}, ["no column score", "query-id, corpus-id"]),
        ({"qrels": [row | {"score": 0} for row in QRELS]}, ["none of the 2 queries has a relevant document"]),
        ({"corpus": [{"_id": "", "text": "x"}]}, ["corpus row 0", "'_id' is ''"]),
        ({"corpus": [{"_id": None, "text": "x"}]}, ["corpus row 0", "'_id' is None"]),
        ({"corpus": [{"name": "d1", "text": "x"}]}, ["no column _id or id or corpus-id", "name, text"]),
        ({"corpus": [{"_id": "d1", "words": "x"}]}, ["no column text or image", "_id, words"]),
        ({"corpus": [{"_id": "d1", "text": 5}]}, ["corpus row 0", "'text' is a int (5)"]),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, Rows], words: list[str]) -> None:
    message = refused(beir(tmp_path / "fruit", **change))
    assert all(word in message for word in words), message


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "part"
    parquet(folder / "corpus" / "test.parquet", DOCUMENTS)
    message = refused(folder)
    assert "no queries, qrels" in message and "its tables: corpus" in message


def test_files_that_are_no_tables_are_named(tmp_path: Path) -> None:
    folder = beir(tmp_path / "fruit")
    (folder / "queries" / "queries-00000-of-00001.parquet").write_bytes(b"PAR1 but not really")
    assert "fruit, queries, queries: queries-00000-of-00001.parquet cannot be read" in refused(folder)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("../secret/*.parquet", "leads outside"),
        ("/etc/*", "leads outside"),
        ("https://example.org/corpus.parquet", "nothing is fetched"),
        ("hf://datasets/x/y/corpus.parquet", "nothing is fetched"),
        ("absent-*.parquet", "no file matches"),
    ],
)
def test_a_card_cannot_lead_outside(tmp_path: Path, path: str, word: str) -> None:
    folder = beir(tmp_path / "fruit")
    parquet(tmp_path / "secret" / "corpus.parquet", DOCUMENTS)
    card(
        folder,
        {"corpus": {"corpus": path}, "default": {"test": "data/*"}, "queries": {"queries": "queries/*"}},
    )
    message = refused(folder)
    assert word in message and "configuration 'corpus'" in message, message


def test_links_and_pipes_are_refused(tmp_path: Path) -> None:
    folder = beir(tmp_path / "fruit")
    table = folder / "corpus" / "corpus-00000-of-00001.parquet"
    table.rename(tmp_path / "elsewhere.parquet")
    table.symlink_to(tmp_path / "elsewhere.parquet")
    assert "leads outside" in refused(folder)
    table.unlink()
    os.mkfifo(table)
    assert "pipe" in refused(folder)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "https://example.org/x.png", "link.png"])
def test_pictures_by_path_stay_within_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    pictures(1)[0].save(tmp_path / "secret.png")
    pictures(1)[0].save(folder / "one.png")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    rows = [{"_id": "d1", "image": "one.png"}, {"_id": "d2", "image": name}]
    lines(folder / "corpus.jsonl", rows)
    lines(folder / "queries.jsonl", QUERIES)
    lines(folder / "qrels" / "test.jsonl", QRELS[:1])
    message = refused(folder)
    assert "row 1: image" in message and ("outside" in message or "relative" in message), message
    lines(folder / "corpus.jsonl", rows[:1])
    assert benchmarks.load(str(folder)).corpus.pictures == 1


def test_cards_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    folder = beir(tmp_path / "fruit")
    (folder / "README.md").write_text("---\nconfigs: [}\n---\n")
    assert "README.md in fruit: its YAML cannot be read" in refused(folder)
    (folder / "README.md").write_text("---\nconfigs: 7\n---\n")
    assert "`configs` is no list" in refused(folder)


def snapshot(tmp_path: Path, fill: Callable[[Path], Path], repo: str = "someone/fruit") -> Path:
    """A data set in the hub's cache as the hub's client leaves it: links to blobs, and a reference."""
    home = tmp_path / "hub" / f"datasets--{repo.replace('/', '--')}"
    made = fill(tmp_path / "made")
    for number, path in enumerate(sorted(p for p in made.rglob("*") if p.is_file())):
        link = home / "snapshots" / COMMIT / path.relative_to(made)
        link.parent.mkdir(parents=True, exist_ok=True)
        (home / "blobs").mkdir(exist_ok=True)
        path.rename(home / "blobs" / str(number))
        link.symlink_to(os.path.relpath(home / "blobs" / str(number), link.parent))
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT)
    return home / "snapshots" / COMMIT


def test_a_cached_data_set_needs_no_network(tmp_path: Path) -> None:
    snapshot(tmp_path, beir)
    found = benchmarks.load("someone/fruit")
    assert found.name == "fruit" and found.relevance == {0: {0: 2, 1: 1}, 1: {2: 1}}
    assert found.revision == COMMIT and found.describe()["revision"] == COMMIT
    assert found.source == f"Hugging Face data set someone/fruit at {COMMIT}"
    assert f"someone/fruit@{COMMIT}" in found.notices[0]  # how to keep to this revision
    pinned = benchmarks.load(f"someone/fruit@{COMMIT}")
    assert pinned.notices == () and pinned.fingerprint == found.fingerprint


def test_a_cached_folder_may_be_given_by_its_path(tmp_path: Path) -> None:
    folder = snapshot(tmp_path, pages)
    assert benchmarks.load(str(folder)).corpus.pictures == 4


def test_one_message_says_what_could_not_be_reached_and_how_to_fetch_it(tmp_path: Path) -> None:
    message = refused(f"vidore/arxivqa@{COMMIT}")
    assert "'vidore/arxivqa' is no folder here" in message and "HF_HUB_OFFLINE is set" in message
    assert f"hf download vidore/arxivqa --repo-type dataset --revision {COMMIT}" in message
    assert str(tmp_path / "hub") in message


def test_a_hub_that_does_not_answer_is_told_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    message = refused("vidore/arxivqa")
    assert "could not be fetched (" in message and "hf download vidore/arxivqa" in message
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/b", ("a/b", None, None, None)),
        ("a/b@v1", ("a/b", "v1", None, None)),
        ("a/b:de#dev", ("a/b", None, "de", "dev")),
        ("a/b@v1:de#dev", ("a/b", "v1", "de", "dev")),
    ],
)
def test_names_are_taken_apart(name: str, parts: tuple[str | None, ...]) -> None:
    found = parse(name)
    assert (found.place, found.revision, found.subset, found.split) == parts


def test_code_in_a_data_set_is_never_run_nor_fetched() -> None:
    assert not any(pattern.endswith((".py", "*", ".pkl")) for pattern in hub.PATTERNS)


def test_a_run_on_pages_with_its_provenance(tmp_path: Path) -> None:
    snapshot(tmp_path, pages, "someone/pages")
    options = ["--model", str(CHECKPOINT), "--device", "cpu", "--model-precision", "float32", "--dim", "16"]
    name = f"someone/pages@{COMMIT}:english"
    with warnings.catch_warnings():
        code = main(["run", *options, "--quiet", "--benchmark", name, "--out", str(tmp_path / "out")])
    assert code == 0
    (run,) = find_runs(tmp_path / "out")
    result: Any = read_run(run)
    (about,) = result["benchmarks"]
    assert (about["name"], about["revision"]) == ("pages-english", COMMIT)
    assert (about["documents"], about["queries"], about["judgements"]) == (4, 1, 2)
    assert result["encoded"] == {"retrieval": {"passage": 4, "query": 1}}
