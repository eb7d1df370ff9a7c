"""What a map is made of, and how it travels: points with their columns, and layouts as base64 arrays."""

import base64
import hashlib
import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from embedder.errors import InputError
from ui.collection import Item, short

Array = np.ndarray[Any, np.dtype[Any]]
Cell = str | float
Column = tuple[Cell, ...]

MAX_POINTS = 50_000
MAX_THUMBS = 600
"""Pictures whose thumbnail goes to the page with the map, some two megabytes; of others on a click."""
TEXT_BYTES = 2_000_000
MAX_TEXT = 2_000
MIN_TEXT = 40
MAX_COLUMNS = 30
MAX_CATEGORIES = 30
FEW_VALUES = 12
"""A column of numbers with at most so many different ones is a column of categories."""
OTHER = "other"
OWN = ("kind", "script", "characters")
"""Columns that any items have; those that were brought with them come before in colouring."""
# blanks, control characters and halves of surrogate pairs, which no JSON parser takes
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


@dataclass(frozen=True, eq=False)
class Points:
    """Items of a map, with vectors of their own or to be encoded, and columns that can colour them.

    Two are never equal: what is brought anew is another thing for gradio, which wants a hash of a state.

    Attributes:
        items: one per point.
        vectors: float32 (n, dim) that came with them (rows need not have length 1), None to encode.
        columns: values by name of column, one per point.
        name: where they come from, for headings; "" for the session's collection.
    """

    items: tuple[Item, ...]
    vectors: Array | None = None
    columns: Mapping[str, Column] | None = None
    name: str = ""

    @classmethod
    def gather(
        cls,
        items: Sequence[Item],
        vectors: Array | None = None,
        metadata: Sequence[Mapping[str, object]] | None = None,
        name: str = "",
    ) -> "Points":
        """Points from items, with what is known about each.

        Args:
            items: at most ``MAX_POINTS``.
            vectors: float (n, dim), finite, or None.
            metadata: a mapping per item, not all need have the same names; numbers stay numbers. None for
                what the items carry themselves.
            name: where they come from.

        Raises:
            InputError: lengths that do not fit, too many items, or values that are not finite.
        """
        if len(items) > MAX_POINTS:
            raise InputError(f"a map holds at most {MAX_POINTS:,} points, there are {len(items):,}")
        if vectors is not None:
            vectors = _checked(vectors, len(items))
        if metadata is not None and len(metadata) != len(items):
            raise InputError(f"{len(items)} items and metadata of {len(metadata)} do not fit")
        if metadata is None:
            metadata = [dict(item.metadata) for item in items] if any(i.metadata for i in items) else ()
        columns = {**_own_columns(items), **_columns(metadata)}
        return cls(tuple(items), vectors, dict(list(columns.items())[:MAX_COLUMNS]), name)

    def only(self, rows: Sequence[int]) -> "Points":
        """The points of these rows."""
        columns = {name: tuple(values[row] for row in rows) for name, values in (self.columns or {}).items()}
        vectors = self.vectors[list(rows)] if self.vectors is not None else None
        return Points(tuple(self.items[row] for row in rows), vectors, columns, self.name)

    def __hash__(self) -> int:
        """By content, by which gradio sees that a state has changed; arrays and mappings have none."""
        return hash(self.base)

    @cached_property
    def base(self) -> str:
        """A name for these points, by which the page knows whether a layout belongs to them."""
        content = hashlib.sha256()
        for item in self.items:
            content.update((item.digest or item.label).encode("utf-8", "surrogatepass") + b"\0")
        content.update(repr(self.columns).encode("utf-8", "surrogatepass"))
        if self.vectors is not None:
            content.update(np.ascontiguousarray(self.vectors).data)
        return content.hexdigest()[:16]


def _checked(vectors: Array, count: int) -> Array:
    array = np.asarray(vectors, dtype=np.float32)
    if array.ndim != 2 or len(array) != count or array.shape[1] == 0:
        raise InputError(f"{count} items need vectors of shape ({count}, dim), these have {array.shape}")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1) | ~array.any(axis=1))
    if len(bad):
        raise InputError(f"vector {bad[0]} has no direction: it is zero or not finite; leave the item out")
    return array


def _own_columns(items: Sequence[Item]) -> dict[str, Column]:
    """What can be said of any item; columns in which all are alike are left out."""
    words = {"text": "text", "image": "picture", "document": "text + picture"}
    columns: dict[str, Column] = {
        "kind": tuple(words[item.kind] for item in items),
        "script": tuple(script(item.text) if item.text else "none" for item in items),
        "characters": tuple(float(len(item.text)) for item in items),
    }
    return {name: values for name, values in columns.items() if len(set(values)) > 1}


def script(text: str) -> str:
    """The writing system of most letters among the first ones: "Latin", "Cyrillic", "Cjk"; "none" if none."""
    letters = [char for char in text[:200] if char.isalpha()]
    names = Counter(unicodedata.name(char, "none").split()[0].capitalize() for char in letters)
    return names.most_common(1)[0][0] if names else "none"


def _columns(metadata: Sequence[Mapping[str, object]]) -> dict[str, Column]:
    names = dict.fromkeys(str(name) for entry in metadata for name in entry)
    return {name: tuple(_cell(entry.get(name)) for entry in metadata) for name in names}


def _cell(value: object) -> Cell:
    """A finite number as it is, anything else as a short text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return "" if value is None else short(str(value), 60)


def packed(spec: Mapping[str, Any]) -> str:
    """JSON in which no label can look like markup to whoever handles it on the way."""
    return json.dumps(spec, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def b64(values: Array, dtype: str) -> str:
    """An array's bytes, little-endian, in base64."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode()


def field(name: str, values: Column) -> dict[str, Any]:
    """A column for the page: numbers as float32, categories as codes with their names, largest first."""
    numbers = [value for value in values if isinstance(value, float)]
    blank = [value == "" for value in values]
    if numbers and len(numbers) + sum(blank) == len(values) and len(set(numbers)) > FEW_VALUES:
        column = np.array([value if isinstance(value, float) else np.nan for value in values])
        ends = {"low": min(numbers), "high": max(numbers)}
        return {"name": name, "kind": "number", "values": b64(column, "<f4"), **ends}
    words = [f"{value:g}" if isinstance(value, float) else value or "none" for value in values]
    return {"name": name, "kind": "category", **_coded(words)}


def _coded(words: Sequence[str]) -> dict[str, Any]:
    """Names from the most frequent on, the rest as one, and a code for each word."""
    counts = Counter(words)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    names = ranked if len(ranked) <= MAX_CATEGORIES else [*ranked[: MAX_CATEGORIES - 1], OTHER]
    codes = {word: min(at, len(names) - 1) for at, word in enumerate(ranked)}
    return {"names": names, "codes": b64(np.array([codes[word] for word in words]), "u1")}


def line(text: str, limit: int) -> str:
    """The text on one line, at most ``limit`` characters: quick, as it is done for each of 50,000 items."""
    clean = _BLANK.sub(" ", text[: 2 * limit]).strip()
    return clean if len(clean) <= limit else clean[: limit - 1].rstrip() + "…"


def base_spec(points: Points) -> dict[str, Any]:
    """Everything about the points but where they are: texts, thumbnails, columns.

    Texts are one string with a line each, so that 50,000 of them are read in no time.
    """
    room = max(MIN_TEXT, min(MAX_TEXT, TEXT_BYTES // max(1, len(points.items))))
    fields = [field(name, values) for name, values in (points.columns or {}).items()]
    pictured = [at for at, item in enumerate(points.items) if item.thumb]
    few = pictured if len(pictured) <= MAX_THUMBS else []
    return {
        "base": points.base,
        "count": len(points.items),
        "texts": "\n".join(line(item.text or item.label, room) for item in points.items),
        "labels": "\n".join(line(item.label, room) for item in points.items)
        if len(points.items) <= 5_000
        else "",
        "thumbs": {str(at): points.items[at].thumb for at in few},
        "fields": fields,
        "first": first_colour(fields, len(points.items)),
    }


def first_colour(fields: Sequence[Mapping[str, Any]], count: int) -> str:
    """The column that a map is coloured by at first: a visitor's own with few values, if there is one.

    Args:
        fields: as :func:`field` makes them.
        count: of points; a column with a value for each tells nothing apart.

    Returns:
        its name, "" without any column.
    """
    few = [
        f["name"]
        for f in fields
        if f["kind"] == "category" and 1 < len(f["names"]) < min(count, MAX_CATEGORIES)
    ]
    brought = [name for name in few if name not in OWN]
    return next(iter([*brought, *few, *(f["name"] for f in fields)]), "")


def group_field(groups: Array, names: Sequence[str]) -> dict[str, Any]:
    """Clusters as a column; -1 becomes a last category of its own."""
    words = [*names, "in no cluster"]
    codes = np.where(groups < 0, len(names), groups)
    used = len(names) + int((groups < 0).any())
    return {"name": "cluster", "kind": "category", "names": words[:used], "codes": b64(codes, "u1")}
