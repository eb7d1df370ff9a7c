"""The Search tab: its widgets and their wiring; what they do is in :mod:`ui.retrieval`."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from ui import cards, controls, examples, links, presets, uploads
from ui.checks import guarded
from ui.code_view import TITLE, code_view
from ui.collection import MAX_TEXT_CHARS
from ui.controls import LIGHT, QUIET
from ui.editor import Editor, editor
from ui.jobs import Jobs
from ui.retrieval import (
    BATCHES,
    EXPLANATION,
    MAX_SHOWN,
    TARGETS,
    Found,
    blank,
    example_query,
    if_asked,
    keep_up,
    no_results,
    pick,
    rerank,
    run,
    use_preset,
)
from ui.vectors import Workbench


@dataclass
class Widgets:
    """What the wiring needs of the layout."""

    editor: Editor
    buttons: list[gr.Button]
    text: gr.Textbox
    pictures: gr.State
    row: gr.HTML
    encoding: list[Any]
    ranking: list[Any]
    go: gr.Button
    jobs: Jobs
    said: gr.HTML
    status: gr.HTML
    results: gr.HTML
    code: gr.HTML


def layout(bench: Workbench, collection: gr.State) -> Widgets:
    """Place the tab's widgets."""
    with gr.Row(elem_classes="xp-main"):
        with gr.Column(scale=4, min_width=300, elem_classes="xp-side xp-card"):
            edited = editor(collection)
        with gr.Column(scale=8, min_width=320, elem_classes="xp-out"):
            with gr.Column(elem_classes="xp-card xp-controls"):
                text, pictures, row, go, jobs = _query()
                buttons, said = _presets()
                encoding, ranking_controls = _search_controls(bench)
            status = cards.plain("", elem_classes="xp-status", elem_id="search-status")
            results = cards.clickable(no_results(), elem_classes="xp-card", elem_id="search-results")
            cards.plain(cards.explain(EXPLANATION))
            with gr.Accordion(TITLE, open=False):
                code = code_view(elem_id="search-code")
    return Widgets(
        edited,
        buttons,
        text,
        pictures,
        row,
        encoding,
        ranking_controls,
        go,
        jobs,
        said,
        status,
        results,
        code,
    )


def _query() -> tuple[gr.Textbox, gr.State, gr.HTML, gr.Button, Jobs]:
    with gr.Row():
        text = gr.Textbox(
            examples.first_query(),
            label="Query",
            placeholder="what are you looking for?",
            lines=2,
            max_lines=6,
            max_length=MAX_TEXT_CHARS,
            scale=3,
            min_width=220,
            elem_id="search-query",
        )
        with gr.Column(scale=2, min_width=180, elem_id="search-image"):
            cards.plain("<p class='xp-field'>or a picture</p>")
            pictures = gr.State(())
            row = uploads.drop_zone("", "Drop a picture, or choose one", multiple=False)
            messages = cards.plain("", elem_classes="xp-messages")
    row.dropped(guarded(uploads.replace_picture), pictures, [pictures, row, messages], **QUIET)
    row.remove(guarded(uploads.remove_picture), pictures, [pictures, row, messages], **QUIET)
    with gr.Row(elem_classes="xp-buttons"):
        go = gr.Button("Search", variant="primary", elem_id="search-go", min_width=120)
        jobs = Jobs("search")
    return text, pictures, row, go, jobs


def _presets() -> tuple[list[gr.Button], gr.HTML]:
    with gr.Row(elem_classes="xp-buttons xp-presets"):
        cards.plain("<span class='xp-lead'>Presets</span>", min_width=60)
        buttons = [gr.Button(name, size="sm", min_width=100) for name in presets.NAMES]
    return buttons, cards.plain("", elem_id="search-preset")


def _search_controls(bench: Workbench) -> tuple[list[Any], list[Any]]:
    """What changes the vectors, and what changes their ranking only."""
    spec = bench.model.spec
    with gr.Row():
        task = controls.task_control(bench.model.tasks)
        role = controls.role_control("Role of the query")
        width = controls.width_control(spec.matryoshka_dims, spec.matryoshka_dims[0], "Cut to")
    with gr.Accordion("More: measure, temperature, what is searched", open=False), gr.Row():
        metric = controls.metric_control()
        temperature = controls.number_slider(
            0.01, 2.0, value=presets.TEMPERATURE, step=0.01, label="Softmax temperature", min_width=180
        )
        targets = gr.Radio(TARGETS, value="everything", label="Search in", min_width=200)
        shown = controls.number_slider(1, MAX_SHOWN, value=10, step=1, label="Results shown", min_width=160)
        batch = controls.number_slider(
            *BATCHES, value=bench.model.batch_size, step=1, label="Batch size", min_width=160
        )
    return [task, role, batch], [metric, width.slider, temperature, targets, shown]


def build(bench: Workbench, collection: gr.State, tab: gr.Tab) -> None:
    """Lay out the tab and wire it."""
    parts = layout(bench, collection)
    _keep_in_links(parts)
    state = gr.State(None)
    parts.jobs.connect([parts.status, state, parts.results, parts.code], blank())
    parts.jobs.follow(partial(rerank, bench), [state, *parts.ranking], [parts.results, parts.code])
    inputs = [collection, parts.text, parts.pictures, *parts.encoding, *parts.ranking]
    tab.select(cards.collection_list, collection, parts.editor.view, **QUIET)
    pressed = partial(gr.on, [parts.go.click, parts.text.submit])
    parts.jobs.run(pressed, partial(run, bench), inputs, trigger_mode="once")
    picked = [state, collection, *parts.encoding, *parts.ranking]
    parts.jobs.run(parts.results.pick, partial(_picked, bench), picked, clicked=True)
    for preset in _wire_presets(bench, parts):
        parts.jobs.run(preset.then, partial(if_asked, bench), inputs)
    for listener in (tab.select, *(edit.then for edit in _edits(parts))):
        parts.jobs.run(listener, partial(keep_up, bench), [state, *inputs], unasked=True)
    parts.jobs.bind()
    metric, slider, *others = parts.ranking
    # the marks and the presets move the slider by program, so it alone answers to every change
    moved = [slider.change, *(control.input for control in (metric, *others))]
    again = guarded(partial(rerank, bench))
    gr.on(moved, again, [state, *parts.ranking], [parts.results, parts.code], **LIGHT)


def _keep_in_links(parts: Widgets) -> None:
    task, role, batch = parts.encoding
    metric, slider, temperature, targets, shown = parts.ranking
    links.register("search", query=parts.text, task=task, role=role, batch=batch)
    links.register("search", measure=metric, dim=slider, temperature=temperature, kind=targets, shown=shown)
    links.uploads(parts.pictures, "the picture that Search asks with")


def _picked(
    bench: Workbench, event: gr.EventData, found: Found | None, *values: Any
) -> Iterator[tuple[Any, ...]]:
    """A click on a result searches with it."""
    yield from pick(bench, found, controls.index_of(event), *values)


def _edits(parts: Widgets) -> list[Any]:
    """The events that change the collection; an example set brings its own query along."""
    asked = [parts.text, parts.pictures, parts.row]
    brought = parts.editor.loaded.then(guarded(example_query), parts.editor.chosen, asked, **QUIET)
    return [brought, *parts.editor.changed]


def _wire_presets(bench: Workbench, parts: Widgets) -> list[Any]:
    """Each button sets the controls; returns the events, so that a search can follow."""
    task, role, batch = parts.encoding
    metric, slider, temperature, targets, _ = parts.ranking
    outputs = [task, role, batch, metric, slider, temperature, targets, parts.said]
    return [
        button.click(guarded(partial(use_preset, bench, name)), None, outputs, **QUIET)
        for button, name in zip(parts.buttons, presets.NAMES, strict=True)
    ]
