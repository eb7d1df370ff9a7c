"""The Truncation lab tab: its widgets and their wiring; what they do is in :mod:`ui.truncation_lab`."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from ui import cards, controls, links, plots, saved_runs, truncation_lab
from ui.checks import guarded
from ui.code_view import TITLE, code_view
from ui.collection import MAX_BOX_CHARS
from ui.controls import LIGHT, QUIET
from ui.editor import Editor, editor
from ui.jobs import Jobs
from ui.truncation_figures import GROUP
from ui.truncation_lab import KNOWN, MOST_NEAR, OUTPUTS, SOURCES
from ui.truncation_numbers import MEASURES, METRICS
from ui.vectors import Workbench

EXPLANATION = (
    "Everything above follows the dimension slider without asking the server: the page holds the full-width "
    "vectors, keeps their first numbers and brings them back to length 1. The matrix compares every item "
    "with every other; “change” shows what has risen (orange) or fallen (blue) against full width. On the "
    "map (PCA, turned onto the full-width one) a line leads from where an item lies at full width to where "
    "it lies now: long lines are items whose surroundings changed. “Lost” are neighbours at full width that "
    "are none any more; press one to see both items."
)
CURVES = (
    "Neighbours kept and rank correlation compare with the same adapter at full width in float32, which is 1 "
    "by definition. int8 ranges are fitted on these items."
)
READ = {
    "by-adapter": "Each curve is a mean over items (over queries, for quality), the band its 95% bootstrap "
    "interval: where bands overlap, these items cannot tell the curves apart. The dotted line is the slider.",
    "by-format": "The adapter on show, with smaller numbers. PCA is the control: as many principal axes "
    "instead of the first dimensions, fitted on these very items, which flatters it; it needs the full "
    "vectors first, truncation does not.",
    "by-bytes": "Each mark is a trained width in one format: further left is smaller, higher is better. On "
    "the grey front no other setting is as good for as little. The dotted lines are the slider's width in "
    "each format.",
}
PAIRS_HELP = (
    "One pair per line: the number of the item that asks, the number of the item that answers it (as in the "
    "table of neighbours), and a gain if some answers are better than others: “1, 7” or “1, 7, 2”. "
    "Then press Measure."
)
_TEMPLATE = """
<figure class="xp-lab">
  <figcaption><span class="xp-chart-title"></span><span class="xp-map-saves">
    <button type="button" class="xp-png" data-save="png">Save PNG</button>
    <button type="button" class="xp-png" data-save="csv">Save CSV</button>
    <button type="button" class="xp-png" data-save="json">Save JSON</button></span></figcaption>
  <dl class="xp-stats xp-lab-facts"></dl>
  <div class="xp-lab-panes">
    <div class="xp-lab-pane">
      <div class="xp-map-tools"><div role="group" aria-label="What the matrix shows">
        <button type="button" data-view="cosine" aria-pressed="true">Cosine</button>
        <button type="button" data-view="change" aria-pressed="false">Change</button></div>
        <button type="button" data-order aria-pressed="true">Alike together</button></div>
      <div class="xp-lab-matrix" tabindex="0" role="application" aria-label="No matrix yet">
        <canvas></canvas></div>
      <div class="xp-lab-ramp"><span></span><i></i><span></span></div>
    </div>
    <div class="xp-lab-pane">
      <div class="xp-map-tools"><span>Map, turned onto full width</span></div>
      <div class="xp-lab-map" role="img" aria-label="No map yet"><canvas></canvas></div>
      <p class="xp-lab-key"><span class="xp-lab-was"></span> at full width
        <span class="xp-lab-is"></span> now</p>
    </div>
  </div>
  <div class="xp-live" aria-live="polite"></div>
  <section class="xp-lab-pair" aria-label="The two items" hidden></section>
  <section class="xp-lab-lost" aria-label="Neighbours"></section>
</figure>
"""


@dataclass
class Widgets:
    """What the wiring needs of the layout."""

    editor: Editor
    settings: list[Any]
    go: gr.Button
    jobs: Jobs
    status: gr.HTML
    lab: gr.HTML
    figures: list[gr.HTML]
    numbers: gr.HTML
    code: gr.HTML


def figure() -> gr.HTML:
    """Matrix, map and neighbours, drawn by ``assets/ui/truncation.js`` at any width.

    ``value`` is the JSON of :func:`ui.truncation_figures.lab_spec`; the property ``patch`` changes how many
    neighbours count.
    """
    return gr.HTML(
        "",
        html_template=_TEMPLATE,
        js_on_load="window.Explorer.mountLab(element, props, watch);",
        apply_default_css=False,
        patch="",
        elem_id="truncation-lab",
        elem_classes="xp-card",
    )


def layout(bench: Workbench, collection: gr.State) -> Widgets:
    """Place the tab's widgets."""
    with gr.Row(elem_classes="xp-main"):
        with gr.Column(scale=4, min_width=300, elem_classes="xp-side xp-card"):
            edited = editor(collection)
        with gr.Column(scale=8, min_width=320, elem_classes="xp-out"):
            with gr.Column(elem_classes="xp-card xp-controls"):
                first, go, jobs, width = _controls(bench)
            status = cards.plain("", elem_classes="xp-status", elem_id="truncation-status")
            lab = figure()
            cards.plain(cards.explain(EXPLANATION))
            measure = gr.Radio(
                MEASURES, value=MEASURES[0], label="The curves show", elem_id="truncation-measure"
            )
            with gr.Row(elem_classes="xp-charts"):
                figures = [
                    plots.explained(READ[name], elem_id=f"truncation-{name}")
                    for name in ("by-adapter", "by-format")
                ]
            figures.append(plots.explained(READ["by-bytes"], elem_id="truncation-by-bytes"))
            numbers = cards.plain("", elem_classes="xp-card", elem_id="truncation-numbers")
            cards.plain(cards.explain(CURVES))
            with gr.Accordion(TITLE, open=False):
                code = code_view(elem_id="truncation-code")
            saved_runs.section()
    return Widgets(edited, [*first, measure, width], go, jobs, status, lab, figures, numbers, code)


def _controls(bench: Workbench) -> tuple[list[Any], gr.Button, Jobs, gr.Slider]:
    spec = bench.model.spec
    names = [str(task) for task in bench.model.tasks]
    width = controls.width_control(spec.matryoshka_dims, max(1, spec.dim // 4))
    with gr.Row():
        task = controls.task_control(bench.model.tasks, "Adapter on show")
        tasks = gr.CheckboxGroup(names, value=names, label="Curves of", min_width=200)
        role = controls.role_control()
        near = controls.number_slider(
            1, MOST_NEAR, value=5, step=1, label="Neighbours that count", min_width=160
        )
    with gr.Accordion("Quality: which items answer which", open=False):
        with gr.Row():
            source = gr.Radio(SOURCES, value=KNOWN, label="Pairs", min_width=240)
            metric = gr.Dropdown(METRICS, value=METRICS[0], label="Metric", min_width=120)
            turned = gr.Checkbox(False, label="The other way round: answers ask", min_width=160)
        pairs = gr.Textbox(
            label="Pairs typed", info=PAIRS_HELP, lines=3, max_lines=12, max_length=MAX_BOX_CHARS
        )
    with gr.Row(elem_classes="xp-buttons"):
        go = gr.Button("Measure", variant="primary", elem_id="truncation-go", min_width=120)
        jobs = Jobs("truncation")
    return [task, tasks, role, near, metric, source, pairs, turned], go, jobs, width.slider


def build(bench: Workbench, collection: gr.State, tab: gr.Tab, relevance: gr.State | None = None) -> None:
    """Lay out the tab and wire it.

    Args:
        bench: the model.
        collection: the items that the tabs share.
        tab: the tab it stands in.
        relevance: holds a :class:`ui.relevance.Relevance` that came with uploaded data, or None.
    """
    parts = layout(bench, collection)
    brought = relevance if relevance is not None else gr.State(None)
    state = gr.State(None)
    task, tasks, role, near, metric, source, pairs, turned, measure, slider = parts.settings
    links.register(
        "truncation", task=task, curves=tasks, role=role, near=near, metric=metric, pairs=source,
        turned=turned, measure=measure, dim=slider,
    )  # fmt: skip
    inputs = [brought, collection, *parts.settings]
    outputs = [parts.status, state, parts.lab, *parts.figures, parts.numbers, parts.code]
    parts.jobs.connect(outputs, (gr.skip(),) * (OUTPUTS - 1))
    parts.jobs.follow(partial(truncation_lab.step, bench), [state, slider], [parts.numbers, parts.code])
    parts.jobs.run(parts.go.click, partial(truncation_lab.run, bench), [state, *inputs])
    changed = [control.input for control in (task, tasks, role, metric, source, turned)]
    changed += [near.change, pairs.submit, pairs.blur]
    parts.jobs.run(
        partial(gr.on, changed),
        partial(truncation_lab.run, bench),
        [state, *inputs],
        trigger_mode="always_last",
    )
    tab.select(cards.collection_list, collection, parts.editor.view, **QUIET)
    edits = [parts.editor.loaded, *parts.editor.changed]
    for listener in (tab.select, *(edit.then for edit in edits)):
        parts.jobs.run(listener, partial(truncation_lab.keep_up, bench), [state, *inputs], unasked=True)
    parts.jobs.bind()
    measure.change(guarded(partial(truncation_lab.redraw, bench)), [state, measure], parts.figures, **LIGHT)
    # two listeners: the browser draws at once, the server's exact numbers follow
    slider.change(None, slider, js=f"(width) => window.Explorer.labWidth('{GROUP}', width)", **QUIET)
    slider.change(
        guarded(partial(truncation_lab.step, bench)), [state, slider], [parts.numbers, parts.code], **LIGHT
    )
