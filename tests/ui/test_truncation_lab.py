"""What the Truncation lab does, with the real model."""

import base64
import json

import gradio as gr
import numpy as np
import pytest

from embedder.errors import InputError
from ui import truncation_code
from ui.collection import text_item
from ui.jobs import Desk, catching_up
from ui.relevance import Relevance, typed_pairs
from ui.truncation_lab import Lab, keep_up, redraw, run, step
from ui.vectors import Workbench

WORDS = ("a red circle", "a blue square", "rain", "snow and ice", "bread", "wine", "a train", "a ship")
ITEMS = tuple(text_item(word) for word in WORDS)
PAIRS = Relevance.between(ITEMS, [(0, 1, 1), (2, 3, 2), (4, 5, 1)], "a file")


def values(bench: Workbench, **changes: object) -> list[object]:
    tasks = [str(task) for task in bench.model.tasks]
    settings: dict[str, object] = {
        "shown": tasks[0], "tasks": tasks, "role": "query", "near": 3, "metric": "ndcg@10",
        "source": "what is known", "pairs": "", "turned": False, "measure": "neighbours kept",
        "dim": bench.model.spec.dim // 2,
    }  # fmt: skip
    return list({**settings, **changes}.values())


def final(bench: Workbench, brought: Relevance | None = None, state: Lab | None = None, **changes: object):
    *_, last = run(bench, state, brought, ITEMS, *values(bench, **changes))
    return last


def spec(update: dict) -> dict:
    return json.loads(update["value"])


def test_the_page_gets_full_vectors_first_and_curves_after_them(bench: Workbench):
    steps = list(run(bench, None, None, ITEMS, *values(bench)))
    assert "Encoding" in steps[0][0]
    shown = next(one[2] for one in steps if isinstance(one[2], dict) and "value" in one[2])
    sent = spec(shown)
    rows = np.frombuffer(base64.b64decode(sent["vectors"]), "<f4").reshape(len(ITEMS), -1)
    known = bench.run(ITEMS, str(bench.model.tasks[0]), "query").vectors
    np.testing.assert_array_equal(rows, known)
    assert sent["full"] == bench.model.spec.dim and sorted(sent["order"]) == list(range(len(ITEMS)))
    status, lab, _, one, two, three, numbers, code = steps[-1]
    assert "Items" in status and isinstance(lab, Lab)
    names = {row["curve"] for row in json.loads(one)["table"]}
    assert names == {str(task) for task in bench.model.tasks}
    assert {row["curve"] for row in json.loads(two)["table"]} == {
        "float32",
        "int8",
        "binary",
        "PCA (control)",
    }
    assert {row["on the front"] for row in json.loads(three)["table"]} == {"yes", "no"}
    assert "Bytes per vector" in numbers and "rank_correlation" in code


def test_nothing_is_encoded_twice_and_vectors_travel_once(bench: Workbench):
    lab = final(bench)[1]
    steps = list(run(bench, lab, None, ITEMS, *values(bench, near=2)))
    assert all(bench.run(ITEMS, str(task), "query").computed == 0 for task in bench.model.tasks)
    patched = [one[2] for one in steps if isinstance(one[2], dict) and "patch" in one[2]]
    assert len(patched) == 1 and json.loads(patched[0]["patch"])["near"] == 2
    assert steps[-1][1].subjects[0].neighbours.near == 2


def test_quality_is_measured_where_pairs_are_known(bench: Workbench):
    lab = final(bench)[1]
    assert lab.judged is None and "Quality is not measured" in lab.notes
    brought = final(bench, PAIRS, measure="quality")
    assert "Pairs, from a file" in brought[0]
    table = json.loads(brought[3])["table"]
    assert {row["curve"] for row in table} == {str(task) for task in bench.model.tasks}
    assert all(0 <= row["low"] <= row["quality"] <= row["high"] <= 1 for row in table)
    assert "nDCG@10" in brought[6]
    typed = final(bench, source="pairs typed below", pairs="1, 2\n3 4 2\n\n5 > 6")
    assert typed[1].judged is not None and typed[1].judged.gains == brought[1].judged.gains
    turned = final(bench, PAIRS, turned=True)
    assert turned[1].judged is not None and turned[1].judged.queries == (1, 3, 5)


def test_captions_and_pictures_pair_in_order(bench: Workbench, pictures: list[str]):
    from ui.collection import image_item

    items = (*ITEMS[:3], *(image_item(path) for path in pictures))
    chosen = values(bench, source="texts and pictures in order", tasks=[])
    *_, last = run(bench, None, None, items, *chosen)
    assert last[1].judged.queries == (0, 1, 2) and last[1].judged.documents == (3, 4, 5)
    with pytest.raises(InputError, match="3 texts and 2 pictures"):
        list(run(bench, None, None, items[:-1], *chosen))


def test_a_step_measures_any_width_and_redraw_changes_the_measure(bench: Workbench):
    lab = final(bench)[1]
    numbers, _ = step(bench, lab, 7)
    assert "The numbers at 7 dimensions" in numbers
    assert numbers.count("<tr>") == 1 + 4 * len(bench.model.tasks)
    first, *_ = redraw(bench, lab, "rank correlation")
    assert "Rank correlation" in json.loads(first)["title"]
    assert redraw(bench, lab, "quality") == ("", "", "")
    assert step(bench, None, 7)[0]["__type__"] == "update"


def test_an_item_that_fails_is_named_and_left_out(bench: Workbench, pictures: list[str]):
    from pathlib import Path

    from ui.collection import image_item

    gone = image_item(pictures[0])
    Path(pictures[0]).unlink()
    *_, last = run(bench, None, PAIRS, (gone, *ITEMS), *values(bench))
    assert "expired" in last[0] and [item.label for item in last[1].items] == list(WORDS)
    assert last[1].judged.queries == (0, 2, 4)


def test_an_adapter_that_gets_its_curves_unasked_is_said_so(bench: Workbench):
    first, second, *_ = (str(task) for task in bench.model.tasks)
    assert "“Curves of”" not in final(bench)[0]
    status, lab, *_ = final(bench, tasks=[])
    assert f"No adapter is ticked under “Curves of”: the adapter on show, {first}" in status
    assert lab.wanted.tasks == (first,)
    status, lab, *_ = final(bench, tasks=[second])
    assert f"{first} is not ticked" in status and lab.wanted.tasks == (first, second)


def test_too_few_items_are_said_so(bench: Workbench):
    [(status, state, *_)] = run(bench, None, None, ITEMS[:3], *values(bench))
    assert "at least 4 items" in status and state is None


@pytest.mark.parametrize(
    "change",
    [
        {"shown": "nonsense"}, {"tasks": "retrieval"}, {"tasks": ["nonsense"]}, {"tasks": [["a"]]},
        {"role": 3}, {"near": 0}, {"near": 10**9}, {"near": float("nan")}, {"metric": "ndcg@99999"},
        {"source": None},
        {"pairs": 5}, {"pairs": "x" * 10**6}, {"measure": "beauty"}, {"dim": 0}, {"dim": 10**9}, {"dim": "8"},
    ],
)  # fmt: skip
def test_what_no_control_offers_is_refused_in_words(bench: Workbench, change: dict[str, object]):
    with pytest.raises(InputError):
        list(run(bench, None, None, ITEMS, *values(bench, **change)))


@pytest.mark.parametrize(
    ("text", "words"), [("1", "line 1"), ("1,2\nx y", "line 2"), ("1 99", "names item 99")]
)
def test_pairs_that_cannot_be_meant_name_their_line(text: str, words: str):
    with pytest.raises(InputError, match=words):
        typed_pairs(text, ITEMS)


def test_the_tab_keeps_up_with_the_collection_only_where_the_model_is_quick(bench: Workbench):
    lab = final(bench)[1]
    [same] = keep_up(bench, lab, None, ITEMS, *values(bench))
    assert all(one["__type__"] == "update" for one in same)
    *_, last = keep_up(bench, lab, None, ITEMS[:5], *values(bench))
    assert len(last[1].items) == 5
    *_, known = keep_up(bench, lab, PAIRS, ITEMS, *values(bench))
    assert known[1].judged is not None  # pairs that came with a file since are news too
    bench.quick = False
    [skipped] = keep_up(bench, lab, None, ITEMS[:6], *values(bench))
    assert all(one["__type__"] == "update" for one in skipped)


def test_the_code_repeats_the_numbers(bench: Workbench, capsys: pytest.CaptureFixture[str]):
    lab = final(bench)[1]
    code = truncation_code.code(
        lab.items, load=bench.load_code(), task=lab.wanted.shown, prompt_name="query",
        widths=bench.model.spec.matryoshka_dims, near=3,
    )  # fmt: skip
    exec(compile(code, "snippet", "exec"), {})
    printed = capsys.readouterr().out
    for (task, form, dim), one in lab.curves.items():
        if (task, form) == (lab.wanted.shown, "float32") and dim in bench.model.spec.matryoshka_dims:
            assert f"{dim} dimensions" in printed
            assert f"{one.measures['neighbours kept'].mean:.3f} of 3 neighbours kept" in printed


def test_a_width_that_moved_while_it_was_measured_gets_its_numbers(bench: Workbench):
    lab = final(bench)[1]
    assert catching_up(Desk(), 0, lab, lab.wanted.dim) == gr.skip()
    assert catching_up(Desk(), 0, lab, 7) == 1
    assert "The numbers at 7 dimensions" in step(bench, lab, 7)[0]
    assert "The numbers at 1 dimension<" in step(bench, lab, 1)[0]
