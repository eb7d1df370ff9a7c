"""Leaderboard, drill-down, comparison and files of runs on disk, without a page."""

import csv
import io
import json
import time
import zipfile
from pathlib import Path

import gradio as gr
import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.applications import Starlette

from embedder import InputError
from eval import series
from eval.runs import Run, load_run
from tests.eval.made_runs import NASTY, make_run, real_run, row
from ui import evaluation_board, evaluation_compare, evaluation_look, query_cards, run_cards
from ui.evaluation_board import CHOSEN, View
from ui.run_figures import NAMES
from ui.run_hall import Hall
from ui.run_index import ITSELF, RunIndex, choices, chosen
from ui.run_queries import ORDERS, Opened, first_choice, of_row, searches

HALF, FULL = [0.1, 0.6, 0.5], [0.2, 0.9, 0.4]


@pytest.fixture
def made(tmp_path: Path) -> RunIndex:
    """Three runs: two alike, one of another model; and a folder that cannot be read."""
    for name, when in (("old", "2026-01-01T00:00:00+00:00"), ("new", "2026-02-01T00:00:00+00:00")):
        make_run(tmp_path, name, {row(): FULL, row(32): HALF}, created=when)
    make_run(
        tmp_path, "other",
        {row(model="b/second"): [0.0, 0.0, 0.3], row(None, vectors=None, task=None, precision=None,
         baseline="bm25", model="b/second"): [1.0, 1.0, 1.0]},
        model={"name": "b/second", "fingerprint": "sha256:" + 64 * "b", "precision": "float32"},
    )  # fmt: skip
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "result.json").write_text('{"schema": 1}')
    return RunIndex(lambda: tmp_path)


def test_the_index_reads_each_run_once_and_again_when_it_changes(made: RunIndex, tmp_path: Path) -> None:
    first = made.table()
    assert [entry.run_id for entry in made.entries()] == ["new", "other", "old"]
    assert made.table() is first
    assert list(made.broken) == ["broken"]
    content = json.loads((tmp_path / "old" / "result.json").read_text())
    content["scores"] = content["scores"][:1]
    (tmp_path / "old" / "result.json").write_text(json.dumps(content))
    assert len(made.table()) == len(first) - 1
    make_run(tmp_path, "fresh", {row(): FULL})
    assert len(made.table()) == len(first)
    (tmp_path / "new" / "result.json").unlink()
    assert {entry.run_id for entry in made.entries()} == {"fresh", "other", "old"}


def test_filters_sort_and_the_newest_of_equal_searches(made: RunIndex) -> None:
    table = made.table()
    best = chosen(table, {"metric": ["ndcg@10"]})
    assert best["value"].to_pylist() == sorted(best["value"].to_pylist(), reverse=True)
    assert best["run"].to_pylist() == ["other", "new", "new", "other"]
    every = chosen(table, {"model": ["mini"]}, newest=False, sort="dim", descending=False)
    assert every["dim"].to_pylist() == [32, 32, 64, 64]
    assert chosen(table, {"dim": ["–"]})["baseline"].to_pylist() == ["bm25"]
    assert chosen(table, {"baseline": [ITSELF], "model": ["b/second"]})["value"].to_pylist() == [
        pytest.approx(0.1)
    ]
    assert choices(table)["dim"] == ["–", "32", "64"]
    assert choices(table)["baseline"] == [ITSELF, "bm25"]
    with pytest.raises(InputError, match="is no column"):
        chosen(table, {"folder": ["/etc"]})


def test_data_of_one_name_that_differ_are_not_equal_searches(tmp_path: Path) -> None:
    make_run(tmp_path, "one", {row(): FULL}, fingerprints={"small": 64 * "1"})
    make_run(tmp_path, "two", {row(): FULL}, fingerprints={"small": 64 * "2"})
    assert len(chosen(RunIndex(lambda: tmp_path).table(), {})) == 2


def test_two_hundred_runs_are_quick_after_the_first_look(tmp_path: Path) -> None:
    run = make_run(tmp_path, "r000", {row(dim, metric=f"recall@{k}"): FULL for dim in range(1, 65) for k in
                                      (1, 3, 5)})  # fmt: skip
    text = (run.folder / "result.json").read_text()
    for number in range(1, 200):
        folder = tmp_path / f"r{number:03d}"
        folder.mkdir()
        (folder / "result.json").write_text(text.replace('"r000"', f'"r{number:03d}"'))
    index = RunIndex(lambda: tmp_path)
    assert len(index.table()) == 200 * 64 * 3
    start = time.process_time()
    found = chosen(index.table(), {"metric": ["recall@3"]}, newest=False)
    assert len(found) == 200 * 64
    assert time.process_time() - start < 0.3
    assert index.table().nbytes < 10_000_000


def test_the_board_shows_pages_sorts_and_opens(made: RunIndex) -> None:
    hall, view = Hall(index=made), View()
    none: list[list[str]] = [[] for _ in CHOSEN]
    html, files = evaluation_board.show(hall, view, False, "ndcg@10", *none)
    assert html.count("<tr>") == 1 + 6 and "aria-sort='descending'" in html
    assert "leaderboard.csv?metric=ndcg%4010" in files and "broken cannot be read" in files
    names = list(run_cards.HEADS)
    for _ in range(2):
        evaluation_board.sorted_by(view, event(index=names.index("dim")))
    assert (view.sort, view.descending) == ("dim", True)
    evaluation_board.show(hall, view, False, "ndcg@10", *none)
    run, place = evaluation_board.picked(view, event(index=0))
    row = load_run(made.open(run).folder).scores[place]
    assert run in ("new", "old") and (row["dim"], row["metric"]) == (
        max(made.table()["dim"].to_pylist()),
        "ndcg@10",
    )
    for bad in (17, -1, True, "0", None):
        with pytest.raises(InputError, match="not shown any more"):
            evaluation_board.picked(view, event(index=bad))
    with pytest.raises(InputError, match="a list of names"):
        evaluation_board.show(hall, view, False, "ndcg@10", "mini", *none[1:])


def test_without_runs_the_board_says_so_whatever_the_page_has_seen(tmp_path: Path) -> None:
    empty = Hall(RunIndex(lambda: tmp_path / "none"))
    *updates, board, _ = evaluation_board.refreshed(empty, View(), True, "ndcg@10", *[[]] * 7, [ITSELF], [])
    assert "There are no runs yet" in board
    baseline = updates[1 + CHOSEN.index("baseline")]
    assert baseline["choices"] == baseline["value"] == [ITSELF]
    with gr.Blocks():
        filters = evaluation_board.layout().inputs
    # what the page holds may be older than the choices: gradio must not refuse it
    for widget in filters[1:]:
        assert widget.preprocess(["gone since"]) == ["gone since"]


def test_the_code_beside_the_leaderboard_prints_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "results", "one", {row(): FULL, row(32): HALF})
    monkeypatch.chdir(tmp_path)
    exec(evaluation_board.CODE, {})
    assert capsys.readouterr().out.splitlines()[0] == "mini small retrieval dense 64 0.5"


def event(**data: object) -> gr.EventData:
    return gr.EventData(None, _data=data)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return real_run(tmp_path_factory.mktemp("look"))


@pytest.fixture(scope="module")
def hall(real: Run) -> Hall:
    return Hall(index=RunIndex(lambda: real.folder.parent))


def test_a_run_opens_at_its_widest_search_and_a_quarter(hall: Hall, real: Run) -> None:
    found = searches(real, "words", "retrieval")
    assert first_choice(list(found), found) == ("256 · float32", "64 · float32")
    assert {
        "late interaction",
        "late interaction, binary",
        "BM25",
        "16 · float32 · PCA",
        "16 · binary",
    } <= set(found)
    found_ = evaluation_look.opened(hall, None, ORDERS[1], *[None] * 5)
    selectors, (facts, state, table, _, code), figures = found_[1:6], found_[6:11], found_[11:]
    assert [one["value"] for one in selectors] == [
        "words", "retrieval", "ndcg@10", "256 · float32", "64 · float32"
    ]  # fmt: skip
    assert real.run_id in facts and "per_query.parquet" in facts
    assert table.count("data-event='pick'") == 12
    compile(code, "code", "exec")
    assert state.run_id == real.run_id
    assert len(figures) == 1 + len(NAMES) and not any(figures[1:])


def test_a_row_of_the_leaderboard_opens_at_its_own_search(hall: Hall, real: Run) -> None:
    """At its benchmark, adapter and metric, as what is compared with the widest search."""
    own = [(at, row) for at, row in enumerate(real.scores) if row["task"] and row["metric"] != "ndcg@10"]
    at, cut = next((at, row) for at, row in own if row["dim"] == 16 and row["precision"] == "binary")
    wanted = of_row(real, at)
    assert wanted == (cut["benchmark"], cut["task"], cut["metric"], None, "16 · binary")
    shown = evaluation_look.opened(hall, real.run_id, ORDERS[1], *wanted)[1:6]
    assert [one["value"] for one in shown] == [
        cut["benchmark"], cut["task"], cut["metric"], "256 · float32", "16 · binary"
    ]  # fmt: skip
    at = next(at for at, row in enumerate(real.scores) if row["baseline"] == "bm25")
    assert of_row(real, at) == ("words", None, real.scores[at]["metric"], None, "BM25")
    widest = next(at for at, row in own if row["dim"] == 256 and series.is_plain(row))
    assert of_row(real, widest)[3:] == (None, None), "it is the first search already"
    assert of_row(real, len(real.scores)) == (None,) * 5, "the run was written anew"


def test_figures_are_drawn_when_they_are_wanted(hall: Hall, real: Run) -> None:
    made = evaluation_look.figures(hall, looking(hall, real, "shots", "code"))
    titles = [json.loads(one)["title"] for one in made if one]
    assert len(titles) == len(NAMES) and all("shots" in title for title in titles)
    assert all("code" in title for title in titles[1:])


def looking(hall: Hall, run: Run, benchmark: str, task: str) -> evaluation_look.Looking:
    """The state after a benchmark and an adapter were chosen."""
    return evaluation_look.opened(hall, run.run_id, ORDERS[0], benchmark, task, None, None, None)[7]


def test_queries_are_sorted_by_what_the_second_search_loses(real: Run) -> None:
    opened, asked = Opened(), evaluation_look.fitted(real, (None,) * 5)[0]
    queries = opened.queries(real, asked)
    place = real.scores.index(opened.row(real, asked, asked.first))
    np.testing.assert_array_equal(queries.first, real.per_query[place][1])
    losses = queries.first - queries.second
    order = queries.order("largest loss first")
    assert list(losses[order]) == sorted(losses, reverse=True)
    assert list(queries.first[queries.order("worst first")]) == sorted(queries.first)


def test_a_query_opens_with_its_documents_as_the_run_kept_them(hall: Hall, real: Run) -> None:
    state = looking(hall, real, "words", "retrieval")
    entry = next(e for e in real.examples.entries if e["benchmark"] == "words" and e["task"] == "retrieval")
    place = hall.opened.queries(real, state.asked).ids.index(entry["query"]["id"])
    html = evaluation_look.asked_for(hall, state, place)
    assert "cannot be searched for again" not in html
    for hit in entry["searches"][0]["found"]:
        assert f"score {hit['score']:.4f}" in html
    assert "Should be found" in html and "✓ relevant" in html
    with pytest.raises(InputError, match="no such query"):
        evaluation_look.asked_for(hall, state, 99)


def test_pictures_are_shown_and_texts_cannot_be_markup(hall: Hall, real: Run) -> None:
    shots = looking(hall, real, "shots", "code")
    assert "data:image/webp" in evaluation_look.asked_for(hall, shots, 0)
    words = looking(hall, real, "words", "code")
    *_, (_, table) = evaluation_look.with_texts(hall, words)
    nasty = evaluation_look.asked_for(hall, words, 10)
    assert "&lt;script&gt;" in nasty and "<script" not in nasty + table and NASTY not in nasty


def test_without_the_data_the_kept_examples_are_shown(real: Run, tmp_path: Path) -> None:
    copy = tmp_path / real.run_id
    copy.mkdir()
    for path in real.folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    content = json.loads((copy / "result.json").read_text())
    content["settings"]["benchmark"] = ["gone/words"]
    (copy / "result.json").write_text(json.dumps(content))
    hall = Hall(index=RunIndex(lambda: tmp_path))
    state = looking(hall, real, "words", "retrieval")
    (_, _), (said, _) = evaluation_look.with_texts(hall, state)
    assert "shown by their ids" in said
    worst = next(e for e in real.examples.entries if (e["benchmark"], e["task"]) == ("words", "retrieval"))
    queries = hall.opened.queries(load_run(copy), state.asked)
    html = evaluation_look.asked_for(hall, state, queries.ids.index(worst["query"]["id"]))
    assert "Shown is what the run kept" in html and "ev-documents" in html
    kept = {e["query"]["id"] for e in real.examples.entries if e["task"] == "retrieval"}
    other = next(name for name in queries.ids if name not in kept)
    assert "kept no documents" in evaluation_look.asked_for(hall, state, queries.ids.index(other))


def test_two_runs_are_compared_and_single_queries_shown(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = rng.uniform(0.2, 0.8, 60)
    make_run(tmp_path, "a", {row(): values, row(32): values})
    make_run(tmp_path, "b", {row(): values + 0.1, row(32): rng.uniform(0.2, 0.8, 60)})
    hall = Hall(index=RunIndex(lambda: tmp_path))
    *_, answer = evaluation_compare.compared(hall, "a", "b", "ndcg@10")
    status, table, figure, _, _, state, code, _ = answer
    assert status == "" and "B is better in 1 of 2 searches" in table
    assert "+0.1000" in table and "Holm" in table
    assert {one["verdict"] for one in json.loads(figure)["table"]} == {"better", ""}
    compile(code, "code", "exec")
    drawn, listed = evaluation_compare.single(hall, state, 0)
    assert "60 queries gain, 0 lose" in json.loads(drawn)["title"]
    assert listed.count("+0.100") == 10
    with pytest.raises(InputError, match="no such row"):
        evaluation_compare.single(hall, state, 7)
    *_, words = evaluation_compare.compared(hall, "a", "../../etc", "ndcg@10")
    assert "there is no run" in words[0]
    assert "Choose two runs" in next(iter(evaluation_compare.compared(hall, "a", "a", "ndcg@10")))[1]


def test_the_first_pair_saw_the_same_data(tmp_path: Path) -> None:
    for day, name, seen in ((1, "far", "0"), (2, "alike", "1"), (3, "between", "0"), (4, "newest", "1")):
        make_run(tmp_path, name, {row(): FULL}, fingerprints={row().benchmark: 64 * seen},
                 created=f"2026-01-0{day}T00:00:00+00:00")  # fmt: skip
    a, b, _ = evaluation_compare.offered(Hall(RunIndex(lambda: tmp_path)), None, None, None)
    assert (a["value"], b["value"]) == ("alike", "newest")
    a, b, _ = evaluation_compare.offered(Hall(RunIndex(lambda: tmp_path)), "far", None, None)
    assert (a["value"], b["value"]) == ("far", "newest")  # what the visitor has chosen stays


def test_differences_of_nothing_are_listed_as_none() -> None:
    assert query_cards.changed([("q", 0.5, 0.5)], {}, 3).count("<p>None.</p>") == 2


@pytest.fixture
def client(hall: Hall) -> httpx.Client:
    from starlette.testclient import TestClient

    return TestClient(Starlette(routes=hall.files.routes()))


def test_files_hold_what_the_run_holds(client: httpx.Client, real: Run) -> None:
    name = real.run_id
    archive = zipfile.ZipFile(io.BytesIO(client.get(f"/explorer/runs/{name}.zip").content))
    for path in real.folder.iterdir():
        assert archive.read(f"{name}/{path.name}") == path.read_bytes()
    rows = list(csv.DictReader(io.StringIO(client.get(f"/explorer/runs/{name}/scores.csv").text)))
    assert [float(one["value"]) for one in rows] == [one["value"] for one in real.scores]
    kept = pq.read_table(pa.BufferReader(client.get(f"/explorer/runs/{name}/per_query.parquet").content))
    assert kept.num_rows == sum(one["n_queries"] for one in real.scores)
    tests = pq.read_table(pa.BufferReader(client.get(f"/explorer/runs/{name}/tests.parquet").content))
    assert tests.to_pylist()[0]["difference"] == real.rows_of("tests")[0]["difference"]
    board = client.get("/explorer/runs/leaderboard.csv?metric=map&vectors=late&sort=value&down=0")
    values = [float(one["value"]) for one in csv.DictReader(io.StringIO(board.text))]
    late = [one for one in real.scores if (one["metric"], one["vectors"]) == ("map", "late")]
    assert values == sorted(values) and len(values) == len(late) == 8, (
        "two benchmarks, adapters and formats each"
    )
    assert "attachment" in board.headers["content-disposition"]


def test_the_report_is_served_and_no_folder_is(client: httpx.Client, real: Run) -> None:
    page = client.get(f"/explorer/runs/report?runs={real.run_id}")
    assert page.status_code == 200 and "<!doctype html" in page.text[:200].lower()
    for path in (
        "report?runs=", "report?runs=nothing", "../../etc/passwd", "..%2f..%2fetc.zip", "cache.zip",
        f"{real.run_id}/settings.csv", f"{real.run_id}/scores.json", "nothing/scores.csv",
        "leaderboard.csv?sort=folder", "report?runs=" + ",".join(map(str, range(30))),
    ):  # fmt: skip
        assert client.get(f"/explorer/runs/{path}").status_code == 404, path
