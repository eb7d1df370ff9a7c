"""Pictures learn late interaction: their tokens against those of captions, the projector standing still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from embedder.training.batches import caption_group
from embedder.training.losses import info_nce, max_sim
from embedder.training.network import Miniature
from embedder.training.scenes import Scene

TEMPERATURE = 0.015  # as the projector was trained with


@dataclass
class LatePictures:
    """Scores of drawn scenes against right and wrong captions, per token.

    The projector and the language layers are used as they are; the gradient reaches the tower through the
    states of the image tokens.
    """

    network: Miniature
    tokenizer: Tokenizer
    plain: float = 0.3

    def loss(self, states: Tensor, scenes: Sequence[Scene], rng: np.random.Generator) -> Tensor:
        """Cross-entropy of pictures over captions, and of captions over pictures.

        Args:
            states: (pictures, tokens, hidden), from vision_start to vision_end.
            scenes: what each picture shows.
            rng: of wordings and wrong captions, three for each picture.
        """
        count = len(scenes)
        group = caption_group(count, rng, self.tokenizer, scenes=scenes, plain=self.plain)
        ids, mask = group.texts.ids[count:], group.texts.mask[count:]
        with torch.no_grad():
            captions = self._late(self.network.text_states(ids))
        pictures = self._late(states)
        scores = max_sim(captions, mask, pictures, torch.ones(pictures.shape[:2], dtype=torch.bool)).T
        return info_nce(scores / TEMPERATURE, group.same)

    def _late(self, states: Tensor) -> Tensor:
        return functional.normalize(self.network.multi_vector_projector(states).float(), dim=-1)
