"""Benchmarks from tables, in the columns of BEIR and of ViDoRe, read through `datasets`.

BEIR on the hub: configurations corpus (`_id, title, text`), queries (`_id, text`) and qrels or default
(`query-id, corpus-id, score`). ViDoRe 2 and 3: the same with `corpus-id` or `corpus_id`, `image`, and
queries with `query-id` or `query_id`, `query`, `language`. ViDoRe 1: one table with a row per question,
`query, image, image_filename`. Tables stay on disk; a picture is read when it is its turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

from embedder.errors import InputError
from eval.benchmarks.checks import fault_of_picture, inside, kind_of, notices_of
from eval.benchmarks.hub import Address
from eval.benchmarks.layout import Layout, choose, choose_split, read_layout
from eval.benchmarks.model import (
    Benchmark,
    Digests,
    Input,
    Items,
    assemble,
    digest,
    has_picture,
    stack_digests,
)
from eval.benchmarks.table import Row, Table

IDS = {
    "corpus": ("_id", "id", "corpus-id", "corpus_id"),
    "queries": ("_id", "id", "query-id", "query_id"),
}
TEXTS = {"corpus": ("text",), "queries": ("text", "query")}
GAINS = ("score", "relevance")


def load_tables(folder: str | Path, address: Address, *, source: str = "") -> Benchmark:
    """Read and check a data set in BEIR's or ViDoRe's columns.

    Empty texts are kept and counted; pictures that cannot be decoded are left out with their
    judgements and counted; queries without a relevant document are left out and counted.

    Args:
        folder: with the data set's files.
        address: which subset and split are meant, and what it is called.
        source: where the data come from; by default the folder.

    Raises:
        InputError: a table, a split or a column is missing; an id is missing, occurs twice or is judged
            but not there; a gain is no whole number. Table, row and value are named.
    """
    root = Path(folder).expanduser().resolve()
    layout = read_layout(root)
    tables = {name: choose(layout, name, address.subset) for name in ("corpus", "queries", "qrels")}
    language = None
    if address.subset and not any(tables.values()):  # no configuration of that name: a language, then
        language = address.subset
        tables = {name: choose(layout, name, None) for name in tables}
    reader = _Reader(root, layout, address)
    about = source or f"folder {root.name}"
    if tables["corpus"] and tables["queries"] and tables["qrels"]:
        named = {name: str(config) for name, config in tables.items()}
        return _three_tables(reader, named, language, about)
    config = address.subset if address.subset in layout else "default"
    if config not in layout or (language and config == "default"):
        lacking = [name for name, found in tables.items() if not found]
        raise InputError(
            f"{address.name}: no {', '.join(lacking) or 'subset ' + repr(language)} in {root} (its tables: "
            f"{', '.join(sorted(layout)) or 'none'}); expected corpus, queries and qrels, or one table with "
            "query and image"
        )
    from eval.benchmarks.questions import one_table

    return one_table(reader.read(config, "default"), address.name, about)


@dataclass
class _Reader:
    """Opens tables of a folder."""

    root: Path
    layout: Layout
    address: Address

    def read(self, config: str, table: str) -> Table:
        splits = self.layout[config]
        where = f"{self.address.name}, {config}"
        split = choose_split(splits, self.address.split, table, where)
        return Table(self.root, f"{where}, {split}", splits[split])


class Inputs(Sequence[Input]):
    """What the embedder takes, of some rows of a table, read when asked for."""

    def __init__(self, table: Table, rows: Sequence[int], text: str | None) -> None:
        """Of the rows numbered in `rows`; `text` is the text's column, if there is one."""
        self._table, self._rows, self._text = table, rows, text

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Input: ...
    @overload
    def __getitem__(self, index: slice) -> list[Input]: ...
    def __getitem__(self, index: int | slice) -> Input:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = self._rows[index]
        return input_of(self._table, self._table[row], self._text, row)


@dataclass
class Found:
    """What is known of a table's items while it is read."""

    rows: dict[str, int] = field(default_factory=dict)  # id -> row
    digests: list[bytes] = field(default_factory=list)
    pictures: int = 0
    empty: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)  # id -> reason

    def take(self, key: str, row: int, value: Input, where: str) -> None:
        """Check an input and take it up, or note why not."""
        if has_picture(value):
            fault = fault_of_picture(value["image"], f"{where} row {row}: picture")
            if fault:
                self.broken[key] = fault
                return
            self.pictures += 1
        elif not value:
            self.empty.append(key)
        self.rows[key] = row
        self.digests.append(digest(value))

    def items(self, table: Table, text: str | None) -> Items:
        """The items taken up.

        Raises:
            InputError: there are none.
        """
        if not self.rows:
            raise InputError(f"{table.where}: holds nothing that can be used")
        inputs = Inputs(table, list(self.rows.values()), text)
        return Items(list(self.rows), inputs, self.stacked(), self.pictures)

    def stacked(self) -> Digests:
        """SHA-256 of each item taken up, uint8 (n, 32)."""
        return stack_digests(self.digests)


def _three_tables(reader: _Reader, tables: dict[str, str], language: str | None, source: str) -> Benchmark:
    corpus, dropped, notices = _items(reader.read(tables["corpus"], "corpus"), "corpus")
    asked = reader.read(tables["queries"], "queries")
    queries, unusable, said = _items(asked, "queries", language)
    judgements = _judgements(reader.read(tables["qrels"], "qrels"))
    judgements = {query: gains for query, gains in judgements.items() if query not in unusable}
    modality = f"{kind_of(queries)} to {kind_of(corpus)}"
    return assemble(
        reader.address.name, modality, corpus, queries, judgements,
        notices=[*notices, *said], source=source, dropped=frozenset(dropped),
    )  # fmt: skip


def _items(table: Table, role: str, language: str | None = None) -> tuple[Items, set[str], list[str]]:
    """Items of a table, ids of those left out, and notices."""
    key_name = table.column(IDS[role])
    text = next((name for name in TEXTS[role] if name in table.columns), None)
    if text is None and "image" not in table.columns:
        table.column([*TEXTS[role], "image"])
    if language is not None:
        _check_language(table, language)
    table = table.only([key_name, "title", text or "", "image", *(["language"] if language else [])])
    found = Found()
    others: set[str] = set()
    first: dict[str, int] = {}
    for number, row in enumerate(table):
        key = id_of(row, key_name, f"{table.where} row {number}")
        if key in first:
            raise InputError(
                f"{table.where} row {number}: id {key!r} occurs twice, first in row {first[key]}"
            )
        first[key] = number
        if language is not None and row["language"] != language:
            others.add(key)
            continue
        found.take(key, number, input_of(table, row, text, number), table.where)
    said = notices_of(found.empty, found.broken, table.where)
    return found.items(table, text), others | found.broken.keys(), said


def _check_language(table: Table, language: str) -> None:
    known = {str(row["language"]) for row in table.only([table.column(["language"])])}
    if language not in known:
        raise InputError(
            f"{table.where}: no subset or language {language!r}; there are {', '.join(sorted(known))}"
        )


def input_of(table: Table, row: Row, text: str | None, number: int) -> Input:
    """A row's text, or a mapping with the picture's bytes and the text if there is one."""
    where = f"{table.where} row {number}"
    words = " ".join(_text(row.get(name), name, where) for name in ("title", text) if name).strip()
    stored = row.get("image")
    if stored is None:
        return words
    data = _picture(table.root, stored, where)
    return {"image": data, "text": words} if words else {"image": data}


def _text(value: object, name: str, where: str) -> str:
    if value is not None and not isinstance(value, str):
        raise InputError(
            f"{where}: {name!r} is a {type(value).__name__} ({str(value)[:40]}), expected a text"
        )
    return value or ""


def _picture(root: Path, stored: object, where: str) -> bytes:
    """A picture's bytes: within the table, or in a file of the folder that the table names."""
    if isinstance(stored, dict):
        data, stored = stored.get("bytes"), stored.get("path")
        if data is not None:
            return bytes(data)
    if isinstance(stored, bytes):
        return stored
    if not isinstance(stored, str) or not stored:
        raise InputError(
            f"{where}: the picture is {str(stored)[:40]!r}, expected its bytes or a path in {root.name}/"
        )
    return inside(root, stored, f"{where}: image ").read_bytes()


def id_of(row: Row, name: str, where: str) -> str:
    """A row's id as text."""
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise InputError(f"{where}: {name!r} is {value!r}, expected a text that is not empty")
    return value


def _judgements(table: Table) -> dict[str, dict[str, int]]:
    """Query id -> document id -> gain."""
    query, document, gain = (table.column(names) for names in (IDS["queries"][2:], IDS["corpus"][2:], GAINS))
    judgements: dict[str, dict[str, int]] = {}
    for number, row in enumerate(table.only([query, document, gain])):
        where = f"{table.where} row {number}"
        judged = judgements.setdefault(id_of(row, query, where), {})
        key = id_of(row, document, where)
        if key in judged:
            raise InputError(f"{where}: query {row[query]!r} and document {key!r} are judged twice")
        judged[key] = _gain(row[gain], where)
    return judgements


def _gain(value: object, where: str) -> int:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = 0.5
    if not number.is_integer():
        raise InputError(f"{where}: the gain is {value!r}, expected a whole number")
    return int(number)
