"""The Your data tab's handlers, with the real model: bad input is words and the collection stays."""

import csv
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pyarrow.parquet as pq
import pytest
from gradio.utils import get_upload_folder

from embedder.errors import InputError
from ui import data_view, exports, map_view, shelf_view
from ui.collection import MAX_ITEMS, texts_from
from ui.columns import FIRST, guess
from ui.limits import PUBLIC
from ui.shelf import MOST_KEPT, Shelf
from ui.upload import Upload
from ui.vectors import Workbench

COLLECTION = texts_from("one\ntwo").items
Send = Callable[[dict[str, str | bytes]], gr.EventData]


@pytest.fixture
def send() -> Send:
    """Puts files where uploads are stored, and says so as the page does."""

    def event(files: dict[str, str | bytes]) -> gr.EventData:
        folder = Path(get_upload_folder()) / uuid.uuid4().hex
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return gr.EventData(None, {"paths": [str(folder / name) for name in files]})

    return event


def last(steps: Any) -> tuple[Any, ...]:
    *_, final = steps
    return final


def received(send: Send, files: dict[str, str | bytes]) -> tuple[Any, ...]:
    return last(data_view.receive(PUBLIC, send(files), True))


def columns(upload: Upload, **changes: object) -> list[object]:
    chosen = replace(guess(upload), **changes)  # type: ignore[arg-type]
    single = [chosen.text, chosen.picture, chosen.label, chosen.vector, chosen.query]
    return [*single, list(chosen.metadata)]


def used(
    bench: Workbench, upload: Upload, mode: str = "replace", shelf: Shelf | None = None
) -> tuple[Any, ...]:
    given = [upload, COLLECTION, None, shelf or Shelf(), FIRST, "", *columns(upload)]
    return last(data_view.use(bench, mode, *given))


TABLE = "text,topic\nred <b>apple</b>,fruit\ngreen pear,fruit\nonly one cell\nnight train,'=1+1\n"


def test_a_table_is_shown_with_what_was_left_out(send: Send) -> None:
    status, upload, preview, faults, file, choose, *dropdowns = received(send, {"a.csv": TABLE})
    assert isinstance(upload, Upload) and len(upload.table.rows) == 3
    assert "red &lt;b&gt;apple" in preview and "<b>apple" not in preview
    assert "1 cell, the heading has 2" in faults and "only one cell" in faults
    assert choose["visible"] and dropdowns[0]["value"] == "text" and dropdowns[5]["value"] == ["topic"]
    rows = list(csv.reader(Path(file["value"]).read_text(encoding="utf-8").splitlines()))
    assert rows[0][:3] == ["File", "Row", "Line"] and rows[1][:3] == ["a.csv", "3", "4"]
    assert "Left out" in status


def test_the_collection_is_replaced_and_the_one_before_is_kept(bench: Workbench, send: Send) -> None:
    upload = received(send, {"a.csv": TABLE})[1]
    status, faults, _, items, known, brought, shelf, view, names = used(bench, upload)
    assert [item.text for item in items] == ["red <b>apple</b>", "green pear", "night train"]
    assert dict(items[0].metadata) == {"topic": "fruit"} and known is None and brought is None
    assert shelf.names() == ["Unnamed", "a.csv"] and shelf.get("Unnamed").items == COLLECTION
    assert names["choices"] == ["Unnamed", "a.csv"] and names["value"] == "a.csv"
    assert "3 added" in status and "only one cell" in faults and "at hand" in view


def test_items_are_added_up_to_the_limit(bench: Workbench, send: Send) -> None:
    upload = received(send, {"a.csv": "text\n" + "".join(f"line {i}\n" for i in range(500))})[1]
    status, _, _, items, *_ = used(bench, upload, "add")
    assert len(items) == MAX_ITEMS and items[:2] == COLLECTION
    assert "198 of 500 rows were taken" in status


def test_nothing_usable_leaves_the_collection_alone(bench: Workbench, send: Send) -> None:
    upload = received(send, {"a.csv": "text,n\n,1\n,2\n"})[1]
    given = [upload, COLLECTION, None, Shelf(), FIRST, "", "text", None, None, None, None, []]
    final = last(data_view.use(bench, "replace", *given))
    assert "as it was" in final[0]
    assert all(isinstance(value, dict) and "value" not in value for value in final[3:])
    with pytest.raises(InputError, match="drop one first"):
        last(data_view.use(bench, "replace", None, *given[1:]))
    with pytest.raises(InputError, match="column"):
        last(data_view.use(bench, "replace", *given[:6], {"x": 1}, *given[7:]))
    with pytest.raises(InputError, match="nothing in it can be used"):
        received(send, {"a.csv": b"\x1f\x8b"})


@pytest.mark.parametrize("paths", [None, "x", [1], ["/etc/passwd"], [], ["a\0b"]])
def test_payloads_that_are_no_uploads_are_words(paths: Any) -> None:
    with pytest.raises(InputError):
        last(data_view.receive(PUBLIC, gr.EventData(None, {"paths": paths}), True))


def test_vectors_of_another_width_go_to_the_map_only(bench: Workbench, send: Send, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(6, 7)).astype(np.float32)
    vectors[2] = np.nan
    np.savez(
        tmp_path / "v.npz", vectors=vectors, ids=np.array(list("abcdef")), group=np.array(list("xxxyyy"))
    )
    upload = received(send, {"v.npz": (tmp_path / "v.npz").read_bytes()})[1]
    with pytest.raises(InputError, match="7 dimensions, the model's have"):
        used(bench, upload)
    status, faults, _, *_, points, _, _, _ = last(data_view.to_map(upload, FIRST, "", *columns(upload)))
    assert "5 points" in status and "NaN" in faults
    np.testing.assert_array_equal(points.vectors, vectors[[0, 1, 3, 4, 5]])
    assert points.columns["group"] == ("x", "x", "y", "y", "y")
    drawn = last(map_view.run(bench, map_view.View(), None, points, (), "retrieval", "query", "PCA", "2D", 7))
    assert drawn[1].task == map_view.OWN_VECTORS and len(drawn[1].points.items) == 5


def test_vectors_of_the_models_width_take_its_place(bench: Workbench, send: Send, tmp_path: Path) -> None:
    width = bench.model.spec.dim
    vectors = np.random.default_rng(0).normal(size=(3, width)).astype(np.float32)
    np.save(tmp_path / "v.npy", vectors)
    files = {"a.csv": "text\none\ntwo\nthree\n", "v.npy": (tmp_path / "v.npy").read_bytes()}
    items = used(bench, received(send, files)[1])[3]
    result = bench.run(items, "retrieval", "query")
    np.testing.assert_allclose(
        result.vectors, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), rtol=1e-5, atol=1e-6
    )
    assert result.computed == 0


def test_judgements_come_with_the_collection(bench: Workbench, send: Send) -> None:
    upload = received(send, {"a.csv": "query,text\nwho?,Anna\nwhere?,Paris\n"})[1]
    status, _, _, items, known, *_ = used(bench, upload)
    assert "2 pairs" in status and known.judged(items) is not None
    assert [item.text for item in items] == ["Anna", "Paris", "who?", "where?"]


def test_another_column_shows_at_once(send: Send) -> None:
    upload = received(send, {"a.csv": "a,b\nlong words here,x\n"})[1]
    shown = data_view.look(upload, "b", None, None, None, None, [])
    assert "b (text)" in shown
    assert isinstance(data_view.look(None, "b"), dict)


def test_collections_are_kept_switched_renamed_and_deleted() -> None:
    shelf, view, _, said = shelf_view.keep_now(COLLECTION, None, Shelf(), "mine <b>")
    assert "mine &lt;b&gt;" in view and "mine &lt;b&gt;" in said
    other = texts_from("three").items
    items, _, brought, shelf, *_ = shelf_view.switch(other, None, shelf, "mine <b>")
    assert items == COLLECTION and brought is None and shelf.names() == ["mine <b>", "Unnamed"]
    shelf, _, names, _ = shelf_view.rename(items, shelf, "Unnamed", "Mine <B>")
    assert names["value"] == "Mine <B> (2)", "the renamed one stays chosen, though another is at hand"
    assert shelf.names() == ["mine <b>", "Mine <B> (2)"] and shelf.get("Mine <B> (2)").items == other
    shelf, *_ = shelf_view.delete(items, shelf, "mine <b>")
    assert shelf.names() == ["Mine <B> (2)"]


@pytest.mark.parametrize("name", [None, 7, "nope", ["x"], {"a": 1}])
def test_names_that_are_none_are_words(name: object) -> None:
    for act in (
        lambda: shelf_view.switch((), None, Shelf(), name),
        lambda: shelf_view.delete((), Shelf(), name),
    ):
        with pytest.raises(InputError, match="no kept collection"):
            act()
    shelf = Shelf().put("a", COLLECTION)
    with pytest.raises(InputError, match=r"new name|no kept"):
        shelf_view.rename((), shelf, "a", name if not isinstance(name, str) else " ")


def test_a_full_shelf_says_so() -> None:
    shelf = Shelf()
    for at in range(MOST_KEPT):
        shelf = shelf.put(f"c{at}", COLLECTION)
    with pytest.raises(InputError, match="delete one first"):
        shelf.put("more", COLLECTION)
    with pytest.raises(InputError, match="empty"):
        Shelf().put("x", ())


@pytest.mark.parametrize("kind", ["npz", "csv"])
def test_vectors_are_exported_at_any_width(bench: Workbench, kind: str) -> None:
    status, file, _ = last(shelf_view.export(bench, COLLECTION, "retrieval", "query", 16, "float16", kind))
    assert "(2, 16)" in status and Path(file["value"]).name == f"collection.{kind}"
    for bad in (
        (0, "float32", "npz"),
        (16, "float8", "npz"),
        (16, "float32", "exe"),
        ("x", "float32", "npz"),
    ):
        with pytest.raises(InputError):
            last(shelf_view.export(bench, COLLECTION, "retrieval", "query", *bad))
    with pytest.raises(InputError, match="empty"):
        last(shelf_view.export(bench, (), "retrieval", "query", 16, "float32", "npz"))


@pytest.mark.parametrize("number_format", ["float32", "float16", "int8", "ubinary"])
@pytest.mark.parametrize("kind", exports.KINDS)
def test_the_code_of_an_export_makes_the_same_vectors(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, number_format: str
) -> None:
    settings = ("code", "passage", 64, number_format, kind)
    _, file, code = last(shelf_view.export(bench, COLLECTION, *settings))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "snippet", "exec"), {})
    ours, theirs = vectors_in(tmp_path / f"collection.{kind}"), vectors_in(Path(file["value"]))
    np.testing.assert_allclose(ours, theirs, atol=2e-3 if number_format == "float16" else 1e-6)
    assert "/v1/embeddings" in code.rest and '"dimensions": 64' in code.rest


def vectors_in(path: Path) -> np.ndarray:
    """The vectors of a saved file, ours or a snippet's, which has no names beside them."""
    if path.suffix in (".npy", ".npz"):
        found = np.load(path)
        return found["vectors"] if path.suffix == ".npz" else found
    if path.suffix == ".parquet":
        return np.array(pq.read_table(path)["vector"].to_pylist())
    if path.suffix == ".json":
        found = json.loads(path.read_text())
        return np.array([row["vector"] for row in found["items"]] if isinstance(found, dict) else found)
    with path.open() as file:
        rows = list(csv.reader(file))
    first = rows[0].index("d1") if "d1" in rows[0] else 0
    return np.array([row[first:] for row in rows[first > 0 :]], dtype=float)


def test_a_picture_in_name_only_is_left_out(send: Send) -> None:
    answer = received(send, {"p.png": "notapng", "t.csv": "a\none\n"})
    told = " ".join(str(part) for part in answer)
    assert "p.png" in told and "is not a picture" in told
    assert answer[1] is not None and "notapng" not in str(answer[1].table)


def test_the_upload_can_be_forgotten(send: Send) -> None:
    status, upload, *_ = data_view.forget(received(send, {"a.csv": TABLE})[1])
    assert upload is None and "a.csv is forgotten" in status
