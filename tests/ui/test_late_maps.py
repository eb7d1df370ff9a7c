"""Token and patch maps without a browser: what is sent to the page, on the real model."""

import base64
import contextlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from embedder import Embedder, InputError, similarity
from tests.ui.test_charts import decode
from ui import heatmap, late_maps
from ui.collection import Item, document_item, image_item, text_item
from ui.late_vectors import DOCUMENT_TOKENS, LateBench
from ui.vectors import Workbench

QUERY = "a red circle"


@pytest.fixture
def late(bench: Workbench) -> LateBench:
    return LateBench(bench)


@pytest.fixture
def items(pictures: list[str]) -> tuple[Item, ...]:
    first = image_item(pictures[0])
    return (
        text_item("a <b>red</b> circle, 漢字"),
        first,
        document_item("words beside it", image_item(pictures[1])),
    )


def run(late: LateBench, items: Any, text: Any = QUERY, **changes: Any) -> tuple[Any, ...]:
    options = {"pictures": (), "task": "retrieval", "detail": "as trained", **changes}
    *_, last = heatmap.run(late, items, text, *options.values())
    return last


def sent(result: tuple[Any, ...]) -> dict[str, Any]:
    return json.loads(result[2])


def by_index(page: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {document["index"]: document for document in page["documents"]}


def test_products_and_scores_are_those_of_the_embedder(
    late: LateBench, items: tuple[Item, ...], model: Embedder
) -> None:
    page = sent(run(late, items))
    asked = model.encode_text_multi_vector(QUERY, prompt_name="query")
    sources = [item.source() for item in items]
    found = model.embed(sources, prompt_name="passage", vectors=("late",), upright=True).late
    assert found is not None
    scores = similarity.max_sim(asked, found)[0]
    documents = by_index(page)
    for at, vectors in enumerate(found):
        np.testing.assert_allclose(decode(documents[at]["map"]["products"]), asked[0] @ vectors.T, atol=1e-5)
        assert documents[at]["score"] == pytest.approx(float(scores[at]), abs=1e-4)
    assert [document["index"] for document in page["documents"]] == list(np.argsort(-scores, kind="stable"))
    assert len(page["query"]["tokens"]) == len(asked[0])
    # the page adds up the best matches itself: that must be the same number
    added = decode(documents[1]["map"]["products"]).max(axis=1).sum()
    assert added == pytest.approx(documents[1]["score"], abs=1e-4)


def test_the_own_score_leaves_prompt_and_template_out(late: LateBench, items: tuple[Item, ...]) -> None:
    page = sent(run(late, items))
    query = [at for at, token in enumerate(page["query"]["tokens"]) if token["kind"] == "text"]
    assert 0 < len(query) < len(page["query"]["tokens"])
    document = by_index(page)[1]
    patches = document["map"]["patches"]
    products = decode(document["map"]["products"])
    inside = slice(patches["first"], patches["first"] + patches["rows"] * patches["cols"])
    assert document["own"] == pytest.approx(float(products[query, inside].max(axis=1).sum()), abs=1e-4)
    empty = sent(run(late, (*items, text_item(""))))
    assert by_index(empty)[3]["own"] is None


def test_every_token_is_shown_once_and_says_what_it_is(late: LateBench, items: tuple[Item, ...]) -> None:
    page = sent(run(late, items))
    for document in page["documents"]:
        patches, products = document["map"]["patches"], decode(document["map"]["products"])
        seen = np.zeros(products.shape[1], dtype=int)
        for unit in document["map"]["units"]:
            seen[unit["first"] : unit["first"] + unit["count"]] += 1
            assert bool(unit["says"]) == (unit["kind"] in ("prompt", "template"))
        if patches:
            seen[patches["first"] : patches["first"] + patches["rows"] * patches["cols"]] += 1
        assert (seen == 1).all()
    text = by_index(page)[0]["map"]["units"]
    assert "".join(unit["text"] for unit in text if unit["kind"] == "text") == "a <b>red</b> circle, 漢字"
    assert [unit["kind"] for unit in text][:2] == ["prompt", "prompt"]


def test_no_text_can_look_like_markup_on_its_way(late: LateBench, items: tuple[Item, ...]) -> None:
    assert "<" not in run(late, items)[2]


def test_the_picture_is_the_one_the_model_saw(late: LateBench, tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("RGB", (100, 50), "teal").save(path)
    document = sent(run(late, (image_item(path),)))["documents"][0]["map"]
    grid = document["patches"]
    with Image.open(io.BytesIO(base64.b64decode(document["picture"].split(",")[1]))) as seen:
        assert seen.size == (grid["cols"] * 28, grid["rows"] * 28)
        assert seen.convert("RGB").getpixel((5, 5)) == (0, 128, 128)
    assert grid["cols"] == 2 * grid["rows"]


def test_a_picture_can_ask_patch_by_patch(
    late: LateBench, items: tuple[Item, ...], pictures: list[str]
) -> None:
    page = sent(run(late, items, "", pictures=(image_item(pictures[2]),)))
    patches = [token for token in page["query"]["tokens"] if token["kind"] == "image"]
    rows, cols = page["query"]["grid"]
    assert [(token["row"], token["col"]) for token in patches] == [
        (r, c) for r in range(rows) for c in range(cols)
    ]


def test_what_is_known_is_not_encoded_again(late: LateBench, items: tuple[Item, ...]) -> None:
    seen: list[int] = []
    model = late.bench.model

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(model, name)

        def embed(self, sources: list[Any], **options: Any) -> Any:
            seen.append(len(sources))
            return model.embed(sources, **options)

    late.bench.model = Counting()
    first = run(late, items)
    assert sum(seen) == len(items) + 1
    assert sent(run(late, items))["documents"] == sent(first)["documents"]
    assert sum(seen) == len(items) + 1
    run(late, items, "another query")
    assert sum(seen) == len(items) + 2
    run(late, items, task="code")
    assert sum(seen) == 2 * len(items) + 3


def test_finer_patches_are_other_vectors(late: LateBench, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.effect_noise((2400, 1600), 80).save(path)
    large = (image_item(path),)
    coarse, fine = (sent(run(late, large, detail=detail)) for detail in ("as trained", "finer"))
    counts = [page["documents"][0]["map"]["patches"] for page in (coarse, fine)]
    areas = [count["rows"] * count["cols"] for count in counts]
    assert 2 * areas[0] < areas[1] <= 4.2 * areas[0]


def test_a_long_text_is_cut_and_says_so(late: LateBench) -> None:
    status, _, page, _ = run(late, (text_item("alpha beta gamma " * 2000),))
    assert f"max_length={DOCUMENT_TOKENS}" in status
    assert decode(json.loads(page)["documents"][0]["map"]["products"]).shape[1] == DOCUMENT_TOKENS


def test_one_bad_item_is_named_and_the_others_go_on(
    late: LateBench, items: tuple[Item, ...], pictures: list[str]
) -> None:
    gone = image_item(pictures[2])
    Path(gone.path).unlink()
    status, _, page, _ = run(late, (*items, gone))
    assert gone.label in status and "expired" in status
    assert sorted(by_index(json.loads(page))) == [0, 1, 2]
    status, state, page, _ = run(late, (gone,))
    assert gone.label in status and (state, page) == (None, "")


def test_maps_that_were_not_sent_follow_when_opened(
    late: LateBench, items: tuple[Item, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = by_index(sent(run(late, items)))
    monkeypatch.setattr(late_maps, "SENT_BYTES", 1)
    result = run(late, items)
    page = sent(result)
    with_map = [document["index"] for document in page["documents"] if document["map"]]
    assert with_map == [page["first"]] and items[page["first"]].kind != "text"
    more = json.loads(heatmap.one_more(late, result[1], 0)["patch"])
    assert more["answer"] == page["answer"] and more["map"] == everything[0]["map"]
    late.cache = LateBench(late.bench).cache
    with pytest.raises(InputError, match="no longer kept"):
        heatmap.one_more(late, result[1], 0)


@pytest.mark.parametrize("index", [None, -1, 3, 1.5, "0", True, [0]])
def test_a_stray_click_changes_nothing(late: LateBench, items: tuple[Item, ...], index: object) -> None:
    state = run(late, items)[1]
    assert "patch" not in heatmap.one_more(late, state, index)
    assert "patch" not in heatmap.one_more(late, None, 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text": "  \n "}, "no query"),
        ({"text": 7}, "text box holds int"),
        ({"task": "no-such"}, "task"),
        ({"detail": "finest"}, "patches"),
        ({"detail": None}, "patches"),
    ],
)
def test_what_no_control_offers_is_refused(
    late: LateBench, items: tuple[Item, ...], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        run(late, items, **changes)


def test_an_empty_collection_gets_a_hint(late: LateBench) -> None:
    status, *rest = run(late, ())
    assert "nothing to map" in status and tuple(rest) == heatmap.blank()


def test_a_model_without_token_vectors_says_so(late: LateBench, items: tuple[Item, ...]) -> None:
    class Single:
        class spec:
            multi_vector_dim = 0

    late.bench.model = Single()
    with pytest.raises(InputError, match="one vector per input"):
        run(late, items)


def test_opening_the_tab_again_does_not_ask_again(late: LateBench, items: tuple[Item, ...]) -> None:
    values = (items, QUERY, (), "retrieval", "as trained")
    state = list(heatmap.keep_up(late, None, *values))[-1][1]
    assert state.items == items
    (same,) = heatmap.keep_up(late, state, *values)
    assert all(isinstance(value, dict) and value["__type__"] == "update" for value in same)
    changed = list(heatmap.keep_up(late, state, items[:2], *values[1:]))[-1]
    assert changed[1].items == items[:2]


def test_the_code_repeats_the_best_match(late: LateBench, items: tuple[Item, ...], tmp_path: Path) -> None:
    _, _, page, code = run(late, items[:2], detail="finer")
    printed = executed(code, tmp_path)
    documents = json.loads(page)["documents"]
    assert f"{documents[0]['score']:.3f}"[:4] in printed.splitlines()[0]
    assert len(printed.splitlines()) == 1 + len(json.loads(page)["query"]["tokens"])


def executed(code: str, folder: Path) -> str:
    """What a snippet prints when it is run in ``folder``."""
    with _inside(folder), contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "snippet", "exec"), {})
    return printed.getvalue()


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
