"""Which items answer which: what makes quality measurable on a visitor's own collection."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from embedder.errors import InputError
from ui.collection import Item

MOST_PAIRS = 20_000
GREATEST_GAIN = 1_000


@dataclass(frozen=True)
class Judged:
    """Relevance within one list of items, in the numbers that ``eval`` works with.

    Attributes:
        queries: rows of the items that ask, ascending.
        documents: rows of the items that are searched, ascending. An item that asks is searched too only
            where it answers another one; it is never among its own candidates.
        gains: position in ``queries`` -> position in ``documents`` -> gain, 1 or more.
        source: where it is known from, for people.
    """

    queries: tuple[int, ...]
    documents: tuple[int, ...]
    gains: dict[int, dict[int, int]]
    source: str

    def own(self) -> dict[int, int]:
        """Position of each query among the documents, where it is one: what its search leaves out."""
        places = {row: at for at, row in enumerate(self.documents)}
        return {at: places[row] for at, row in enumerate(self.queries) if row in places}


@dataclass(frozen=True)
class Relevance:
    """Pairs of items by their content, so that they hold however a collection is ordered or cut.

    Attributes:
        pairs: (digest of the item that asks, digest of the item that answers, gain of 1 or more).
        source: where they come from, for people.
    """

    pairs: tuple[tuple[str, str, int], ...]
    source: str = ""

    @classmethod
    def between(
        cls, items: Sequence[Item], rows: Sequence[tuple[int, int, int]], source: str = ""
    ) -> "Relevance":
        """Pairs from row numbers.

        Args:
            items: what the numbers count, from 0.
            rows: (row that asks, row that answers, gain).
            source: for people.

        Raises:
            InputError: too many pairs, a row that does not exist, an item that answers itself, or a gain that
                is not from 1 to 1,000.
        """
        if len(rows) > MOST_PAIRS:
            raise InputError(f"{len(rows):,} pairs were given; at most {MOST_PAIRS:,} are taken")
        for number, (asks, answers, gain) in enumerate(rows, start=1):
            for row in (asks, answers):
                if not 0 <= row < len(items):
                    raise InputError(
                        f"pair {number} names item {row + 1}; the collection has items 1 to {len(items)}"
                    )
            if items[asks].digest == items[answers].digest:
                raise InputError(f"pair {number} says that item {asks + 1} answers itself; name another item")
            if not 1 <= gain <= GREATEST_GAIN:
                raise InputError(f"pair {number} has a gain of {gain}; expected 1 to {GREATEST_GAIN:,}")
        return cls(tuple((items[a].digest, items[b].digest, gain) for a, b, gain in rows), source)

    def turned(self) -> "Relevance":
        """The same pairs the other way round: what answered asks."""
        return Relevance(tuple((b, a, gain) for a, b, gain in self.pairs), self.source)

    def judged(self, items: Sequence[Item]) -> Judged | None:
        """What is known of these items; None where no pair lies among them.

        Every item that asks nothing is a candidate, so that items without a pair make the search harder.
        """
        rows = {item.digest: row for row, item in enumerate(items)}
        here = [(rows[a], rows[b], gain) for a, b, gain in self.pairs if a in rows and b in rows]
        if not here:
            return None
        asking = sorted({a for a, _, _ in here})
        answers = {b for _, b, _ in here}
        documents = [row for row in range(len(items)) if row in answers or row not in set(asking)]
        at = {row: place for place, row in enumerate(documents)}
        gains: dict[int, dict[int, int]] = {}
        for a, b, gain in here:
            mine = gains.setdefault(asking.index(a), {})
            mine[at[b]] = max(gain, mine.get(at[b], 0))
        return Judged(tuple(asking), tuple(documents), gains, self.source)


def typed_pairs(text: str, items: Sequence[Item]) -> Relevance:
    """Pairs as a visitor types them: one per line, item numbers from 1, a gain behind them if it is not 1.

    Raises:
        InputError: a line that is no pair, or anything that :meth:`Relevance.between` refuses.
    """
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        found = re.fullmatch(r"(\d{1,6})[\s,;:>-]+(\d{1,6})(?:[\s,;:]+(\d{1,4}))?", line.strip())
        if not found:
            raise InputError(
                f"line {number} of the pairs is {line.strip()[:40]!r}; expected two item numbers such as "
                "“1, 7”, and a gain behind them if you like"
            )
        asks, answers, gain = found.groups()
        rows.append((int(asks) - 1, int(answers) - 1, int(gain or 1)))
    return Relevance.between(items, rows, "your pairs")


def in_order(items: Sequence[Item]) -> Relevance:
    """The first text with the first picture, the second with the second, and so on.

    Raises:
        InputError: there are none, or not as many texts as pictures.
    """
    texts = [row for row, item in enumerate(items) if item.kind == "text"]
    pictures = [row for row, item in enumerate(items) if item.kind != "text"]
    if not texts or len(texts) != len(pictures):
        raise InputError(
            f"the collection has {len(texts)} texts and {len(pictures)} pictures; as many of each are "
            "needed to pair them in order"
        )
    return Relevance.between(items, [(a, b, 1) for a, b in zip(texts, pictures, strict=True)], "their order")
