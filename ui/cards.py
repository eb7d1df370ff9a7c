"""HTML for results, messages and pairs. Everything that came from outside goes through :func:`esc`."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui import words
from ui.collection import MAX_ITEMS, Item
from ui.ranking import Hit

ICONS = {"text": "T", "image": "▣", "document": "T▣"}
KINDS = {"text": "text", "image": "picture", "document": "text + picture"}
words.speak(*KINDS.values())


def clickable(value: str = "", **options: Any) -> gr.HTML:
    """HTML whose buttons send events: ``data-event`` is "pick" or "remove", ``data-index`` which item."""
    return gr.HTML(
        value,
        js_on_load="window.Explorer.mountClicks(element, trigger); // sends 'pick' and 'remove'",
        apply_default_css=False,
        **options,
    )


def plain(value: str = "", **options: Any) -> gr.HTML:
    """HTML without gradio's prose styles."""
    return gr.HTML(value, apply_default_css=False, **options)


def esc(text: object) -> str:
    """Text made safe for HTML, attributes included."""
    return html.escape(str(text), quote=True)


def picture(item: Item, css_class: str = "xp-thumb") -> str:
    """The item's thumbnail, or its letter when it has no picture."""
    if item.thumb:
        return f'<img class="{css_class}" src="{esc(item.thumb)}" alt="">'
    return f'<span class="{css_class} xp-glyph" aria-hidden="true">{ICONS[item.kind]}</span>'


def note(text: str, level: str = "info") -> str:
    """One message; ``level`` is info, warn or error. Announced to screen readers."""
    role = "alert" if level == "error" else "status"
    return f'<p class="xp-note xp-{level}" role="{role}">{esc(text)}</p>'


def notes(problems: Iterable[str], notices: Iterable[str] = (), limit: int = 6) -> str:
    """Problems and notices as messages; a long list is cut with its count."""
    lines = [(text, "error") for text in problems] + [(text, "info") for text in notices]
    more = note(f"and {len(lines) - limit} more messages", "info") if len(lines) > limit else ""
    return "".join(note(*line) for line in lines[:limit]) + more


def empty(title: str, hint: str) -> str:
    """What stands where a result will be."""
    return f'<div class="xp-blank"><strong>{esc(title)}</strong><span>{esc(hint)}</span></div>'


def progress(done: int, total: int, seconds: float, what: str = "items") -> str:
    """A progress bar with its numbers."""
    share = 100 * done // max(1, total)
    return (
        f'<div class="xp-progress" role="progressbar" aria-valuemin="0" aria-valuemax="{total}" '
        f'aria-valuenow="{done}" aria-label="Encoding"><span style="width:{share}%"></span></div>'
        f'<p class="xp-note xp-info">Encoding: {done} of {total} {esc(what)} · {seconds:.1f} s</p>'
    )


def stats(pairs: Iterable[tuple[str, str]]) -> str:
    """Name and value, side by side."""
    cells = "".join(
        f"<div><dt>{esc(name)}</dt><dd translate='no'>{esc(value)}</dd></div>" for name, value in pairs
    )
    return f'<dl class="xp-stats">{cells}</dl>'


def collection_list(items: Sequence[Item]) -> str:
    """The collection as a list of small cards, each with a button that removes it."""
    if not items:
        return empty(
            "Nothing here yet", "Add texts or pictures, or load an example set, then press the button below."
        )
    counts = {kind: sum(item.kind == kind for item in items) for kind in KINDS}
    said = ", ".join(f"{n} {KINDS[kind]}{'s' if n != 1 else ''}" for kind, n in counts.items() if n)
    rows = "".join(_listed(item, index) for index, item in enumerate(items))
    count = f'<p class="xp-count">{esc(said)} <span>of {MAX_ITEMS} at most</span></p>'
    return f'{count}<ul class="xp-list">{rows}</ul>'


def _listed(item: Item, index: int) -> str:
    return (
        f"<li>{picture(item, 'xp-mini')}<span class='xp-label' "
        f"title='{esc(item.label)}'>{esc(item.label)}</span>"
        f"<button type='button' data-event='remove' data-index='{index}' "
        f"aria-label='Remove {esc(item.label)}' title='Remove'>×</button></li>"
    )


@dataclass(frozen=True)
class Column:
    """One ranked list: its heading, a line below it, and its hits."""

    title: str
    detail: str
    hits: Sequence[Hit]


def results(columns: Sequence[Column], items: Sequence[Item], metric: str) -> str:
    """Ranked lists side by side."""
    return '<div class="xp-columns">' + "".join(_column(c, items, metric) for c in columns) + "</div>"


def _column(column: Column, items: Sequence[Item], metric: str) -> str:
    scores = [hit.score for hit in column.hits]
    best, worst = (max(scores), min(scores)) if scores else (1.0, 0.0)
    if metric == "euclidean":
        best, worst = worst, best
    spread = best - worst or 1.0
    rows = "".join(_result(hit, items[hit.item], (hit.score - worst) / spread) for hit in column.hits)
    head = f"<h3>{esc(column.title)}</h3><p>{esc(column.detail)}</p>"
    return f'<section class="xp-column"><header>{head}</header><ol class="xp-results">{rows}</ol></section>'


def _result(hit: Hit, item: Item, share: float) -> str:
    width = 4 + 96 * max(0.0, min(1.0, share))
    return (
        f"<li><button type='button' class='xp-hit' data-event='pick' data-index='{hit.item}' "
        f"data-score='{hit.score:.6f}' data-share='{hit.share:.6g}'{_moved_data(hit.moved)} "
        f"title='Search with this item'>"
        f"<span class='xp-rank'>{hit.rank}</span>{picture(item)}"
        f"<span class='xp-body'><span class='xp-label'>{esc(item.label)}</span>"
        f"<span class='xp-bar'><span style='width:{width:.1f}%'></span></span></span>"
        f"<span class='xp-score'><b>{hit.score:.3f}</b><small>{percent(hit.share)}</small></span>"
        f"{moved(hit.moved)}</button></li>"
    )


def _moved_data(places: int | None) -> str:
    return "" if places is None else f" data-moved='{places}'"


def moved(places: int | None) -> str:
    """Places gained or lost against full width, as a small sign with words; "" for None."""
    if places is None:
        return ""
    if places == 0:
        return "<span class='xp-move' title='same place as at full width'>=</span>"
    sign, word = ("▲", "up") if places > 0 else ("▼", "down")
    title = f"{abs(places)} {word} against full width"
    hidden = f"<i class='xp-sr'> {title}</i>"
    return f"<span class='xp-move xp-{word}' title='{title}'>{sign}{abs(places)}{hidden}</span>"


def percent(share: float) -> str:
    """A share as a percentage with three significant digits at most, never a false zero."""
    if share < 0.0005:
        return "< 0.1 %"
    return f"{100 * share:.1f} %"


def pair(first: Item, second: Item, rows: Sequence[tuple[str, str]], comment: str = "") -> str:
    """Two items face to face with their numbers."""
    said = f"<p class='xp-comment'>{esc(comment)}</p>" if comment else ""
    return f"<div class='xp-pair'>{_side(first)}{_side(second)}</div>{stats(rows)}{said}"


def _side(item: Item) -> str:
    size = f" · {item.size[0]} × {item.size[1]} px" if item.size else ""
    body = (
        esc(item.text if len(item.text) <= 600 else item.text[:599] + "…") if item.text else esc(item.label)
    )
    shown = picture(item, "xp-big") if item.thumb else ""
    return f"<article>{shown}<p>{body}</p><small>{KINDS[item.kind]}{size}</small></article>"


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    stacked: bool = False,
    name: str = "Table of results",
) -> str:
    """A table; cells are HTML that the caller has made safe, headings are text.

    Args:
        head: of each column; "" over thumbnails.
        rows: cells.
        stacked: on a telephone each row becomes a card, each cell with its heading before it.
        name: what a screen reader calls it; no two of a page should be called the same.
    """
    top = "".join(f"<th scope='col'>{esc(name) or _UNSEEN}</th>" for name in head)
    labels = [f" data-label='{esc(name)}'" if stacked else "" for name in head]
    body = "".join(
        "<tr>" + "".join(f"<td{named}>{cell}</td>" for named, cell in zip(labels, row, strict=True)) + "</tr>"
        for row in rows
    )
    kind = "xp-table xp-stack" if stacked else "xp-table"
    whole = f"<table class='{kind}'><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div class='xp-scroll' tabindex='0' role='region' aria-label='{esc(name)}'>{whole}</div>"


_UNSEEN = "<span class='xp-sr'>Picture</span>"
"""What a screen reader finds over the column of thumbnails."""


def table_saver(component: str, name: str) -> str:
    """A button that saves the table or the ranked lists of a component as CSV (``assets/ui/saves.js``)."""
    return (
        f"<p class='xp-saver'><button type='button' class='xp-png' data-table='{esc(component)}' "
        f"data-name='{esc(name)}'>Save CSV</button></p>"
    )


def explain(text: str) -> str:
    """The sentence beside a figure that says what one sees and how to read it."""
    return f'<p class="xp-explain">{esc(text)}</p>'
