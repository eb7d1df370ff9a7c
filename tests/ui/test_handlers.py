"""The tabs' handlers without a browser: values in, values out, on the real model."""

import base64
import contextlib
import io
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from embedder import Embedder, InputError, similarity
from tests.ui.test_charts import decode
from ui import comparison, embed, examples, retrieval
from ui.checks import guarded, index, real, whole
from ui.collection import image_item, images_from, text_item, texts_from
from ui.jobs import Desk, catching_up
from ui.vectors import Workbench

FULL = 256


def last(steps: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    *_, final = steps
    return final


def executed(code: str, folder: Path) -> str:
    """What a snippet prints when it is run in ``folder``."""
    printed = io.StringIO()
    before = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "snippet", "exec"), {})
    finally:
        os.chdir(before)
    return printed.getvalue()


# --- embed ---


def run_embed(
    bench: Workbench, texts: Any = "one\ntwo", files: Any = None, **changes: Any
) -> tuple[Any, ...]:
    options = {
        "together": False,
        "per_line": True,
        "task": "retrieval",
        "prompt_name": "query",
        "dim": 64,
        **changes,
    }
    return last(embed.run(bench, texts, images_from(files).items, *options.values()))


def test_embed_gives_figure_table_files_and_code(
    bench: Workbench, model: Embedder, pictures: list[str]
) -> None:
    status, state, figure, table, npy, _json, _csv, code = run_embed(bench, "one\ntwo", pictures[:1])
    expected = model.encode_text(["one", "two"], truncate_dim=64)
    np.testing.assert_allclose(np.load(npy)[:2], expected, atol=1e-6)
    np.testing.assert_allclose(decode(json.loads(figure)["trace"]["z"])[:2], expected, atol=1e-6)
    assert "1.0000" in table and table.count("<tr>") == 4
    assert f"{sum(state.embedded.tokens)}" in status
    assert "truncate_dim=64" in code


def test_the_embed_code_truly_repeats_the_result(
    bench: Workbench, pictures: list[str], tmp_path: Path
) -> None:
    texts = 'it\'s a "quoted" line\n\\n not a break'
    _, state, _, _, _npy, _, _, code = run_embed(
        bench, texts, pictures, together=False, prompt_name="passage"
    )
    scope: dict[str, Any] = {}
    with contextlib.chdir(tmp_path), contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "snippet", "exec"), scope)
    np.testing.assert_allclose(scope["vectors"], embed.cut_rows(state.embedded.vectors, 64), atol=1e-6)


def test_text_and_picture_together(bench: Workbench, pictures: list[str]) -> None:
    _, state, *_ = run_embed(bench, "one\ntwo", pictures[:2], together=True)
    assert [item.kind for item in state.items] == ["document", "document"]
    _, state, *_ = run_embed(bench, "two lines\nof one text", pictures[:2], together=True, per_line=False)
    assert {item.text for item in state.items} == {"two lines\nof one text"}


@pytest.mark.parametrize("texts", ["", "  \n\n ", None])
def test_blank_input_is_a_hint(bench: Workbench, texts: str | None) -> None:
    status, state, figure, *_ = run_embed(bench, texts)
    assert "Nothing to embed yet" in status and state is None and figure == ""


def test_a_picture_that_expired_does_not_stop_the_texts(bench: Workbench, pictures: list[str]) -> None:
    images = images_from(pictures[:1]).items
    Path(pictures[0]).unlink()
    status, state, _, table, *_ = last(embed.run(bench, "one", images, False, True, "retrieval", "query", 64))
    assert "expired" in status and "xp-error" in status and len(state.items) == 2 and "expired" in table


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "separation"}, "separation"),
        ({"task": ["retrieval"]}, "task is"),
        ({"prompt_name": "system"}, "role is"),
        ({"dim": 0}, "from 1 to 256"),
        ({"dim": 257}, "257"),
        ({"dim": 12.5}, "whole number"),
        ({"dim": "64"}, "dimensions"),
        ({"dim": float("nan")}, "nan"),
        ({"dim": True}, "True"),
    ],
)
def test_what_no_control_offers_is_refused(bench: Workbench, change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        run_embed(bench, **change)


def test_the_slider_works_from_what_is_there(bench: Workbench) -> None:
    _, state, *_ = run_embed(bench, dim=FULL)
    figure, table, npy, *_ = embed.show(bench, state, 16)
    assert np.load(npy).shape == (2, 16) and json.loads(figure)["shape"] == "2x16"
    kept = np.linalg.norm(state.embedded.vectors[:, :16], axis=1)
    assert f"{kept[0]:.3f}" in table
    assert embed.show(bench, None, 16)[0] == ""


def test_inputs_can_join_the_collection(bench: Workbench) -> None:
    _, state, *_ = run_embed(bench, "one\ntwo")
    collection, words = embed.send(state, texts_from("two\nthree").items)
    assert [item.text for item in collection] == ["two", "three", "one"] and "1 added" in words
    assert "press Embed first" in embed.send(None, ())[1]


# --- similarity ---


def compare(bench: Workbench, items: Any, **changes: Any) -> tuple[Any, ...]:
    options = {"task": "retrieval", "other": "none", "prompt_name": "query", "metric": "cosine", "dim": FULL,
               "clustered": False, "view": "everything", **changes}  # fmt: skip
    result = last(comparison.run(bench, items, *options.values()))
    return tuple(part["value"] if isinstance(part, dict) and "vectors" in part else part for part in result)


def test_the_matrix_is_the_embedder_s(bench: Workbench, model: Embedder, pictures: list[str]) -> None:
    items = (*texts_from("one\ntwo\nthree").items, *images_from(pictures).items)
    _, _state, figure, second, *_ = compare(bench, items)
    dense = model.embed([item.source() for item in items], vectors=("dense",)).dense
    np.testing.assert_allclose(
        decode(json.loads(figure)["trace"]["z"]), similarity.cosine(dense, dense), atol=1e-5
    )
    assert second == ""


def test_clustering_moves_rows_and_keeps_values(bench: Workbench) -> None:
    items = texts_from("a cat\nthe stock market fell\na dog\nshares lost value\na bird").items
    plain = json.loads(compare(bench, items)[2])
    sorted_ = json.loads(compare(bench, items, clustered=True)[2])
    order = sorted_["rows"]
    assert sorted(order) == [0, 1, 2, 3, 4] and order == sorted_["cols"]
    np.testing.assert_allclose(
        decode(sorted_["trace"]["z"]), decode(plain["trace"]["z"])[np.ix_(order, order)]
    )


def test_texts_against_pictures(bench: Workbench, pictures: list[str]) -> None:
    items = (*texts_from("one\ntwo").items, *images_from(pictures).items)
    spec = json.loads(compare(bench, items, view="texts × pictures")[2])
    assert (spec["rows"], spec["cols"]) == ([0, 1], [2, 3, 4])
    z = decode(spec["trace"]["z"])
    assert (spec["trace"]["zmin"], spec["trace"]["zmax"]) == pytest.approx((z.min(), z.max()))
    only_texts = compare(bench, items[:2], view="texts × pictures")
    assert json.loads(only_texts[2])["shape"] == "2x2" and "everything is shown" in only_texts[4]


def test_two_tasks_side_by_side(bench: Workbench, model: Embedder) -> None:
    items = texts_from("one\ntwo\nthree\nfour").items
    _, state, first, second, remark, *_ = compare(bench, items, other="code", clustered=True)
    one, two = json.loads(first), json.loads(second)
    assert one["rows"] == two["rows"] and one["trace"]["zmin"] == two["trace"]["zmin"]
    dense = model.encode_text([item.text for item in items], task="code")
    expected = similarity.cosine(dense, dense)[np.ix_(two["rows"], two["rows"])]
    np.testing.assert_allclose(decode(two["trace"]["z"]), expected, atol=1e-5)
    assert "rank correlation" in remark and state.tasks == ("retrieval", "code")


def test_the_same_task_twice_is_drawn_once_and_said(bench: Workbench) -> None:
    status, _, _, second, *_ = compare(bench, texts_from("a\nb").items, other="retrieval")
    assert second == "" and "first one" in status


def test_a_slider_step_says_what_goes_with_the_width_and_draws_nothing(bench: Workbench) -> None:
    items = texts_from("one\ntwo\nthree").items
    state = compare(bench, items, other="code")[1]
    remark, code = comparison.retell(bench, state, "cosine", 16, False, "everything")
    assert "truncate_dim=16" in code and "rank correlation" in remark
    assert comparison.retell(bench, None, "cosine", 16, False, "everything") == (gr.skip(), gr.skip())


def test_the_vectors_for_the_slider_go_with_the_figure(bench: Workbench, model: Embedder) -> None:
    items = texts_from("one\ntwo").items
    options = ("retrieval", "code", "query", "cosine", 16, False, "everything")
    _, _, first, second, *_ = last(comparison.run(bench, items, *options))
    for figure, task in ((first, "retrieval"), (second, "code")):
        sent = json.loads(figure["vectors"])
        found = np.frombuffer(base64.b64decode(sent["values"]), "<f4").reshape(sent["count"], sent["full"])
        np.testing.assert_allclose(found, model.encode_text(["one", "two"], task=task), atol=1e-6)
        assert sent["task"] == task


def test_settings_that_moved_while_the_model_ran_are_drawn_after_it(bench: Workbench) -> None:
    items = texts_from("one\ntwo\nthree").items
    state = compare(bench, items, dim=64)[1]
    assert catching_up(Desk(), 0, state, "cosine", 64, False, "everything") == gr.skip()
    assert catching_up(Desk(), 0, state, "euclidean", 32, False, "everything") == 1
    searched = find(bench, items)[1]
    settings = list(RANKING.values())
    assert catching_up(Desk(), 0, searched, *settings) == gr.skip()
    assert catching_up(Desk(), 0, searched, "euclidean", *settings[1:]) == 1
    embedded = run_embed(bench, dim=64)[1]
    assert catching_up(Desk(), 0, embedded, 64) == gr.skip()
    assert catching_up(Desk(), 0, embedded, 65) == 1


def test_euclidean_carries_the_hint(bench: Workbench) -> None:
    result = compare(bench, texts_from("a\nb").items, metric="euclidean")
    assert "Cosine is the measure" in result[4] and json.loads(result[2])["trace"]["reversescale"]
    assert "Cosine is the measure" not in compare(bench, texts_from("a\nb").items)[4]


@pytest.mark.parametrize("count", [0, 1])
def test_a_comparison_needs_two(bench: Workbench, count: int) -> None:
    status, state, figure, *_ = compare(bench, texts_from("a\nb").items[:count])
    assert "at least two" in status and state is None and figure == ""


def test_a_cell_opens_its_pair(bench: Workbench, pictures: list[str]) -> None:
    items = (text_item("first text"), image_item(pictures[0]), text_item("third"))
    state = compare(bench, items)[1]
    html = comparison.open_pair(state, "cosine", 16, 0, 1)
    assert "first text" in html and "56 × 40 px" in html and "cosine at 256" in html and "number" in html
    value = similarity.cosine(*(state.embedded[0].vectors[[i], :16] for i in (0, 1)))[0, 0]
    assert f"{value:.4f}" in html


@pytest.mark.parametrize(("row", "col"), [(0, 9), (-1, 0), ("0", 1), (None, None), (True, 0), (0.0, 1)])
def test_a_cell_that_is_not_there_opens_nothing(bench: Workbench, row: Any, col: Any) -> None:
    state = compare(bench, texts_from("a\nb").items)[1]
    assert "No pair chosen" in comparison.open_pair(state, "cosine", 16, row, col)


def test_the_similarity_code_prints_the_matrix(bench: Workbench, tmp_path: Path) -> None:
    *_, code = compare(bench, texts_from("a\nb").items, dim=32)
    assert executed(code, tmp_path).strip().startswith("[[1.")


def test_progress_is_shown_before_the_result(bench: Workbench) -> None:
    items, settings = (
        texts_from("a\nb\nc").items,
        ("retrieval", "code", "query", "cosine", 16, True, "everything"),
    )
    steps = list(comparison.run(bench, items, *settings))
    assert len(steps) > 3 and all("xp-progress" in step[0] for step in steps[:-1])
    assert "task retrieval" in steps[0][0] and "xp-stats" in steps[-1][0]


def test_a_changed_collection_is_compared_again_unasked_by_a_quick_model_only(bench: Workbench) -> None:
    items, settings = (
        texts_from("a\nb").items,
        ("retrieval", "none", "query", "cosine", 16, True, "everything"),
    )
    first = last(comparison.keep_up(bench, None, items, *settings))
    assert json.loads(first[2]["value"])["shape"] == "2x2"
    assert last(comparison.keep_up(bench, first[1], items, *settings))[1] == gr.skip()
    more = (*items, text_item("c"))
    again = last(comparison.keep_up(bench, first[1], more, *settings))
    assert json.loads(again[2]["value"])["shape"] == "3x3"
    bench.quick = False
    assert last(comparison.keep_up(bench, first[1], more, *settings))[1] == gr.skip()


# --- search ---

RANKING = {"metric": "cosine", "dim": 16, "temperature": 0.07, "targets": "everything", "shown": 10}


def find(
    bench: Workbench, items: Any, text: Any = "one", image: Any = None, **changes: Any
) -> tuple[Any, ...]:
    encoding = {"task": "retrieval", "prompt_name": "query", "batch": 4}
    encoding |= {key: changes.pop(key) for key in list(changes) if key in encoding}
    return last(
        retrieval.run(
            bench, items, text, images_from(image).items, *encoding.values(), *{**RANKING, **changes}.values()
        )
    )


def test_the_ranking_is_the_embedder_s(bench: Workbench, model: Embedder, pictures: list[str]) -> None:
    items = (*texts_from("one\ntwo\nthree").items, *images_from(pictures).items)
    _, state, html, code = find(bench, items, "a question")
    query = model.encode_text(["a question"], prompt_name="query")
    passages = model.embed([item.source() for item in items], prompt_name="passage", vectors=("dense",)).dense
    scores = similarity.cosine(query, passages)[0]
    hits = retrieval.ranked(state, range(6), retrieval.ranking(FULL, *RANKING.values()), FULL, None)
    assert [hit.item for hit in hits] == list(np.argsort(-scores, kind="stable"))
    assert [hit.score for hit in hits] == pytest.approx(sorted(scores, reverse=True), abs=1e-5)
    assert "Full width: 256" in html and "Cut to 16" in html and "16 times smaller" in html
    assert "truncate_dim=16" in code


def test_a_picture_finds_itself_first(bench: Workbench, pictures: list[str]) -> None:
    items = (*texts_from("one\ntwo").items, *images_from(pictures).items)
    _, state, *_ = find(bench, items, "", pictures[1])
    hits = retrieval.ranked(state, range(5), retrieval.ranking(FULL, *RANKING.values()), FULL, None)
    assert hits[0].item == 3 and hits[0].score == pytest.approx(1, abs=1e-5)


def test_kinds_can_be_chosen(bench: Workbench, pictures: list[str]) -> None:
    items = (*texts_from("one\ntwo").items, *images_from(pictures).items)
    assert find(bench, items, targets="pictures")[2].count("class='xp-hit'") == 2 * 3
    assert find(bench, items, targets="texts")[2].count("class='xp-hit'") == 2 * 2
    assert "Nothing of that kind" in find(bench, items[:2], targets="pictures")[2]


def test_text_matching_has_queries_on_both_sides(bench: Workbench) -> None:
    _, state, *_ = find(bench, texts_from("same words\nothers").items, "same words", task="text-matching")
    hits = retrieval.ranked(state, range(2), retrieval.ranking(FULL, *RANKING.values()), FULL, None)
    assert hits[0].score == pytest.approx(1, abs=1e-5)


def test_rank_changes_are_against_full_width(bench: Workbench) -> None:
    items = texts_from(
        "\n".join(f"sentence {word}" for word in "one two three four five six seven".split())
    ).items
    _, state, *_ = find(bench, items)
    chosen = retrieval.ranking(FULL, *{**RANKING, "dim": 2}.values())
    full = [hit.item for hit in retrieval.ranked(state, range(7), chosen, FULL, None)]
    cut = retrieval.ranked(state, range(7), chosen, 2, full)
    assert all(hit.moved == full.index(hit.item) + 1 - hit.rank for hit in cut)
    assert sum(hit.moved or 0 for hit in cut) == 0


@pytest.mark.parametrize(("text", "image"), [("", None), ("  ", None), (None, [])])
def test_no_query_is_said(bench: Workbench, text: Any, image: Any) -> None:
    with pytest.raises(InputError, match="no query"):
        find(bench, texts_from("a").items, text, image)


def test_nothing_to_search_in_is_said(bench: Workbench) -> None:
    assert "nothing to search in" in find(bench, ())[0]


@pytest.mark.parametrize("change", [{"temperature": 0}, {"shown": 1000}, {"targets": "video"}, {"batch": 0}])
def test_search_settings_are_checked(bench: Workbench, change: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        find(bench, texts_from("a").items, **change)


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_the_search_code_prints_the_same_ranking(bench: Workbench, tmp_path: Path, metric: str) -> None:
    items = texts_from("one\ntwo\nthree\nfour").items
    _, state, _, code = find(bench, items, "a question", metric=metric, dim=FULL)
    chosen = retrieval.ranking(FULL, *{**RANKING, "metric": metric, "dim": FULL}.values())
    expected = [items[hit.item].text for hit in retrieval.ranked(state, range(4), chosen, FULL, None)]
    assert [line.split()[1] for line in executed(code, tmp_path).splitlines()] == expected


def test_a_click_on_a_result_makes_it_the_query(bench: Workbench) -> None:
    items = texts_from("one\ntwo\nthree").items
    _, state, *_ = find(bench, items)
    values = (items, "retrieval", "query", 4, *RANKING.values())
    _, new, html, _ = last(retrieval.pick(bench, state, 2, *values))
    assert new.query.text == "three" and "<b>three</b>" in html
    assert last(retrieval.pick(bench, state, 99, *values))[1] == gr.skip()


def test_a_preset_states_the_precision_and_moves_the_controls(bench: Workbench) -> None:
    task, role, batch, metric, dim, temperature, targets, said = retrieval.use_preset(bench, "Image search")
    assert (task, role, batch, metric, dim) == ("retrieval", "query", 8, "cosine", 16)
    assert (temperature, targets) == (0.07, "pictures") and "stay in float32 on cpu" in said


def test_a_changed_collection_is_searched_again_if_there_is_a_query(bench: Workbench) -> None:
    items, settings = texts_from("one\ntwo").items, ("retrieval", "query", 4, *RANKING.values())
    _, state, html, _ = last(retrieval.keep_up(bench, None, items, "one", (), *settings))
    assert "Full width" in html
    assert last(retrieval.keep_up(bench, state, items, "one", (), *settings))[1] == gr.skip()
    assert last(retrieval.keep_up(bench, state, items[:1], "  ", (), *settings))[1] == gr.skip()
    assert len(last(retrieval.keep_up(bench, state, items[:1], "one", (), *settings))[1].items) == 1


def test_an_example_set_brings_its_query() -> None:
    for name, example in examples.examples().items():
        assert example.query and example.about and len(example.items) >= 10
        assert retrieval.example_query(name) == (example.query, (), "")
    assert retrieval.example_query("no such set")[0] == gr.skip()


# --- checks ---


@pytest.mark.parametrize("value", [None, "5", [], 11, 0, 2.5, float("inf"), float("nan"), True])
def test_whole_numbers(value: Any) -> None:
    with pytest.raises(InputError, match="n is"):
        whole(value, "n", 1, 10)
    assert whole(5.0, "n", 1, 10) == 5 and real(0.5, "x", 0, 1) == 0.5


def test_positions() -> None:
    assert [index(value, 3) for value in (0, 2, 3, -1, "1", None, True)] == [
        0,
        2,
        None,
        None,
        None,
        None,
        None,
    ]


def test_own_errors_become_messages_and_others_do_not_hide() -> None:
    def refuse() -> None:
        raise InputError("number 5 is too large")

    def stream() -> Any:
        yield 1
        raise InputError("later")

    def bug() -> None:
        raise KeyError("bug")

    with pytest.raises(gr.Error, match="number 5") as caught:
        guarded(refuse)()
    assert caught.value.print_exception is False
    with pytest.raises(gr.Error, match="later"):
        list(guarded(stream)())
    with pytest.raises(KeyError):
        guarded(bug)()
