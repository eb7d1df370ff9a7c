"""Attention for packed sequences: many texts and pictures in one row, none sees another.

Packing removes the padding: on CPU this is 6 times the speed of padded batches in
input order. The language model calls the function registered here for every layer.
"""

from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface

from embedder import stop

PACKED = "packed_segments"
LONG = 4096
"""Tokens of a segment from which a CPU attends head by head: all heads of 32,768 tokens take it over 10 s, in
which nobody could stop it. The numbers are the same to the last bit."""

# (length, starts): all segments of one length, attended in one call
SegmentGroup = tuple[int, torch.Tensor]


def group_segments(lengths: list[int]) -> list[SegmentGroup]:
    """Group consecutive segments of a packed row by length.

    Returns:
        for each distinct length, the int64 indices (count, length) of its tokens in the row.
    """
    starts: dict[int, list[int]] = {}
    offset = 0
    for length in lengths:
        starts.setdefault(length, []).append(offset)
        offset += length
    return [
        (length, torch.tensor(firsts)[:, None] + torch.arange(length)) for length, firsts in starts.items()
    ]


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    segments: list[SegmentGroup] | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each segment of a packed row.

    Args:
        module: the attention layer (unused; part of transformers' interface).
        query: (1, heads, tokens, head_dim).
        key: (1, kv_heads, tokens, head_dim).
        value: (1, kv_heads, tokens, head_dim).
        attention_mask: must be None; the segments are the mask.
        scaling: factor on the scores; None is 1 / sqrt(head_dim).
        segments: as `group_segments` returns them; None is one segment.

    Returns:
        (1, tokens, heads, head_dim) and None for the weights.

    Raises:
        Stopped: the work is over, as :func:`embedder.stop.stoppable` was told.
    """
    if attention_mask is not None:
        raise ValueError("packed attention takes segments, not an attention mask")
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key, value = (tensor.repeat_interleave(repeats, dim=1) for tensor in (key, value))
    if segments is None or (len(segments) == 1 and len(segments[0][1]) == 1):
        out = _causal(query, key, value, scaling)  # (1, heads, tokens, head_dim)
        return out.transpose(1, 2).contiguous(), None
    rows = [tensor[0].transpose(0, 1) for tensor in (query, key, value)]  # (tokens, heads, head_dim)
    out = torch.empty_like(rows[0])
    for _length, index in segments:
        parts = [row[index].transpose(1, 2) for row in rows]  # (count, heads, length, head_dim)
        out[index] = _causal(parts[0], parts[1], parts[2], scaling).transpose(1, 2)
    return out[None], None


def _causal(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None
) -> torch.Tensor:
    if query.device.type == "cpu" and query.shape[2] > LONG:
        heads = zip(query.split(1, dim=1), key.split(1, dim=1), value.split(1, dim=1), strict=True)
        return torch.cat([_attend(*head, scaling) for head in heads], dim=1)
    return _attend(query, key, value, scaling)


def _attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None
) -> torch.Tensor:
    stop.check()
    return functional.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling)


AttentionInterface.register(PACKED, packed_attention)
