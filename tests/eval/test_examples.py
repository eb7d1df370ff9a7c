"""The queries that a run keeps to look at are the worst ones, with what was found, small and bounded."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from embedder import Embedder, similarity, truncate
from embedder.errors import InputError
from eval.config import RunConfig
from eval.examples import EXAMPLES, FOUND, LOST, SIDE, TEXT_CHARS, WORST, read_examples, shown
from eval.results import read_per_query
from eval.run import run
from tests.eval.conftest import CHECKPOINT, pictures

Folder = Callable[..., Path]


def ran(out: Path, *benchmarks: Path, **options: Any) -> Path:
    """A run's folder."""
    config = RunConfig(
        model=str(CHECKPOINT), device="cpu", model_precision="float32", out=out,
        benchmark=tuple(map(str, benchmarks)), **options,
    )  # fmt: skip
    return run(config, quiet=True)[0]


def test_the_worst_queries_are_kept_with_what_was_found(
    model: Embedder, folder: Folder, tmp_path: Path
) -> None:
    small = folder(queries=30, documents=60)
    kept = read_examples(ran(tmp_path / "out", small, dim=(64, 256)))
    lines = (small / "corpus.jsonl").read_text().splitlines()
    texts = {entry["_id"]: entry["text"] for entry in map(json.loads, lines)}
    asked = [json.loads(line)["text"] for line in (small / "queries.jsonl").read_text().splitlines()]
    queries = model.encode_text(asked, prompt_name="query")
    documents = model.encode_text(list(texts.values()), prompt_name="passage")
    ranks = {}
    for dim in (64, 256):
        scores = similarity.cosine(truncate(queries, dim), truncate(documents, dim))
        ranks[dim] = [1 + int((line > line[query]).sum()) for query, line in enumerate(scores)]
    worst = [entry for entry in kept.entries if entry["kind"] == "worst"]
    assert [entry["searches"][0]["first_relevant"] for entry in worst] == sorted(ranks[256])[
        : -WORST - 1 : -1
    ]
    for entry in kept.entries:
        number = int(entry["query"]["id"][1:])
        assert entry["query"]["text"] == asked[number]
        assert [search["dim"] for search in entry["searches"]] == [256, 64][: len(entry["searches"])]
        for search in entry["searches"]:
            assert search["first_relevant"] == ranks[search["dim"]][number]
            scores = [found["score"] for found in search["found"]]
            assert len(scores) == FOUND and scores == sorted(scores, reverse=True)
            rights = [place for place, found in enumerate(search["found"], 1) if found["gain"] > 0]
            assert rights == [rank for rank in [search["first_relevant"]] if rank <= FOUND]
        assert entry["relevant"] == [{"document": f"d{number}", "gain": 1}] and entry["relevant_count"] == 1
        for found in [*entry["relevant"], *entry["searches"][0]["found"]]:
            assert kept.documents["small"][found["document"]]["text"] == texts[found["document"]]


def test_what_a_quarter_of_the_width_loses_most_is_kept(folder: Folder, tmp_path: Path) -> None:
    out = ran(tmp_path / "out", folder(queries=30, documents=60), dim=(64, 256))
    lost = [entry for entry in read_examples(out).entries if entry["kind"] == "lost"]
    rows = [row for row in read_per_query(out).to_pylist() if row["metric"] == "ndcg@10"]
    values = {(row["dim"], row["query_id"]): row["value"] for row in rows}
    losses = {f"q{i}": values[256, f"q{i}"] - values[64, f"q{i}"] for i in range(30)}
    assert 1 <= len(lost) <= LOST
    assert [losses[entry["query"]["id"]] for entry in lost] == sorted(losses.values())[: -len(lost) - 1 : -1]
    for entry in lost:
        full, quarter = entry["searches"]
        assert full["value"] - quarter["value"] == pytest.approx(losses[entry["query"]["id"]])


def test_late_interaction_alone_has_its_worst_queries(folder: Folder, tmp_path: Path) -> None:
    kept = read_examples(ran(tmp_path, folder(queries=30, documents=60), vectors=("late",)))
    assert {search["vectors"] for entry in kept.entries for search in entry["searches"]} == {"late"}
    assert {entry["kind"] for entry in kept.entries} == {"worst"}


def test_two_benchmarks_and_tasks_keep_their_own(folder: Folder, tmp_path: Path) -> None:
    one, two = folder(12, 40), folder(12, 40, name="other", salt="other")
    kept = read_examples(ran(tmp_path, one, two, dim=(256,), task=("retrieval", "code")))
    assert {(e["benchmark"], e["task"]) for e in kept.entries} == {
        (name, task) for name in ("small", "other") for task in ("retrieval", "code")
    }
    assert set(kept.documents) == {"small", "other"}


def test_texts_are_cut_and_pictures_made_small() -> None:
    assert shown("short") == {"text": "short", "picture": ""}
    long = shown("word " * 1000)["text"]
    assert len(long) <= TEXT_CHARS and long.endswith("…")
    both = shown({"text": "words", "image": Image.new("RGB", (900, 300), (10, 200, 30))})
    assert both["text"] == "words"
    picture = Image.open(
        io.BytesIO(base64.b64decode(both["picture"].removeprefix("data:image/webp;base64,")))
    )
    assert picture.size == (SIDE, SIDE // 3)
    assert all(
        abs(a - b) < 8 for a, b in zip(picture.convert("RGB").getpixel((5, 5)), (10, 200, 30), strict=True)
    )


def test_a_picture_that_has_gone_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    pictures(1)[0].save(path)
    assert shown(path)["picture"].startswith("data:image/webp;base64,")
    path.unlink()
    assert shown(path) == {"text": "", "picture": ""}


def test_runs_without_examples_have_none(tmp_path: Path) -> None:
    assert read_examples(tmp_path).entries == []
    (tmp_path / EXAMPLES).write_text('{"schema": 9}')
    with pytest.raises(InputError, match="schema 9, this version reads 1"):
        read_examples(tmp_path)
    (tmp_path / EXAMPLES).write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        read_examples(tmp_path)
