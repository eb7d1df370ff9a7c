"""What a benchmark is: a corpus, queries, and which documents answer which query."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embedder.errors import InputError

# What the embedder takes: a text, a picture, or a mapping with "text", "image" or both.
Input = Any
Digests = NDArray[np.uint8]
Judgements = Mapping[str, Mapping[str, int]]

DIGEST_BYTES = 32  # SHA-256
_NAMED = 5  # ids that a message names at most


@dataclass(frozen=True, eq=False)
class Items:
    """Documents or queries, in a fixed order.

    Attributes:
        ids: of the items, each once.
        inputs: what goes into the embedder; read when asked for where the data are on disk.
        digests: SHA-256 of each item's content, uint8 (n, 32); the cache knows an item by it.
        pictures: how many items have a picture.
    """

    ids: Sequence[str]
    inputs: Sequence[Input]
    digests: Digests
    pictures: int = 0

    def __post_init__(self) -> None:
        """Refuse lists of different lengths."""
        if not len(self.ids) == len(self.inputs) == len(self.digests):
            raise InputError(
                f"{len(self.ids)} ids, {len(self.inputs)} inputs and {len(self.digests)} digests: "
                "one of each per item"
            )

    def __len__(self) -> int:
        """Number of items."""
        return len(self.ids)

    @classmethod
    def of(cls, ids: Sequence[str], inputs: Sequence[Input]) -> "Items":
        """Items that are held in memory; their contents are hashed here."""
        digests = stack_digests(digest(value) for value in inputs)
        return cls(ids, inputs, digests, sum(has_picture(value) for value in inputs))

    def take(self, rows: Sequence[int]) -> "Items":
        """Some of the items, in the order of `rows`."""
        inputs = [self.inputs[row] for row in rows]
        pictures = sum(has_picture(value) for value in inputs)
        return Items([self.ids[row] for row in rows], inputs, self.digests[np.array(rows, int)], pictures)


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A test of retrieval.

    Attributes:
        name: what it is called in results.
        modality: what is searched with what, such as "text to image".
        corpus: the documents.
        queries: those with at least one relevant document.
        relevance: query index -> corpus row -> gain, a whole number, relevant from 1 up.
        left_out: queries without a relevant document, which no metric counts.
        notices: what was repaired or left out, in words for people.
        source: where the data come from.
        fingerprint: SHA-256 of ids, contents and judgements; equal data have equal ones.
        revision: commit of a data set of the hub, None for others.
        excluded: query index -> corpus row that is left out of its ranking, as the same item.
    """

    name: str
    modality: str
    corpus: Items
    queries: Items
    relevance: Mapping[int, Mapping[int, int]]
    left_out: int = 0
    notices: tuple[str, ...] = ()
    source: str = ""
    fingerprint: str = field(default="", compare=False)
    revision: str | None = None
    excluded: Mapping[int, int] = field(default_factory=dict)

    def describe(self) -> dict[str, object]:
        """What a result keeps of it."""
        return {
            "name": self.name,
            "modality": self.modality,
            "source": self.source,
            "revision": self.revision,
            "documents": len(self.corpus),
            "documents_with_picture": self.corpus.pictures,
            "queries": len(self.queries),
            "queries_left_out": self.left_out,
            "judgements": sum(map(len, self.relevance.values())),
            "notices": list(self.notices),
            "fingerprint": self.fingerprint,
        }


def assemble(
    name: str,
    modality: str,
    corpus: Items,
    queries: Items,
    judgements: Judgements,
    *,
    notices: Iterable[str] = (),
    source: str = "",
    dropped: frozenset[str] = frozenset(),
) -> Benchmark:
    """Put a benchmark together: ids to rows, queries without a relevant document left out.

    Args:
        name: what it is called.
        modality: such as "text to text".
        corpus: the documents.
        queries: all queries, judged or not.
        judgements: query id -> document id -> gain.
        notices: what the loader has to say.
        source: where the data come from.
        dropped: ids of documents that the loader left out; judgements of them are dropped and counted.

    Raises:
        InputError: a judgement names an id that is not there, or no query has a relevant document.
    """
    rows = {document: row for row, document in enumerate(corpus.ids)}
    _check_ids(name, judgements, set(queries.ids), rows.keys() | dropped)
    lost = sum(document in dropped for judged in judgements.values() for document in judged)
    said = [*notices, *_alike(corpus, "documents"), *_alike(queries, "queries")]
    if lost:
        said.append(f"{lost} judgements of documents left out were dropped")
    kept: list[int] = []
    relevance: dict[int, dict[int, int]] = {}
    for index, query in enumerate(queries.ids):
        gains = {rows[d]: gain for d, gain in judgements.get(query, {}).items() if d not in dropped}
        if any(gain > 0 for gain in gains.values()):
            relevance[len(kept)] = gains
            kept.append(index)
    if not kept:
        raise InputError(f"benchmark {name}: none of the {len(queries):,} queries has a relevant document")
    left_out = len(queries) - len(kept)
    if left_out:
        said.append(f"{left_out} of {len(queries)} queries have no relevant document and were left out")
        queries = queries.take(kept)
    mark = fingerprint(corpus, queries, relevance)
    return Benchmark(name, modality, corpus, queries, relevance, left_out, tuple(said), source, mark)


def _alike(items: Items, what: str) -> list[str]:
    """A notice of items with the content of an earlier one: of such documents perhaps one alone is judged."""
    if not len(items):
        return []
    rows = np.ascontiguousarray(items.digests).view(f"V{DIGEST_BYTES}").ravel()
    _, first, which = np.unique(rows, return_index=True, return_inverse=True)
    again = np.flatnonzero(first[which] != np.arange(len(rows)))
    if not len(again):
        return []
    one, earlier = items.ids[int(again[0])], items.ids[int(first[which[again[0]]])]
    return [
        f"{len(again)} of {len(items)} {what} equal an earlier one, kept (the first: {one!r} is {earlier!r})"
    ]


def _check_ids(name: str, judgements: Judgements, queries: set[str], documents: set[str]) -> None:
    strangers = [query for query in judgements if query not in queries]
    if strangers:
        raise InputError(
            f"benchmark {name}: judgements of {_some(strangers)}, which are not among the queries"
        )
    judged = dict.fromkeys(d for gains in judgements.values() for d in gains)
    strangers = [document for document in judged if document not in documents]
    if strangers:
        raise InputError(f"benchmark {name}: judgements of {_some(strangers)}, which are not in the corpus")


def _some(ids: Sequence[str]) -> str:
    """The first few ids, and how many there are."""
    named = ", ".join(repr(value[:80]) for value in ids[:_NAMED])
    return named if len(ids) <= _NAMED else f"{named} and {len(ids) - _NAMED:,} more ids"


def fingerprint(corpus: Items, queries: Items, relevance: Mapping[int, Mapping[int, int]]) -> str:
    """SHA-256 over everything that can change a score: ids, contents, gains, in their order."""
    total = hashlib.sha256()
    for items in (corpus, queries):
        total.update(f"{len(items)}\n".encode())
        for value in items.ids:
            total.update(f"{len(value)}:{value}".encode("utf-8", "surrogatepass"))
        total.update(np.ascontiguousarray(items.digests).tobytes())
    for query in sorted(relevance):
        gains = sorted(relevance[query].items())
        total.update(f"{query}:{gains}\n".encode())
    return total.hexdigest()


def has_picture(value: Input) -> bool:
    """Whether an input is or holds a picture."""
    return value.get("image") is not None if isinstance(value, dict) else not isinstance(value, str)


def digest(value: Input, image: bytes | None = None) -> bytes:
    """SHA-256 of an input's content, 32 bytes.

    Args:
        value: a text, a PIL image, or a mapping with "text", "image" or both.
        image: the picture's bytes where they have been read already; files are read otherwise.
    """
    parts = value if isinstance(value, dict) else {"text" if isinstance(value, str) else "image": value}
    total = hashlib.sha256()
    if parts.get("text") is not None:
        text = parts["text"].encode("utf-8", "surrogatepass")
        total.update(b"text %d\n" % len(text) + text)
    if parts.get("image") is not None:
        total.update(b"image\n")
        total.update(image if image is not None else _picture_bytes(parts["image"]))
    return total.digest()


def _picture_bytes(picture: Image.Image | bytes | Path) -> bytes:
    if isinstance(picture, Image.Image):
        return f"{picture.mode} {picture.size}\n".encode() + picture.tobytes()
    return picture if isinstance(picture, bytes) else Path(picture).read_bytes()


def stack_digests(values: Iterable[bytes]) -> Digests:
    """Digests as uint8 (n, 32)."""
    joined = b"".join(values)
    return np.frombuffer(joined, np.uint8).reshape(-1, DIGEST_BYTES)
