"""From hidden states to vectors: the mean over a span, and one projected vector per token."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from embedder.preprocess import Segment


def dense(hidden: torch.Tensor, segments: Sequence[Segment]) -> torch.Tensor:
    """Mean of each segment's pooled span, in float32.

    Args:
        hidden: (tokens, dim) of the packed segments.
        segments: which tokens belong together and which of them are pooled.

    Returns:
        (segments, dim), not normalised.
    """
    rows, offset = [], 0
    for segment in segments:
        span = hidden[offset + segment.start : offset + segment.stop]  # (pooled, dim)
        rows.append(span.float().mean(dim=0))
        offset += len(segment)
    return torch.stack(rows)


def multi_vector(hidden: torch.Tensor, projector: nn.Module) -> torch.Tensor:
    """One unit vector per token, in float32: (tokens, dim) -> (tokens, multi_vector_dim)."""
    return functional.normalize(projector(hidden).float(), dim=-1)
