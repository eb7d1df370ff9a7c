"""Encoding for the page: the embedder's own vectors, remembered, stoppable, one bad item at a time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder import Embedder, EmbedderNotice
from ui.collection import document_item, image_item, text_item, texts_from
from ui.vectors import GROUP, Known, VectorCache, Workbench


class Counting:
    """A real embedder that remembers how many inputs it was given."""

    def __init__(self, model: Embedder) -> None:
        self.model, self.inputs, self.batch_sizes = model, 0, set[Any]()

    def embed(self, inputs: list[Any], **options: Any) -> Any:
        self.inputs += len(inputs)
        self.batch_sizes.add(options["batch_size"])
        return self.model.embed(inputs, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


@pytest.fixture
def counting(model: Embedder) -> Workbench:
    return Workbench(Counting(model))


def test_vectors_are_the_embedder_s_own(bench: Workbench, model: Embedder, pictures: list[str]) -> None:
    items = [text_item("a text"), image_item(pictures[0]), document_item("both", image_item(pictures[1]))]
    result = bench.run(items, "code", "passage")
    sources = ["a text", Path(pictures[0]), {"text": "both", "image": Path(pictures[1])}]
    expected = model.embed(sources, task="code", prompt_name="passage", vectors=("dense",))
    np.testing.assert_allclose(result.vectors, expected.dense, atol=1e-6)
    assert list(result.tokens) == expected.tokens
    assert result.patches[0] == 0 and result.patches[1] > 0 and result.patches[2] > 0
    assert result.computed == 3 and result.problems == {}


def test_nothing_is_encoded_twice_but_roles_and_tasks_are_told_apart(
    counting: Workbench, pictures: list[str]
) -> None:
    items = [*texts_from("a\nb").items, image_item(pictures[0])]
    counting.run(items, "retrieval", "query")
    assert counting.model.inputs == 3
    assert counting.run(items, "retrieval", "query").computed == 0
    counting.run(items, "retrieval", "passage")  # pictures carry no prompt
    assert counting.model.inputs == 5
    counting.run(items, "code", "query")
    assert counting.model.inputs == 8


def test_equal_content_is_encoded_once(counting: Workbench) -> None:
    items = texts_from("same\nsame\nother").items
    result = counting.run(items, "retrieval", "query")
    assert counting.model.inputs == 2
    np.testing.assert_array_equal(result.vectors[0], result.vectors[1])


def test_a_closed_generator_stops_the_work_and_keeps_what_is_done(counting: Workbench) -> None:
    items = texts_from("\n".join(f"text number {i}" for i in range(4 * GROUP))).items
    steps = counting.encode(items, "retrieval", "query")
    assert (next(steps).done, next(steps).done) == (0, GROUP)
    steps.close()
    assert counting.model.inputs == GROUP
    assert counting.run(items, "retrieval", "query").computed == 3 * GROUP


def test_progress_counts_up_to_the_total(bench: Workbench) -> None:
    items = texts_from("\n".join(f"line {i}" for i in range(GROUP + 3))).items
    steps = list(bench.encode(items, "retrieval", "query"))
    assert [step.done for step in steps] == [0, GROUP, GROUP + 3, GROUP + 3]
    assert [step.result is not None for step in steps] == [False, False, False, True]


def test_the_batch_size_reaches_the_embedder(counting: Workbench) -> None:
    counting.run(texts_from("a\nb\nc").items, "retrieval", "query", batch_size=2)
    assert counting.model.batch_sizes == {2}


def test_one_bad_item_does_not_take_the_others_with_it(bench: Workbench, pictures: list[str]) -> None:
    items = [text_item("good"), image_item(pictures[0]), image_item(pictures[1])]
    Path(pictures[0]).unlink()
    result = bench.run(items, "retrieval", "query")
    assert list(result.problems) == [1] and "expired" in result.problems[1]
    assert np.isnan(result.vectors[1]).all() and np.isfinite(result.vectors[[0, 2]]).all()


def test_a_notice_names_its_item(bench: Workbench) -> None:
    items = [text_item("plain"), text_item("a lone \ud800 surrogate")]
    with pytest.warns(EmbedderNotice):
        notices = bench.run(items, "retrieval", "query").notices
    assert len(notices) == 1 and notices[0].startswith("a lone") and "item" not in notices[0].split(":")[0]


def test_the_cache_is_bounded_and_drops_the_oldest() -> None:
    cache = VectorCache(max_bytes=3 * 40)
    for at in range(4):
        cache.put((str(at), "t", "q"), Known(np.zeros(10, np.float32), 1))
        cache.get(("0", "t", "q"))  # used again and again: stays
    kept = [at for at in range(4) if cache.get((str(at), "t", "q")) is not None]
    assert kept == [0, 2, 3]


def test_a_vector_that_came_with_an_item_is_used_as_it_is(bench: Workbench) -> None:
    width = bench.model.spec.dim
    given = np.arange(1, width + 1, dtype="<f4")
    own = replace(text_item("mine"), vector=given.tobytes(), digest="own")
    short = replace(text_item("short"), vector=given[:3].tobytes(), digest="short")
    result = bench.run([own, text_item("plain"), short], "retrieval", "query")
    np.testing.assert_allclose(result.vectors[0], given / np.linalg.norm(given), rtol=1e-6)
    assert np.isfinite(result.vectors[1]).all() and result.computed == 1
    assert np.isnan(result.vectors[2]).all()
    assert "3 dimensions" in result.problems[2] and str(width) in result.problems[2]
