"""What each token of an input stands for: the reader's side of multi-vectors.

A byte-level vocabulary cuts many characters into several tokens, none of which can be written by itself.
Such tokens share a *unit* here: the shortest stretch of text with whole characters, accents and joined
emoji included, that the tokens at hand make up together. Units lie end to end, so that the text can be
shown again without a gap.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from embedder.inputs import clean_text
from embedder.preprocess import IMAGE_PREFIX, IMAGE_SUFFIX, TextTokens
from embedder.spec import PromptName
from embedder.texts import first_tokens

Span = tuple[int, int, int]
Kind = Literal["prompt", "text", "image", "template"]

_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)


@dataclass(frozen=True)
class Piece:
    """One token, as a reader sees it.

    Attributes:
        kind: "prompt" (the role's prefix), "text" (the input's own words), "image" (one patch of the
            picture), or "template" (the fixed words and marks around every picture).
        text: the characters of its unit, "" for a patch.
        part: which of the unit's tokens this is, from 1.
        parts: tokens of the unit; 1 unless characters were cut.
        row: of a patch in the grid, from 0; -1 for the others.
        col: of a patch in the grid, from 0; -1 for the others.
    """

    kind: Kind
    text: str
    part: int = 1
    parts: int = 1
    row: int = -1
    col: int = -1


def text_pieces(tokenizer: TextTokens, text: str, prompt_name: str, max_length: int) -> list[Piece]:
    """The tokens of one text, its prompt first, cut to `max_length` as for its vectors."""
    prefix = PromptName(prompt_name).prefix
    whole = prefix + clean_text(text, max_tokens=max_length).text
    spans, _ = first_tokens(whole, max_length, tokenizer.spans)
    units = list(_units(whole, spans))
    # a unit goes on to where the next one begins: the tokenizer's spans leave composed accents out
    starts = [spans[first][1] for first, _ in units]
    last = spans[-1][2] if spans else 0
    stops = [*starts[1:], _past_joined(whole, last)]
    pieces = []
    for (first, count), start, stop in zip(units, starts, stops, strict=True):
        kind: Kind = "prompt" if spans[first + count - 1][2] <= len(prefix) else "text"
        # the prefix ends in a blank that the first word's token takes along, and that is none of the text
        shown = whole[start if kind == "prompt" else max(start, len(prefix)) : stop]
        pieces += [Piece(kind, shown, part + 1, count) for part in range(count)]
    return pieces


def picture_pieces(tokenizer: TextTokens, grid: tuple[int, int]) -> list[Piece]:
    """The tokens of one picture of `grid` (rows, columns) patches, in reading order within the template."""
    rows, columns = grid
    patches = [Piece("image", "", row=row, col=col) for row in range(rows) for col in range(columns)]
    before, after = (
        [Piece("template", text) for text in tokenizer.tokens(tokenizer.template(words))]
        for words in (IMAGE_PREFIX, IMAGE_SUFFIX)
    )
    return [*before, *patches, *after]


def _units(whole: str, spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """(first token, number of tokens) of each unit."""
    if not spans:
        return
    first, stop = 0, spans[0][2]
    for at, (_, start, end) in enumerate(spans[1:], start=1):
        if start >= stop and not _joins(whole, start):
            yield first, at - first
            first = at
        stop = max(stop, end)
    yield first, len(spans) - first


def _joins(whole: str, at: int) -> bool:
    """Whether the character at `at` is one with the character before it, as a reader sees them."""
    if at == 0 or at >= len(whole):
        return False
    before, here = whole[at - 1], whole[at]
    if unicodedata.category(here).startswith("M") or here == _JOINER or ord(here) in _SKIN_TONES:
        return not before.isspace()
    if before == _JOINER:
        return True
    return ord(here) in _FLAG_LETTERS and _flag_letters_before(whole, at) % 2 == 1


def _flag_letters_before(whole: str, at: int) -> int:
    count = 0
    while at > count and ord(whole[at - count - 1]) in _FLAG_LETTERS:
        count += 1
    return count


def _past_joined(whole: str, at: int) -> int:
    """The end of what is one with the character before `at`."""
    while _joins(whole, at):
        at += 1
    return at
