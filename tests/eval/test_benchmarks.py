"""Benchmark folders: what is accepted, counted or refused; the bundled benchmarks are what they say."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedder.errors import InputError
from embedder.training.data_code import is_held_out
from embedder.training.scenes import hard_negatives
from eval import benchmarks
from eval.benchmarks import beir, drawn_scenes, emoji, packages, standard_library, titles, words
from eval.benchmarks.model import Benchmark, Items, digest

Write = Callable[..., Path]

DOCUMENTS = [
    {"_id": "d1", "title": "Apples", "text": "are red"},
    {"_id": "d2", "title": "", "text": "Pears are green"},
    {"_id": "d3", "text": "Plums are blue"},
]
QUERIES = [{"_id": "q1", "text": "what is red"}, {"_id": "q2", "text": "what is blue"}]
QRELS = ["query-id\tcorpus-id\tscore", "q1\td1\t2", "q1\td2\t1", "q2\td3\t1"]


def lines(rows: Iterable[dict[str, object] | str]) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a benchmark folder; what is not given is as above."""

    def make(corpus=DOCUMENTS, queries=QUERIES, qrels=QRELS) -> Path:
        folder = tmp_path / "fruit"
        (folder / "qrels").mkdir(parents=True, exist_ok=True)
        (folder / "corpus.jsonl").write_text(lines(corpus), encoding="utf-8")
        (folder / "queries.jsonl").write_text(lines(queries), encoding="utf-8")
        (folder / "qrels" / "test.tsv").write_text(lines(qrels), encoding="utf-8")
        return folder

    return make


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        benchmarks.load(str(folder))
    return str(caught.value)


def test_a_folder_is_read_as_beir_means_it(write: Write) -> None:
    found = benchmarks.load(str(write()))
    assert (found.name, found.modality) == ("fruit", "text to text")
    assert list(found.corpus.ids) == ["d1", "d2", "d3"]
    assert found.corpus.inputs[:] == ["Apples are red", "Pears are green", "Plums are blue"]
    assert list(found.queries.inputs) == ["what is red", "what is blue"]
    assert found.relevance == {0: {0: 2, 1: 1}, 1: {2: 1}}
    assert found.notices == ()


def test_judgements_need_no_header_and_ids_may_be_numbers(write: Write) -> None:
    folder = write([{"_id": 7, "text": "seven"}], [{"_id": "q", "text": "7?"}], ["q\t7\t1"])
    assert benchmarks.load(str(folder)).relevance == {0: {0: 1}}


def test_the_fingerprint_changes_with_anything_that_can_change_a_score(write: Write) -> None:
    base = benchmarks.load(str(write())).fingerprint
    assert benchmarks.load(str(write())).fingerprint == base
    others = {
        benchmarks.load(str(write(**change))).fingerprint
        for change in (
            {"corpus": [*DOCUMENTS[:2], {"_id": "d3", "text": "Plums are blue!"}]},
            {"corpus": [*DOCUMENTS, {"_id": "d4", "text": "more"}]},
            {"corpus": DOCUMENTS[::-1]},
            {"queries": [{"_id": "q1", "text": "red"}, QUERIES[1]]},
            {"qrels": [*QRELS[:1], "q1\td1\t1", *QRELS[2:]]},
        )
    }
    assert len(others) == 5 and base not in others


def test_queries_without_a_relevant_document_are_left_out_and_counted(write: Write) -> None:
    extra = [{"_id": "q0", "text": "never judged"}, *QUERIES, {"_id": "q3", "text": "judged as wrong"}]
    found = benchmarks.load(str(write(queries=extra, qrels=[*QRELS, "q3\td1\t0"])))
    assert list(found.queries.ids) == ["q1", "q2"]
    assert found.relevance == {0: {0: 2, 1: 1}, 1: {2: 1}}
    assert found.left_out == 2 and "2 of 4 queries have no relevant document" in found.notices[0]
    assert found.describe()["queries_left_out"] == 2


def test_empty_texts_are_kept_and_counted(write: Write) -> None:
    found = benchmarks.load(str(write([*DOCUMENTS, {"_id": "void", "title": " ", "text": ""}])))
    assert found.corpus.inputs[3] == ""
    assert found.notices == ("corpus.jsonl: 1 empty texts, kept ('void')",)


def test_documents_alike_are_kept_and_counted(write: Write) -> None:
    again = [{**DOCUMENTS[2], "_id": "d7"}, {**DOCUMENTS[2], "_id": "d8"}, {**DOCUMENTS[0], "_id": "d9"}]
    found = benchmarks.load(str(write([*DOCUMENTS, *again], [*QUERIES, {**QUERIES[0], "_id": "q3"}])))
    assert len(found.corpus) == 6
    assert found.notices[0] == "3 of 6 documents equal an earlier one, kept (the first: 'd7' is 'd3')"
    assert found.notices[1] == "1 of 3 queries equal an earlier one, kept (the first: 'q3' is 'q1')"
    assert not benchmarks.load(str(write(queries=QUERIES))).notices


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"corpus": [*DOCUMENTS, DOCUMENTS[0]]}, ["corpus.jsonl line 4", "'d1' occurs twice", "line 1"]),
        ({"queries": [*QUERIES, QUERIES[1]]}, ["queries.jsonl line 3", "'q2' occurs twice"]),
        ({"qrels": [*QRELS, "q1\td9\t1"]}, ["'d9'", "not in the corpus"]),
        ({"qrels": [*QRELS, "q9\td1\t1"]}, ["'q9'", "not among the queries"]),
        ({"qrels": [*QRELS, "q1\td1\t1"]}, ["qrels/test.tsv line 5", "'q1'", "'d1'", "twice"]),
        ({"qrels": [*QRELS, "q1\td3\tmuch"]}, ["line 5", "'much'", "whole number"]),
        ({"qrels": [*QRELS, "q1\td3\t0.5"]}, ["line 5", "'0.5'"]),
        ({"qrels": [*QRELS, "q1 d3 1"]}, ["line 5", "between tabs"]),
        ({"qrels": QRELS[:1]}, ["none of the 2 queries has a relevant document"]),
        ({"corpus": []}, ["corpus.jsonl", "no document"]),
        ({"corpus": [*DOCUMENTS, {"text": "who am I"}]}, ["line 4", '"_id" is None']),
        ({"corpus": [*DOCUMENTS, {"_id": "", "text": "x"}]}, ["line 4", "\"_id\" is ''"]),
        ({"corpus": [*DOCUMENTS, {"_id": "d4"}]}, ["line 4", 'neither "text" nor "image"']),
        ({"corpus": [*DOCUMENTS, {"_id": "d4", "text": 5}]}, ["line 4", "'text' is a int (5)"]),
        ({"corpus": [*DOCUMENTS, '{"_id": "d4", "text": NaN}']}, ["line 4", "'text' is a float (nan)"]),
        ({"corpus": [*DOCUMENTS, "[1]"]}, ["line 4", "holds a list"]),
        ({"corpus": [*DOCUMENTS, '{"_id": "d4", ']}, ["line 4", "not a JSON object"]),
        ({"corpus": [*DOCUMENTS, "[" * 100_000]}, ["line 4", "not a JSON object"]),
    ],
)
def test_what_is_wrong_is_named(write: Write, change: dict[str, list[object]], words: list[str]) -> None:
    message = refused(write(**change))
    assert all(word in message for word in words), message


def test_a_line_too_long_is_refused_without_reading_it_all(write: Write, monkeypatch) -> None:
    monkeypatch.setattr(beir, "MAX_LINE_BYTES", 100)
    message = refused(write([*DOCUMENTS, {"_id": "d4", "text": "x" * 200}]))
    assert "corpus.jsonl line 4 has over 100 bytes" in message


@pytest.mark.parametrize("missing", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_missing_file_is_named(write: Write, missing: str) -> None:
    folder = write()
    (folder / missing).unlink()
    assert missing in refused(folder)


def test_the_splits_that_are_there_are_named(write: Write) -> None:
    folder = write()
    (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "dev.tsv")
    assert "qrels/ has dev.tsv" in refused(folder)


@pytest.mark.parametrize(
    "name", ["file:///etc", "https://example.org/x", "hf://x/y", "no/such/folder", "nobody"]
)
def test_addresses_and_strangers_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="address|no such folder|neither one of"):
        benchmarks.load(name)


def test_a_file_in_a_folder_s_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text("")
    with pytest.raises(InputError, match="is a file: give the folder"):
        benchmarks.load(str(tmp_path / "corpus.jsonl"))


def picture(folder: Path, name: str, colour: str = "red") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (30, 20), colour).save(path)
    return name


def test_documents_may_be_pictures(write: Write) -> None:
    folder = write()
    picture(folder, "pages/1.png")
    write(
        [
            {"_id": "d1", "image": "pages/1.png"},
            {"_id": "d2", "image": "pages/1.png", "text": "said"},
            DOCUMENTS[2],
        ]
    )
    found = benchmarks.load(str(folder))
    assert found.modality == "text to text and image"
    assert found.corpus.inputs[0] == {"image": folder / "pages/1.png"}
    assert found.corpus.inputs[1] == {"image": folder / "pages/1.png", "text": "said"}
    assert found.corpus.pictures == 2
    assert len({row.tobytes() for row in found.corpus.digests}) == 3
    assert found.corpus.digests[0].tobytes() == digest({"image": folder / "pages/1.png"})


def test_broken_pictures_are_left_out_and_counted(write: Write) -> None:
    folder = write()
    whole = picture(folder, "whole.png")
    data = (folder / whole).read_bytes()
    (folder / "cut.png").write_bytes(data[: len(data) // 2])
    (folder / "text.png").write_bytes(b"no picture")
    names = {"d1": "cut.png", "d2": whole, "d3": "text.png"}
    write([{"_id": key, "image": name} for key, name in names.items()], qrels=[*QRELS[:3], "q2\td3\t1"])
    found = benchmarks.load(str(folder))
    assert list(found.corpus.ids) == ["d2"] and found.relevance == {0: {0: 1}}
    said = " | ".join(found.notices)
    assert "2 pictures cannot be used and were left out (first: corpus.jsonl line 1: cut.png" in said
    assert "2 judgements of documents left out were dropped" in said
    assert "1 of 2 queries have no relevant document" in said


def outside(folder: Path) -> dict[str, str]:
    """Ways to point out of a folder, each with a word of its refusal."""
    picture(folder.parent, "secret.png")
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    (folder / "up").symlink_to(folder.parent)
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    return {
        "../secret.png": "outside",
        "link.png": "outside",
        "up/secret.png": "outside",
        "qrels/../../secret.png": "outside",
        str(folder.parent / "secret.png"): "relative",
        "file:///etc/passwd": "relative",
        "https://example.org/a.png": "relative",
        "..\\secret.png": "relative",
        "pipe.png": "pipe",
        "folder.png": "folder",
        "absent.png": "cannot be read",
        "a\0b.png": "relative",
    }


def test_nothing_outside_the_folder_is_read(write: Write) -> None:
    folder = write()
    for name, word in outside(folder).items():
        write([{"_id": "d1", "image": name}])
        message = refused(folder)
        assert "corpus.jsonl line 1: image" in message and word in message, (name, message)


def test_the_files_themselves_may_not_lead_out(write: Write) -> None:
    folder = write()
    (folder / "corpus.jsonl").rename(folder.parent / "elsewhere.jsonl")
    (folder / "corpus.jsonl").symlink_to("../elsewhere.jsonl")
    assert "outside" in refused(folder)
    (folder / "corpus.jsonl").unlink()
    os.mkfifo(folder / "corpus.jsonl")
    assert "pipe" in refused(folder)


def test_a_link_within_the_folder_is_fine(write: Write) -> None:
    folder = write()
    picture(folder, "one.png")
    (folder / "two.png").symlink_to("one.png")
    write([{"_id": "d1", "image": "two.png"}], qrels=["q1\td1\t1"])
    assert benchmarks.load(str(folder)).corpus.pictures == 1


def test_items_taken_keep_their_contents() -> None:
    items = Items.of(["a", "b", "c"], ["one", {"image": Image.new("RGB", (5, 5))}, "three"])
    part = items.take([2, 1])
    assert part.ids == ["c", "b"] and part.pictures == 1
    assert part.inputs[0] == "three" and part.digests[0].tobytes() == digest("three")


@pytest.fixture(scope="module", params=benchmarks.expand([benchmarks.ALL]))
def bundled(request: pytest.FixtureRequest) -> Benchmark:
    return benchmarks.load(request.param)


def test_bundled_benchmarks_are_as_large_as_listed(bundled: Benchmark) -> None:
    about = benchmarks.BUNDLED[bundled.name]
    assert about.size() == (len(bundled.corpus), len(bundled.queries))
    assert about.modality == bundled.modality
    assert len(bundled.queries) >= 200 and bundled.left_out == 0


def test_bundled_means_all_that_can_be_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    made_here = ("python-docs", "python-code", "python-halves", "scenes", "groups", "sizes", "charts")
    monkeypatch.setattr(emoji, "missing", lambda: None)
    monkeypatch.setattr(titles, "missing", lambda: None)
    monkeypatch.setattr(words, "missing", lambda name: None)
    monkeypatch.setattr(packages, "missing", lambda: None)
    assert benchmarks.expand(["bundled"]) == (
        *made_here, "definitions", "packages", "names", "emoji", "pages",
    )  # fmt: skip
    monkeypatch.setattr(packages, "missing", lambda: "run this")
    monkeypatch.setattr(titles, "missing", lambda: "run this")
    monkeypatch.setattr(emoji, "missing", lambda: "run this")
    monkeypatch.setattr(words, "missing", lambda name: "run this" if name == "names" else None)
    assert benchmarks.expand(["bundled"]) == (*made_here, "definitions")
    assert benchmarks.expand(["x", "scenes", "bundled"])[:3] == ("x", "scenes", "python-docs")


@pytest.mark.parametrize("name", ["python-docs", "python-code", "python-halves"])
def test_texts_are_the_same_each_time(name: str) -> None:
    assert benchmarks.load(name).fingerprint == benchmarks.load(name, seed=1).fingerprint


def test_bundled_documents_differ_from_each_other(bundled: Benchmark) -> None:
    for items in (bundled.corpus, bundled.queries):
        assert len(np.unique(items.digests, axis=0)) == len(items)


@pytest.mark.parametrize("name", ["python-docs", "python-code", "python-halves", "scenes"])
def test_each_of_these_queries_has_one_answer(name: str) -> None:
    assert all(list(gains.values()) == [1] for gains in benchmarks.load(name).relevance.values())


@pytest.mark.parametrize("name", ["python-docs", "python-code", "python-halves"])
def test_texts_come_from_modules_that_training_left_out(name: str) -> None:
    modules = {key.split(":")[0] for key in benchmarks.load(name).corpus.ids}
    assert len(modules) > 10
    assert all(is_held_out(module) for module in modules)


def test_both_halves_make_up_a_function() -> None:
    found = standard_library.halves("x")
    for row in range(0, len(found.queries), 97):
        beginning, end = found.queries.inputs[row], found.corpus.inputs[next(iter(found.relevance[row]))]
        assert beginning.split("\n")[0].lstrip("async ").startswith("def ")
        assert 0 <= len(end.split("\n")) - (len(beginning.split("\n")) - 1) <= 1


def test_no_document_holds_its_query() -> None:
    found = standard_library.documentation("x")
    answered = [found.corpus.inputs[next(iter(found.relevance[row]))] for row in range(len(found.queries))]
    assert sum(query in text for query, text in zip(found.queries.inputs, answered, strict=True)) < 3


def test_scenes_ask_for_the_right_picture_beside_one_wrong_in_one_thing() -> None:
    pairs = drawn_scenes.sample_pairs(40, np.random.default_rng(0))
    shown = [scene.canonical() for pair in pairs for scene in pair]
    assert len(set(shown)) == 80
    for right, wrong in pairs[:8]:
        every = [hard_negatives(right, np.random.default_rng(seed)).values() for seed in range(40)]
        assert any(wrong in others for others in every)


def test_scenes_depend_on_the_seed() -> None:
    made = [drawn_scenes.scenes("s", seed=seed, asked=3).fingerprint for seed in (0, 0, 1)]
    assert made[0] == made[1] != made[2]
