"""The Evaluation tab: leaderboard, running a benchmark, looking into a run, comparing two.

Each of its parts is filled when it is opened; nothing of the runs is read before.
"""

from functools import partial
from typing import Any

import gradio as gr

from ui import evaluation_board, evaluation_compare, evaluation_look, evaluation_start
from ui.checks import guarded
from ui.controls import LIGHT
from ui.evaluation_board import reading
from ui.run_hall import Hall, shared
from ui.run_queries import of_row as of_search
from ui.vectors import Workbench


def build(bench: Workbench, tab: gr.Tab, hall: Hall | None = None) -> None:
    """Lay out the tab and wire it.

    Args:
        bench: the model.
        tab: the tab it stands in.
        hall: runs and what goes on with them; None for that of this process.
    """
    hall = hall or shared()
    with gr.Tabs(elem_id="evaluation-parts") as parts:
        with gr.Tab("Leaderboard", id="board") as board_tab, _column():
            board = evaluation_board.layout()
        with gr.Tab("Run a benchmark", id="start") as start_tab, _column():
            form = evaluation_start.layout(bench)
        with gr.Tab("Look into a run", id="look") as look_tab, _column():
            look = evaluation_look.layout()
        with gr.Tab("Compare two runs", id="compare") as compare_tab, _column():
            compare = evaluation_compare.layout()
    evaluation_board.wire(hall, board, [tab.select, board_tab.select])
    evaluation_start.wire(bench, hall, form, [start_tab.select])
    evaluation_look.wire(hall, look, [look_tab.select])
    evaluation_compare.wire(hall, compare, [compare_tab.select])
    _opens(hall, parts, board, form, look)


def _column() -> gr.Column:
    return gr.Column(elem_classes="xp-out")


def _opens(
    hall: Hall,
    parts: gr.Tabs,
    board: evaluation_board.Board,
    form: evaluation_start.Form,
    look: evaluation_look.Look,
) -> None:
    """A row of the leaderboard, and a run that has ended, open the run."""
    filled = guarded(partial(evaluation_look.opened, hall))
    texts = guarded(partial(evaluation_look.with_texts, hall))

    def of_row(view: evaluation_board.View, order: object, event: gr.EventData) -> tuple[Any, ...]:
        run, place = evaluation_board.picked(view, event)
        return gr.Tabs(selected="look"), *filled(run, order, *of_search(hall.index.open(run), place))

    def of_run(order: object) -> tuple[Any, ...]:
        folder = hall.runner.report().folder
        if folder is None:
            return (gr.skip(),) * (1 + len(look.outputs))
        return gr.Tabs(selected="look"), *filled(folder.name, order, *[None] * 5)

    for listener, handler, inputs in (
        (board.table.pick, of_row, [board.view, look.order]),
        (form.status.pick, of_run, [look.order]),
    ):
        listener(guarded(handler), inputs, [parts, *look.outputs], **LIGHT).then(
            texts, look.state, [look.status, look.queries], **reading(look.status)
        )
