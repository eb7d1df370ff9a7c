"""Contrastive losses: InfoNCE over a batch, at every Matryoshka width, and its late-interaction form."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

TEMPERATURE = 0.07


def info_nce(scores: Tensor, same: Tensor | None = None) -> Tensor:
    """Symmetric cross-entropy that row i belongs to column i.

    Args:
        scores: (n, m) float, already divided by the temperature, m >= n; columns from n on are
            extra negatives and take part in the rows' direction only.
        same: (n, m) bool, True where a column is no negative for a row (equal texts).

    Returns:
        A scalar: the mean over both directions, in nats.
    """
    count = scores.shape[0]
    target = torch.arange(count, device=scores.device)
    if same is not None:
        keep = same.clone()
        keep[target, target] = False
        scores = scores.masked_fill(keep, -1e4)
    forward = functional.cross_entropy(scores, target)
    backward = functional.cross_entropy(scores[:, :count].T, target)
    return (forward + backward) / 2


def at_width(vectors: Tensor, dim: int) -> Tensor:
    """The first `dim` components of each row, scaled to unit length; (..., width) -> (..., dim)."""
    return functional.normalize(vectors[..., :dim], dim=-1)


def matryoshka_info_nce(
    left: Tensor,
    right: Tensor,
    dims: Sequence[int],
    *,
    temperature: float = TEMPERATURE,
    same: Tensor | None = None,
) -> Tensor:
    """Mean of :func:`info_nce` of cosines over the widths `dims`.

    Args:
        left: (n, width) float, not necessarily unit rows.
        right: (m, width) float, m >= n; row i belongs to `left` row i.
        dims: widths, each at most `width` (Kusupati et al., Matryoshka Representation Learning, 2022).
        temperature: the cosines are divided by it.
        same: as in :func:`info_nce`.
    """
    losses = [info_nce(at_width(left, dim) @ at_width(right, dim).T / temperature, same) for dim in dims]
    return torch.stack(losses).mean()


def max_sim(queries: Tensor, query_mask: Tensor, documents: Tensor, document_mask: Tensor) -> Tensor:
    """Late interaction, averaged over the query's tokens so that the scale does not grow with length.

    Args:
        queries: (n, s, d) unit rows.
        query_mask: (n, s) bool, False on padding.
        documents: (m, t, d) unit rows.
        document_mask: (m, t) bool, False on padding.

    Returns:
        (n, m) float: mean over query tokens of the best document token (ColBERT, Khattab & Zaharia 2020).
    """
    scores = torch.einsum("nsd,mtd->nmst", queries, documents)  # (n, m, s, t)
    best = scores.masked_fill(~document_mask[None, :, None, :], -1e4).amax(-1)  # (n, m, s)
    weights = query_mask[:, None, :].to(best.dtype)
    return (best * weights).sum(-1) / weights.sum(-1).clamp(min=1)


def equal_rows(keys: Tensor, others: Tensor | None = None) -> Tensor:
    """(n,) and (m,) integer keys -> (n, m) bool, True where two rows hold the same text."""
    return keys[:, None] == (keys if others is None else others)[None, :]
