"""The REST lines, run by a real shell against the real page: they give what the tab shows."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from embedder import Embedder, similarity
from tests.mini import DIM
from tests.ui.site import Served
from ui import curl, snippets, truncation_code
from ui.collection import Item, document_item, image_item, text_item
from ui.truncation_numbers import Neighbourhood

ROOT = Path(__file__).parents[2]
HOSTILE = 'it\'s "so" $HOME `id` $(id) \\ \\n ! é 日本 🧭 <b> %\nJSON\nsecond line\t'


@pytest.fixture(scope="module")
def mini() -> Embedder:
    return Embedder.from_pretrained("mini", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def site(mini: Embedder) -> Iterator[Served]:
    with closing(Served(mini, "mini")) as served:
        yield served


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    """Texts, pictures under names that a shell could trip over, and a document; beside the shell."""
    colours = {"plain.png": "red", "two words - $HOME 'q'.png": "blue", "third.png": "green"}
    made = []
    for name, colour in colours.items():
        Image.new("RGB", (60, 60), colour).save(tmp_path / name)
        made.append(image_item(tmp_path / name))
    for item in made:  # the name that is shown is the safe one
        if Path(item.path) != tmp_path / item.name:
            shutil.copy(item.path, tmp_path / item.name)
    return [text_item("a red circle"), text_item(HOSTILE), *made[:2], document_item("a green one", made[2])]


def run(site: Served, lines: str, folder: Path) -> str:
    """What a plain shell prints for the lines."""
    assert curl.ORIGIN in lines
    command = ["sh", "-eu", "-c", lines.replace(curl.ORIGIN, site.url)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout


def result(printed: str) -> Any:
    """What a named endpoint says at the end of its stream."""
    event, data = printed.strip().split("\n")[-2:]
    assert event == "event: complete", printed
    return json.loads(data.removeprefix("data: "))[0]


def test_embed(site: Served, mini: Embedder, items: list[Item], tmp_path: Path) -> None:
    code = snippets.embed_code(items, load="x", model="mini", task="code", prompt_name="passage", dim=64)
    rows = json.loads(run(site, code.rest, tmp_path))["data"]
    sources = [item.source() for item in items]
    expected = mini.embed(sources, task="code", prompt_name="passage", truncate_dim=64, upright=True).dense
    np.testing.assert_allclose([row["embedding"] for row in rows], expected, atol=1e-6)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_similarity(site: Served, mini: Embedder, items: list[Item], tmp_path: Path, metric: str) -> None:
    code = snippets.similarity_code(
        items, load="x", task="retrieval", prompt_name="passage", dim=32, metric=metric
    )
    found = result(run(site, code.rest, tmp_path))
    sources = [item.source() for item in items]
    vectors = mini.embed(sources, prompt_name="passage", truncate_dim=32, upright=True).dense
    np.testing.assert_allclose(found["matrix"], getattr(similarity, metric)(vectors, vectors), atol=2e-3)


@pytest.mark.parametrize("role", ["query", "passage"])
@pytest.mark.parametrize("asked", [0, 2])
def test_search(
    site: Served, mini: Embedder, items: list[Item], tmp_path: Path, asked: int, role: str
) -> None:
    query, rest = items[asked], items[:asked] + items[asked + 1 :]
    code = snippets.search_code(
        query, rest, load="x", task="retrieval", prompt_name=role, passage="passage", dim=DIM,
        metric="cosine", temperature=0.07,
    )  # fmt: skip
    hits = result(run(site, code.rest, tmp_path))["hits"]
    left = mini.embed([query.source()], prompt_name=role, upright=True).dense
    right = mini.embed([item.source() for item in rest], prompt_name="passage", upright=True).dense
    scores = similarity.cosine(left, right)[0]
    assert [hit["index"] for hit in hits] == np.argsort(-scores).tolist()
    np.testing.assert_allclose([hit["score"] for hit in hits], np.sort(scores)[::-1], atol=1e-5)


def test_truncation_report(site: Served, mini: Embedder, items: list[Item], tmp_path: Path) -> None:
    widths = [8, mini.spec.dim]
    options = {"task": "retrieval", "prompt_name": "query", "widths": widths, "near": 2}
    rows = result(run(site, truncation_code.code(items, load="x", **options).rest, tmp_path))["rows"]
    vectors = mini.embed([item.source() for item in items], prompt_name="query", upright=True).dense
    assert vectors is not None
    kept = dict(Neighbourhood.of(vectors, 2).kept("float32", widths))
    for row, dim in zip(rows, widths, strict=True):
        assert row["overlap"] == pytest.approx(kept[dim]["neighbours kept"].mean(), abs=1e-6)
        assert row["rank_correlation"] == pytest.approx(kept[dim]["rank correlation"].mean(), abs=1e-6)


def test_token_vectors(site: Served, mini: Embedder, items: list[Item], tmp_path: Path) -> None:
    code = snippets.late_code(
        items[0], items[1:], load="x", model="mini", task="retrieval", passage="passage", lengths=(64, 512),
        max_pixels=None,
    )  # fmt: skip
    answers, end, text = [], 0, run(site, code.rest, tmp_path)
    while end < len(text.rstrip()):
        answer, end = json.JSONDecoder().raw_decode(text, end)
        answers.append(answer["data"])
    assert [len(rows) for rows in answers] == [len(items) - 1, 1]
    expected = mini.embed([items[0].source()], vectors=("late",)).late
    assert expected is not None
    np.testing.assert_allclose(answers[1][0]["embeddings"], expected[0], atol=1e-6)


def test_an_example_s_picture_is_found_from_the_repository(site: Served, mini: Embedder) -> None:
    item = image_item(ROOT / "assets" / "examples" / "red-circle.png")
    lines = curl.embeddings([item], model="mini", task="retrieval", prompt_name="query", dim=16)
    (row,) = json.loads(run(site, lines, ROOT))["data"]
    expected = mini.embed([Path(item.path)], truncate_dim=16).dense
    np.testing.assert_allclose([row["embedding"]], expected, atol=1e-6)


def test_a_lone_surrogate_travels(site: Served, tmp_path: Path) -> None:
    lines = curl.embeddings(
        [text_item("a \ud800 b")], model="mini", task="retrieval", prompt_name="query", dim=16
    )
    assert "U+FFFD" in json.loads(run(site, lines, tmp_path))["notices"][0]


def test_a_long_collection_is_cut_and_says_so(site: Served, tmp_path: Path) -> None:
    many = [text_item(f"text {at}") for at in range(curl.MAX_LITERALS + 5)]
    lines = curl.embeddings(many, model="mini", task="retrieval", prompt_name="query", dim=16)
    assert lines.startswith("# 5 more items were in the app")
    assert len(json.loads(run(site, lines, tmp_path))["data"]) == curl.MAX_LITERALS


def test_both_texts_are_one_that_runs_as_python(tmp_path: Path) -> None:
    hostile = [text_item(HOSTILE + "\u2028\x85\x0c\r"), text_item("# The same over REST, at x:")]
    code = snippets.embed_code(hostile, load="Model()", model="m", task="code", prompt_name="query", dim=2)
    python, rest = code.split(snippets.MARK)
    assert "\n".join(line.removeprefix("# ") for line in rest.rstrip("\n").split("\n")) + "\n" == code.rest
    assert code.rest == curl.embeddings(hostile, model="m", task="code", prompt_name="query", dim=2)
    alone, both = compile(python, "a", "exec"), compile(code, "b", "exec")
    assert alone.co_code == both.co_code and alone.co_consts == both.co_consts
