"""Stage 2: put a static token table into the language model, which then computes the table's vectors.

RMSNorm divides a token's vector by its length, and with it throws away how much the token
weighs in a mean. One more component restores it: every token gets sqrt(K^2 - |e|^2) there,
so all have length K and the norm is one constant factor; the final norm's weight is zero at
that component. With silent layers the mean state is then the mean of the table's rows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from embedder.training.network import Miniature

LENGTH = 4.0  # K: large enough to hold every token, small enough that the layers' output still counts
BRANCH_GAIN = 0.3  # a layer's output next to a token's vector at the start; zero ones hardly learn
CLIPPED = 0.999  # token vectors longer than this quantile are shortened to it: outliers would set the scale


@torch.no_grad()
def install(network: Miniature, table: Tensor, *, silent: bool = False) -> float:
    """Copy the table into `network` and set the norms so that its information reaches the layers.

    Args:
        network: initialised, of width table.shape[1] + 1.
        table: (vocabulary, width - 1) float32.
        silent: zero the layers' output projections, which makes the mapping exact.

    Returns:
        The factor the table was scaled by.

    Raises:
        ValueError: the widths do not fit.
    """
    language = network.model.language_model
    width = network.sizes.hidden
    if table.shape != (network.sizes.vocabulary, width - 1):
        raise ValueError(
            f"table of shape {tuple(table.shape)}, expected {(network.sizes.vocabulary, width - 1)}"
        )
    rows, scale = scaled(table)
    rest = (LENGTH**2 - rows.square().sum(1, keepdim=True)).clamp(min=0).sqrt()
    language.embed_tokens.weight.copy_(torch.cat([rows, rest], dim=1))
    language.norm.weight.fill_(1.0)
    language.norm.weight[-1] = 0.0
    gain = LENGTH / float(rows.norm(dim=1).mean())
    for layer in language.layers:
        layer.input_layernorm.weight.fill_(gain)
        layer.post_attention_layernorm.weight.fill_(gain)
        for norm in (layer.input_layernorm, layer.post_attention_layernorm):
            norm.weight[-1] = 0.1  # the constant component would drown the others
        for projection in (layer.self_attn.o_proj, layer.mlp.down_proj):
            projection.weight.mul_(
                0.0 if silent else BRANCH_GAIN * float(rows.norm(dim=1).mean()) * width**-0.5
            )
    return scale


def scaled(table: Tensor) -> tuple[Tensor, float]:
    """The table with its few longest rows shortened, scaled to a longest of 0.98 K; and the factor."""
    lengths = table.norm(dim=1, keepdim=True)
    longest = float(lengths.quantile(CLIPPED))
    scale = 0.98 * LENGTH / longest
    return table * (longest / lengths).clamp(max=1.0) * scale, scale
