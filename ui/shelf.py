"""The collections that a visitor keeps for the session: named, switched, renamed, deleted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from embedder.errors import InputError
from ui import examples
from ui.collection import Item, short
from ui.relevance import Relevance

MOST_KEPT = 20
NAME_CHARS = 60


@dataclass(frozen=True)
class Kept:
    """A collection under its name.

    Attributes:
        name: unlike any other's.
        items: what it holds.
        relevance: which items answer which, where that is known.
    """

    name: str
    items: tuple[Item, ...]
    relevance: Relevance | None = None


@dataclass(frozen=True)
class Shelf:
    """All that is kept, oldest first."""

    kept: tuple[Kept, ...] = ()

    def names(self) -> list[str]:
        """In the order in which they came."""
        return [entry.name for entry in self.kept]

    def get(self, name: object) -> Kept:
        """The collection of this name.

        Raises:
            InputError: there is none.
        """
        for entry in self.kept:
            if entry.name == name:
                return entry
        raise InputError(f"there is no kept collection {short(str(name), 40)!r}")

    def holding(self, items: Sequence[Item]) -> str:
        """The name under which exactly these items are kept, "" for none."""
        return next((entry.name for entry in self.kept if entry.items == tuple(items)), "")

    def free_name(self, wanted: object) -> str:
        """A name like the one wanted that no other collection has."""
        base = short(str(wanted or ""), NAME_CHARS - 5) or "Collection"
        taken, name, again = {entry.name.casefold() for entry in self.kept}, base, 2
        while name.casefold() in taken:
            name, again = f"{base} ({again})", again + 1
        return name

    def put(self, name: object, items: Sequence[Item], relevance: Relevance | None = None) -> "Shelf":
        """With one more collection, under a free name.

        Raises:
            InputError: nothing in it, or too many are kept.
        """
        if not items:
            raise InputError("there is nothing to keep: the collection is empty")
        if len(self.kept) >= MOST_KEPT:
            raise InputError(f"{MOST_KEPT} collections are kept already; delete one first")
        return Shelf((*self.kept, Kept(self.free_name(name), tuple(items), relevance)))

    def renamed(self, name: object, wanted: object) -> "Shelf":
        """With another name for a collection; names of others are not taken away.

        Raises:
            InputError: no such collection, or no new name.
        """
        entry = self.get(name)
        if not isinstance(wanted, str) or not wanted.strip():
            raise InputError("type the new name first")
        others = Shelf(tuple(other for other in self.kept if other is not entry))
        fresh = replace(entry, name=others.free_name(wanted))
        return Shelf(tuple(fresh if other is entry else other for other in self.kept))

    def without(self, name: object) -> "Shelf":
        """Without a collection.

        Raises:
            InputError: there is none of this name.
        """
        entry = self.get(name)
        return Shelf(tuple(other for other in self.kept if other is not entry))

    def saved(self, items: Sequence[Item], relevance: Relevance | None) -> "Shelf":
        """With the collection at hand kept too, if it is nowhere else: nothing is lost by a switch.

        Raises:
            InputError: too many are kept.
        """
        known = tuple(items)
        if not known or self.holding(known) or any(known == e.items for e in examples.examples().values()):
            return self
        return self.put("Unnamed", known, relevance)
