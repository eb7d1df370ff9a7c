"""From two runs down to one query: what gained and lost opens with the documents that each run found."""

import json
import re
import shutil
from pathlib import Path

import gradio as gr
import pytest

from embedder import InputError
from eval.runs import Run
from tests.eval.made_runs import real_run
from ui.evaluation_compare import Pair, asked_for, compared, kept_up, single
from ui.run_hall import Hall
from ui.run_index import RunIndex


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Two real runs: the second reads only the first tokens of a text."""
    out = tmp_path_factory.mktemp("pair")
    told = {"task": ("retrieval",), "dim": (64,), "vectors": ("dense",), "precision": ("float32",)}
    plain = {**told, "baseline": ()}
    return real_run(out, **plain), real_run(out, **plain, max_length=6)


@pytest.fixture
def hall(pair: tuple[Run, Run]) -> Hall:
    return Hall(index=RunIndex(lambda: pair[0].folder.parent))


def listed(hall: Hall, pair: tuple[Run, Run]) -> tuple[Pair, str]:
    """The single queries of the search of the texts, as after a press on its row."""
    *_, found = compared(hall, pair[0].run_id, pair[1].run_id, "ndcg@10")
    names = re.findall(r"data-index='(\d+)'>([^<]*)</button>", found[1])
    place = next(int(place) for place, words in names if words.startswith("words"))
    state = Pair(pair[0].run_id, pair[1].run_id, "ndcg@10", row=place)
    return state, single(hall, state, place)[1]


def test_each_listed_query_opens_with_the_documents_of_both_runs(hall: Hall, pair: tuple[Run, Run]) -> None:
    state, html = listed(hall, pair)
    buttons = re.findall(r"<button type='button' class='ev-open' data-event='pick' data-index='(\d+)'", html)
    assert len(buttons) == html.count("<tr><td>") > 0, "every row is a button"
    for place in map(int, buttons):
        opened = asked_for(hall, state, place)
        assert f"<small>Query q{place}</small>" in opened
        heads = re.findall(r"<h3>([^<]*)</h3>", opened)
        assert heads == ["A: 64 · float32", "B: 64 · float32", "Should be found"]
        columns = opened.split("<section")[1:]
        assert all("<li" in column for column in columns)
        firsts = [re.findall(r"score (-?[\d.]+)", column)[0] for column in columns[:2]]
        assert firsts[0] != firsts[1], "each run's own vectors were searched"


def test_the_numbers_of_a_query_are_those_of_the_list(hall: Hall, pair: tuple[Run, Run]) -> None:
    state, html = listed(hall, pair)
    row = r"data-index='(\d+)'>[^<]*</button></td><td>([\d.]+)</td><td>([\d.]+)</td>"
    for place, a, b in re.findall(row, html):
        shown = re.findall(r"<dd[^>]*>([\d.]+)</dd>", asked_for(hall, state, int(place)))[:2]
        assert [float(value) for value in shown] == pytest.approx([float(a), float(b)], abs=6e-4)


def test_without_the_data_what_a_run_kept_is_shown(pair: tuple[Run, Run], tmp_path: Path) -> None:
    for run in pair:
        shutil.copytree(run.folder, tmp_path / run.run_id)
        content = json.loads((run.folder / "result.json").read_text())
        content["settings"]["benchmark"] = ["gone/words"]
        (tmp_path / run.run_id / "result.json").write_text(json.dumps(content))
    hall = Hall(index=RunIndex(lambda: tmp_path))
    state, _ = listed(hall, pair)
    kept = {entry["query"]["id"] for entry in pair[0].examples.entries if entry["benchmark"] == "words"}
    other = {entry["query"]["id"] for entry in pair[1].examples.entries if entry["benchmark"] == "words"}
    assert kept
    opened = asked_for(hall, state, int(next(iter(kept))[1:]))
    assert "cannot be searched for again" in opened and "Below is run A alone" in opened
    assert "<li" in opened
    for name in {f"q{place}" for place in range(12)} - kept - other:
        assert "kept no documents" in asked_for(hall, state, int(name[1:]))


@pytest.mark.parametrize("place", [None, -1, 12, 10**9])
def test_a_query_that_is_not_there_is_refused_in_words(
    hall: Hall, pair: tuple[Run, Run], place: int | None
) -> None:
    state, _ = listed(hall, pair)
    with pytest.raises(InputError, match="press it again"):
        asked_for(hall, state, place)
    for nothing in (Pair(), Pair(state.a, state.b, state.metric)):
        with pytest.raises(InputError, match="press it again"):
            asked_for(hall, nothing, 0)


def test_what_is_open_stays_when_the_part_comes_into_sight_again(hall: Hall, pair: tuple[Run, Run]) -> None:
    state, _ = listed(hall, pair)
    assert list(kept_up(hall, state, state.a, state.b, state.metric)) == [(gr.skip(),) * 8]
    *_, last = kept_up(hall, state, state.b, state.a, state.metric)
    assert last[5] == Pair(state.b, state.a, state.metric) and last[7] == ""
