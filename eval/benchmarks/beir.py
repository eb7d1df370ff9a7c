"""Benchmark folders in BEIR's layout: `corpus.jsonl`, `queries.jsonl`, `qrels/test.tsv`.

A document is `{"_id": ..., "title": ..., "text": ...}` or has `"image": "relative/path.png"`;
its text is `(title + " " + text).strip()`. The layout is described in the BEIR repository's
wiki ("Load your custom dataset"). Nothing outside the folder is ever read.
"""

import json
import mmap
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from embedder.errors import InputError
from embedder.images import MAX_IMAGE_BYTES
from eval.benchmarks.checks import ADDRESS, fault_of_picture, inside, kind_of, notices_of
from eval.benchmarks.model import Benchmark, Input, Items, assemble, digest, stack_digests

MAX_LINE_BYTES = 16 * 2**20  # a text of the longest length the model takes has about 200 kB


def load_folder(folder: str | Path) -> Benchmark:
    """Read and check a benchmark folder; texts and pictures stay on disk until they are encoded.

    Empty texts are kept and counted; pictures that cannot be decoded are left out with their
    judgements and counted; queries without a relevant document are left out and counted.

    Raises:
        InputError: a file is missing, outside the folder or no plain file; a line is not what the
            layout asks for; an id is missing, occurs twice or is judged but not there. File, line and
            id are named.
    """
    root = _root(folder)
    corpus, broken, notices = _read_items(root, "corpus.jsonl", "document")
    queries, lost, said = _read_items(root, "queries.jsonl", "query")
    judgements = _read_judgements(inside(root, "qrels/test.tsv"))
    if lost:
        judgements = {query: gains for query, gains in judgements.items() if query not in lost}
    modality = f"{kind_of(queries)} to {kind_of(corpus)}"
    return assemble(
        root.name, modality, corpus, queries, judgements,
        notices=[*notices, *said], source=f"folder {root.name}", dropped=frozenset(broken),
    )  # fmt: skip


def _root(folder: str | Path) -> Path:
    if ADDRESS.match(str(folder)) and not Path(folder).is_dir():
        raise InputError(f"{str(folder)!r} is an address: give a local folder; nothing is fetched")
    root = Path(folder).expanduser().resolve()
    if root.is_file():
        raise InputError(f"{str(folder)!r} is a file: give the folder that holds corpus.jsonl")
    if not root.is_dir():
        raise InputError(f"{str(folder)!r}: no such folder ({root})")
    return root


@dataclass
class _Reading:
    """What is known of a file's items while it is read."""

    ids: dict[str, int] = field(default_factory=dict)  # id -> line
    spans: list[tuple[int, int]] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    pictures: int = 0
    empty: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)  # id -> reason


def _read_items(root: Path, name: str, what: str) -> tuple[Items, dict[str, str], list[str]]:
    """Items of a file, ids of those left out with the reason, and notices."""
    path = inside(root, name)
    found = _Reading()
    for line, span, fields in _lines(path):
        where = f"{name} line {line}"
        key = _id(fields, where)
        if key in found.ids:
            raise InputError(f"{where}: id {key!r} occurs twice, first in line {found.ids[key]}")
        found.ids[key] = line
        _read_item(root, where, key, fields, span, found)
    if not found.spans:
        raise InputError(f"{name} in {root} holds no {what} that can be used")
    kept = [key for key in found.ids if key not in found.broken]
    inputs = JsonLines(root, path, found.spans)
    items = Items(kept, inputs, stack_digests(found.digests), found.pictures)
    return items, found.broken, notices_of(found.empty, found.broken, name)


def _read_item(
    root: Path, where: str, key: str, fields: dict[str, Any], span: tuple[int, int], found: _Reading
) -> None:
    """Check one line's content and take it up."""
    value = _input(root, where, fields)
    data = None
    if isinstance(value, dict):
        data, fault = _read_picture(value["image"], where)
        if fault:
            found.broken[key] = fault
            return
        found.pictures += 1
    elif not value:
        found.empty.append(key)
    found.spans.append(span)
    found.digests.append(digest(value, data))


def _read_picture(path: Path, where: str) -> tuple[bytes, str | None]:
    """A picture's bytes, and why it cannot be used if so."""
    label = f"{where}: {path.name}"
    if path.stat().st_size > MAX_IMAGE_BYTES:
        return b"", f"{label} has over {MAX_IMAGE_BYTES:,} bytes"
    data = path.read_bytes()
    return data, fault_of_picture(data, label)


def _lines(path: Path) -> Iterator[tuple[int, tuple[int, int], dict[str, Any]]]:
    """Line number from 1, (start, end) in bytes, and the object of each line that is not blank."""
    with path.open("rb") as file:
        start, number = 0, 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise InputError(f"{path.name} line {number} has over {MAX_LINE_BYTES:,} bytes, the limit")
            if line.strip():
                yield number, (start, start + len(line)), _object(line, f"{path.name} line {number}")
            start += len(line)


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line.removeprefix(b"\xef\xbb\xbf").decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not a JSON object in UTF-8: {error}") from None
    if not isinstance(value, dict):
        raise InputError(f"{where} holds a {type(value).__name__}, expected an object")
    return value


def _id(fields: dict[str, Any], where: str) -> str:
    value = fields.get("_id")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise InputError(f'{where}: "_id" is {value!r}, expected a text that is not empty')
    return value


def _input(root: Path, where: str, fields: dict[str, Any]) -> Input:
    """What the embedder takes: a str, or a mapping with the picture's path and the text if there is one."""
    parts = [_text(fields, name, where) for name in ("title", "text")]
    text = " ".join(parts).strip()
    name = fields.get("image")
    if name is None:
        if "text" not in fields and "title" not in fields:
            raise InputError(f'{where} has neither "text" nor "image"; its fields: {sorted(fields)}')
        return text
    if not isinstance(name, str) or not name:
        raise InputError(f'{where}: "image" is {name!r}, expected a path relative to {root.name}/')
    path = inside(root, name, f"{where}: image ")
    return {"image": path, "text": text} if text else {"image": path}


def _text(fields: dict[str, Any], name: str, where: str) -> str:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise InputError(
            f"{where}: {name!r} is a {type(value).__name__} ({str(value)[:40]}), expected a text"
        )
    return value or ""


class JsonLines(Sequence[Input]):
    """The inputs of a file of JSON lines, read when asked for: a corpus need not fit into memory."""

    def __init__(self, root: Path, path: Path, spans: list[tuple[int, int]]) -> None:
        """Remember where each item's line begins and ends, in bytes."""
        self._root = root
        self._path = path
        self._spans = spans

    @cached_property
    def _bytes(self) -> mmap.mmap:
        with self._path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return len(self._spans)

    @overload
    def __getitem__(self, index: int) -> Input: ...
    @overload
    def __getitem__(self, index: slice) -> list[Input]: ...
    def __getitem__(self, index: int | slice) -> Input:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        start, end = self._spans[index]
        where = f"{self._path.name} item {index}"
        return _input(self._root, where, _object(self._bytes[start:end], where))


def _read_judgements(path: Path) -> dict[str, dict[str, int]]:
    """Query id -> document id -> gain, from lines of query, document and gain between tabs."""
    judgements: dict[str, dict[str, int]] = {}
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), start=1):
            where = f"qrels/{path.name} line {number}"
            row = _row(line, where)
            if not row or (number == 1 and _gain(row[2]) is None):
                continue  # a blank line, or the names of the columns
            query, document, gain = row[0], row[1], _gain(row[2])
            if gain is None:
                raise InputError(f"{where}: the gain is {row[2]!r}, expected a whole number")
            judged = judgements.setdefault(query, {})
            if document in judged:
                raise InputError(f"{where}: query {query!r} and document {document!r} are judged twice")
            judged[document] = gain
    return judgements


def _row(line: bytes, where: str) -> list[str]:
    try:
        text = line.decode("utf-8-sig" if line.startswith(b"\xef\xbb\xbf") else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8: {error}") from None
    if not text.strip():
        return []
    row = text.split("\t")
    if len(row) != 3 or not row[0] or not row[1]:
        raise InputError(f"{where}: {text[:80]!r}, expected query id, document id and gain between tabs")
    return row


def _gain(text: str) -> int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


def is_folder(name: str) -> bool:
    """Whether a benchmark's name means a folder: it exists, or it is written as a path or an address."""
    return Path(name).is_dir() or "/" in name or os.sep in name or bool(ADDRESS.match(name))
