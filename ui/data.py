"""The Your data tab: its widgets and their wiring; see :mod:`ui.data_view` and :mod:`ui.shelf_view`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from ui import cards, controls, data_view, exports, links, shelf_view
from ui.checks import guarded
from ui.code_view import TITLE, code_view
from ui.columns import FIRST, NONE, TAKES
from ui.controls import LIGHT, QUIET
from ui.data_view import ADD, CHOICES, REPLACE
from ui.jobs import Jobs
from ui.limits import PUBLIC
from ui.shelf import NAME_CHARS, Shelf
from ui.vectors import Workbench

DATA_QUEUE = "data"
"""Files are read beside the model, not in its queue."""
ENDINGS = ".csv,.tsv,.txt,.json,.jsonl,.ndjson,.parquet,.npy,.npz,.safetensors,.zip,image/*"
EXPLANATION = (
    "CSV (comma, semicolon, tab or bar; UTF-8, UTF-16 or Windows-1252), JSON, JSON lines, Parquet; vectors "
    "as npy, npz or safetensors; pictures one by one or as a zip. Drop what belongs together at once: a "
    "table and the pictures that its column names, a table and the vectors of its rows, a table and a second "
    "one of pairs (columns “query” and “item”). Rows that cannot be used are listed with the reason; the "
    "others go on. Nothing is fetched from an address."
)
TAKEN = (
    "npz, Parquet, CSV and JSON hold names, texts and metadata beside the vectors, npy the numbers alone. "
    "int8 is a quarter of float32 (its ranges are in npz, Parquet and JSON), binary packs eight dimensions "
    "into a byte. A file of float32 or float16 can be dropped above again; of the others the codes are "
    "taken for the vectors."
)
KEPT = (
    "Collections are kept for this visit: while the page is open, over all tabs. They are gone when the page "
    "is closed or the server starts anew; nothing is written for later visits. Take vectors away below."
)
_ZONE = """<div class="xp-zone"><button type="button" class="xp-choose xp-files">{words}</button>
<input type="file" accept="{accept}" multiple tabindex="-1" aria-hidden="true" hidden data-most="{most}">
<span class="xp-uploading" role="status"></span></div>"""


@dataclass
class Widgets:
    """What the wiring needs of the layout."""

    zone: gr.HTML
    header: gr.Checkbox
    jobs: Jobs
    status: gr.HTML
    preview: gr.HTML
    faults: gr.HTML
    faults_file: gr.DownloadButton
    choose: gr.Column
    dropdowns: list[Any]
    take: gr.Radio
    name: gr.Textbox
    buttons: list[gr.Button]


@dataclass
class Shelves:
    """The widgets of kept collections."""

    view: gr.HTML
    chosen: gr.Dropdown
    name: gr.Textbox
    buttons: list[gr.Button]
    said: gr.HTML


def build(
    bench: Workbench, collection: gr.State, tab: gr.Tab, relevance: gr.State, brought: gr.State
) -> None:
    """Lay out the tab and wire it.

    Args:
        bench: the model.
        collection: the items that the tabs share.
        tab: the tab it stands in.
        relevance: holds a :class:`ui.relevance.Relevance` of the collection, or None.
        brought: holds :class:`ui.points.Points` that the map shows instead of the collection, or None.
    """
    upload, shelf = gr.State(None, time_to_live=4 * 3600), gr.State(Shelf())
    limits = getattr(bench, "limits", PUBLIC)
    with gr.Row(elem_classes="xp-main"):
        with gr.Column(scale=4, min_width=300, elem_classes="xp-side xp-card"):
            shelves = _shelves()
        with gr.Column(scale=8, min_width=320, elem_classes="xp-out"):
            parts = _upload(limits.upload_bytes)
            _wire_export(bench, collection, *_export(bench))
    links.register("data", header=parts.header, take=parts.take)
    shared = [collection, relevance, brought, shelf, shelves.view, shelves.chosen]
    _wire_upload(bench, parts, upload, shared, limits)
    _wire_shelf(shelves, collection, relevance, brought, shelf)
    brought.change(guarded(data_view.opened), brought, _opener(), **QUIET)
    shown = guarded(shelf_view.shelf_shown)
    tab.select(shown, [shelf, collection], [shelves.view, shelves.chosen], **QUIET)


def _upload(most: int) -> Widgets:
    """The place for files, what was read, what was left out, and the columns to choose."""
    with gr.Column(elem_classes="xp-card"):
        cards.plain("<h2 class='xp-h'>Your files</h2>")
        zone = _zone(most)
        header = gr.Checkbox(True, label="The first row of a CSV names its columns", elem_id="data-header")
        jobs = Jobs("data")
        cards.plain(cards.explain(EXPLANATION))
    status = cards.plain("", elem_classes="xp-status", elem_id="data-status")
    preview = cards.plain(data_view.nothing_read(), elem_classes="xp-card", elem_id="data-preview")
    with gr.Column(visible=False, elem_classes="xp-card xp-controls", elem_id="data-choose") as choose:
        dropdowns = _dropdowns()
        with gr.Row():
            take = gr.Radio(TAKES, value=FIRST, label="Where there are too many rows", min_width=220)
            name = gr.Textbox("", label="Name of the collection", max_length=NAME_CHARS, min_width=180)
        with gr.Row(elem_classes="xp-buttons"):
            buttons = [
                gr.Button("Use as the collection", variant="primary", size="md", min_width=190),
                gr.Button("Add to the collection", size="md", min_width=215),
                gr.Button("Show on the map", size="md", min_width=170),
            ]
        with gr.Row(elem_classes="xp-buttons"):
            buttons.append(gr.Button("Show the collection on the map again", size="sm", min_width=290))
            buttons.append(gr.Button("Forget the files", size="sm", min_width=120))
    faults = cards.plain("", elem_id="data-faults")
    with gr.Row(elem_classes="xp-buttons"):
        file = gr.DownloadButton("Download what was left out (CSV)", visible=False, size="sm", min_width=220)
    return Widgets(zone, header, jobs, status, preview, faults, file, choose, dropdowns, take, name, buttons)


def _opener() -> gr.HTML:
    """Opens another tab where the server says so, without anything to be seen."""
    return gr.HTML(
        "",
        html_template="<span></span>",
        js_on_load="window.Explorer.mountOpener(element, props, watch);",
        apply_default_css=False,
        opens="",
        elem_id="data-opener",
        elem_classes="xp-unseen",
    )


def _zone(most: int) -> gr.HTML:
    words = f"Drop files here, or choose them (up to {most // 2**20:,} MB each)"
    return gr.HTML(
        "",
        html_template=_ZONE.format(words=words, accept=ENDINGS, most=most),
        js_on_load="window.Explorer.mountFiles(element, trigger, upload); // sends 'dropped'",
        apply_default_css=False,
        elem_id="data-files",
    )


def _dropdowns() -> list[Any]:
    """Which column is what."""
    asked = (
        ("Text", "what is embedded"),
        ("Picture", "names of uploaded pictures, or data"),
        ("Name", "what cards and axes show"),
        ("Vector", "used instead of the model's"),
        ("Query", "that the row answers: gives quality"),
    )
    with gr.Row():
        single = [
            gr.Dropdown([NONE], value=NONE, label=f"{label} column", info=info, min_width=150)
            for label, info in asked
        ]
    several = gr.Dropdown(
        [], value=[], multiselect=True, label="Metadata columns", info="the map can be coloured by them"
    )
    return [*single, several]


def _wire_upload(
    bench: Workbench,
    parts: Widgets,
    upload: gr.State,
    shared: list[Any],
    limits: Any,  # noqa: ANN401
) -> None:
    """Files in, then out of them a collection or a map."""
    jobs, read = parts.jobs, [parts.preview, parts.faults, parts.faults_file]
    outputs = [parts.status, upload, *read, parts.choose, *parts.dropdowns, *shared]
    count = len(outputs) - 1
    jobs.connect(outputs, (gr.skip(),) * count)
    queue = partial(_in_queue, DATA_QUEUE)

    def reading(event: gr.EventData, header: object) -> Any:  # noqa: ANN401
        for step in data_view.receive(limits, event, header):
            yield (*step, *(gr.skip(),) * len(shared))

    def making(handler: Callable[..., Any]) -> Callable[..., Any]:
        def work(*values: Any) -> Any:  # noqa: ANN401
            for status, faults, file, *rest in handler(*values):
                yield (status, gr.skip(), gr.skip(), faults, file, *(gr.skip(),) * (1 + CHOICES), *rest)

        return work

    jobs.run(queue(parts.zone.dropped), reading, [parts.header], clicked=True)
    collection, relevance, _, shelf, *_ = shared
    columns = [parts.take, parts.name, *parts.dropdowns]
    given = [upload, collection, relevance, shelf, *columns]
    for button, mode in zip(parts.buttons, (REPLACE, ADD), strict=False):
        jobs.run(queue(button.click), making(partial(data_view.use, bench, mode)), given)
    jobs.run(queue(parts.buttons[2].click), making(data_view.to_map), [upload, *columns])
    jobs.bind()
    parts.buttons[3].click(guarded(data_view.off_the_map), None, [shared[2], parts.status], **QUIET)
    forgotten = [parts.status, upload, *read, parts.choose]
    parts.buttons[4].click(guarded(data_view.forget), upload, forgotten, **QUIET)
    for dropdown in parts.dropdowns:
        dropdown.input(guarded(data_view.look), [upload, *parts.dropdowns], parts.preview, **LIGHT)


def _in_queue(name: str, listener: Callable[..., Any]) -> Callable[..., Any]:
    """The listener with a queue of its own, whatever it is told."""

    def listen(*values: Any, **options: Any) -> Any:  # noqa: ANN401
        return listener(*values, **{**options, "concurrency_id": name, "concurrency_limit": 2})

    return listen


def _shelves() -> Shelves:
    """Kept collections."""
    cards.plain("<h2 class='xp-h'>Your collections</h2>")
    view = cards.plain("", elem_id="data-shelf")
    chosen = gr.Dropdown([], value=None, label="Kept collection", interactive=True, elem_id="data-kept")
    with gr.Row(elem_classes="xp-buttons"):
        buttons = [gr.Button(text, size="sm", min_width=100) for text in ("Switch to it", "Delete")]
    name = gr.Textbox("", label="Name", max_length=NAME_CHARS, elem_id="data-name")
    with gr.Row(elem_classes="xp-buttons"):
        buttons += [
            gr.Button(text, size="sm", min_width=150) for text in ("Rename to this", "Keep what is at hand")
        ]
    said = cards.plain("", elem_classes="xp-messages", elem_id="data-kept-said")
    cards.plain(cards.explain(KEPT))
    return Shelves(view, chosen, name, buttons, said)


def _wire_shelf(
    parts: Shelves, collection: gr.State, relevance: gr.State, brought: gr.State, shelf: gr.State
) -> None:
    listed = [shelf, parts.view, parts.chosen, parts.said]
    to, delete, rename, keep = parts.buttons
    switched = [collection, relevance, brought, *listed]
    to.click(guarded(shelf_view.switch), [collection, relevance, shelf, parts.chosen], switched, **QUIET)
    delete.click(guarded(shelf_view.delete), [collection, shelf, parts.chosen], listed, **QUIET)
    renamed = [collection, shelf, parts.chosen, parts.name]
    rename.click(guarded(shelf_view.rename), renamed, listed, **QUIET)
    keep.click(guarded(shelf_view.keep_now), [collection, relevance, shelf, parts.name], listed, **QUIET)


def _export(bench: Workbench) -> tuple[list[Any], gr.Button, Jobs, list[Any]]:
    """Vectors to take away."""
    spec = bench.model.spec
    with gr.Column(elem_classes="xp-card xp-controls", elem_id="data-export"):
        cards.plain("<h2 class='xp-h'>Take the collection's vectors away</h2>")
        with gr.Row():
            task, role = controls.task_control(bench.model.tasks), controls.role_control()
            width = controls.width_control(spec.matryoshka_dims, spec.dim)
        with gr.Row():
            numbers = gr.Dropdown(
                exports.FORMATS, value="float32", label="Number format", min_width=150, elem_id="data-format"
            )
            kind = gr.Radio(
                exports.KINDS, value="npz", label="Kind of file", min_width=360, elem_id="data-kind"
            )
        with gr.Row(elem_classes="xp-buttons"):
            go = gr.Button("Make the file", size="md", min_width=140, elem_id="data-export-go")
            jobs = Jobs("export")
            file = gr.DownloadButton("Download", visible=False, size="sm", min_width=120)
        status = cards.plain("", elem_classes="xp-status", elem_id="data-export-status")
        cards.plain(cards.explain(TAKEN))
        with gr.Accordion(TITLE, open=False):
            code = code_view(elem_id="data-export-code")
    return [task, role, width.slider, numbers, kind], go, jobs, [status, file, code]


def _wire_export(
    bench: Workbench,
    collection: gr.State,
    settings: list[Any],
    go: gr.Button,
    jobs: Jobs,
    outputs: list[Any],
) -> None:
    names = ("task", "role", "dim", "format", "kind")
    links.register("data", **dict(zip(names, settings, strict=True)))
    jobs.connect(outputs, (gr.skip(),) * 2)
    jobs.run(go.click, partial(shelf_view.export, bench), [collection, *settings], trigger_mode="once")
    jobs.bind()
