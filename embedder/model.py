"""The network: vision tower, language model without a head, and the multi-vector projector.

It is stock `Qwen2_5_VLModel` with one linear layer beside it. Departures from the
original's forward pass: no logits, no retained hidden states, no padding (segments are
packed into one row), and picture features that can be handed in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import Qwen2_5_VLModel

from embedder.attention import group_segments
from embedder.errors import CheckpointError
from embedder.preprocess import Segment, position_ids


@dataclass(frozen=True)
class HiddenStates:
    """What one forward pass yields.

    Attributes:
        hidden: states after the final norm, (tokens, dim) in the model's dtype.
        lengths: tokens of each segment, in order.
    """

    hidden: torch.Tensor
    lengths: list[int]


class EmbeddingModel(nn.Module):
    """Base model and projector under the names the adapter files use.

    The attribute names are the contract with `adapter_model.safetensors`: its keys are
    `base_model.model.` + `model.language_model...` or `multi_vector_projector...`.
    """

    def __init__(self, base: Qwen2_5_VLModel, projector: nn.Linear) -> None:
        """Wrap a loaded base model and its projector."""
        super().__init__()
        layer_types = set(base.config.text_config.layer_types)
        if layer_types != {"full_attention"}:
            raise CheckpointError(f"layer types {sorted(layer_types)}: only full attention is supported")
        self.model = base
        self.multi_vector_projector = projector
        self.image_pad = base.config.image_token_id
        self.merge_size = base.config.vision_config.spatial_merge_size

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.language_model.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the embeddings, and so of the hidden states."""
        return self.model.language_model.embed_tokens.weight.dtype

    def vision(self, segments: Sequence[Segment]) -> list[torch.Tensor]:
        """Features of pictures; no adapter takes part, so they serve every task.

        Returns:
            for each segment (image tokens, dim).
        """
        patches = torch.cat([segment.patches for segment in segments if segment.patches is not None])
        grids = torch.tensor([segment.grid for segment in segments], device=self.device)  # (n, 3)
        tower = self.model.visual
        features = tower(patches.to(self.device, tower.dtype), grid_thw=grids).pooler_output
        sizes = [int(grid.prod()) // self.merge_size**2 for grid in grids.cpu()]
        return list(torch.split(features, sizes))

    def forward(self, segments: Sequence[Segment], pictures: Sequence[torch.Tensor | None]) -> HiddenStates:
        """Run the language model over packed segments.

        Args:
            segments: what to encode.
            pictures: features from `vision` for each segment, None for a text.
        """
        lengths = [len(segment) for segment in segments]
        ids = torch.cat([segment.ids for segment in segments]).to(self.device)  # (tokens,)
        embeddings = self.model.language_model.embed_tokens(ids)  # (tokens, dim)
        features = [picture for picture in pictures if picture is not None]
        if features:
            embeddings = embeddings.clone()
            embeddings[ids == self.image_pad] = torch.cat(features).to(self.device, embeddings.dtype)
        positions = torch.cat(
            [
                position_ids(segment.ids, segment.grid, self.image_pad, self.merge_size)
                for segment in segments
            ],
            dim=1,
        )  # (3, tokens)
        groups = [(length, index.to(self.device)) for length, index in group_segments(lengths)]
        states = self.model.language_model(
            inputs_embeds=embeddings[None],
            position_ids=positions[:, None].to(self.device),
            attention_mask={"full_attention": None},
            use_cache=False,
            segments=groups,
        ).last_hidden_state[0]
        return HiddenStates(states, lengths)
