"""Example sets of our own making: scenes drawn by this project, and short texts."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ui.collection import Added, Item, image_item, text_item
from ui.relevance import Relevance

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "examples"
REPOSITORY = FOLDER.parent.parent


@dataclass(frozen=True)
class Example:
    """A named set: its items, a query that shows something, what to look for, and what answers what."""

    name: str
    about: str
    items: tuple[Item, ...]
    query: str = ""
    query_image: str = ""
    relevant: tuple[tuple[int, int], ...] = ()


@cache
def examples() -> dict[str, Example]:
    """The sets of ``assets/examples/examples.json`` by name, in the file's order; empty without the file."""
    file = FOLDER / "examples.json"
    if not file.is_file():
        return {}
    listed = json.loads(file.read_text(encoding="utf-8"))
    return {entry["name"]: _example(entry) for entry in listed}


def _example(entry: dict[str, object]) -> Example:
    return Example(
        name=str(entry["name"]),
        about=str(entry["about"]),
        items=tuple(_item(source) for source in entry["items"]),  # type: ignore[attr-defined]
        query=str(entry.get("query", "")),
        query_image=str(FOLDER / str(entry["query_image"])) if entry.get("query_image") else "",
        relevant=tuple((asks, answers) for asks, answers in entry.get("relevant", [])),  # type: ignore[attr-defined]
    )


def _item(source: dict[str, str]) -> Item:
    if "text" in source:
        return text_item(source["text"])
    return image_item(FOLDER / source["image"], label=source.get("label", ""))


@cache
def relevance() -> Relevance:
    """Which items of the sets answer which: captions and pictures, translations, descriptions and code."""
    found = [
        Relevance.between(entry.items, [(asks, answers, 1) for asks, answers in entry.relevant])
        for entry in examples().values()
    ]
    return Relevance(tuple(pair for one in found for pair in one.pairs), "the example set")


def names() -> list[str]:
    """Names of the example sets."""
    return list(examples())


def first_items() -> tuple[Item, ...]:
    """The collection that a new visitor finds."""
    sets = examples()
    return next(iter(sets.values())).items if sets else ()


@dataclass(frozen=True)
class EmbedExample:
    """What the Embed tab opens with: texts, one per line, and pictures."""

    texts: str = ""
    pictures: tuple[Item, ...] = ()


def embed_example() -> EmbedExample:
    """Two texts and the pictures they tell apart, from the first set; nothing without examples."""
    items = first_items()
    texts = [item.text for item in items if item.kind == "text"][:3]
    pictures = tuple(item for item in items if item.kind == "image")[:3]
    return EmbedExample("\n".join(texts), pictures)


def first_query() -> str:
    """The query that goes with the first set."""
    sets = examples()
    return next(iter(sets.values())).query if sets else ""


@cache
def _by_content() -> dict[str, str]:
    """Path in the repository of every example picture, by its content."""
    pictures = (item for entry in examples().values() for item in entry.items if item.path)
    return {item.digest: Path(item.path).relative_to(REPOSITORY).as_posix() for item in pictures}


def shown_path(item: Item) -> str:
    """A path that means something to a reader: the repository's own file, else the uploaded file's name.

    Example pictures are known by their content, as the page may hold an uploaded copy of them.
    """
    return _by_content().get(item.digest, item.name)


def example_set(name: object) -> Added:
    """The items of a set; a name that does not exist (anything may be sent) is a problem, no error."""
    found = examples().get(str(name))
    return Added(found.items) if found else Added(problems=(f"there is no example set {str(name)[:60]!r}",))
