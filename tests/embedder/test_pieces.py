"""What each token stands for: one piece per vector, and the text comes back without a gap."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedder import Embedder, InputError
from embedder.pieces import Piece
from embedder.preprocess import TextTokens

TEXTS = [
    "a red circle",
    "  two  blanks\n\tand a tab ",
    "漢字の😀 नमस्ते",
    "e\u0301te\u0301 and Ünïcödé",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 and \U0001f44d\U0001f3fd",
    "\U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea",
    "สวัสดี مرحبا שלום",
    "<|im_start|> is no special token",
    "a\ud800b",
    "",
]


def units(pieces: list[Piece]) -> list[str]:
    return [piece.text for piece in pieces if piece.part == 1 and piece.kind == "text"]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("prompt_name", ["query", "passage"])
def test_there_is_one_piece_per_vector_and_the_text_is_whole(
    model: Embedder, text: str, prompt_name: str
) -> None:
    late = model.embed(text, prompt_name=prompt_name, vectors=("late",)).late
    pieces = model.pieces(text, prompt_name=prompt_name)
    assert late is not None and len(pieces) == len(late[0])
    shown = "".join(units(pieces))
    # a blank at the very beginning is a token with the prompt's
    assert text.replace("\ud800", "\ufffd").removesuffix(shown).strip() == ""
    assert "".join(p.text for p in pieces if p.kind == "prompt" and p.part == 1).startswith(
        "Query:" if prompt_name == "query" else "Passage:"
    )


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_the_parts_of_a_unit_follow_each_other(model: Embedder, text: str) -> None:
    for before, after in pairwise(model.pieces(text)):
        assert after.part == (before.part + 1 if before.part < before.parts else 1)
        if after.part > 1:
            assert (after.text, after.parts) == (before.text, before.parts)


def test_no_character_is_cut(model: Embedder) -> None:
    assert units(model.pieces("漢字"))[-2:] == ["漢", "字"]
    face = [p for p in model.pieces("😀") if p.kind == "text"]
    assert len(face) > 1 and {(p.text, p.parts) for p in face} == {("😀", len(face))}
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert units(model.pieces(family)) == [family]
    assert units(model.pieces("\U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea")) == [
        "\U0001f1eb\U0001f1f7",
        "\U0001f1e9\U0001f1ea",
    ]
    assert "e\u0301" in units(model.pieces("x e\u0301"))[-1]
    assert all(not unit.startswith("\u093f") for unit in units(model.pieces("नि कि")))


def test_spans_have_the_ids_of_the_fast_way(model: Embedder) -> None:
    tokens: TextTokens = model.tokenizer
    for text in TEXTS:
        clean = text.replace("\ud800", "\ufffd")
        assert [token for token, _, _ in tokens.spans(clean)] == tokens.encode(clean)


def test_a_long_text_is_cut_where_its_vectors_are(model: Embedder) -> None:
    text = "alpha beta gamma " * 5000
    pieces = model.pieces(text, max_length=12)
    late = model.embed(text, max_length=12, vectors=("late",)).late
    assert late is not None and len(pieces) == len(late[0]) == 12


def test_a_picture_has_a_piece_per_patch_within_the_template(model: Embedder, tmp_path: Path) -> None:
    picture = Image.fromarray(np.zeros((84, 140, 3), np.uint8))
    found = model.embed([picture, {"text": "words", "image": picture}], vectors=("late",))
    assert found.late is not None and found.grids[0] == (3, 5)
    pieces = model.pieces(picture, grid=found.grids[0])
    assert len(pieces) == len(found.late[0])
    patches = [(p.row, p.col) for p in pieces if p.kind == "image"]
    assert patches == [(row, col) for row in range(3) for col in range(5)]
    words = [p.text for p in pieces if p.kind == "template"]
    assert words[0] == "<|im_start|>" and "<|vision_start|>" in words and "<|image_pad|>" not in words
    both = model.pieces({"text": "words", "image": picture}, grid=found.grids[1])
    assert len(both) == len(found.late[1])
    assert both[: len(pieces)] == pieces and units(both)[-1].endswith("words"[-1])


def test_a_picture_without_its_grid_is_refused(model: Embedder) -> None:
    with pytest.raises(InputError, match="grid"):
        model.pieces(Path("some.png"))
