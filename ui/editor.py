"""The collection's editor: what is in it, more texts and pictures, example sets, and what goes out again."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui import cards, examples, links, uploads
from ui.checks import guarded
from ui.collection import MAX_BOX_CHARS, Added, extend, texts_from, without
from ui.controls import QUIET, Collection, index_of


@dataclass
class Editor:
    """The widgets that edit the collection of this session; every tab that works on it has one.

    Attributes:
        view: the list.
        chosen: names of the example sets.
        loaded: the event that a set has taken the collection's place.
        changed: the events of every other change.
    """

    view: gr.HTML
    chosen: gr.Dropdown
    loaded: Any
    changed: list[Any]


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


def remove_item(collection: Collection, event: gr.EventData) -> tuple[Collection, str, str]:
    """A click on an item's cross takes it out, and what was said before with it."""
    updated = without(collection, index_of(event))
    return updated, cards.collection_list(updated), ""


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
    links.sets(chosen)
    outputs = [collection, view, messages]
    adding = [add.click, box.submit]
    changed = [
        gr.on(adding, guarded(add_texts), [collection, box], [*outputs, box], **QUIET),
        view.dropped(guarded(add_images), collection, outputs, **QUIET),
        view.remove(guarded(remove_item), collection, outputs, **QUIET),
        empty.click(guarded(clear), None, outputs, **QUIET),
    ]
    loaded = chosen.input(guarded(load_example), chosen, outputs, **QUIET)
    return Editor(view, chosen, loaded, changed)
