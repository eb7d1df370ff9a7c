"""The Model tab: what is running, drawn and counted, and the way to another model."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

import gradio as gr

from embedder.anatomy import Anatomy, anatomy
from embedder.errors import EmbedderError
from embedder.spec import JINA_V4
from ui import architecture, cards, model_facts
from ui.cards import esc
from ui.checks import guarded
from ui.code_view import code_view
from ui.controls import QUIET, as_sent
from ui.models import Ticket
from ui.vectors import Workbench

QUEUE = "switch"
TITLE = "The Python that loads this model"
OWN = "The page of another model is opened anew: settings in the address come along, your own items do not."


def build(bench: Workbench, tab: gr.Tab) -> None:
    """Lay out the tab and wire it."""
    parts = anatomy(bench.model)
    with gr.Row(elem_classes="xp-main"):
        with gr.Column(scale=5, min_width=300, elem_classes="xp-card"):
            cards.plain("<h2 class='xp-h'>Architecture</h2>")
            cards.plain(architecture.drawing(parts, bench.model.spec.name), elem_id="model-drawing")
            cards.plain(cards.explain(model_facts.READ_DRAWING))
        with gr.Column(scale=7, min_width=320, elem_classes="xp-out"):
            with gr.Column(elem_classes="xp-card"):
                chooser = _chooser(bench)
            running = cards.plain("", elem_classes="xp-card", elem_id="model-running")
            memory = cards.plain("", elem_classes="xp-card", elem_id="model-memory")
            cards.plain(model_facts.parameters(parts), elem_classes="xp-card", elem_id="model-parameters")
    cards.plain(_generations(bench, parts), elem_classes="xp-card", elem_id="model-generations")
    cards.plain(model_facts.unsupported(), elem_classes="xp-card", elem_id="model-unsupported")
    cards.plain(model_facts.caps(bench.limits), elem_classes="xp-card", elem_id="model-caps")
    cards.plain(model_facts.versions(), elem_classes="xp-card", elem_id="model-versions")
    with gr.Accordion(TITLE, open=False):
        code_view(elem_id="model-code").value = python_code(bench)
    tab.select(guarded(partial(now, bench)), None, [running, memory, chooser], **QUIET)


def _chooser(bench: Workbench) -> gr.HTML:
    """The models there are; where this host allows it, the way to load another. Returns the list."""
    cards.plain("<h2 class='xp-h'>Models of this host</h2>")
    listed = cards.plain(choices(bench), elem_id="model-list")
    cards.plain(cards.explain(OWN))
    if not bench.models or not bench.limits.load_models:
        return listed
    name = as_sent(
        gr.Dropdown(
            list(bench.models.offered),
            value=None,
            label="Another model",
            info="of the list, a hub id owner/name, or a folder of the server in the published layout",
            allow_custom_value=True,
            elem_id="model-name",
        )
    )
    with gr.Row(elem_classes="xp-buttons"):
        go = gr.Button("Load and switch", variant="primary", elem_id="model-go", min_width=140)
        stop = gr.Button("Cancel", elem_id="model-cancel", min_width=90, interactive=False)
    status = cards.plain("", elem_classes="xp-status", elem_id="model-status")
    ticket = gr.State(Ticket())
    options = {"concurrency_id": QUEUE, "concurrency_limit": 4, **QUIET}
    go.click(partial(switch, bench), [name, ticket], [status, listed, go, stop], **options)
    stop.click(cancel, ticket, status, **QUIET)
    return listed


def _generations(bench: Workbench, parts: Anatomy) -> str:
    return model_facts.generations(parts, bench.model.spec.name, is_v4=_is_v4(bench))


def _is_v4(bench: Workbench) -> bool:
    return bench.model.spec.licence == JINA_V4.licence and bench.model.spec.dim == JINA_V4.dim


def python_code(bench: Workbench) -> str:
    """Python that loads the same model and repeats the tab's numbers."""
    return (
        "from embedder import Embedder\nfrom embedder.anatomy import anatomy\n\n"
        f"model = {bench.load_code()}\n"
        "print(model.memory_report())  # bytes\nprint(anatomy(model))  # layers, widths, parameters\n"
    )


def now(bench: Workbench) -> tuple[str, str, str]:
    """What may have changed since the page was built.

    Returns:
        (what is running, memory, the list of models)
    """
    model, models = bench.model, bench.models
    asked = {"device": models.device, "precision": models.precision} if models else {}
    shown = model_facts.running(model, bench.model_argument, asked)
    try:
        report = model.memory_report()
    except EmbedderError as error:  # it was let go
        return shown, cards.note(str(error), "warn"), choices(bench)
    said = model_facts.memory(report, model.spec.name, str(model.precision), is_v4=_is_v4(bench))
    return shown, said, choices(bench)


def choices(bench: Workbench) -> str:
    """The models that are loaded, each with the way to its page; the one of this page is marked."""
    benches: Sequence[Workbench] = bench.models.benches if bench.models else (bench,)
    rows = "".join(_listed(one, here=one is bench) for one in benches)
    gone = "" if bench in benches else cards.note("The model of this page was let go: open another.", "warn")
    return f"{gone}<ul class='xp-models'>{rows}</ul>"


def _listed(bench: Workbench, *, here: bool) -> str:
    model = bench.model
    facts = f"{model.spec.dim} wide, {model.device}, {model.precision}, licence {model.spec.licence}"
    way = "<b>this page</b>" if here else way_to(bench, "Open its page")
    return f"<li><span>{esc(model.spec.name)}</span> <small>{esc(facts)}</small> {way}</li>"


def way_to(bench: Workbench, words: str) -> str:
    """A link to the page of a model; the page adds its own settings to it."""
    address = f"./?model={quote(bench.model_argument, safe='')}"
    return f"<a class='xp-go-there' href='{esc(address)}'>{esc(words)}</a>"


def switch(bench: Workbench, name: object, ticket: Ticket) -> Iterator[tuple[Any, ...]]:
    """Load another model and put its page in front.

    Yields:
        (status, list of models, the button that starts, the button that cancels)
    """
    ready = (gr.Button(interactive=True), gr.Button(interactive=False))
    if not bench.models:
        yield cards.note("This host offers only the model that runs.", "warn"), gr.skip(), *ready
        return
    ticket.cancelled = False
    try:
        for stage in bench.models.switch(name, ticket):
            if stage.ready is None:
                bar = cards.note(f"{stage.words} … {stage.seconds:.0f} s. This page goes on meanwhile.")
                yield bar, gr.skip(), gr.Button(interactive=False), gr.Button(interactive=True)
                continue
            yield _arrived(stage.ready.bench, stage.seconds), choices(bench), *ready
    except EmbedderError as error:
        said = f"{error} — The model that runs is as it was."
        yield cards.note(said, "error"), choices(bench), *ready


def _arrived(bench: Workbench, seconds: float) -> str:
    name = bench.model.spec.name
    took = f" after {seconds:.1f} s" if seconds else ""
    return cards.note(f"{name} is ready{took}. Your requests that run end on the model they began with.") + (
        f"<p>{way_to(bench, f'Open the page with {name}')}</p>"
    )


def cancel(ticket: Ticket) -> str:
    """Ask for a stop: what is being read is read to its end and dropped."""
    ticket.cancelled = True
    return cards.note("Cancelling: what is being read is read to its end, then dropped. Nothing is switched.")
