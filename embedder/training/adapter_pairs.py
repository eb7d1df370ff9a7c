"""Pairs to train an adapter with: a JSONL file, read and checked in full before anything else happens.

One object per line:

    {"query": "a red circle", "passage": "A circle, filled with red."}
    {"query": {"text": "a red circle"}, "passage": {"image": "red.png"}, "negatives": ["a blue circle"]}

A side is a text, or an object with "text", "image" or both; a picture's path is relative to the file.
"anchor", "positive" and "negative" are other words for the three fields. Negatives may be left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedder.errors import InputError
from embedder.headers import sniff
from embedder.images import FORMATS
from embedder.prepare import Input

FIELDS = {
    "query": "query", "anchor": "query",
    "passage": "passage", "positive": "passage",
    "negatives": "negatives", "negative": "negatives",
}  # fmt: skip
ASKED = 'expected {"query": SIDE, "passage": SIDE, "negatives": [SIDE, ...]}'
SIDE = 'a text, or {"text": ...}, {"image": "path"} or both'
LISTED = 5  # problems that a message names one by one


@dataclass(frozen=True)
class Side:
    """One half of a pair: a text, a picture's path, or both."""

    text: str | None = None
    image: Path | None = None

    @property
    def value(self) -> Input:
        """What `Embedder.embed` takes."""
        if self.image is None:
            return self.text
        return self.image if self.text is None else {"text": self.text, "image": self.image}


@dataclass(frozen=True)
class Pair:
    """What is asked, what answers it, and what only looks as if it did; `line` counts from 1."""

    line: int
    query: Side
    passage: Side
    negatives: tuple[Side, ...] = ()


@dataclass(frozen=True)
class PairFile:
    """A file of pairs.

    Attributes:
        path: of the file.
        sha256: of its bytes, in hexadecimal.
        pairs: in the file's order, each once.
        repeated: lines left out because an earlier one has the same query and passage.
    """

    path: Path
    sha256: str
    pairs: tuple[Pair, ...]
    repeated: int

    @property
    def pictures(self) -> int:
        """How many different pictures its pairs name."""
        sides = [side for pair in self.pairs for side in (pair.query, pair.passage, *pair.negatives)]
        return len({side.image for side in sides if side.image is not None})


def read_pairs(path: Path) -> PairFile:
    """Read a file of pairs.

    Raises:
        InputError: it cannot be read, or some lines cannot be used: line, fault and remedy are named for
            the first few, and the others counted.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"pairs {str(path)!r} cannot be read: {reason}; give a JSONL file") from None
    pairs, faults = [], []
    checked: dict[Path, str | None] = {}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            pairs.append(_pair(line, number, path.parent, checked))
        except InputError as error:
            faults.append(f"line {number}: {error}")
    if faults:
        rest = f"\n  ... and {len(faults) - LISTED} more lines" if len(faults) > LISTED else ""
        raise InputError(f"{path} cannot be used:\n  " + "\n  ".join(faults[:LISTED]) + rest)
    unique = {(pair.query, pair.passage): pair for pair in reversed(pairs)}
    kept = tuple(sorted(unique.values(), key=lambda pair: pair.line))
    return PairFile(path, hashlib.sha256(data).hexdigest(), kept, len(pairs) - len(kept))


def _pair(line: bytes, number: int, root: Path, checked: dict[Path, str | None]) -> Pair:
    fields = _fields(line)
    sides = []
    for name in ("query", "passage"):
        if name not in fields:
            raise InputError(f'"{name}" is missing; {ASKED}')
        sides.append(_side(fields[name], f'"{name}"', root, checked))
    negatives = fields.get("negatives") or []
    listed = negatives if isinstance(negatives, list) else [negatives]
    wrong = [_side(value, f'"negatives" item {i}', root, checked) for i, value in enumerate(listed, start=1)]
    if sides[1] in wrong:
        raise InputError(f'"negatives" item {wrong.index(sides[1]) + 1} is the passage itself; take it out')
    return Pair(number, sides[0], sides[1], tuple(wrong))


def _fields(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not JSON ({error}); one object per line, {ASKED}") from None
    if not isinstance(value, dict):
        raise InputError(f"holds a {type(value).__name__}; {ASKED}")
    fields: dict[str, Any] = {}
    for name, given in value.items():
        if name not in FIELDS:
            raise InputError(f'has the field "{name}", which nothing reads; {ASKED}')
        if FIELDS[name] in fields:
            raise InputError(f'has "{FIELDS[name]}" twice, once as "{name}"; keep one')
        fields[FIELDS[name]] = given
    return fields


def _side(value: object, where: str, root: Path, checked: dict[Path, str | None]) -> Side:
    if isinstance(value, str):
        return Side(text=_text(value, where))
    parts = {key: part for key, part in value.items() if part is not None} if isinstance(value, dict) else {}
    if not parts or set(parts) - {"text", "image"}:
        found = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise InputError(f"{where} is {found}; expected {SIDE}")
    image = _image(parts["image"], where, root, checked) if "image" in parts else None
    return Side(_text(parts["text"], where) if "text" in parts else None, image)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where} has the text {value!r}; expected a str that is not blank")
    # JSON can hold halves of a character, files cannot: as in the embedder, U+FFFD takes their place.
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _image(value: object, where: str, root: Path, checked: dict[Path, str | None]) -> Path:
    if not isinstance(value, str) or not value:
        raise InputError(f"{where} has the image {value!r}; expected a path relative to {root}")
    if "://" in value:
        raise InputError(f"{where} has the image {value!r}: nothing is fetched; download it, give its path")
    path = root / value
    if path not in checked:
        checked[path] = _fault(path)
    fault = checked[path]
    if fault:
        raise InputError(f"{where}: image {value!r} {fault}")
    return path


def _fault(path: Path) -> str | None:
    """Why a file is no picture, by its first bytes, or None."""
    if not path.is_file():
        return f"does not exist (looked for {path}); paths are relative to the file of pairs"
    try:
        with path.open("rb") as file:
            found = sniff(file.read(4096))
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if found not in FORMATS:
        return f"looks like {found or 'no picture'}; convert it to PNG or JPEG"
    return None


def known_answers(pairs: Sequence[Pair]) -> dict[Side, set[Side]]:
    """For each query all passages that any pair gives it."""
    answers: dict[Side, set[Side]] = {}
    for pair in pairs:
        answers.setdefault(pair.query, set()).add(pair.passage)
    return answers
