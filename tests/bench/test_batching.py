"""How much packing gains over padded batches in input order, on texts of mixed length; one run, one ratio."""

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from embedder import Embedder
from embedder.model import EmbeddingModel

pytestmark = pytest.mark.bench
PADDED_BATCH = 8  # the original's default
ROUNDS = 5


def mixed_texts(count: int = 40) -> list[str]:
    """Lengths as retrieval corpora have them: many short, a few long."""
    words = "harbour tide gate wall flood town water street level".split()
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(3.2, 1.0, count), 2, 400).astype(int)
    return [" ".join(rng.choice(words, length)) for length in lengths]


def padded(network: EmbeddingModel, rows: list[list[int]]) -> torch.Tensor:
    """Vectors as the original makes them: padded batches in input order, with the logits it throws away."""
    vectors = []
    for first in range(0, len(rows), PADDED_BATCH):
        batch = rows[first : first + PADDED_BATCH]
        width = max(map(len, batch))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in batch])  # (batch, tokens)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch])
        states = network.model.language_model(input_ids=ids, attention_mask=mask).last_hidden_state
        functional.linear(states, network.model.language_model.embed_tokens.weight)
        weights = mask[..., None].float()
        vectors.append((states * weights).sum(1) / weights.sum(1))
    return functional.normalize(torch.cat(vectors), dim=-1)


def best_seconds(job: Callable[[], object]) -> float:
    """The best of a few runs, in CPU time of this process."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        job()
        seconds.append(time.process_time() - start)
    return min(seconds)


def test_packed_against_padded(model: Embedder, capsys: pytest.CaptureFixture[str]) -> None:
    """Same vectors; the ratio is printed."""
    texts = mixed_texts()
    network = model._runtime.network
    rows = [model.tokenizer.encode("Query: " + text) for text in texts]
    ours = model.encode_text(texts)
    config = network.model.language_model.config
    packed_name = config._attn_implementation
    ours_seconds = best_seconds(lambda: model.encode_text(texts))
    try:
        config._attn_implementation = "sdpa"
        with torch.inference_mode():
            theirs = padded(network, rows).numpy()
            theirs_seconds = best_seconds(lambda: padded(network, rows))
    finally:
        config._attn_implementation = packed_name
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    with capsys.disabled():
        print(  # noqa: T201 - a benchmark's output
            f"\npacked {ours_seconds:.3f} s, padded in input order {theirs_seconds:.3f} s: "
            f"{theirs_seconds / ours_seconds:.1f} times faster ({sum(map(len, rows)):,} tokens, float32)"
        )
