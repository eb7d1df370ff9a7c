"""From rows to items: which column is the text, the picture, the name, and what else is known."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from embedder.errors import EmbedderError, InputError
from ui import kept_files
from ui.collection import Item, document_item, image_item, short, text_item
from ui.faults import Fault, Faults
from ui.tables import Array, Cell, Row, Table
from ui.upload import PICTURE, Upload

NONE = "none"
MAX_METADATA = 20
METADATA_CHARS = 60
SAMPLE = 200
"""Rows that a guess looks at."""
FIRST, RANDOM = "the first rows", "a random sample"
TAKES = (FIRST, RANDOM)
SEED = 0
_TEXTS = ("text", "sentence", "content", "document", "body", "caption", "description", "passage", "title")
_PICTURES = ("image", PICTURE, "img", "photo", "file", "filename", "file_name", "image_path", "path")
_TITLES = ("title", "name")
_NAMES = (*_TITLES, "label", "labels", "id", "ids", "_id")
_QUERIES = ("query", "question")
_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*:(?!\\)", re.IGNORECASE)
_DATA = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)


@dataclass(frozen=True)
class Chosen:
    """Names of columns; "" where there is none.

    Attributes:
        text: what is embedded as text.
        picture: pictures: names of uploaded files, data URIs, or files that came inside the table.
        label: what axes and cards show.
        vector: numbers to use in the place of the model's.
        query: texts that the item of their row answers.
        metadata: what else to keep.
    """

    text: str = ""
    picture: str = ""
    label: str = ""
    vector: str = ""
    query: str = ""
    metadata: tuple[str, ...] = ()


@dataclass(frozen=True)
class Made:
    """Items of an upload.

    Attributes:
        items: one per row that can be used.
        numbers: the rows' numbers.
        queries: the text of each row's query, "" for none.
        vectors: float32 (n, width), None without a column of them.
        faults: rows that cannot be used.
        notices: what was changed on the way in.
    """

    items: tuple[Item, ...]
    numbers: tuple[int, ...]
    queries: tuple[str, ...]
    vectors: Array | None
    faults: Faults
    notices: tuple[str, ...]


def checked(table: Table, **values: object) -> Chosen:
    """The columns that a visitor chose.

    Args:
        table: has the columns.
        **values: by attribute of :class:`Chosen`; "none" or None for no column.

    Raises:
        InputError: a column that the table does not have, or neither text nor picture nor vector.
    """
    found: dict[str, str] = {}
    for role in ("text", "picture", "label", "vector", "query"):
        value = values.get(role)
        if value in (None, "", NONE):
            continue
        if not isinstance(value, str) or value not in table.columns:
            raise InputError(f"the {role} column is {short(str(value), 40)!r}, which {table.name} lacks")
        found[role] = value
    several = values.get("metadata") or []
    if not isinstance(several, list | tuple) or not all(name in table.columns for name in several):
        raise InputError(f"a column of metadata is none of {table.name}")
    if not {"text", "picture", "vector"} & set(found):
        raise InputError("choose a column of texts, of pictures or of vectors: there is nothing to compare")
    return Chosen(**found, metadata=tuple(str(name) for name in several)[:MAX_METADATA])


def guess(upload: Upload) -> Chosen:
    """What the columns probably are, by their names and by what is in the first rows."""
    table, names = upload.table, list(upload.table.columns)
    sample = {name: [row.cells[at] for row in table.rows[:SAMPLE]] for at, name in enumerate(names)}
    vector = next((n for n in names if any(isinstance(v, np.ndarray) for v in sample[n])), "")
    picture = _guess_picture(upload, names, sample)
    left = [name for name in names if name not in (vector, picture)]
    query = _named(left, _QUERIES) if len(left) > 1 else ""
    words = {name: _words(sample[name]) for name in left if name != query}
    text = _named(list(words), _TEXTS) or ""
    if not text and not picture:
        # beside vectors, names and categories are no texts
        fit = [name for name in words if words[name] > 0 and not (vector and _known(name, sample[name]))]
        text = max(fit, key=lambda name: words[name], default="")
    label = _named([name for name in words if name != text], _TITLES if text else _NAMES)
    rest = [name for name in left if name not in (text, query)]
    kept = tuple(name for name in rest if _fits(sample[name]))[:MAX_METADATA]
    return Chosen(text, picture, label, vector, query, kept)


def _named(names: Sequence[str], wanted: Sequence[str]) -> str:
    by_name = {name.lower(): name for name in reversed(names)}
    return next((by_name[key] for key in wanted if key in by_name), "")


def _known(name: str, values: Sequence[Cell]) -> bool:
    return name.lower() in _NAMES or 2 * len(set(map(str, values))) <= len(values)


def _words(values: Sequence[Cell]) -> float:
    """Mean length of the texts of a column, 0 where most of it is none."""
    texts = [value for value in values if isinstance(value, str) and value.strip() and number(value) is None]
    return sum(map(len, texts)) / len(texts) if len(texts) * 2 > len(values) else 0.0


def _fits(values: Sequence[Cell]) -> bool:
    """Whether a column's values are short enough to colour a map by."""
    lengths = [len(value) for value in values if isinstance(value, str)]
    return not any(isinstance(v, np.ndarray | Path) for v in values) and max(lengths, default=0) <= 200


def _guess_picture(upload: Upload, names: Sequence[str], sample: dict[str, list[Cell]]) -> str:
    def pictured(value: Cell) -> bool:
        if isinstance(value, Path):
            return True
        return isinstance(value, str) and (bool(_DATA.match(value)) or _found(value, upload) is not None)

    hits = [name for name in names if any(pictured(value) for value in sample[name])]
    return hits[0] if hits else ""


def _found(value: str, upload: Upload) -> Item | None:
    key = value.strip().replace("\\", "/").lower().removeprefix("./")
    return upload.pictures.get(key) or (
        upload.pictures.get(key.rsplit("/", 1)[-1]) if ".." not in key else None
    )


def number(value: Cell) -> float | None:
    """A cell as a finite number, None if it is none."""
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str) or not value or len(value) > 40 or value[0].isalpha():
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if np.isfinite(found) else None


def numeric(values: Sequence[Cell]) -> bool:
    """Whether all of a column that is not blank are numbers; ids with leading zeros are none."""
    filled = [value for value in values if value is not None and str(value).strip()]
    padded = any(isinstance(v, str) and re.match(r"[+-]?0\d", v) for v in filled)
    return bool(filled) and not padded and all(number(value) is not None for value in filled)


def order(table: Table, take: str) -> list[Row]:
    """All rows in the order in which they are tried."""
    rows = list(table.rows)
    if take == RANDOM:
        return [rows[at] for at in np.random.default_rng(SEED).permutation(len(rows))]
    return rows


def items_of(
    upload: Upload, chosen: Chosen, *, most: int, take: str = FIRST, carry: bool = True
) -> Iterator[int | Made]:
    """Items from rows.

    Args:
        upload: what came.
        chosen: its columns.
        most: how many items to make.
        take: ``FIRST`` or ``RANDOM``, where there are more rows than that.
        carry: put the vectors into the items, which then never go through the model.

    Yields:
        How many are made, now and then; at the end what they are.
    """
    maker = _Maker(upload, chosen, carry)
    rows = order(upload.table, take)
    tried = 0
    for row in rows:
        if len(maker.made) >= most:
            break
        tried += 1
        maker.add(row)
        if tried % (8 if chosen.picture else 500) == 0:
            yield len(maker.made)
    notices = []
    if tried < len(rows):
        notices.append(f"{len(maker.made):,} of {len(rows):,} rows were taken: {take}")
    yield maker.done(notices)


class _Maker:
    """Turns rows into items one at a time."""

    def __init__(self, upload: Upload, chosen: Chosen, carry: bool) -> None:
        self.upload, self.chosen, self.carry = upload, chosen, carry
        columns = upload.table.columns
        self.at = {
            role: columns.index(getattr(chosen, role))
            for role in ("text", "picture", "label", "vector", "query")
            if getattr(chosen, role)
        }
        self.metadata = [(name, columns.index(name)) for name in chosen.metadata]
        self.numeric = {name for name, _ in self.metadata if numeric(upload.table.values(name))}
        self.width = 0
        self.made: list[tuple[Row, Item, str, Array | None]] = []
        self.faults = Faults()
        self.notices: dict[str, None] = {}

    def cell(self, row: Row, role: str) -> Cell:
        return row.cells[self.at[role]] if role in self.at else None

    def add(self, row: Row) -> None:
        """Make an item of a row, or a fault."""
        role = ""
        try:
            role = "vector"
            vector = self.vector(row)
            role = "picture"
            picture = self.picture(row)
            role = "text"
            item = self.item(row, picture, vector)
            role = "query"
            query = _text(self.cell(row, "query"))
            if query:
                text_item(query)
        except EmbedderError as error:
            column = getattr(self.chosen, role) if role in self.at else ""
            value = self.cell(row, role)
            shown = "" if value is None or isinstance(value, np.ndarray) else str(value)[:200]
            self.faults.add(Fault(self.upload.table.name, str(error), row.number, row.line, column, shown))
            return
        self.notices.update(dict.fromkeys(item.notices))
        self.made.append((row, item, query, vector))

    def vector(self, row: Row) -> Array | None:
        if "vector" not in self.at:
            return None
        value = self.cell(row, "vector")
        if not isinstance(value, np.ndarray):
            raise InputError("there is no vector in this row")
        if not np.isfinite(value).all() or not value.any():
            raise InputError("the vector holds NaN or infinity, or is zero: it has no direction")
        if self.width and len(value) != self.width:
            raise InputError(f"the vector has {len(value)} dimensions, the first one has {self.width}")
        self.width = len(value)
        return value

    def picture(self, row: Row) -> Item | None:
        value = self.cell(row, "picture")
        if isinstance(value, Path):
            return image_item(value)
        text = _text(value)
        if not text:
            return None
        if _DATA.match(text):
            try:
                data = base64.b64decode(text[text.index(",") + 1 :], validate=True)
            except (binascii.Error, ValueError):
                raise InputError("the picture is not proper base64") from None
            return image_item(kept_files.keep(data, f"row-{row.number}"))
        found = _found(text, self.upload)
        if found is None and _ADDRESS.match(text):
            raise InputError("is an address: nothing is fetched here; upload the picture itself")
        if found is None:
            raise InputError("no picture of this name was uploaded: add it, or a zip that holds it")
        return found

    def item(self, row: Row, picture: Item | None, vector: Array | None) -> Item:
        text, label = _text(self.cell(row, "text")), _text(self.cell(row, "label"))
        if not text and picture is None:
            if vector is None:
                raise InputError("the row has neither text nor picture")
            text = label or f"row {row.number}"
        if picture is None:
            item = text_item(text)
        else:
            item = document_item(text, picture) if text else picture
        known = tuple((name, self.known(name, row.cells[at])) for name, at in self.metadata)
        item = replace(item, metadata=known, label=short(label) if label else item.label)
        if vector is None:
            return item
        data = np.ascontiguousarray(vector, "<f4").tobytes()
        digest = hashlib.sha256(b"brought\0" + item.digest.encode() + data).hexdigest()
        return replace(item, digest=digest, vector=data if self.carry else b"")

    def known(self, name: str, value: Cell) -> str | float:
        """A value of metadata; a name of our own making for what is no short text."""
        if name in self.numeric:
            found = number(value)
            return "" if found is None else found
        return "" if value is None else short(str(value), METADATA_CHARS)

    def done(self, notices: Sequence[str]) -> Made:
        made = sorted(self.made, key=lambda entry: entry[0].number)
        vectors = np.stack([entry[3] for entry in made]) if made and "vector" in self.at else None
        return Made(
            tuple(entry[1] for entry in made),
            tuple(entry[0].number for entry in made),
            tuple(entry[2] for entry in made),
            vectors,
            self.faults,
            (*self.notices, *notices),
        )


def _text(value: Cell) -> str:
    if value is None or isinstance(value, np.ndarray | Path):
        return ""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return "" if text.strip().lower() in ("nan", "none", "null", "") else text.strip()
