"""What the Your data tab does: read, show, choose columns, make a collection, keep it. No widgets here."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from embedder.errors import InputError
from ui import cards, columns, uploads
from ui.checks import choice
from ui.collection import MAX_ITEMS, Added, extend, short
from ui.columns import NONE, TAKES, Chosen, Made
from ui.controls import Collection
from ui.downloads import write_text
from ui.faults import Faults
from ui.judgements import judged
from ui.points import MAX_POINTS, Points
from ui.relevance import Relevance
from ui.shelf import Shelf
from ui.shelf_view import shelf_shown
from ui.tables import Cell
from ui.upload import Upload, read_upload
from ui.vectors import Workbench

PREVIEW_ROWS = 8
PREVIEW_COLUMNS = 8
MAX_TO_ENCODE = 2_000
"""Items without vectors of their own on one map: minutes of encoding on a slow machine, and stoppable."""
REPLACE, ADD = "replace", "add"
SKIP = gr.skip()
CHOICES = 6
"""Dropdowns of columns: text, picture, name, vector, query, metadata."""


def nothing_read() -> str:
    """What stands where the first rows will be."""
    return cards.empty("No file yet", "Drop a file above: its first rows and columns appear here.")


def receive(limits: Any, event: gr.EventData, header: object) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """Files have been dropped: read them and guess their columns.

    Yields:
        (status, upload, preview, faults, file of faults, part to choose in, six dropdowns)
    """
    paths, problems = uploads.stored(event)
    if not paths:
        raise InputError("; ".join(problems) or "no file has arrived")
    keep = (SKIP,) * (5 + CHOICES)
    for step in read_upload([Path(path) for path in paths], header=bool(header), limits=limits):
        if isinstance(step, str):
            yield (cards.note(step), *keep)
            continue
        chosen = columns.guess(step)
        status = _summary(step) + cards.notes(problems, step.notices)
        shown = (preview(step, chosen), step.faults.html(), faults_file(step.faults))
        yield (status, step, *shown, gr.update(visible=True), *_dropdowns(step, chosen))


def _summary(upload: Upload) -> str:
    table = upload.table
    parts = [("Files", f"{upload.files:,}"), ("Rows", f"{len(table.rows):,}")]
    parts += [("Columns", f"{len(table.columns):,}")]
    if upload.pictures:
        parts.append(("Pictures", f"{len({item.digest for item in upload.pictures.values()}):,}"))
    if upload.pairs is not None:
        parts.append(("Pairs", f"{len(upload.pairs.rows):,}"))
    return cards.stats([*parts, ("Left out", f"{upload.faults.count:,}")])


def _dropdowns(upload: Upload, chosen: Chosen) -> list[Any]:
    names = list(upload.table.columns)
    single = [
        gr.update(choices=[NONE, *names], value=getattr(chosen, role) or NONE)
        for role in ("text", "picture", "label", "vector", "query")
    ]
    return [*single, gr.update(choices=names, value=list(chosen.metadata))]


def faults_file(faults: Faults) -> Any:  # noqa: ANN401 - an update
    """The button that downloads what was left out, hidden where nothing was."""
    if not faults.count:
        return gr.update(value=None, visible=False)
    return gr.update(value=write_text("left-out.csv", faults.csv()), visible=True)


def preview(upload: Upload, chosen: Chosen) -> str:
    """The first rows, the chosen columns first."""
    table = upload.table
    roles = [(getattr(chosen, role), role) for role in ("text", "picture", "label", "vector", "query")]
    wanted = {name: role for name, role in reversed(roles) if name}
    rest = [name for name in table.columns if name not in wanted]
    names = [*(name for name, _ in roles if name and wanted.get(name)), *rest]
    names = list(dict.fromkeys(names))[:PREVIEW_COLUMNS]
    more = len(table.columns) - len(names)
    words = {"label": "name"}
    head = [f"{name} ({words.get(wanted[name], wanted[name])})" if name in wanted else name for name in names]
    places = [table.columns.index(name) for name in names]
    rows = [
        [
            str(row.number),
            *(_shown(upload, row.cells[at], names[i] == chosen.picture) for i, at in enumerate(places)),
        ]
        for row in table.rows[:PREVIEW_ROWS]
    ]
    said = f"The first {len(rows)} of {len(table.rows):,} rows"
    said += f", and {len(names)} of {len(table.columns):,} columns" if more else ""
    return f"<h3>{cards.esc(upload.name)}</h3><p class='xp-comment'>{said}</p>" + cards.table(
        ["Row", *head], rows, name=f"First rows of {upload.name}"
    )


def _shown(upload: Upload, cell: Cell, picture: bool) -> str:
    if isinstance(cell, np.ndarray):
        first = ", ".join(f"{value:.3f}" for value in cell[:3])
        return f"<code>{first} … ({len(cell)})</code>"
    if isinstance(cell, Path):
        return cards.esc(cell.name)
    text = "" if cell is None else str(cell)
    found = upload.pictures.get(text.lower()) if picture else None
    face = cards.picture(found, "xp-mini") + " " if found else ""
    return face + f"<span class='xp-label'>{cards.esc(short(text, 120))}</span>"


def chosen_columns(upload: Upload, values: Sequence[object]) -> Chosen:
    """The values of the six dropdowns, checked."""
    roles = ("text", "picture", "label", "vector", "query", "metadata")
    return columns.checked(upload.table, **dict(zip(roles, values, strict=True)))


def look(upload: Upload | None, *values: object) -> Any:  # noqa: ANN401 - HTML or a skip
    """The first rows again after another column was chosen."""
    if upload is None:
        return SKIP
    return preview(upload, chosen_columns(upload, values))


def _made(upload: Upload, chosen: Chosen, most: int, take: object, carry: bool) -> Iterator[str | Made]:
    way = choice(take, "rows", TAKES)
    for step in columns.items_of(upload, chosen, most=most, take=way, carry=carry):
        yield f"{step:,} items made" if isinstance(step, int) else step


def _all_faults(upload: Upload, *more: Faults) -> Faults:
    faults = Faults(list(upload.faults.kept), upload.faults.count)
    for others in more:
        faults.extend(others)
        faults.count += others.count - len(others.kept)
    return faults


def use(
    bench: Workbench,
    mode: str,
    upload: Upload | None,
    collection: Collection,
    relevance: Relevance | None,
    shelf: Shelf,
    take: object,
    name: object,
    *values: object,
) -> Iterator[tuple[Any, ...]]:
    """Make items of the upload and put them into the collection that all tabs share.

    Args:
        bench: the model, whose width vectors must have.
        mode: ``REPLACE`` or ``ADD``.
        upload: what was read.
        collection: the one at hand; kept on the shelf if it is nowhere else.
        relevance: its judgements.
        shelf: the kept collections.
        take: which rows, where there are too many.
        name: of the new collection.
        *values: of the six dropdowns.

    Yields:
        (status, faults, file of faults, collection, relevance, brought points, shelf, shelf's list,
        shelf's names)
    """
    keep = (SKIP,) * 8
    if upload is None:
        raise InputError("there is no file yet: drop one first")
    chosen = chosen_columns(upload, values)
    asks = bool(chosen.query) or upload.pairs is not None
    room = MAX_ITEMS - (len(collection or ()) if mode == ADD else 0)
    made: Made | None = None
    for step in _made(upload, chosen, max(1, room // 2 if asks else room), take, carry=True):
        if isinstance(step, Made):
            made = step
        else:
            yield (cards.note(step), *keep)
    assert made is not None  # the last word is always the items
    _fits(bench, made)
    items, known, wrong = judged(made, upload.pairs, upload.name)
    faults = _all_faults(upload, made.faults, wrong)
    shown = (faults.html(), faults_file(faults))
    if not items:
        said = cards.note("No row could be used; the collection is as it was.", "error")
        yield (said, *shown, *(SKIP,) * 6)
        return
    before = collection if mode == ADD else ()
    updated, added = extend(before, Added(items))
    stored = shelf.saved(collection or (), relevance)
    both = _joined(relevance if mode == ADD else None, known)
    stored = stored.put(name or upload.name, updated, both)
    listed = shelf_shown(stored, updated)
    yield (_used(added, updated, both, made), *shown, updated, both, None, stored, *listed)


def _fits(bench: Workbench, made: Made) -> None:
    """Refuse vectors of another width than the model's: only a map can show them."""
    width, own = (made.vectors.shape[1] if made.vectors is not None else 0), bench.model.spec.dim
    if width and width != own:
        raise InputError(
            f"the vectors have {width} dimensions, the model's have {own}: show them on the map, or choose "
            "no vector column and let the model encode the texts and pictures"
        )


def _joined(first: Relevance | None, second: Relevance | None) -> Relevance | None:
    if first is None or second is None:
        return second or first
    return Relevance(tuple(dict.fromkeys((*first.pairs, *second.pairs))), second.source)


def _used(added: Added, updated: Collection, known: Relevance | None, made: Made) -> str:
    count, whole_count = len(added.items), len(updated)
    done = [f"{count:,} added: the collection of every tab now holds {whole_count:,}."]
    if known is not None:
        done.append(f"{len(known.pairs):,} pairs of query and answer: the Truncation lab can show quality.")
    if made.vectors is not None:
        done.append("Their own vectors are used as they are, whatever task is chosen.")
    return cards.notes(added.problems, [*done, *made.notices, *added.notices], limit=8)


def to_map(upload: Upload | None, take: object, name: object, *values: object) -> Iterator[tuple[Any, ...]]:
    """Send all rows to the map, with vectors of any width. Yields as :func:`use`."""
    keep = (SKIP,) * 8
    if upload is None:
        raise InputError("there is no file yet: drop one first")
    chosen = chosen_columns(upload, values)
    most = MAX_POINTS if chosen.vector else MAX_TO_ENCODE
    made: Made | None = None
    for step in _made(upload, chosen, most, take, carry=False):
        if isinstance(step, Made):
            made = step
        else:
            yield (cards.note(step), *keep)
    assert made is not None  # as in use
    faults = _all_faults(upload, made.faults)
    shown = (faults.html(), faults_file(faults))
    if len(made.items) < 2:
        said = cards.note("A map needs two items or more; the map is as it was.", "error")
        yield (said, *shown, *(SKIP,) * 6)
        return
    label = short(str(name or upload.name), 60)
    points = Points.gather(made.items, made.vectors, name=label)
    width = made.vectors.shape[1] if made.vectors is not None else 0
    kind = f"{width} dimensions each, as they came" if width else "to be encoded"
    done = f"{len(made.items):,} points ({kind}) are on the Map, until you show the collection again."
    status = cards.notes([], [done, *made.notices])
    yield (status, *shown, SKIP, SKIP, points, SKIP, SKIP, SKIP)


def opened(points: Points | None) -> Any:  # noqa: ANN401 - an update
    """What tells the page to open the Map: of the points just brought, nothing when they are taken away."""
    if points is None:
        return SKIP
    return gr.update(opens=json.dumps({"tab": "map", "mark": "#map-figure", "of": id(points)}))


def off_the_map() -> tuple[Any, str]:
    """The map shows the collection again. Returns (brought points, words)."""
    return None, cards.note("The Map tab shows the collection again.")


def forget(upload: Upload | None) -> tuple[Any, ...]:
    """Let go of what was read.

    Returns:
        (status, upload, preview, faults, file of faults, part to choose in)
    """
    said = cards.note(f"{upload.name} is forgotten; the collection is as it was.") if upload else SKIP
    return said, None, nothing_read(), "", gr.update(value=None, visible=False), gr.update(visible=False)
