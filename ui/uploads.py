"""Pictures by drop, paste or file dialogue, shown as thumbnails; gradio's own file list shows names only."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from ui import cards
from ui.collection import MAX_IMAGES, Added, Item, extend, images_from, without

_TEMPLATE = """<div class="xp-dropped">${{value}}</div>
<div class="xp-zone"><button type="button" class="xp-choose">{words}</button>
<input type="file" accept="image/*" {multiple} tabindex="-1" aria-hidden="true" hidden>
<span class="xp-uploading" role="status"></span></div>"""


def drop_zone(value: str, words: str, *, multiple: bool = True, **options: Any) -> gr.HTML:
    """HTML with a place below it that takes pictures.

    Sends ``dropped`` with the paths that the server gave the uploads, and ``pick`` and ``remove`` as
    :func:`ui.cards.clickable`.

    Args:
        value: what stands above the place, e.g. the pictures that are there.
        words: what the button says.
        multiple: whether it takes several at once.
        **options: of ``gr.HTML``.
    """
    script = (
        "window.Explorer.mountClicks(element, trigger); // sends 'pick' and 'remove'\n"
        "window.Explorer.mountDrop(element, trigger, upload); // sends 'dropped'"
    )
    template = _TEMPLATE.format(words=cards.esc(words), multiple="multiple" if multiple else "")
    return gr.HTML(value, html_template=template, js_on_load=script, apply_default_css=False, **options)


def stored(event: gr.EventData) -> tuple[list[str], tuple[str, ...]]:
    """The files of a ``dropped`` event, and what was wrong with others.

    The event comes from the browser, so anything can be in it: only files that this server has stored as
    uploads are named.
    """
    data = event._data if isinstance(event._data, dict) else {}
    paths = data.get("paths")
    if not isinstance(paths, list) or not all(isinstance(path, str) and "\0" not in path for path in paths):
        return [], ("The upload was not understood: please try again.",)
    root = Path(get_upload_folder()).resolve()
    inside = [path for path in paths if Path(path).resolve().is_relative_to(root) and Path(path).is_file()]
    stray = len(paths) - len(inside)
    return inside, ((f"{stray} of {len(paths)} files are no uploads of this page",) if stray else ())


def received(event: gr.EventData) -> Added:
    """The pictures of a ``dropped`` event; see :func:`stored`."""
    inside, problems = stored(event)
    return images_from(inside) + Added(problems=problems)


def pictures_row(pictures: Sequence[Item]) -> str:
    """Thumbnails with a button each that removes it."""
    return '<ul class="xp-row">' + "".join(_tile(item, at) for at, item in enumerate(pictures)) + "</ul>"


def _tile(item: Item, index: int) -> str:
    name = cards.esc(item.label)
    return (
        f"<li title='{name}'>{cards.picture(item)}<button type='button' data-event='remove' "
        f"data-index='{index}' aria-label='Remove {name}' title='Remove'>×</button></li>"
    )


def add_pictures(pictures: Sequence[Item], event: gr.EventData) -> tuple[tuple[Item, ...], str, str]:
    """Dropped pictures join those that are there. Returns (pictures, their HTML, messages)."""
    updated, said = extend(pictures, received(event))
    if len(updated) > MAX_IMAGES:
        said += Added(problems=(f"At most {MAX_IMAGES} pictures at a time: the last ones were left out.",))
        updated = updated[:MAX_IMAGES]
    return updated, pictures_row(updated), cards.notes(said.problems, said.notices)


def replace_picture(pictures: Sequence[Item], event: gr.EventData) -> tuple[tuple[Item, ...], str, str]:
    """A dropped picture takes the place of the one that was there, which stays if the new one is none.

    Returns as :func:`add_pictures`.
    """
    said = received(event)
    updated = said.items[:1] or tuple(pictures or ())
    return updated, pictures_row(updated), cards.notes(said.problems, said.notices)


def remove_picture(pictures: Sequence[Item], event: gr.EventData) -> tuple[tuple[Item, ...], str, str]:
    """A click on a thumbnail's cross takes it out, and what was said before with it.

    Returns as :func:`add_pictures`.
    """
    data = event._data if isinstance(event._data, dict) else {}
    updated = without(pictures, data.get("index"))
    return updated, pictures_row(updated), ""
