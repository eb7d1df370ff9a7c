"""All text pairs of the recipe as token ids, by source, training and held-out parts kept apart."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from embedder.training import data_code, data_docs, data_text
from embedder.training.scenes import caption, sample_scene

QUERY, PASSAGE = "Query: ", "Passage: "
HALVES_STEP = 3  # every third function is cut in two: more than the adapter can see
MAX_CHARS = 1600  # of a text that is tokenised for training; about 400 tokens of code

WEIGHTS = {
    "body": 0.30, "code": 0.08, "details": 0.07, "names": 0.04, "called": 0.10, "explained": 0.04,
    "titled": 0.06, "continued": 0.09, "gloss": 0.10,
    "synonyms": 0.03, "translations": 0.07, "captions": 0.02,
}  # fmt: skip
"""How often each source gives a batch: summary -> body, summary -> def line and body, summary -> rest of the
docstring, name -> summary, name -> body, rest of the docstring -> body, heading -> section, first sentence
-> rest of the section, word -> meaning, word -> synonym, English -> other language, caption -> paraphrase."""


@dataclass(frozen=True)
class Ragged:
    """Many lists of token ids in one array: list i is ``ids[starts[i]:starts[i + 1]]``."""

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row(self, index: int, limit: int | None = None) -> NDArray[np.int32]:
        """The ids of one text, cut to `limit`."""
        start, stop = self.starts[index], self.starts[index + 1]
        return self.ids[start : stop if limit is None else min(stop, start + limit)]


@dataclass(frozen=True)
class PairSet:
    """Left and right sides of one source's pairs; equal keys mark equal texts."""

    left: Ragged
    right: Ragged
    left_keys: NDArray[np.int64]
    right_keys: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.left)


TextPairs = list[tuple[str, str]]


def text_pairs(
    code: Sequence[data_code.CodePair],
    docs: Sequence[data_docs.DocPair] = (),
    *,
    held_out: bool,
    words: bool = True,
) -> dict[str, TextPairs]:
    """Every source's pairs as texts, without prompts, either the training part or the held-out part.

    Args:
        code: documented functions.
        docs: sections of documentation.
        held_out: which part.
        words: read WordNet and CLDR too.
    """
    functions = [pair for pair in code if pair.held_out == held_out]
    chosen = [pair for pair in functions if pair.summary]
    sources: dict[str, TextPairs] = {
        "body": [(p.summary, p.body) for p in chosen],
        "code": [(p.summary, f"{p.signature}\n{p.body}") for p in chosen],
        "details": [(p.summary, p.details) for p in chosen if len(p.details) > 40],
        "names": [(name, p.summary) for p in chosen if " " in (name := spaced(p.name))],
        "called": [(name, p.body) for p in functions if " " in (name := spaced(p.name))],
        "explained": [(p.details, p.body) for p in chosen if len(p.details) > 40],
        "halves": [found for p in functions if (found := data_code.halves(p)) is not None][::HALVES_STEP],
    }
    sections = [section for section in docs if section.held_out == held_out]
    sources["titled"] = [(s.title, f"{s.first} {s.rest}") for s in sections if s.title]
    sources["continued"] = [(s.first, s.rest) for s in sections]
    for source, pairs in (word_pairs() if words else {}).items():
        sources[source] = [(p.left, p.right) for p in pairs if p.held_out == held_out]
    sources["captions"] = caption_pairs(20_000 if not held_out else 1000, seed=int(held_out))
    return sources


def word_pairs() -> dict[str, list[data_text.TextPair]]:
    """The sources about words: meanings, synonyms, names in other languages."""
    return {
        "gloss": data_text.wordnet_glosses(),
        "synonyms": data_text.wordnet_synonyms(),
        "translations": data_text.translations(),
    }


def spaced(name: str) -> str:
    """An identifier as words: "_get_file_name" -> "get file name"."""
    return " ".join(part for part in name.split("_") if part)


def caption_pairs(count: int, seed: int) -> TextPairs:
    """Two descriptions each of `count` random scenes."""
    rng = np.random.default_rng(seed)
    scenes = [sample_scene(rng) for _ in range(count)]
    return [(caption(scene, rng), caption(scene, rng)) for scene in scenes]


def corpus(sources: dict[str, TextPairs]) -> Iterable[str]:
    """Texts to train the tokenizer on, with the prompts that will stand before them."""
    for name, pairs in sources.items():
        if name == "code":  # the bodies are there already
            pairs = [(left, right.split("\n", 1)[0]) for left, right in pairs]
        if name in ("explained", "halves"):
            continue
        for left, right in pairs:
            yield QUERY + left
            yield PASSAGE + right[:MAX_CHARS]


def encode(
    sources: dict[str, TextPairs], tokenizer: Tokenizer, folder: Path | None = None
) -> dict[str, PairSet]:
    """Tokenise every source with its prompts; kept in `folder` when one is given."""
    return {name: _encode_source(name, pairs, tokenizer, folder) for name, pairs in sources.items()}


def _encode_source(name: str, pairs: TextPairs, tokenizer: Tokenizer, folder: Path | None) -> PairSet:
    path = None if folder is None else folder / f"{name}.npz"
    if path is None or not path.exists():
        symmetric = name in ("synonyms", "translations", "captions")
        left = tokenise([QUERY + pair[0] for pair in pairs], tokenizer)
        right = tokenise(
            [(QUERY if symmetric else PASSAGE) + pair[1][:MAX_CHARS] for pair in pairs], tokenizer
        )
        keys = [
            np.array([zlib.crc32(pair[side].encode()) for pair in pairs], dtype=np.int64) for side in (0, 1)
        ]
        found = PairSet(left, right, keys[0], keys[1])
        if path is None:
            return found
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, a=left.ids, b=left.starts, c=right.ids, d=right.starts, e=keys[0], f=keys[1])
    with np.load(path) as data:
        return PairSet(Ragged(data["a"], data["b"]), Ragged(data["c"], data["d"]), data["e"], data["f"])


def tokenise(texts: Sequence[str], tokenizer: Tokenizer) -> Ragged:
    """Token ids of texts, in order, no special tokens added."""
    rows: list[NDArray[np.int32]] = []
    for start in range(0, len(texts), 2000):
        batch = tokenizer.encode_batch_fast(list(texts[start : start + 2000]), add_special_tokens=False)
        rows += [np.array(encoding.ids, dtype=np.int32) for encoding in batch]
    starts = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=starts[1:])
    return Ragged(np.concatenate(rows) if rows else np.zeros(0, np.int32), starts)
