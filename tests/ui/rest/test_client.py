"""POST /v1/embeddings and GET /v1/models by OpenAI's official client."""

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest

from embedder import Embedder
from embedder.quantization import Quantizer, VectorPrecision
from tests.mini import DIM, WIDTHS
from tests.ui.site import Served


@pytest.fixture(scope="module")
def client(site: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{site.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_the_openai_client_gets_the_library_s_vectors(client: openai.OpenAI, mini: Embedder) -> None:
    texts = ["a red circle", "a blue square", "def reverse(items): ..."]
    answer = client.embeddings.create(model="mini", input=texts)
    got = np.array([row.embedding for row in answer.data], dtype=np.float32)
    np.testing.assert_allclose(got, mini.encode_text(texts, prompt_name="query"), atol=1e-6)
    assert [row.index for row in answer.data] == [0, 1, 2] and answer.model == "mini"
    tokens = sum(mini.embed(texts).tokens)
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (tokens, tokens)


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_the_openai_client_in_both_of_its_formats(
    client: openai.OpenAI, mini: Embedder, encoding: Any
) -> None:
    answer = client.embeddings.create(model="mini", input="one", dimensions=32, encoding_format=encoding)
    got = answer.data[0].embedding
    if isinstance(got, str):
        got = np.frombuffer(base64.b64decode(got), dtype="<f4")
    np.testing.assert_allclose(got, mini.encode_text("one", truncate_dim=32), atol=1e-6)


def test_the_openai_client_with_jina_s_fields(client: openai.OpenAI, mini: Embedder) -> None:
    more = {"task": "code.passage", "embedding_type": "float", "normalized": True}
    answer = client.embeddings.create(
        model="mini", input="def f(): ...", encoding_format="float", extra_body=more
    )
    expected = mini.encode_text("def f(): ...", task="code", prompt_name="passage")
    np.testing.assert_allclose(answer.data[0].embedding, expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["float", "base64", "binary", "ubinary"])
def test_the_openai_client_asks_for_base64_unasked(client: openai.OpenAI, mini: Embedder, kind: Any) -> None:
    """It sends encoding_format "base64" where its user named none; embedding_type then decides."""
    answer = client.embeddings.create(model="mini", input="one", extra_body={"embedding_type": kind})
    expected = mini.encode_text("one")
    if kind.endswith("binary"):
        expected = Quantizer(VectorPrecision(kind), DIM).quantize(expected)
    np.testing.assert_allclose(answer.data[0].embedding, expected, atol=1e-6)


def test_the_openai_client_lists_the_model(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list().data] == ["mini"]
    assert client.models.retrieve("mini").owned_by == "local"
    with pytest.raises(openai.NotFoundError, match="'gpt-4' does not exist here; this server runs 'mini'"):
        client.models.retrieve("gpt-4")


def test_the_openai_client_raises_its_own_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=WIDTHS) as bad:
        client.embeddings.create(model="mini", input="a", dimensions=DIM + 1)
    assert (bad.value.param, bad.value.code, bad.value.type) == (
        "dimensions",
        "invalid_value",
        "invalid_request_error",
    )
    with pytest.raises(openai.NotFoundError, match="this server runs 'mini'"):
        client.embeddings.create(model="text-embedding-3-small", input="a")
