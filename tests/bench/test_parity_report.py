"""How far we are from the original's numbers, as one table: the worst difference of each kind."""

import numpy as np
import pytest
import torch

from embedder import Embedder
from tests.embedder import golden

pytestmark = pytest.mark.bench


def worst_cosine(model: Embedder, tensors: dict[str, torch.Tensor], kind: str) -> tuple[float, float]:
    """Smallest cosine to the original: dense vectors, and single multi-vector rows."""
    dense, late = 1.0, 1.0
    for case in (c for c in golden.CASES if c["kind"] == kind):
        ours = golden.encode(model, case)
        assert ours.dense is not None and ours.late is not None
        for item in golden.compared(case):
            theirs = golden.reference(tensors, case, item)
            dense = min(dense, float(golden.cosines(ours.dense[item][None], theirs.single[None]).min()))
            late = min(late, float(golden.cosines(ours.late[item], theirs.multi).min()))
    return dense, late


def test_worst_differences(
    model: Embedder,
    bf16_model: Embedder,
    fp32_outputs: dict[str, torch.Tensor],
    bf16_outputs: dict[str, torch.Tensor],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Within the gates, and printed."""
    lines = [f"parity with the original, {len(golden.CASES)} cases:"]
    for kind in ("text", "image"):
        cases = [case for case in golden.CASES if case["kind"] == kind]
        worst = np.array([golden.worst_differences(model, fp32_outputs, case) for case in cases]).max(axis=0)
        assert worst[0] <= golden.DENSE_TOLERANCE
        assert worst[1] <= golden.LATE_TOLERANCE
        dense, late = worst_cosine(bf16_model, bf16_outputs, kind)
        lines.append(
            f"  {kind}: float32 max |difference| dense {worst[0]:.1e}, multi-vector {worst[1]:.1e}; "
            f"bfloat16 min cosine dense {dense:.6f}, multi-vector rows {late:.6f}"
        )
    with capsys.disabled():
        print("\n" + "\n".join(lines))  # noqa: T201 - a benchmark's output
