"""Give a trained vision tower twice its width without changing what it computes.

A narrow tower learns where things are in minutes; to know a thousand signs by heart it lacks the room. As in
Net2Net (Chen, Goodfellow and Shlens 2016, arXiv:1511.05641) the wide network starts from the narrow one's
function. Here the new channels of the stream start at zero: what reads them is random; what writes to them,
or from a new unit into the old channels, is zero and learns first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from embedder.training.network import MERGE, Miniature, Sizes

QUIET = 0.5  # of 1/sqrt(fan_in): what old units read from new channels


def widened(sizes: Sizes) -> Sizes:
    """The same network with a vision tower of twice the width, feed-forward width and heads."""
    return replace(
        sizes,
        vision_width=2 * sizes.vision_width,
        vision_feed_forward=2 * sizes.vision_feed_forward,
        vision_heads=2 * sizes.vision_heads,
    )


@torch.no_grad()
def widen(narrow: Miniature, seed: int) -> Miniature:
    """A network whose tower is twice as wide and computes, at first, the same features (to rounding).

    Args:
        narrow: a base network, without adapters; its parts other than the tower are copied.
        seed: of what the new units read.
    """
    wide = Miniature(widened(narrow.sizes), narrow.ids)
    kept = {name: value for name, value in narrow.state_dict().items() if ".visual." not in name}
    wide.load_state_dict(kept, strict=False)
    widen_tower(narrow.model.visual, wide.model.visual, seed)
    return wide


@torch.no_grad()
def widen_tower(narrow: nn.Module, wide: nn.Module, seed: int) -> None:
    """Fill a tower of twice the width from a narrow one, in place."""
    old, tower = dict(narrow.named_parameters()), dict(wide.named_parameters())
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in tower.items():
        parameter.copy_(_grown(name, old[name], parameter, generator))


def _grown(name: str, old: Tensor, like: Tensor, generator: torch.Generator) -> Tensor:
    """A wide parameter: the old values in their places, and what belongs beside them."""
    if "norm" in name or "ln_q" in name:  # the mean square halves, as half of the channels are zero
        return torch.cat([old, old.mean().expand(len(like) - len(old))]) / 2**0.5
    if ".qkv." in name:  # query, key and value, each grown by itself
        parts = zip(old.chunk(3), like.chunk(3), strict=True)
        return torch.cat([_reader(part, room, 1, generator) for part, room in parts])
    if name.startswith("merger.mlp.0."):  # four patches side by side
        return _reader(old, like, MERGE**2, generator)
    if "gate_proj" in name or "up_proj" in name:
        return _reader(old, like, 1, generator)
    return _writer(old, like)


def _reader(old: Tensor, like: Tensor, pieces: int, generator: torch.Generator) -> Tensor:
    """Of a layer that reads the stream: new units read everything, old ones new channels quietly.

    `pieces` is how many times the stream stands side by side in what is read.
    """
    if old.ndim == 1:
        return _writer(old, like)
    fan_in, rows = like.shape[1], len(old)
    new = torch.randn(like.shape, generator=generator) * fan_in**-0.5
    blocks: Any = new.view(len(like), pieces, -1)
    width = old.shape[1] // pieces
    blocks[:rows] *= QUIET
    blocks[:rows, :, :width] = old.view(rows, pieces, width)
    return new


def _writer(old: Tensor, like: Tensor) -> Tensor:
    """Zeros around the old values."""
    new = torch.zeros_like(like)
    new[tuple(slice(size) for size in old.shape)] = old
    return new
