"""Relevance from an upload: a column of queries, or a second table of pairs."""

from collections.abc import Sequence
from dataclasses import replace

from embedder.errors import EmbedderError
from ui.collection import Item, text_item
from ui.columns import Made, number
from ui.faults import Fault, Faults
from ui.relevance import GREATEST_GAIN, MOST_PAIRS, Relevance
from ui.tables import Row, Table
from ui.upload import pair_columns

_IDS = ("id", "_id", "ids", "key", "doc", "doc_id", "docid", "item", "item_id")


def judged(made: Made, pairs: Table | None, source: str) -> tuple[tuple[Item, ...], Relevance | None, Faults]:
    """The items with the queries behind them, and which answers which.

    Args:
        made: items, and the query of each row.
        pairs: a table of queries and items, or None. Items go by their id, label, text, file name or row
            number; a query that is none of these is a text of its own.
        source: for people.
    """
    book = _Book(made.items)
    for item, query, row in zip(made.items, made.queries, made.numbers, strict=True):
        if query:
            book.pair(text_item(query), item, 1, Fault(source, "", row, column="query", value=query))
    if pairs is not None:
        names = _names(made)
        asks, answers, gains = (pairs.columns.index(name) if name else -1 for name in pair_columns(pairs))
        for row in pairs.rows:
            _add(book, names, pairs, row, (asks, answers, gains))
    known = Relevance(tuple(book.pairs), source) if book.pairs else None
    return (*made.items, *book.queries.values()), known, book.faults


def _add(book: "_Book", names: dict[str, Item], table: Table, row: Row, at: tuple[int, int, int]) -> None:
    asks, answers, gains = at
    query, answer = (str(row.cells[a] if row.cells[a] is not None else "").strip() for a in (asks, answers))
    blame = Fault(table.name, "", row.number, row.line, table.columns[answers], answer)
    gain = number(row.cells[gains]) if gains >= 0 else 1.0
    item = names.get(answer.casefold())
    if not query or item is None:
        words = "there is no query" if not query else "no item of the collection is called so"
        book.faults.add(replace(blame, reason=words))
    elif gain is None or gain != int(gain) or not 0 <= gain <= GREATEST_GAIN:
        words = f"the gain is {row.cells[gains]!r}; expected a whole number from 0 to {GREATEST_GAIN:,}"
        book.faults.add(replace(blame, reason=words))
    elif gain:
        try:
            book.pair(names.get(query.casefold()) or text_item(query), item, int(gain), blame)
        except EmbedderError as error:
            book.faults.add(replace(blame, reason=str(error)))


def _names(made: Made) -> dict[str, Item]:
    """Items by all that they go by; what comes first counts where a name is used twice."""
    found: dict[str, Item] = {}
    for item in made.items:
        ids = [str(value) for name, value in item.metadata if name.lower() in _IDS]
        whole = [f"{v:g}" for name, v in item.metadata if name.lower() in _IDS and isinstance(v, float)]
        for name in (*ids, *whole, item.label, item.text, item.name, item.name.rpartition(".")[0]):
            if name:
                found.setdefault(name.casefold(), item)
    for item, row in zip(made.items, made.numbers, strict=True):
        found.setdefault(str(row), item)
    return found


class _Book:
    """Pairs without repeats, and the queries that are no items yet."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.known = {item.digest for item in items}
        self.queries: dict[str, Item] = {}
        self.pairs: dict[tuple[str, str, int], None] = {}
        self.seen: set[tuple[str, str]] = set()
        self.faults = Faults()

    def pair(self, query: Item, item: Item, gain: int, blame: Fault) -> None:
        """One pair, or a fault: given twice, an item that answers itself, too many."""
        words = ""
        if query.digest == item.digest:
            words = "the query is the item itself"
        elif (query.digest, item.digest) in self.seen:
            words = "this pair was given before"
        elif len(self.seen) >= MOST_PAIRS:
            words = f"at most {MOST_PAIRS:,} pairs are taken"
        if words:
            self.faults.add(replace(blame, reason=words))
            return
        self.seen.add((query.digest, item.digest))
        self.pairs[query.digest, item.digest, gain] = None
        if query.digest not in self.known:
            self.queries.setdefault(query.digest, replace(query, metadata=(("role", "query"),)))
