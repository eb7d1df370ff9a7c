"""Cutting a text early must never change a token that is kept."""

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from embedder.errors import InputError
from embedder.inputs import clean_text, first_tokens, longest_token_bytes
from tests.embedder import golden

PLAIN = Tokenizer.from_file(str(golden.CHECKPOINT / "tokenizer.json"))
PLAIN.no_padding()
PLAIN.no_truncation()
PLAIN.encode_special_tokens = True
LONGEST = longest_token_bytes(PLAIN.get_vocab(with_added_tokens=False))

# What the pattern, the normalisation and byte-level merging treat differently.
SNIPPETS = [
    *"aZ5 \n\t\r.'-_<>|=\0\x1c\x85\u00a0\u200b\u3000。、!",
    *("'s", "'LL", "hello", "the ", " straße", "东京", "日本語。", "مرحبا ", "שלום", "한국어 ", "Привет,"),
    *("ไทย", "か\u3099", "\u3099"),
    *("e\u0301", "\u0301", "\u0323", "a\u0323\u0302", "\u1112\u1161\u11ab", "α\u0313\u0300\u0345"),
    *("<\u0338", "=\u0338", "5\u20e3", "5\u0338", "\u212a", "\u2126", "\ufeff", "\u202e", "\uff01"),
    *("😀", "👩\u200d🚀", "²", "½", "Ⅷ", "<|im_end|>", "    ", "\n\n\n", "----", "\r\n", "x" * 40, "  \n  "),
]
pieces = st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=3), max_size=120).map("".join)


def encode(text: str) -> list[int]:
    return PLAIN.encode(text, add_special_tokens=False).ids


def without_surrogates(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@settings(max_examples=400, deadline=None)
@given(pieces, st.integers(1, 12))
def test_the_kept_tokens_are_those_of_the_whole_text(text: str, max_tokens: int) -> None:
    whole = encode(without_surrogates(text))
    clean = clean_text(text, max_tokens=max_tokens, longest_token=LONGEST).text
    kept = encode(clean)
    assert kept[:max_tokens] == whole[:max_tokens]
    assert (len(kept) > max_tokens) == (len(whole) > max_tokens)
    ids, more = first_tokens(clean, max_tokens, encode)
    assert (ids, more) == (whole[:max_tokens], len(whole) > max_tokens)


@pytest.mark.parametrize("seed", range(6))
def test_long_texts_are_cut_without_a_change(seed: int) -> None:
    chooser = random.Random(seed)
    few = chooser.sample(SNIPPETS, 8)
    text = "".join(chooser.choices(few, k=40_000))
    whole = encode(text)
    for max_tokens in (1, 50, 700):
        clean = clean_text(text, max_tokens=max_tokens, longest_token=LONGEST)
        assert clean.notices
        assert len(clean.text) < len(text)
        assert encode(clean.text)[:max_tokens] == whole[:max_tokens]
        assert first_tokens(text, max_tokens, encode) == (whole[:max_tokens], True)


@pytest.mark.parametrize("unit", [*"x \n-=5東😀한ก", "e\u0301", "ab", " \n"])
def test_one_endless_piece_is_cut_without_a_change(unit: str) -> None:
    text = unit * 60_000
    whole = encode(text)
    for max_tokens in (3, 333):
        clean = clean_text(text, max_tokens=max_tokens, longest_token=LONGEST)
        assert len(clean.text) < len(text)
        assert encode(clean.text)[:max_tokens] == whole[:max_tokens]
        assert first_tokens(text, max_tokens, encode)[0] == whole[:max_tokens]


def test_a_run_of_mixed_marks_is_sorted_as_a_whole_before_it_is_cut() -> None:
    text = "e" + "\u0301" * 30_000 + "\u0323" * 30_000 + "tail " * 9000  # NFC puts the second kind first
    whole = encode(text)
    clean = clean_text(text, max_tokens=20, longest_token=LONGEST).text
    assert len(clean) < len(text)
    assert encode(clean)[:20] == whole[:20]
    assert first_tokens(text, 20, encode)[0] == whole[:20]


def test_a_short_text_is_untouched() -> None:
    text = "  The\0 quick\ufeff brown \u202efox\n"
    assert clean_text(text, max_tokens=100).text == text
    assert clean_text("", max_tokens=1).text == ""
    assert clean_text("", max_tokens=1).notices == ()


def test_text_of_exactly_the_limit_is_not_cut() -> None:
    text = " a" * 9000
    assert clean_text(text, max_tokens=9000).text == text
    assert clean_text(text, max_tokens=9000).notices == ()


def test_the_notice_names_item_and_limit() -> None:
    clean = clean_text("word " * 10_000, max_tokens=7, name="text 3")
    assert len(clean.notices) == 1
    assert clean.notices[0].startswith("text 3: text of 50,000 characters was cut")
    assert "max_length=7 tokens" in clean.notices[0]


def test_surrogate_halves_are_joined_and_lone_ones_replaced() -> None:
    clean = clean_text("\ud83d\ude00 and \ud800 and \udfff", max_tokens=50, name="text 1")
    assert clean.text == "😀 and \ufffd and \ufffd"
    assert clean.notices == ("text 1: 2 lone surrogates were replaced with U+FFFD",)


def test_a_subclass_of_str_becomes_a_str() -> None:
    assert type(clean_text(np.str_("abc"), max_tokens=5).text) is str


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "is None"),
        (b"bytes", "of type bytes.*decode"),
        (float("nan"), "is NaN"),
        (np.float32("nan"), "of type float32"),
        (3, "of type int"),
        (["a"], "of type list.*one item is one text"),
    ],
)
def test_what_is_not_a_text_is_named(value: object, said: str) -> None:
    with pytest.raises(InputError, match=f"text 9 {said}" if said.startswith("is") else f"text 9 is {said}"):
        clean_text(value, max_tokens=5, name="text 9")


def test_ten_megabytes_cost_little() -> None:
    text = "some words that go on and on " * 350_000
    start = time.perf_counter()
    clean = clean_text(text, max_tokens=32_768)
    assert time.perf_counter() - start < 1
    assert len(clean.text) < 300_000
