"""The leaderboard: all runs on disk, filtered and sorted; what its widgets do is here, and their wiring."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from embedder.errors import InputError
from eval.config import METRICS
from ui import cards, links, run_cards
from ui.checks import guarded
from ui.code_view import TITLE, code_view
from ui.controls import LIGHT, PRIVATE, as_sent, index_of
from ui.run_files import board_query
from ui.run_hall import Hall
from ui.run_index import FILTERS, ITSELF, choices, chosen

CHOSEN = tuple(name for name in FILTERS if name != "metric")
LABELS = {
    "model": "Model", "benchmark": "Benchmark", "task": "Adapter", "vectors": "Vectors", "dim": "Width",
    "precision": "Number format", "search": "Search", "baseline": "Of", "run": "Run",
}  # fmt: skip
EXPLANATION = (
    "Each row is one search: a model's adapter on a benchmark, with vectors of one kind, width and "
    "number format. The score is the mean over queries (0 to 1), the line its 95% interval (bootstrap "
    "over queries) on the scale of the rows on this page: where lines overlap much, the queries cannot "
    "tell the rows apart; “Compare two runs” tests it. Headings sort, a date opens its run at this search."
)
CODE = """\
# in a shell: python -m eval export results/ --format csv
from eval.export import score_table
from eval.places import results_folder
from eval.runs import load_runs

rows = score_table(load_runs([results_folder()])).to_pylist()
best = sorted((row for row in rows if row["metric"] == "ndcg@10"), key=lambda row: -row["value"])
for row in best[:25]:
    print(row["model"], row["benchmark"], row["task"], row["vectors"], row["dim"], row["value"])
"""
MOST_VALUES = 400


@dataclass
class View:
    """How a visitor has sorted and turned the pages; the rows on show as (run, place in its result.json)."""

    sort: str = "value"
    descending: bool = True
    page: int = 0
    rows: tuple[tuple[str, int], ...] = ()


def show(hall: Hall, view: View, newest: object, metric: object, *filters: object) -> tuple[str, str]:
    """The leaderboard and its links.

    Raises:
        InputError: a filter is no list of names.
    """
    wanted = {name: _names(value, name) for name, value in zip(CHOSEN, filters, strict=True)}
    wanted["metric"] = [str(metric)] if metric else []
    table = hall.index.table()
    rows = chosen(table, wanted, sort=view.sort, descending=view.descending, newest=newest is True)
    view.page = max(0, min(view.page, (len(rows) - 1) // run_cards.PAGE))
    part = rows.slice(view.page * run_cards.PAGE, run_cards.PAGE)
    view.rows = tuple(zip(part["run"].to_pylist(), part["place"].to_pylist(), strict=True))
    query = board_query(wanted, view.sort, view.descending, newest is True)
    files = "".join(
        run_cards.link(f"leaderboard.{kind}?{query}", f"These rows as {words}")
        for kind, words in (("csv", "CSV"), ("parquet", "Parquet"))
    )
    drawn = run_cards.board(rows, view.page, view.sort, view.descending, str(metric or ""))
    if not len(table):
        drawn = cards.empty(
            "There are no runs yet", "Run a benchmark in the next tab; its scores appear here."
        )
    broken = [f"{name} cannot be read: {why}" for name, why in hall.index.broken.items()]
    return drawn, f"<div class='ev-links'>{files}</div>{cards.notes([], broken, limit=3)}"


def _names(value: object, name: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list | tuple) or len(value) > MOST_VALUES:
        raise InputError(f"{LABELS[name]}: a list of names is expected")
    return [str(one)[:300] for one in value]


def refreshed(hall: Hall, view: View, newest: object, metric: object, *filters: object) -> tuple[Any, ...]:
    """What the filters offer now, then the leaderboard: (metric, filters ..., board, links)."""
    offered = choices(hall.index.table())
    # what is chosen at first stays until there are runs
    offered["baseline"] = offered["baseline"] or [ITSELF]
    metrics = offered["metric"] or list(METRICS)
    first = metric if metric in metrics else metrics[0] if METRICS[0] not in metrics else METRICS[0]
    kept = [
        [value for value in _names(values, name) if value in offered[name]]
        for name, values in zip(CHOSEN, filters, strict=True)
    ]
    updates = [
        gr.update(choices=offered[name], value=values) for name, values in zip(CHOSEN, kept, strict=True)
    ]
    return (gr.update(choices=metrics, value=first), *updates, *show(hall, view, newest, first, *kept))


def sorted_by(view: View, event: gr.EventData) -> View:
    """A heading was pressed: by this column, or the other way round."""
    place = index_of(event)
    names = list(run_cards.HEADS)
    if place is not None and 0 <= place < len(names):
        same = names[place] == view.sort
        view.descending = not view.descending if same else names[place] in ("value", "n_queries", "created")
        view.sort, view.page = names[place], 0
    return view


def turned(view: View, event: gr.EventData) -> View:
    """Another page."""
    view.page = max(0, index_of(event) or 0)
    return view


def picked(view: View, event: gr.EventData) -> tuple[str, int]:
    """The run of the row that was pressed, and the row's place in its result.json.

    Raises:
        InputError: there is no such row on this page.
    """
    place = index_of(event)
    at = -1 if place is None else place - view.page * run_cards.PAGE
    if not 0 <= at < len(view.rows):
        raise InputError("This row is not shown any more: press it again.")
    return view.rows[at]


@dataclass
class Board:
    """The widgets of the leaderboard.

    Attributes:
        view: a session's :class:`View`.
        inputs: whether only the newest count, the metric, the filters.
        table: the rows; sends 'sort', 'turn' and 'pick'.
        files: links.
    """

    view: gr.State
    inputs: list[Any]
    table: gr.HTML
    files: gr.HTML


def layout() -> Board:
    """Place the widgets."""
    with gr.Column(elem_classes="xp-card xp-controls"):
        with gr.Row():
            metric = as_sent(
                gr.Dropdown(
                    list(METRICS), value=METRICS[0], label="Metric", min_width=130, elem_id="board-metric"
                )
            )
            made = {name: _filter(name) for name in CHOSEN[:4]}
        with gr.Accordion("More filters", open=False), gr.Row():
            made |= {name: _filter(name) for name in CHOSEN[4:]}
        newest = gr.Checkbox(
            True, label="Of equal searches only the newest run", min_width=200, elem_id="board-newest"
        )
    table = gr.HTML(
        "",
        js_on_load="window.Explorer.mountClicks(element, trigger); // sends 'sort', 'turn' and 'pick'",
        apply_default_css=False,
        elem_id="board-table",
    )
    files = cards.plain("", elem_id="board-files")
    cards.plain(cards.explain(EXPLANATION))
    with gr.Accordion(TITLE, open=False):
        code_view(elem_id="board-code").value = CODE
    return Board(gr.State(View()), [newest, metric, *(made[name] for name in CHOSEN)], table, files)


def _filter(name: str) -> gr.Dropdown:
    first = [ITSELF] if name == "baseline" else []
    return as_sent(gr.Dropdown(
        first, value=first, multiselect=True, label=LABELS[name], min_width=150, elem_id=f"board-{name}",
        info="all, if none is chosen",
    ))  # fmt: skip


def wire(hall: Hall, board: Board, openings: Sequence[Any]) -> None:
    """Wire the leaderboard.

    Args:
        hall: the runs.
        board: its widgets.
        openings: listeners that show it anew, such as ``tab.select``.
    """
    shown = [board.table, board.files]
    inputs = [board.view, *board.inputs]
    for opening in openings:
        opening(guarded(partial(refreshed, hall)), inputs, [*board.inputs[1:], *shown], **LIGHT)
    changed = [control.input for control in board.inputs]
    gr.on(changed, _first_page, board.view, board.view, **LIGHT).then(
        guarded(partial(show, hall)), inputs, shown, **LIGHT
    )
    for listener, handler in ((board.table.sort, sorted_by), (board.table.turn, turned)):
        listener(handler, board.view, board.view, **LIGHT).then(
            guarded(partial(show, hall)), inputs, shown, **LIGHT
        )
    links.register("evaluation", newest=board.inputs[0], metric=board.inputs[1])


def _first_page(view: View) -> View:
    view.page = 0
    return view


def reading(status: gr.HTML) -> dict[str, Any]:
    """Options for what reads or computes for a second or more, without the model; it shows at ``status``."""
    shown = {"show_progress": "minimal", "show_progress_on": [status]}
    return {"concurrency_id": "evaluation", "concurrency_limit": 2, **shown, **PRIVATE}
