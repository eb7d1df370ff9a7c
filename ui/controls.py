"""Controls that more than one tab has: the collection's editor, task, role, width and measure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from ui import cards, examples, uploads
from ui.checks import guarded
from ui.collection import MAX_BOX_CHARS, Added, Item, extend, texts_from, without
from ui.server import MODEL_QUEUE

Collection = tuple[Item, ...]

ROLES = ("query", "passage")
METRIC_WORDS = [("cosine", "cosine"), ("dot", "dot"), ("Euclidean", "euclidean")]


# Options of event listeners. Every event is private: what others may call is published on purpose, elsewhere.
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUIET: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
LIGHT: dict[str, Any] = {"trigger_mode": "always_last", "concurrency_limit": 8, **QUIET}
"""For what is computed from cached vectors: of many slider steps only the last one waits."""


def heavy(status: gr.HTML) -> dict[str, Any]:
    """Options for what runs the model: one at a time for all tabs; waiting and time show at ``status``."""
    shown = {"show_progress": "minimal", "show_progress_on": [status]}
    return {"concurrency_id": MODEL_QUEUE, "concurrency_limit": 1, **shown, **PRIVATE}


def task_control(tasks: Sequence[str], label: str = "Task", **kwargs: Any) -> gr.Dropdown:
    """Which adapter encodes."""
    first = "retrieval" if "retrieval" in tasks else str(tasks[0])
    names = [str(task) for task in tasks]
    return gr.Dropdown(
        names, value=first, label=label, info="the LoRA adapter in use", min_width=150, **kwargs
    )


def role_control(**kwargs: Any) -> gr.Radio:
    """The prompt in front of texts: the architecture note's Query and Document."""
    info = "asked, or able to answer"
    return gr.Radio(ROLES, value="query", label="Role of texts", info=info, min_width=180, **kwargs)


def metric_control() -> gr.Radio:
    """Which similarity."""
    return gr.Radio(METRIC_WORDS, value="cosine", label="Measure", min_width=180)


@dataclass
class Width:
    """A dimension slider with one-click marks at the widths the model was trained to be cut to."""

    slider: gr.Slider
    marks: gr.HTML

    def bind(self, widths: Sequence[int]) -> None:
        """A click on a mark moves the slider, which then does the rest."""

        def pick(event: gr.EventData) -> Any:  # noqa: ANN401
            return width_picked(_index_of(event), widths)

        self.marks.pick(pick, None, self.slider, **QUIET)


def width_control(widths: Sequence[int], value: int, label: str = "Dimensions") -> Width:
    """The slider from 1 to full width, and its marks."""
    full = widths[-1]
    with gr.Column(min_width=220, elem_classes="xp-width"):
        slider = gr.Slider(1, full, value=value, step=1, label=label)
        marks = cards.clickable(width_marks(widths))
    control = Width(slider, marks)
    control.bind(widths)
    return control


def width_marks(widths: Sequence[int]) -> str:
    """Buttons for the trained widths."""
    buttons = "".join(
        f"<button type='button' data-event='pick' data-index='{width}' aria-label='{width} "
        f"dimensions'>{width}</button>"
        for width in widths
    )
    return f"<div class='xp-marks'>{buttons}</div>"


def width_picked(width: int | None, widths: Sequence[int]) -> Any:  # noqa: ANN401
    """The slider's new value; unchanged for a width that was not offered."""
    return width if width in widths else gr.skip()


def _index_of(event: gr.EventData) -> int | None:
    data = event._data if isinstance(event._data, dict) else {}
    value = data.get("index")
    return value if isinstance(value, int) and not isinstance(value, bool) else None


@dataclass
class Editor:
    """The widgets that edit the collection of this session; every tab that works on it has one."""

    view: gr.HTML
    box: gr.Textbox
    messages: gr.HTML

    def show(self, collection: Collection) -> str:
        """The list as it stands."""
        return cards.collection_list(collection)


def add_texts(collection: Collection, box: object) -> tuple[Collection, str, str, str]:
    """Lines of the text box become items.

    Returns:
        Collection, its list, messages, and the emptied box (kept as it was if nothing could be used).
    """
    added = texts_from(box)
    if not added.items and not added.problems:
        added = Added(problems=("There is no text to add: type at least one line.",))
    updated, said = extend(collection, added)
    return updated, cards.collection_list(updated), _said(said), "" if added.items else str(box or "")


def add_images(collection: Collection, event: gr.EventData) -> tuple[Collection, str, str]:
    """Dropped pictures become items; those that cannot be used are named."""
    updated, said = extend(collection, uploads.received(event))
    return updated, cards.collection_list(updated), _said(said)


def load_example(name: object) -> tuple[Collection, str, str]:
    """An example set takes the collection's place."""
    updated, said = extend((), examples.example_set(name))
    about = examples.examples()[str(name)].about if said.items else ""
    return updated, cards.collection_list(updated), cards.notes(said.problems, [about] if about else [])


def clear() -> tuple[Collection, str, str]:
    """An empty collection."""
    return (), cards.collection_list(()), ""


def _said(added: Added) -> str:
    count = len(added.items)
    done = [f"{count} added"] if count else []
    return cards.notes(added.problems, [*added.notices, *done])


def remove_item(collection: Collection, event: gr.EventData) -> tuple[Collection, str]:
    """A click on an item's cross takes it out."""
    updated = without(collection, _index_of(event))
    return updated, cards.collection_list(updated)


def editor(collection: gr.State) -> Editor:
    """Build the editor and wire it to the session's collection."""
    cards.plain("<h2 class='xp-h'>Collection</h2>")
    listed = cards.collection_list(examples.first_items())
    view = uploads.drop_zone(listed, "Drop pictures here, or choose files", elem_classes="xp-collection")
    messages = cards.plain("", elem_classes="xp-messages")
    box = gr.Textbox(
        label="Add texts", placeholder="one text per line", lines=2, max_lines=8, max_length=MAX_BOX_CHARS
    )
    with gr.Row(elem_classes="xp-buttons"):
        add = gr.Button("Add texts", size="sm", min_width=90)
        empty = gr.Button("Clear", size="sm", min_width=70)
    sets = examples.names()
    chosen = gr.Dropdown(sets, value=sets[0] if sets else None, label="Example sets", interactive=True)
    built = Editor(view, box, messages)
    wire: Callable[..., Any] = partial(_wire, outputs=[collection, view, messages])
    gr.on(
        [add.click, box.submit],
        guarded(add_texts),
        [collection, box],
        [collection, view, messages, box],
        **PRIVATE,
    )
    wire(view.dropped, add_images, [collection])
    wire(chosen.input, load_example, [chosen])
    wire(empty.click, clear, None)
    view.remove(remove_item, collection, [collection, view], **QUIET)
    return built


def _wire(event: Callable[..., Any], handler: Callable[..., Any], inputs: Any, outputs: Any) -> None:  # noqa: ANN401
    event(guarded(handler), inputs, outputs, **QUIET)


def cancelled() -> str:
    """What the status says after the cancel button."""
    return cards.note(
        "Stopped. What was encoded so far is remembered: pressing the button again goes on from there."
    )
