"""What the Your data tab does with kept collections, and with vectors to take away. No widgets here."""

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr
import numpy as np

from embedder.errors import InputError
from embedder.truncation import truncate
from ui import cards, exports, snippets
from ui.checks import choice, whole
from ui.collection import Item
from ui.controls import ROLES, Collection
from ui.relevance import Relevance
from ui.shelf import Shelf
from ui.vectors import Workbench


def shelf_shown(shelf: Shelf, collection: Collection) -> tuple[str, Any]:
    """The list of kept collections, and their names to choose from."""
    items = tuple(collection or ())
    now = shelf.holding(items)
    rows = "".join(
        _listed(entry.name, entry.items, entry.relevance, entry.name == now) for entry in shelf.kept
    )
    here = f"“{now}”" if now else "not kept under a name"
    head = f"<p class='xp-count'>At hand: {len(items):,} items <span>{cards.esc(here)}</span></p>"
    if not rows:
        hint = "Collections that you use or keep are listed here until you close the page."
        return head + cards.empty("None kept yet", hint), gr.update(choices=[], value=None)
    return head + f"<ul class='xp-shelf'>{rows}</ul>", gr.update(choices=shelf.names(), value=now or None)


def _listed(name: str, items: Sequence[Item], relevance: Relevance | None, now: bool) -> str:
    faces = "".join(cards.picture(item, "xp-mini") for item in items[:3])
    pairs = f", {len(relevance.pairs):,} pairs" if relevance else ""
    mark = " aria-current='true'" if now else ""
    said = f"{len(items):,} items{pairs}" + (" · at hand" if now else "")
    words = f"<span><b>{cards.esc(name)}</b><small>{cards.esc(said)}</small></span>"
    return f"<li{mark}><span>{faces}</span>{words}</li>"


def keep_now(
    collection: Collection, relevance: Relevance | None, shelf: Shelf, name: object
) -> tuple[Any, ...]:
    """Keep the collection at hand under a name.

    Returns:
        (shelf, its list, its names, words)
    """
    items = tuple(collection or ())
    stored = shelf.put(name or "Collection", items, relevance)
    said = f"Kept {len(items):,} items as “{stored.names()[-1]}”."
    return stored, *shelf_shown(stored, items), cards.note(said)


def switch(
    collection: Collection, relevance: Relevance | None, shelf: Shelf, name: object
) -> tuple[Any, ...]:
    """Take a kept collection; what was at hand is kept too.

    Returns:
        (collection, relevance, brought points, shelf, its list, its names, words)
    """
    entry = shelf.get(name)
    stored = shelf.saved(collection or (), relevance)
    said = f"“{entry.name}” is at hand in every tab: {len(entry.items):,} items."
    return entry.items, entry.relevance, None, stored, *shelf_shown(stored, entry.items), cards.note(said)


def rename(collection: Collection, shelf: Shelf, name: object, wanted: object) -> tuple[Any, ...]:
    """Give a kept collection another name. Returns as :func:`keep_now`."""
    before = shelf.names().index(shelf.get(name).name)
    stored = shelf.renamed(name, wanted)
    now = stored.names()[before]
    shown, names = shelf_shown(stored, collection)
    # the one just renamed stays chosen, not the one at hand: whoever presses "Switch to it" next means it
    return stored, shown, {**names, "value": now}, cards.note(f"“{name}” is now “{now}”.")


def delete(collection: Collection, shelf: Shelf, name: object) -> tuple[Any, ...]:
    """Keep a collection no longer; if it is at hand it stays there. Returns as :func:`keep_now`."""
    stored = shelf.without(name)
    return stored, *shelf_shown(stored, collection), cards.note(f"“{name}” is no longer kept.")


def export(
    bench: Workbench,
    collection: Collection,
    task: object,
    prompt_name: object,
    dim: object,
    number_format: object,
    kind: object,
) -> Iterator[tuple[Any, ...]]:
    """Encode the collection where needed, cut, convert, and write one file.

    Yields:
        (status, download button, code)
    """
    spec = bench.model.spec
    settings = {
        "model": spec.name,
        "task": choice(task, "task", bench.model.tasks),
        "prompt_name": choice(prompt_name, "role", ROLES),
        "dim": whole(dim, "dimensions", 1, spec.dim),
        "format": choice(number_format, "number format", exports.FORMATS),
        "normalized": True,
    }
    ending = choice(kind, "kind of file", exports.KINDS)
    items = tuple(collection or ())
    if not items:
        raise InputError("the collection is empty: there is nothing to export")
    for step in bench.encode(items, str(settings["task"]), str(settings["prompt_name"])):
        if step.result is None:
            yield cards.progress(step.done, step.total, step.seconds), gr.skip(), gr.skip()
            continue
        good = np.flatnonzero(np.isfinite(step.result.vectors).all(axis=1))
        problems = [f"{items[row].label}: {why}" for row, why in step.result.problems.items()]
        if not len(good):
            raise InputError("; ".join(problems[:3]) or "no item could be encoded")
        codes = exports.coded(
            truncate(step.result.vectors[good], int(str(settings["dim"]))), str(settings["format"])
        )
        path = exports.write(ending, [items[row] for row in good], codes, settings)
        done = (
            f"collection.{ending}: {len(good):,} vectors of shape {codes.values.shape}, {codes.values.dtype}."
        )
        code = snippets.export_code(
            [items[row] for row in good],
            load=bench.load_code(),
            model=spec.name,
            task=str(settings["task"]),
            prompt_name=str(settings["prompt_name"]),
            dim=int(str(settings["dim"])),
            number_format=str(settings["format"]),
            kind=ending,
        )
        yield cards.notes(problems, [done, *codes.notices]), gr.update(value=path, visible=True), code
