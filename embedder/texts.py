"""Texts in: any value becomes a str that can be tokenised, short enough to be tokenised.

Tokenising comes before truncation, and 10 MB of text cost seconds and gigabytes there.
So a long text is cut first, at a place where the cut cannot change the tokens that are
kept. Two bounds are used, and neither depends on what a text means:

* **A token covers a bounded stretch.** A byte-level token has at most `longest_token`
  bytes, and Unicode NFC, which comes before, makes at most 4 characters into 3 bytes (as in
  alpha + psili + varia + ypogegrammeni -> U+1F82). So `max_tokens` tokens come from at most
  `max_tokens * longest_token * 4 / 3` characters.
* **Some boundaries are certain.** The tokenizer first splits a text by a pattern (of
  Qwen2) in which no piece holds a space after something that is not space, or goes on
  after a digit, or from a letter to punctuation. Every piece gives at least one token and
  pieces do not influence each other. So a text may be cut at the `max_tokens + 1`-th such
  boundary: the tokens before it are those of the whole text.

Inside one endless piece a cut can only change the tokens right before it, so some are to
spare. Only a run of combining marks is different, since NFC sorts it as a whole: a cut moves
to the end of the run, up to a million marks further; what lies beyond is dropped unsorted.

Everything else is left to the tokenizer: NUL, byte order marks, right-to-left text and any
number of combining marks are ordinary input, and so is the empty text. Python's own
`unicodedata.normalize` is not used: it needs quadratic time on mixed combining marks.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from embedder.errors import InputError

T = TypeVar("T")

# In the Qwen2 vocabulary no token is longer: that one is a run of 128 spaces.
LONGEST_TOKEN_BYTES = 128
# Kept beyond the bound, so that a cut inside one endless piece is far from any kept token.
_SPARE_TOKENS = 64
_LONGEST_MARK_RUN = 1_000_000
# Texts of up to this many characters per token are cheap to tokenise whole; prose has about four.
_CHEAP = 8

# Letters that are letters in every version of Unicode in use, and what may follow them.
_LETTER = "".join(
    f"{chr(first)}-{chr(last)}"
    for first, last in (
        (0x41, 0x5A),  # Latin
        (0x61, 0x7A),
        (0xC0, 0xD6),
        (0xD8, 0xF6),
        (0x410, 0x44F),  # Cyrillic
        (0x621, 0x63A),  # Arabic
        (0x641, 0x64A),
        (0x3041, 0x3096),  # Hiragana
        (0x30A1, 0x30FA),  # Katakana
        (0x4E00, 0x9FCC),  # Han
        (0xAC00, 0xD7A3),  # Hangul
    )
)
_STOP = r"\t-\r!-/:-@\[-`{-~" + "".join(map(chr, (0x3001, 0x3002, 0xFF01, 0xFF0C, 0xFF1A, 0xFF1B, 0xFF1F)))
_BOUNDARY = re.compile(rf"(?<=[^\s\x1c-\x1f])(?= )|(?<=[0-9])|(?<=[{_LETTER}])(?=[{_STOP}])")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class CleanText:
    """A text that is safe to tokenise.

    Attributes:
        text: valid Unicode, of bounded length.
        notices: what was cut or replaced, in words for people.
        cut: whether one of them says that the text was too long.
    """

    text: str
    notices: tuple[str, ...] = ()
    cut: bool = False


def clean_text(
    text: object, *, name: str | None = None, max_tokens: int, longest_token: int = LONGEST_TOKEN_BYTES
) -> CleanText:
    """Check one text, replace what is not Unicode, and cut what can never become a kept token.

    Args:
        text: a str of any length, the empty one included.
        name: what messages call this item, such as "text 3".
        max_tokens: how many tokens will be kept of it, 1 or more.
        longest_token: bytes of the longest token in the vocabulary.

    Returns:
        A text whose first `max_tokens` tokens are those of the whole text, and which still
        has more than `max_tokens` tokens if it was cut.

    Raises:
        InputError: `text` is not a str.
    """
    label = name or "text"
    if not isinstance(text, str):
        raise InputError(f"{label} is {_describe(text)}, expected a str{_advice(text)}")
    notices: list[str] = []
    bound = _past_marks(text, (max_tokens + _SPARE_TOKENS) * longest_token * 4 // 3)
    kept = str(text[:bound])  # str(): a subclass such as numpy.str_ becomes a plain one
    if _SURROGATE.search(kept):
        kept = _replace_surrogates(kept, label, notices)
    before = len(kept)
    kept = _cut_at_boundary(kept, max_tokens)
    cut = len(kept) < before or bound < len(text)
    if cut:
        notices.append(
            f"{label}: text of {len(text):,} characters was cut to its first "
            f"max_length={max_tokens:,} tokens, the prompt's prefix included"
        )
    return CleanText(kept, tuple(notices), cut)


def longest_token_bytes(tokens: Iterable[str]) -> int:
    """Bytes of the longest token of a byte-level vocabulary, in which each character stands for a byte."""
    return max(map(len, tokens), default=LONGEST_TOKEN_BYTES)


def first_tokens(text: str, count: int, encode: Callable[[str], Sequence[T]]) -> tuple[Sequence[T], bool]:
    """Tokenise only as much of a text as its first `count` tokens need.

    Longer and longer prefixes are tokenised until one gives enough, so that time and memory
    go with the tokens that are kept and not with the text.

    Args:
        text: the text, its prompt prefix included.
        count: how many tokens are wanted, 1 or more.
        encode: the tokenizer: ids, or ids with more beside them.

    Returns:
        At most `count` of them, equal to `encode(text)[:count]`, and whether the text has more.
    """
    size = _CHEAP * (count + _SPARE_TOKENS)
    while True:
        size = _past_marks(text, size)
        ids = encode(text[:size])
        if size >= len(text):
            return ids[:count], len(ids) > count
        if len(ids) >= count + _SPARE_TOKENS:
            return ids[:count], True
        size *= 4


def _past_marks(text: str, at: int) -> int:
    """The first place from `at` on where no run of combining marks is cut through, within reason."""
    stop = min(len(text), at + _LONGEST_MARK_RUN)
    while at < stop and unicodedata.combining(text[at]):
        at += 1
    return at


def _cut_at_boundary(text: str, max_tokens: int) -> str:
    """The text up to its `max_tokens + 1`-th certain boundary, where a search is worth its while."""
    if len(text) <= _CHEAP * max_tokens:
        return text
    # One boundary more than tokens are kept, so that the tokenizer too can see that the text was too long.
    boundary = next(islice(_BOUNDARY.finditer(text), max_tokens, None), None)
    return text[: boundary.end()] if boundary else text


def _replace_surrogates(text: str, label: str, notices: list[str]) -> str:
    """Join halves that belong together, as JavaScript strings have them, and replace the others."""
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    replaced, count = _SURROGATE.subn("\ufffd", joined)
    if count:
        notices.append(f"{label}: {count:,} lone surrogates were replaced with U+FFFD")
    return replaced


def _describe(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, float) and math.isnan(value):
        return f"NaN (a {type(value).__name__})"
    return f"of type {type(value).__name__}"


def _advice(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return "; decode it first, for example with value.decode('utf-8')"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "; leave missing values out, or give '' for an empty text"
    return "; one item is one text" if isinstance(value, list | tuple | dict) else ""
