"""The original's numbers, reproduced: float32 to 1e-5, bfloat16 by cosine; and proof that the gates bite."""

from typing import Any

import numpy as np
import pytest
import torch

from embedder import Embedder, pooling, similarity
from embedder.adapters import adapter_parameters
from embedder.preprocess import Segment
from tests.embedder import golden

BY_ID = {"argvalues": golden.CASES, "ids": [case["id"] for case in golden.CASES]}
Outputs = dict[str, torch.Tensor]


@pytest.mark.parametrize("case", **BY_ID)
def test_float32_equals_the_original(model: Embedder, fp32_outputs: Outputs, case: dict[str, Any]) -> None:
    """Dense and every cut of it within 1e-5, multi-vector within 2e-5, token counts exact."""
    ours = golden.encode(model, case)
    dense, late = golden.differences(ours, fp32_outputs, case)
    assert dense <= golden.DENSE_TOLERANCE
    assert late <= golden.LATE_TOLERANCE
    items = golden.compared(case)
    assert [ours.tokens[i] for i in items] == [case["n_tokens"][i] for i in items]


@pytest.mark.parametrize("width", golden.MANIFEST["dims"])
@pytest.mark.parametrize("name", ["t_multilingual_batch_code", "i_batch_mixed_sizes"])
def test_truncate_dim_equals_the_original(
    model: Embedder, fp32_outputs: Outputs, name: str, width: int
) -> None:
    """The cut as an option of the call."""
    case = golden.case(name)
    ours = golden.encode(model, case, truncate_dim=width, vectors=("dense",)).dense
    assert ours is not None
    for item in golden.compared(case):
        theirs = golden.reference(fp32_outputs, case, item)
        assert np.abs(ours[item] - theirs.cuts.get(width, theirs.single)).max() <= golden.DENSE_TOLERANCE


@pytest.mark.parametrize("case", **BY_ID)
def test_bfloat16_is_close_to_the_original(
    bf16_model: Embedder, bf16_outputs: Outputs, case: dict[str, Any]
) -> None:
    """Dense cosine at least 0.9995, each multi-vector row at least 0.998."""
    ours = golden.encode(bf16_model, case)
    assert ours.dense is not None and ours.late is not None
    for item in golden.compared(case):
        theirs = golden.reference(bf16_outputs, case, item)
        assert golden.cosines(ours.dense[item][None], theirs.single[None]).min() >= 0.9995
        assert golden.cosines(ours.late[item], theirs.multi).min() >= 0.998


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_rotary_frequencies_stay_in_float32(precision: str) -> None:
    """In 16 bits they cost a 1,200-token text rows of cosine 0.87; only weights are cast."""
    model = Embedder.from_pretrained(golden.CHECKPOINT, device="cpu", precision=precision)
    buffers = dict(model._runtime.network.named_buffers())
    assert {
        name: b.dtype for name, b in buffers.items() if "inv_freq" in name and b.dtype != torch.float32
    } == {}
    assert any("inv_freq" in name for name in buffers)
    assert {p.dtype for n, p in model._runtime.network.named_parameters() if "lora" in n} == {torch.bfloat16}


def test_special_tokens_in_a_text_stay_text(model: Embedder, fp32_outputs: Outputs) -> None:
    """Where we differ on purpose: a typed `<|im_start|>` is spelled out, 23 tokens instead of 9."""
    case = golden.case(golden.ON_PURPOSE[0])
    ours = golden.encode(model, case)
    theirs = golden.reference(fp32_outputs, case, golden.ON_PURPOSE[1])
    assert ours.dense is not None
    assert ours.tokens[golden.ON_PURPOSE[1]] > case["n_tokens"][golden.ON_PURPOSE[1]]
    assert np.abs(ours.dense[golden.ON_PURPOSE[1]] - theirs.single).max() > 100 * golden.DENSE_TOLERANCE


def test_scores_equal_the_original(model: Embedder) -> None:
    """Cosine and max-sim between cases, as the original scored them."""
    scores = golden.MANIFEST["scores_fp32"]
    sides = []
    for side in ("queries", "docs"):
        encoded = [(golden.encode(model, golden.case(name)), item) for name, item in scores[side]]
        sides.append(([e.dense[i] for e, i in encoded], [e.late[i] for e, i in encoded]))
    (query_dense, query_late), (doc_dense, doc_late) = sides
    cosine = similarity.cosine(np.stack(query_dense), np.stack(doc_dense))
    np.testing.assert_allclose(cosine, scores["cosine"], atol=1e-5)
    np.testing.assert_allclose(
        similarity.max_sim(query_late, doc_late), scores["maxsim"], atol=1e-3, rtol=1e-5
    )


# The gates bite: three mistakes that are easy to make each fail the comparison above.


def test_gate_bites_wrong_pooling_span(
    model: Embedder, fp32_outputs: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pooling a picture over its image tokens only costs but 1.5e-4 in cosine; the gate still sees it."""
    right = pooling.dense

    def without_markers(hidden: torch.Tensor, segments: list[Segment]) -> torch.Tensor:
        inner = [Segment(s.ids, s.start + 1, s.stop - 1, s.patches, s.grid) for s in segments]
        return right(hidden, inner)

    case = golden.case("i_large_retrieval")
    assert golden.worst_differences(model, fp32_outputs, case)[0] <= golden.DENSE_TOLERANCE
    monkeypatch.setattr(pooling, "dense", without_markers)
    assert golden.worst_differences(model, fp32_outputs, case)[0] > golden.DENSE_TOLERANCE


def test_gate_bites_missing_projector_lora(model: Embedder, fp32_outputs: Outputs) -> None:
    """A projector without its LoRA costs nothing in dense; the multi-vector gate sees it."""
    case = golden.case("t_short_retrieval_query")
    weights = adapter_parameters(model._runtime.network, "retrieval")
    name = next(key for key in weights if "multi_vector_projector" in key and "lora_B" in key)
    kept = weights[name].detach().clone()
    try:
        weights[name].data.zero_()
        dense, late = golden.worst_differences(model, fp32_outputs, case)
    finally:
        weights[name].data.copy_(kept)
    assert dense <= golden.DENSE_TOLERANCE
    assert late > golden.LATE_TOLERANCE
    assert golden.worst_differences(model, fp32_outputs, case)[1] <= golden.LATE_TOLERANCE


@pytest.mark.parametrize("wrong", ["text-matching", "code"])
def test_gate_bites_wrong_task(model: Embedder, fp32_outputs: Outputs, wrong: str) -> None:
    """Another task's adapter is another vector."""
    case = golden.case("t_passage_retrieval_passage") | {"task": wrong}
    dense, late = golden.worst_differences(model, fp32_outputs, case)
    assert dense > golden.DENSE_TOLERANCE
    assert late > golden.LATE_TOLERANCE
