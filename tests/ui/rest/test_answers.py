"""What POST /v1/embeddings answers: inputs, tasks, formats, notices."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder import Embedder, truncate
from embedder.quantization import Quantizer, VectorPrecision
from tests.mini import DIM
from tests.ui.rest.steps import PACKED, PICTURE, post, vectors
from tests.ui.site import Served


def test_pictures_and_documents(site: Served, mini: Embedder) -> None:
    inputs = [
        "a text",
        {"text": "a text"},
        {"image": PACKED},
        {"image": f"data:image/png;base64,{PACKED}"},
        {"text": "both", "image": PACKED},
    ]
    got = vectors(post(site, input=inputs, task="retrieval.passage"))
    sources = ["a text", "a text", PICTURE, PICTURE, {"text": "both", "image": PICTURE}]
    expected = mini.embed(sources, prompt_name="passage", vectors=("dense",)).dense
    np.testing.assert_allclose(got, expected, atol=1e-6)
    np.testing.assert_array_equal(got[0], got[1])
    np.testing.assert_array_equal(got[2], got[3])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"task": "retrieval", "prompt_name": "query"}),
        ({"task": "retrieval.query"}, {"task": "retrieval", "prompt_name": "query"}),
        ({"task": "retrieval.passage"}, {"task": "retrieval", "prompt_name": "passage"}),
        ({"task": "text-matching"}, {"task": "text-matching", "prompt_name": "query"}),
        ({"task": "code.query"}, {"task": "code", "prompt_name": "query"}),
        ({"task": "code.passage"}, {"task": "code", "prompt_name": "passage"}),
        ({"task": "code", "prompt_name": "passage"}, {"task": "code", "prompt_name": "passage"}),
        ({"task": "document"}, {"task": "retrieval", "prompt_name": "passage"}),
    ],
)
def test_tasks_by_jina_s_names_and_our_own(
    site: Served, mini: Embedder, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    np.testing.assert_allclose(
        vectors(post(site, **fields))[0], mini.encode_text("a text", **expected), atol=1e-6
    )


@pytest.mark.parametrize("field", ["encoding_format", "embedding_type"])
@pytest.mark.parametrize("dim", [DIM, 20])
def test_packed_formats(site: Served, mini: Embedder, field: str, dim: int) -> None:
    vector = mini.encode_text("a text", truncate_dim=dim)
    for kind in ("binary", "ubinary"):
        found = post(site, dimensions=dim, **{field: kind}).json()["data"][0]["embedding"]
        codes = Quantizer(VectorPrecision(kind), dim).quantize(vector)
        assert found == codes.tolist() and len(found) == -(-dim // 8)
    signs = np.unpackbits(np.array(found, dtype=np.uint8), count=dim)
    np.testing.assert_array_equal(signs, vector > 0)


def test_natural_length_and_a_cut_of_it(site: Served, mini: Embedder) -> None:
    raw = vectors(post(site, normalized=False, dimensions=64))[0]
    assert abs(np.linalg.norm(raw) - 1) > 0.01
    np.testing.assert_allclose(raw, mini.encode_text("a text", normalize=False, truncate_dim=64), rtol=1e-5)
    unit = vectors(post(site, dimensions=64))[0]
    np.testing.assert_allclose(truncate(raw, 64), unit, atol=1e-6)


@pytest.mark.parametrize("kind", ["float", "base64"])
def test_vectors_per_token(site: Served, mini: Embedder, kind: str) -> None:
    answer = post(site, input=["a text", {"image": PACKED}], return_multivector=True, embedding_type=kind)
    expected = mini.embed(["a text", PICTURE], vectors=("late",)).late
    assert expected is not None and answer.status_code == 200
    for row, matrix in zip(answer.json()["data"], expected, strict=True):
        assert "embedding" not in row
        found = row["embeddings"]
        if kind == "base64":
            found = [np.frombuffer(base64.b64decode(one), dtype="<f4") for one in found]
        np.testing.assert_allclose(np.array(found), matrix, atol=1e-6)


def test_a_picture_is_turned_upright_as_on_the_page(site: Served, mini: Embedder, tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(PICTURE).convert("RGB").rotate(90, expand=True).save(tmp_path / "a.jpg", exif=exif)
    data = (tmp_path / "a.jpg").read_bytes()
    got = vectors(post(site, input=[{"image": base64.b64encode(data).decode()}]))
    expected = mini.embed([data], vectors=("dense",), upright=True).dense
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_what_was_changed_is_said(site: Served) -> None:
    answer = post(site, input=["fine", "a lone \ud800 surrogate"]).json()
    assert len(answer["notices"]) == 1 and answer["notices"][0].startswith("input[1]: ")
    assert "notices" not in post(site, input="fine").json()


def test_a_long_text_is_refused_or_cut(site: Served, mini: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setattr(mini, "spec", replace(mini.spec, max_tokens=24))
    text = "one two three four five six seven eight nine ten eleven twelve " * 20
    refused = post(site, input=["short", text])
    assert refused.status_code == 400 and "input[1] has" in refused.json()["error"]["message"]
    assert "24 tokens" in refused.json()["error"]["message"]
    cut = post(site, input=["short", text], truncate=True).json()
    assert cut["notices"][0].startswith("input[1]: text ") and "cut to its first" in cut["notices"][0]
