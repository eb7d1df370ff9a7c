"""The Similarity tab: its widgets and their wiring; what they do is in :mod:`ui.comparison`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from ui import cards, charts, controls, links
from ui.checks import guarded
from ui.code_view import TITLE, code_view
from ui.comparison import (
    EXPLANATION,
    NO_SECOND,
    VIEWS,
    Comparison,
    blank,
    keep_up,
    no_comparison,
    open_pair,
    redraw,
    retell,
    run,
)
from ui.controls import LIGHT, QUIET
from ui.editor import Editor, editor
from ui.jobs import Jobs
from ui.vectors import Workbench


@dataclass
class Widgets:
    """What the wiring needs of the layout."""

    editor: Editor
    settings: list[Any]
    drawing: list[Any]
    go: gr.Button
    jobs: Jobs
    status: gr.HTML
    figures: list[gr.HTML]
    remark: gr.HTML
    pair: gr.HTML
    code: gr.HTML


def layout(bench: Workbench, collection: gr.State) -> Widgets:
    """Place the tab's widgets."""
    widths = bench.model.spec.matryoshka_dims
    with gr.Row(elem_classes="xp-main"):
        with gr.Column(scale=4, min_width=300, elem_classes="xp-side xp-card"):
            edited = editor(collection)
        with gr.Column(scale=8, min_width=320, elem_classes="xp-out"):
            with gr.Column(elem_classes="xp-card xp-controls"):
                settings = _settings(bench)
                drawing, go, jobs = _drawing(widths, bench.model.spec.dim)
            status = cards.plain("", elem_classes="xp-status", elem_id="similarity-status")
            with gr.Row(elem_classes="xp-charts"):
                figures = [
                    charts.chart(elem_id=f"similarity-figure-{at}", elem_classes="xp-card") for at in (1, 2)
                ]
            remark = cards.plain("", elem_id="similarity-remark")
            pair = cards.plain(no_comparison(), elem_classes="xp-card", elem_id="similarity-pair")
            cards.plain(cards.explain(EXPLANATION))
            with gr.Accordion(TITLE, open=False):
                code = code_view(elem_id="similarity-code")
    return Widgets(edited, settings, drawing, go, jobs, status, figures, remark, pair, code)


def _settings(bench: Workbench) -> list[Any]:
    """Task, second task, role."""
    with gr.Row():
        task = controls.task_control(bench.model.tasks)
        choices = [NO_SECOND, *(str(task) for task in bench.model.tasks)]
        other = gr.Dropdown(choices, value=NO_SECOND, label="Beside it", info="a second task", min_width=150)
        role = controls.role_control()
    return [task, other, role]


def _drawing(widths: Sequence[int], full: int) -> tuple[list[Any], gr.Button, Jobs]:
    """Measure, dimension, order, view; and the buttons."""
    with gr.Row():
        metric = controls.metric_control()
        width = controls.width_control(widths, full)
        with gr.Column(min_width=200):
            view = gr.Radio(VIEWS, value=VIEWS[0], label="Cells", min_width=200)
            clustered = gr.Checkbox(True, label="Cluster: alike items together")
    with gr.Row(elem_classes="xp-buttons"):
        go = gr.Button("Compare", variant="primary", elem_id="similarity-go", min_width=120)
        jobs = Jobs("similarity")
    return [metric, width.slider, clustered, view], go, jobs


def build(bench: Workbench, collection: gr.State, tab: gr.Tab) -> None:
    """Lay out the tab and wire it."""
    parts = layout(bench, collection)
    state = gr.State(None)
    metric, slider, clustered, view = parts.drawing
    task, other, role = parts.settings
    links.register("similarity", task=task, beside=other, role=role)
    links.register("similarity", measure=metric, dim=slider, clustered=clustered, cells=view)
    drawn = [*parts.figures, parts.remark, parts.code]
    inputs = [collection, *parts.settings, *parts.drawing]
    outputs = [parts.status, state, *parts.figures, parts.remark, parts.pair, parts.code]
    parts.jobs.connect(outputs, blank())
    parts.jobs.follow(partial(redraw, bench), [state, *parts.drawing], drawn)
    parts.jobs.run(parts.go.click, partial(run, bench), inputs, trigger_mode="once")
    tab.select(cards.collection_list, collection, parts.editor.view, **QUIET)
    edits = [parts.editor.loaded, *parts.editor.changed]
    for listener in (tab.select, *(edit.then for edit in edits)):
        parts.jobs.run(listener, partial(keep_up, bench), [state, *inputs], unasked=True)
    parts.jobs.bind()
    changed = [metric.input, clustered.input, view.input]
    told: dict[str, Any] = {"fn": guarded(partial(retell, bench)), "inputs": [state, *parts.drawing]}
    told["outputs"] = [parts.remark, parts.code]
    redrawn = gr.on(changed, guarded(partial(redraw, bench)), [state, *parts.drawing], drawn, **LIGHT)
    redrawn.then(**told, **LIGHT)  # the slider may have moved since that answer was asked for
    slider.change(None, slider, js="(width) => window.Explorer.matrixWidth(width)", **QUIET)
    slider.change(**told, **LIGHT)
    for figure in parts.figures:
        figure.cell(guarded(_cell), [state, metric, slider], parts.pair, **LIGHT)


def _cell(state: Comparison | None, metric: object, dim: object, event: gr.EventData) -> str:
    data = event._data if isinstance(event._data, dict) else {}
    return open_pair(state, metric, dim, data.get("row"), data.get("col"))
