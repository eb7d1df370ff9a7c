"""The Map tab: its widgets and their wiring; what they do is in :mod:`ui.map_view`."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from ui import (
    cards,
    controls,
    links,
    map_controls,
    map_groups,
    map_view,
    neighbourhood,
    projection,
    projector,
)
from ui.checks import guarded
from ui.code_view import code_view
from ui.controls import LIGHT, QUIET
from ui.editor import Editor, editor
from ui.jobs import Jobs
from ui.map_groups import GROUPINGS, MOST_GROUPS, NO_CLUSTERS
from ui.map_view import SPACES, MapState, View
from ui.vectors import Workbench

AFTER_SECONDS = 10.0
"""A page that opens as soon as the process listens takes a second more beside a warm-up."""
MAP_QUEUE = "map"
"""Maps wait for each other, but nobody's encoding waits for a map."""

_TOOLS = """
<div class="xp-map-tools">
  <div role="group" aria-label="What dragging does">
    <button type="button" data-tool="move" aria-pressed="true">Move</button>
    <button type="button" data-tool="box" aria-pressed="false">Box</button>
    <button type="button" data-tool="lasso" aria-pressed="false">Lasso</button>
  </div>
  <div role="group" aria-label="View">
    <button type="button" data-do="in" aria-label="Zoom in">+</button>
    <button type="button" data-do="out" aria-label="Zoom out">−</button>
    <button type="button" data-do="reset">Reset view</button>
  </div>
  <label>Colour <select class="xp-map-colour"></select></label>
  <div role="group" aria-label="Show">
    <button type="button" data-show="showThumbs" aria-pressed="true">Pictures</button>
    <button type="button" data-show="showLabels" aria-pressed="true">Labels</button>
  </div>
  <label class="xp-map-search">Find <input type="search" placeholder="words in the items"></label>
  <button type="button" data-do="select" disabled>Select these</button>
  <span class="xp-map-found" role="status"></span>
</div>
"""
_TEMPLATE = f"""
<figure class="xp-map">
  <figcaption><span class="xp-chart-title"></span><span class="xp-map-saves">
    <button type="button" class="xp-png" data-save="png">Save PNG</button>
    <button type="button" class="xp-png" data-save="html">Save HTML</button>
    <button type="button" class="xp-png" data-save="json">Save JSON</button></span></figcaption>
  {_TOOLS}
  <div class="xp-map-stage" tabindex="0" role="application" aria-label="No map yet"><canvas></canvas></div>
  <p class="xp-map-keys">Arrow keys walk from point to point, Enter shows neighbours, Space selects,
    + and − zoom, Shift with arrows moves or turns the map, Escape clears.</p>
  <div class="xp-map-legend" role="group" aria-label="Colours: press one to see only these"></div>
  <div class="xp-live" aria-live="polite"></div>
  <section class="xp-map-chosen" aria-label="Selection" hidden></section>
</figure>
"""


@dataclass
class Widgets:
    """What the wiring needs of the layout."""

    editor: Editor
    encoding: list[Any]
    drawing: list[Any]
    marks: gr.HTML
    grouping: list[Any]
    go: gr.Button
    jobs: Jobs
    status: gr.HTML
    figure: gr.HTML
    measures: gr.HTML
    panel: gr.HTML
    code: gr.HTML


def figure() -> gr.HTML:
    """The map on the page, drawn by ``assets/ui/map.js``.

    ``value`` is the JSON of :func:`ui.points.base_spec` with a layout; the properties ``patch`` (another
    layout of the same points), ``groups`` (clusters as a column) and ``near`` (neighbours to mark) change
    what is there. Sends ``near`` with the index of a point as ``pick``.
    """
    return gr.HTML(
        "",
        html_template=_TEMPLATE,
        js_on_load="window.Explorer.mountMap(element, props, trigger, watch); // sends 'pick'",
        apply_default_css=False,
        patch="",
        groups="",
        near="",
        elem_id="map-figure",
        elem_classes="xp-card",
    )


def layout(bench: Workbench, collection: gr.State) -> Widgets:
    """Place the tab's widgets."""
    with gr.Row(elem_classes="xp-main"):
        with gr.Column(scale=4, min_width=300, elem_classes="xp-side xp-card"):
            edited = editor(collection)
        with gr.Column(scale=8, min_width=320, elem_classes="xp-out"):
            with gr.Column(elem_classes="xp-card xp-controls"):
                encoding, drawing, marks, grouping, go, jobs = _controls(bench)
            status = cards.plain("", elem_classes="xp-status", elem_id="map-status")
            drawn = figure()
            measures = cards.plain("", elem_id="map-measures")
            panel = cards.clickable(
                neighbourhood.nothing_chosen(), elem_classes="xp-card", elem_id="map-neighbours"
            )
            cards.plain(cards.explain(map_view.JUDGED))
            cards.plain(cards.explain(map_view.EXPLANATION))
            with gr.Accordion("The Python that does the same", open=False):
                code = code_view(elem_id="map-code")
    return Widgets(edited, encoding, drawing, marks, grouping, go, jobs, status, drawn, measures, panel, code)


def _controls(bench: Workbench) -> tuple[list[Any], list[Any], gr.HTML, list[Any], gr.Button, Jobs]:
    spec = bench.model.spec
    with gr.Row():
        method = gr.Radio(
            projection.METHODS, value="PCA", label="Method", min_width=200, elem_id="map-method"
        )
        space = gr.Radio(SPACES, value="2D", label="Space", min_width=110, elem_id="map-space")
        task = controls.task_control(bench.model.tasks)
        role = controls.role_control()
    with gr.Row():
        width = controls.width_control(spec.matryoshka_dims, spec.dim)
        grouping = [
            gr.Dropdown(
                GROUPINGS,
                value=NO_CLUSTERS,
                label="Clusters",
                info="of full-width vectors",
                min_width=150,
                elem_id="map-clusters",
            ),
            gr.Slider(
                2,
                MOST_GROUPS,
                value=4,
                step=1,
                label="How many",
                info="HDBSCAN: fewest items in one",
                min_width=150,
            ),
        ]
    with gr.Row(elem_classes="xp-buttons"):
        go = gr.Button("Draw the map", variant="primary", elem_id="map-go", min_width=120)
        jobs = Jobs("map")
    return [task, role], [method, space, width.slider], width.marks, grouping, go, jobs


def build(
    bench: Workbench,
    collection: gr.State,
    tab: gr.Tab,
    brought: gr.State | None = None,
    maker: projector.Projector | None = None,
) -> None:
    """Lay out the tab and wire it.

    Args:
        bench: the model.
        collection: the items that the tabs share.
        tab: the tab it stands in.
        brought: holds :class:`ui.points.Points` to show instead of the collection (vectors that were
            uploaded, say), or None.
        maker: computes the maps; None for the one of this process.
    """
    maker = maker or projector.shared()
    parts = layout(bench, collection)
    task, role = parts.encoding
    method, space, slider = parts.drawing
    links.register("map", task=task, role=role, method=method, space=space, dim=slider)
    links.register("map", clusters=parts.grouping[0], groups=parts.grouping[1])
    brought = brought if brought is not None else gr.State(None)
    state, view = gr.State(None), gr.State(View())
    shown = [parts.figure, parts.measures, parts.code]
    parts.jobs.connect([parts.status, state, *shown], (gr.skip(),) * 4)
    inputs = [view, state, brought, collection, *parts.encoding, *parts.drawing]
    own_queue = partial(_in_queue, MAP_QUEUE)
    marked, follow = [parts.figure, parts.panel], guarded(map_view.near_again)
    offered = guarded(_offered(bench, task, role))

    def drawn_by(listener: Callable[..., Any], handler: Callable[..., Any], **how: bool) -> None:
        parts.jobs.run(listener, partial(handler, bench), inputs, **how)
        after = parts.jobs.events[-1].then
        after(follow, [view, state, slider], marked, **LIGHT)
        after(offered, [view, state, slider], [*parts.encoding, slider, parts.marks], **LIGHT)
        parts.jobs.run(own_queue(after), partial(map_view.refine, maker), [view, state], **how)
        regroup = partial(map_groups.group_again, maker)
        parts.jobs.run(own_queue(parts.jobs.events[-1].then), regroup, [view, state, *parts.grouping], **how)

    drawn_by(parts.go.click, map_view.run)
    drawn_by(partial(gr.on, [control.input for control in parts.encoding]), map_view.run)
    tab.select(cards.collection_list, collection, parts.editor.view, **QUIET)
    edits = [parts.editor.loaded, *parts.editor.changed]
    # whoever edits the collection here wants to see it, not the vectors that were brought
    seen_again = [edit.then(_nothing_brought, None, brought, **QUIET).then for edit in edits]
    for listener in (tab.select, *seen_again):
        drawn_by(listener, map_view.keep_up, unasked=True)
    for moved in (method.input, space.input, slider.change):
        glance = guarded(partial(map_view.glance, bench, maker))
        seen = moved(glance, [view, state, *parts.drawing], shown, **LIGHT)
        parts.jobs.run(own_queue(seen.then), partial(map_view.refine, maker), [view, state])
    for changed in (parts.grouping[0].input, parts.grouping[1].release):
        parts.jobs.run(own_queue(changed), partial(map_groups.group, maker), [view, state, *parts.grouping])
    parts.jobs.bind()
    slider.change(follow, [view, state, slider], marked, **LIGHT)
    for source in (parts.figure.pick, parts.panel.pick):
        source(guarded(_near), [view, state, slider], marked, **LIGHT)


def _offered(bench: Workbench, task: Any, role: Any) -> Callable[..., tuple[Any, ...]]:  # noqa: ANN401
    """What makes the controls follow the vectors on the map; its words are those of the page, when asked."""

    def follow(*values: Any) -> tuple[Any, ...]:
        offer = map_controls.Offer(bench.model.spec.matryoshka_dims, task.info, role.info)
        return map_controls.follow(offer, *values)

    return follow


def _in_queue(name: str, listener: Callable[..., Any]) -> Callable[..., Any]:
    """The listener with a queue of its own, whatever it is told."""

    def listen(*values: Any, **options: Any) -> Any:  # noqa: ANN401
        return listener(*values, **{**options, "concurrency_id": name, "trigger_mode": "multiple"})

    return listen


def _nothing_brought() -> None:
    return None


def _near(view: View, state: MapState | None, dim: object, event: gr.EventData) -> tuple[Any, ...]:
    return map_view.near(view, state, dim, controls.index_of(event))


def warm_up(bench: Workbench) -> None:
    """Get UMAP ready in the background, once the model is and the first page had its time to load.

    Whoever asks for a UMAP before that starts it at once.
    """

    def wait() -> None:
        bench.warmed.wait()
        time.sleep(AFTER_SECONDS)
        projector.shared().start()

    threading.Thread(target=wait, name="warm-up-maps", daemon=True).start()
