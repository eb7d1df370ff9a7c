"""The neighbours of one item at full width and at a smaller one, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedder.truncation import truncate
from ui import cards
from ui.collection import Item

Array = np.ndarray[Any, np.dtype[Any]]

SHOWN = 10


@dataclass(frozen=True)
class Near:
    """The nearest of one item, itself left out.

    Attributes:
        width: dimensions they were ranked with.
        rows: their indices, nearest first.
        scores: their cosine similarities.
    """

    width: int
    rows: tuple[int, ...]
    scores: tuple[float, ...]


def nearest(vectors: Array, at: int, width: int, count: int = SHOWN) -> Near:
    """The ``count`` rows most alike row ``at`` after cutting all to ``width``; ties in input order.

    Args:
        vectors: float32 (n, dim), unit rows.
        at: 0 to n - 1.
        width: 1 to dim.
        count: fewer if there are no more.
    """
    cut = truncate(vectors, width)
    scores = cut @ cut[at]
    scores[at] = -np.inf
    count = min(count, len(vectors) - 1)
    best = np.argpartition(-scores, count - 1)[:count] if count else np.array([], dtype=int)
    best = best[np.lexsort((best, -scores[best]))]
    return Near(width, tuple(int(row) for row in best), tuple(float(scores[row]) for row in best))


def place(vectors: Array, at: int, other: int, width: int) -> int:
    """The rank of row ``other`` among the neighbours of row ``at``, from 1."""
    cut = truncate(vectors, width)
    scores = cut @ cut[at]
    scores[at] = -np.inf
    return 1 + int((scores > scores[other]).sum())


def panel(items: Sequence[Item], vectors: Array, at: int, full: Near, cut: Near) -> str:
    """The item, and both lists of neighbours; each neighbour is a button that goes on from it."""
    item = items[at]
    text = item.text if len(item.text) <= 600 else item.text[:599] + "…"
    shown = cards.picture(item, "xp-big") if item.thumb else ""
    words = f"<p>{cards.esc(text or item.label)}</p><small>{cards.KINDS[item.kind]}</small>"
    kept = len(set(full.rows) & set(cut.rows))
    said = (
        f"{kept} of the {len(full.rows)} nearest at {full.width} dimensions are among the nearest at "
        f"{cut.width}. On the map solid lines lead to those, dashed ones to the lost, dotted ones to the new."
        if cut.width != full.width
        else "Both lists are at full width: move the width slider to see what a shorter vector changes."
    )
    columns = _list(items, full, None, "Full width") + _list(
        items, cut, _places(vectors, at, full, cut), "Cut"
    )
    return (
        f"<div class='xp-near'><article>{shown}<div>{words}</div></article>"
        f"<p class='xp-comment'>{cards.esc(said)}</p><div class='xp-columns'>{columns}</div></div>"
    )


def _places(vectors: Array, at: int, full: Near, cut: Near) -> dict[int, int]:
    """The rank at full width of every neighbour at the smaller one."""
    known = {row: rank for rank, row in enumerate(full.rows, start=1)}
    return {row: known.get(row) or place(vectors, at, row, full.width) for row in cut.rows}


def _list(items: Sequence[Item], near: Near, before: dict[int, int] | None, title: str) -> str:
    rows = "".join(
        _row(items[row], row, rank, score, before[row] - rank if before is not None else None)
        for rank, (row, score) in enumerate(zip(near.rows, near.scores, strict=True), start=1)
    )
    head = f"<h3>{title}: {near.width} dimensions</h3>"
    return f"<section class='xp-column'><header>{head}</header><ol class='xp-results'>{rows}</ol></section>"


def _row(item: Item, row: int, rank: int, score: float, moved: int | None) -> str:
    return (
        f"<li><button type='button' class='xp-hit' data-event='pick' data-index='{row}' "
        f"title='Neighbours of this one'><span class='xp-rank'>{rank}</span>{cards.picture(item)}"
        f"<span class='xp-body'><span class='xp-label'>{cards.esc(item.label)}</span></span>"
        f"<span class='xp-score'><b>{score:.3f}</b></span>{cards.moved(moved)}</button></li>"
    )


def nothing_chosen() -> str:
    """What stands where the neighbours will be."""
    return cards.empty(
        "No item chosen",
        "Click a point, or walk to one with the arrow keys and press Enter, to see its neighbours.",
    )
