"""The miniature as a network: stock ``Qwen2_5_VLModel`` in small, and batched passes for training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel

from embedder.preprocess import IMAGE_PAD, IMAGE_PREFIX, IMAGE_SUFFIX, position_ids

TASKS = ("retrieval", "text-matching", "code")
PIXELS = 112 * 112  # every picture is resized to about this area: 16 image tokens
PATCH, MERGE = 14, 2


@dataclass(frozen=True)
class Sizes:
    """Widths and depths of the miniature; heads divide the widths, `dims` ascend to `hidden`."""

    vocabulary: int = 12_800
    hidden: int = 384
    layers: int = 2
    feed_forward: int = 768
    heads: int = 6
    kv_heads: int = 2
    dims: tuple[int, ...] = (16, 32, 64, 128, 256, 384)
    late: int = 64
    vision_width: int = 128
    vision_depth: int = 4
    vision_feed_forward: int = 384
    vision_heads: int = 4

    @property
    def mrope(self) -> list[int]:
        """Rotary frequencies for time, row and column in the published proportions, 2 : 3 : 3."""
        half = self.hidden // self.heads // 2
        side = half * 3 // 8
        return [half - 2 * side, side, side]


def config_dict(sizes: Sizes, ids: dict[str, int]) -> dict[str, Any]:
    """``config.json`` in the published layout: no top-level model_type, both nested configurations present.

    Args:
        sizes: of the network.
        ids: token ids of the added tokens.
    """
    text = _text_config(sizes, ids)
    nested = {"image_token_id": None, "model_type": "qwen2_5_vl_text", "sliding_window": None}
    return {
        "_name_or_path": "mini",
        "architectures": ["JinaEmbeddingsV4Model"],
        **text,
        "vocab_size": sizes.vocabulary,
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
        "vision_token_id": ids["<|vision_pad|>"],
        "multi_vector_projector_dim": sizes.late,
        "single_vector_pool_strategy": "mean",
        "sliding_window": 32_768,
        "text_config": {**text, **nested, "vocab_size": sizes.vocabulary},
        "vision_config": _vision_config(sizes),
        "task_names": list(TASKS),
        "matryoshka_dims": list(sizes.dims),
        "truncate_dim": None,
    }


def _text_config(sizes: Sizes, ids: dict[str, int]) -> dict[str, Any]:
    return {
        "attention_dropout": 0.0,
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "hidden_act": "silu",
        "hidden_size": sizes.hidden,
        "initializer_range": 0.02,
        "intermediate_size": sizes.feed_forward,
        "max_position_embeddings": 128_000,
        "max_window_layers": 70,
        "num_attention_heads": sizes.heads,
        "num_hidden_layers": sizes.layers,
        "num_key_value_heads": sizes.kv_heads,
        "rms_norm_eps": 1e-6,
        "rope_scaling": {"mrope_section": sizes.mrope, "rope_type": "default", "type": "default"},
        "rope_theta": 1_000_000.0,
        "tie_word_embeddings": True,
        "use_cache": True,
        "use_sliding_window": False,
    }


def _vision_config(sizes: Sizes) -> dict[str, Any]:
    return {
        "depth": sizes.vision_depth,
        "fullatt_block_indexes": list(range(1, sizes.vision_depth, 2)),
        "hidden_act": "silu",
        "hidden_size": sizes.vision_width,
        "in_channels": 3,
        "in_chans": 3,
        "initializer_range": 0.02,
        "intermediate_size": sizes.vision_feed_forward,
        "model_type": "qwen2_5_vl",
        "num_heads": sizes.vision_heads,
        "out_hidden_size": sizes.hidden,
        "patch_size": PATCH,
        "spatial_merge_size": MERGE,
        "spatial_patch_size": PATCH,
        "temporal_patch_size": 2,
        "tokens_per_second": 2,
        "window_size": 112,
    }


def stock_config(values: dict[str, Any]) -> Qwen2_5_VLConfig:
    """The configuration object of transformers 5 for a ``config.json`` of the published layout."""
    values = {key: value for key, value in values.items() if key not in ("architectures", "truncate_dim")}
    values["text_config"] = dict(values["text_config"])
    for part in (values, values["text_config"]):
        part["rope_parameters"] = {**part.pop("rope_scaling"), "rope_theta": part["rope_theta"]}
    config = Qwen2_5_VLConfig(**values)
    config._attn_implementation = "sdpa"
    return config


class Miniature(nn.Module):
    """Base model and projector; attribute names are those of the published adapter file.

    Departures from the published network: sizes only. The two passes below compute what the
    stock model computes, for batches of equal shape, without its loop over pictures.
    """

    def __init__(self, sizes: Sizes, ids: dict[str, int]) -> None:
        super().__init__()
        self.sizes, self.ids = sizes, ids
        self.model = Qwen2_5_VLModel(stock_config(config_dict(sizes, ids)))
        self.multi_vector_projector = nn.Linear(sizes.hidden, sizes.late)

    def initialise(self, seed: int) -> None:
        """Set every linear layer to a normal distribution of 1/sqrt(fan_in); biases to zero."""
        generator = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv3d):
                fan_in = module.weight[0].numel()
                module.weight.data.normal_(0.0, fan_in**-0.5, generator=generator)
                if module.bias is not None:
                    module.bias.data.zero_()

    def states(self, embeddings: Tensor, positions: Tensor) -> Tensor:
        """States after the final norm, (batch, tokens, hidden), from inputs of that shape.

        Positions are (3, batch, tokens). Attention is causal, which makes padding on the right harmless:
        there is no mask.
        """
        return self.model.language_model(
            inputs_embeds=embeddings,
            position_ids=positions,
            attention_mask={"full_attention": None},
            use_cache=False,
        ).last_hidden_state

    def text_states(self, ids: Tensor) -> Tensor:
        """(batch, tokens) right-padded ids -> (batch, tokens, hidden)."""
        batch, tokens = ids.shape
        positions = torch.arange(tokens).expand(3, batch, tokens)
        return self.states(self.model.language_model.embed_tokens(ids), positions)

    def text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Mean state of each text over its mask, (batch, hidden), not normalised."""
        return masked_mean(self.text_states(ids).float(), mask)

    def image_states(self, features: Tensor, grid: tuple[int, int], template: ImageTemplate) -> Tensor:
        """(batch, image tokens, hidden) features of equal grids -> (batch, tokens, hidden)."""
        ids, positions = template.sequence(grid)
        embeddings = self.model.language_model.embed_tokens(ids).expand(len(features), -1, -1).clone()
        embeddings[:, ids == template.pad] = features.to(embeddings.dtype)
        return self.states(embeddings, positions[:, None].expand(-1, len(features), -1))

    def image(self, features: Tensor, grid: tuple[int, int], template: ImageTemplate) -> Tensor:
        """Mean state from vision_start to vision_end inclusive, (batch, hidden), not normalised."""
        states = self.image_states(features, grid, template).float()
        start = template.start
        return states[:, start : start + features.shape[1] + 2].mean(1)

    def vision(self, patches: Tensor, grid: tuple[int, int]) -> Tensor:
        """Features of pictures of equal size; (batch, patches, 3 * 14 * 14) -> (batch, image tokens, hidden).

        A still picture repeats its frame, so the patch kernel's two frames may be summed.
        """
        return self.vision_layers(patches, grid)[1]

    def vision_layers(self, patches: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The last block's states, (batch, patches, vision width), and the merged features."""
        tower: Any = self.model.visual
        kernel = tower.patch_embed.proj.weight.sum(2).flatten(1)  # (width, 3 * 14 * 14)
        hidden = functional.linear(patches, kernel)
        rotary = _rotary(tower.rotary_pos_emb.inv_freq, grid)
        for index, block in enumerate(tower.blocks):
            mask = None if index in tower.fullatt_block_indexes else _window_mask(grid, tower.window_size)
            hidden = hidden + _attend(block.attn, block.norm1(hidden), rotary, mask)
            hidden = hidden + block.mlp(block.norm2(hidden))
        return hidden, tower.merger(hidden).view(len(patches), -1, self.sizes.hidden)


@dataclass(frozen=True)
class ImageTemplate:
    """Token ids around a picture, in the published chat template."""

    before: tuple[int, ...]
    pad: int
    after: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> ImageTemplate:
        """Read the template's ids from a ``tokenizers.Tokenizer``."""
        parts = [
            tokenizer.encode(text, add_special_tokens=False).ids for text in (IMAGE_PREFIX, IMAGE_SUFFIX)
        ]
        return cls(tuple(parts[0]), int(tokenizer.token_to_id(IMAGE_PAD) or 0), tuple(parts[1]))

    @property
    def start(self) -> int:
        """Place of vision_start, the first pooled token."""
        return len(self.before) - 1

    def shortened(self) -> ImageTemplate:
        """Only up to vision_end: what comes after cannot change the pooled tokens, attention being causal."""
        return ImageTemplate(self.before, self.pad, self.after[:1])

    def sequence(self, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Ids (tokens,) and rotary positions (3, tokens) for a picture of `grid` patches (rows, columns)."""
        count = grid[0] * grid[1] // MERGE**2
        ids = torch.tensor([*self.before, *[self.pad] * count, *self.after])
        return ids, position_ids(ids, (1, *grid), self.pad, MERGE)


def masked_mean(states: Tensor, mask: Tensor) -> Tensor:
    """(batch, tokens, width) and (batch, tokens) bool -> (batch, width)."""
    weights = mask.to(states.dtype)[..., None]
    return (states * weights).sum(1) / weights.sum(1)


def patch_places(grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Row and column of every patch, in the tower's order: the four that are merged next to each other."""
    rows, columns = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    shape = (grid[0] // MERGE, MERGE, grid[1] // MERGE, MERGE)
    return tuple(part.reshape(shape).permute(0, 2, 1, 3).flatten() for part in (rows, columns))  # type: ignore[return-value]


def _rotary(frequencies: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Cosines and sines (patches, head width) of the tower's two-dimensional rotary positions."""
    angles = [place[:, None].float() * frequencies.float() for place in patch_places(grid)]
    both = torch.cat(angles, dim=-1)
    both = torch.cat([both, both], dim=-1)
    return both.cos(), both.sin()


def _window_mask(grid: tuple[int, int], window: int) -> Tensor | None:
    """(patches, patches) bool, True within one window; None where a single window holds the picture."""
    side = window // PATCH
    if max(grid) <= side:
        return None
    rows, columns = patch_places(grid)
    cell = (rows // side) * 10_000 + columns // side
    return cell[:, None] == cell[None, :]


def _attend(layer: nn.Module, hidden: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
    attention: Any = layer
    batch, patches, width = hidden.shape
    mixed = attention.qkv(hidden).view(batch, patches, 3, attention.num_heads, -1)
    query, key, value = mixed.permute(2, 0, 3, 1, 4).unbind(0)  # (batch, heads, patches, head width)
    cos, sin = rotary
    query, key = (_turn(part.float(), cos, sin).to(value.dtype) for part in (query, key))
    out = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return attention.proj(out.transpose(1, 2).reshape(batch, patches, width))


def _turn(vectors: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = vectors.chunk(2, dim=-1)
    return vectors * cos + torch.cat([-second, first], dim=-1) * sin
