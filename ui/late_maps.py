"""Late interaction as data for the page: what each token is, every product of tokens, and the ranking.

No widgets here. The page gets the products of all query tokens with all tokens of the best documents once,
as base64 float32; from them ``assets/ui/heatmap.js`` draws every map, mean and maximum, the break-down by
token and the scores without asking again.
"""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, get_args

import numpy as np
from PIL import Image

from embedder.errors import InputError
from embedder.inputs import load_image
from embedder.pieces import Kind, Piece
from embedder.similarity import max_sim
from ui import words
from ui.charts import typed
from ui.collection import Item
from ui.late_vectors import Late, LateBench, Side

Array = np.ndarray[Any, np.dtype[Any]]

SENT_BYTES = 1_500_000
"""Products and pictures sent at once; the maps of further documents follow when they are opened."""
LOSSLESS_PIXELS = 65_536
LOW_QUANTILE = 0.05
_NUMBERS = count()
SAYS = {
    "<|im_start|>": "begins the fixed message around every picture",
    "<|im_end|>": "ends the fixed message around every picture",
    "<|vision_start|>": "opens the picture",
    "<|vision_end|>": "closes the picture",
}
PROMPT_SAYS = "the role's prefix: the same for every text in this role"
TEMPLATE_SAYS = "fixed words around every picture"
words.speak(*SAYS.values(), PROMPT_SAYS, TEMPLATE_SAYS, *get_args(Kind))


@dataclass(frozen=True)
class Answer:
    """The last comparison of this session; the vectors themselves stay in the cache.

    Attributes:
        query: what was asked.
        items: what was searched.
        asked: how the query was encoded.
        searched: how the items were encoded.
        order: items by falling score; those that failed are missing.
        scores: max-sim per item, NaN where it failed.
        own: max-sim of words and patches only, without prompt and template; NaN where there are none.
        limits: ends of the common colour scale.
        number: tells this answer from others of the process, so that no late map lands in the wrong one.
    """

    query: Item
    items: tuple[Item, ...]
    asked: Side
    searched: Side
    order: tuple[int, ...]
    scores: tuple[float, ...]
    own: tuple[float, ...]
    limits: tuple[float, float]
    number: int


def answer(
    query: Item,
    items: Sequence[Item],
    asked: Side,
    searched: Side,
    late: Late,
    documents: Sequence[Late | None],
) -> Answer:
    """Rank the documents by max-sim.

    Args:
        query: what was asked.
        items: what was searched.
        asked: how the query was encoded.
        searched: how the items were encoded.
        late: the query's token vectors.
        documents: those of the items, None where one failed.
    """
    scores = np.full(len(items), np.nan)
    own = np.full(len(items), np.nan)
    there = [row for row, found in enumerate(documents) if found is not None]
    vectors = [found.vector for found in documents if found is not None]
    scores[there] = max_sim([late.vector], vectors)[0]
    for row in there:
        own[row] = own_score(late, documents[row])
    order = sorted(there, key=lambda row: (-scores[row], row))
    limits = colour_limits(late, [documents[row] for row in order[:20]])
    return Answer(
        query,
        tuple(items),
        asked,
        searched,
        tuple(order),
        tuple(scores.tolist()),
        tuple(own.tolist()),
        limits,
        next(_NUMBERS),
    )


def own_score(query: Late, document: Late | None) -> float:
    """Max-sim of words and patches only; NaN where either side has none."""
    if document is None or not query.own().any() or not document.own().any():
        return float("nan")
    return float(max_sim([query.vector[query.own()]], [document.vector[document.own()]])[0, 0])


def colour_limits(query: Late, documents: Sequence[Late | None]) -> tuple[float, float]:
    """One scale for all maps: most products are low and alike, so it begins above the lowest twentieth."""
    rows = query.vector[query.own()] if query.own().any() else query.vector
    products = [
        (rows @ found.vector[found.own()].T).ravel()
        for found in documents
        if found is not None and found.own().any()
    ]
    if not products:
        return 0.0, 1.0
    values = np.concatenate(products)
    low, high = float(np.quantile(values, LOW_QUANTILE)), float(values.max())
    return (low, high) if high - low > 1e-6 else (low - 0.5, high + 0.5)


def page(late_bench: LateBench, state: Answer) -> str:
    """Everything the page needs for its first view and for every step without asking again, as JSON."""
    query = late_bench.known(state.query, state.asked)
    if query is None:  # only if the cache holds less than one answer
        return ""
    first = first_shown(state)
    sent, documents = 0, {}
    for row in dict.fromkeys([first, *state.order]):
        late = late_bench.known(state.items[row], state.searched)
        size = 4 * len(query.vector) * late.tokens if late else 0
        if late is None or (documents and sent + size > SENT_BYTES):
            continue
        shown = document(query, late, state.items[row], late_bench.bench.model.spec.pixels.factor)
        sent += size + len(shown["picture"])
        documents[row] = shown
    return _packed(
        {
            "answer": state.number,
            "model": late_bench.bench.model.spec.name,
            "task": state.asked.task,
            "query": {**face(state.query), "tokens": tokens(query.pieces), "grid": query.grid},
            "limits": state.limits,
            "first": first,
            "documents": [ranked(state, row, documents.get(row)) for row in state.order],
        }
    )


def one_more(late_bench: LateBench, state: Answer, row: int) -> str:
    """The map of a document that was not sent with the first ones, as JSON; "" if it is no longer kept."""
    query = late_bench.known(state.query, state.asked)
    late = late_bench.known(state.items[row], state.searched)
    if query is None or late is None:
        return ""
    shown = document(query, late, state.items[row], late_bench.bench.model.spec.pixels.factor)
    return _packed({"answer": state.number, "index": row, "map": shown})


def first_shown(state: Answer) -> int:
    """The document to open with: the best picture, else the best text."""
    pictures = [row for row in state.order if state.items[row].kind != "text"]
    return (pictures or list(state.order))[0]


def ranked(state: Answer, row: int, shown: dict[str, Any] | None) -> dict[str, Any]:
    """One document of the ranking, with its map if that is sent now."""
    own = state.own[row]
    return {
        **face(state.items[row]),
        "index": row,
        "score": state.scores[row],
        "own": own if np.isfinite(own) else None,
        "map": shown,
    }


def face(item: Item) -> dict[str, str]:
    """How an item is called and what it looks like."""
    return {"kind": item.kind, "label": item.label, "thumb": item.thumb}


def document(query: Late, late: Late, item: Item, factor: int) -> dict[str, Any]:
    """A document's tokens, its picture, and their products with the query's.

    Args:
        query: token vectors (n, d).
        late: token vectors (m, d).
        item: the document.
        factor: side of a patch in pixels of the resized picture.

    Returns:
        ``products`` (n, m) as typed array; ``units`` of text; ``patches`` {first, rows, cols} or None;
        ``picture`` as a data URI, "" for a text.
    """
    first = next((at for at, piece in enumerate(late.pieces) if piece.kind == "image"), None)
    patches = None
    if first is not None and late.grid:
        patches = {"first": first, "rows": late.grid[0], "cols": late.grid[1]}
    picture = seen_picture(item, late.grid, factor) if late.grid else ""
    products = query.vector @ late.vector.T  # (query tokens, document tokens)
    return {"products": typed(products), "units": units(late.pieces), "patches": patches, "picture": picture}


def units(pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    """Readable stretches of text, each of one or more tokens; patches are left out.

    Returns:
        for each ``text``, ``kind``, ``first`` token, ``count`` of tokens, ``says`` what a fixed one is for.
    """
    return [
        {
            "text": piece.text,
            "kind": piece.kind,
            "first": at,
            "count": piece.parts,
            "says": says(piece),
        }
        for at, piece in enumerate(pieces)
        if piece.kind != "image" and piece.part == 1
    ]


def tokens(pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    """The query's tokens one by one: each has a map of its own, also where several share a character."""
    return [
        {
            "text": piece.text,
            "kind": piece.kind,
            "part": piece.part,
            "parts": piece.parts,
            "row": piece.row,
            "col": piece.col,
            "says": says(piece),
        }
        for piece in pieces
    ]


def says(piece: Piece) -> str:
    """What a token that is none of the input's own is for; "" for the others."""
    if piece.kind == "prompt":
        return PROMPT_SAYS
    return SAYS.get(piece.text, TEMPLATE_SAYS) if piece.kind == "template" else ""


def seen_picture(item: Item, grid: tuple[int, int], factor: int) -> str:
    """The picture as the model saw it: turned upright, resized to whole patches; a WebP data URI.

    "" if its file has expired on the server: the patches can be shown without it.
    """
    size = (grid[1] * factor, grid[0] * factor)
    try:
        loaded = load_image(item.path, name=item.name, upright=True).image
    except InputError:
        return ""
    seen = loaded.resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    seen.save(buffer, "WEBP", lossless=size[0] * size[1] <= LOSSLESS_PIXELS, quality=85)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def _packed(spec: dict[str, Any]) -> str:
    """JSON in which no text can look like markup to whoever handles it on the way."""
    return json.dumps(spec, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
