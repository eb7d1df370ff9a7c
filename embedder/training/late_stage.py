"""Stage 8: late interaction. The multi-vector projector and its LoRAs alone, everything before them frozen.

It starts from what the token states already are: their first components, which Matryoshka training has
made the most telling ones, and a constant beside them. A state's length says how much its token matters;
with a constant before normalising, tokens that matter little all point the same way, find each other
everywhere, and so change no ranking. No gradient goes through the network, which makes the stage cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from embedder.training.adapters_stage import PicturePool, activate, picture_pool
from embedder.training.batches import Padded, caption_group, pad_rows, share_a_text
from embedder.training.losses import info_nce, max_sim
from embedder.training.network import ImageTemplate, Miniature
from embedder.training.pairs import PairSet
from embedder.training.progress import Progress, say
from embedder.training.text_stage import descend, restore, schedule

TASK_SHARES = {"retrieval": 0.45, "text-matching": 0.1, "code": 0.45}
MIXTURES: dict[str, dict[str, float]] = {
    "retrieval": {
        "pictures": 0.4, "body": 0.25, "details": 0.1, "titled": 0.08, "continued": 0.07, "gloss": 0.1,
    },
    "text-matching": {"translations": 0.35, "captions": 0.35, "synonyms": 0.1, "gloss": 0.2},
    "code": {"body": 0.55, "code": 0.35, "details": 0.1},
}  # fmt: skip
"""As in the adapters' stage: for each task, how often a source gives the batch."""


@dataclass(frozen=True)
class LateSettings:
    """Length of the stage, and how much a step sees.

    Attributes:
        steps: of all tasks together.
        batch: pairs; each left side is told apart from all right sides.
        left, right: tokens a side is cut to.
        rate: of learning, at its highest.
        temperature: the mean max-sim of a query's tokens is divided by it.
        constant: beside a state's components; states are about as long as 1.
        pool: pictures.
    """

    steps: int = 1100
    batch: int = 32
    left: int = 64
    right: int = 200
    rate: float = 1e-3
    temperature: float = 0.015
    constant: float = 2.0
    pool: int = 4096


def train_late(
    network: Miniature,
    tokenizer: Tokenizer,
    sources: dict[str, PairSet],
    settings: LateSettings,
    folder: Path,
    seed: int,
) -> None:
    """Train the projector and its LoRAs in place; those of the language layers are silent by now."""
    network.requires_grad_(False)
    begin(network, settings.constant)
    parameters = list(network.multi_vector_projector.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=0.0)
    progress = Progress(folder, "late", settings.steps)
    restore(progress, network, optimiser)
    work = _Work(network, tokenizer, sources, settings, picture_pool(network, settings.pool, seed + 3))
    tasks = list(TASK_SHARES)
    for step in progress.steps():
        rng = np.random.default_rng((seed, 9, step))
        task = str(rng.choice(tasks, p=list(TASK_SHARES.values())))
        activate(network, task)
        network.requires_grad_(False)
        for parameter in parameters:  # of the others' LoRAs the gradient is none, and the optimiser skips it
            parameter.requires_grad_(True)
        loss = work.loss(task, rng)
        descend(optimiser, loss, parameters, settings.rate * schedule(step, settings.steps, 50))
        progress.log(step, late=loss.item())
        progress.save(step, lambda: {"network": network.state_dict(), "optimiser": optimiser.state_dict()})
    say("late interaction trained")


@torch.no_grad()
def begin(network: Miniature, constant: float) -> None:
    """The projector's start: its outputs are a state's first components, the last of them a constant."""
    projector: Any = network.multi_vector_projector
    weight, bias = projector.base_layer.weight, projector.base_layer.bias
    count = len(bias) - 1
    weight.zero_()
    weight[:count, :count] = torch.eye(count)
    bias.zero_()
    bias[count] = constant
    for layer in projector.lora_B.values():
        layer.weight.zero_()


@dataclass
class _Work:
    """One step's loss."""

    network: Miniature
    tokenizer: Tokenizer
    sources: dict[str, PairSet]
    settings: LateSettings
    pool: PicturePool

    def loss(self, task: str, rng: np.random.Generator) -> Tensor:
        """Of a batch from one of the task's sources."""
        drawn = {"pictures": self.pictures, "captions": self.captions}
        names = [name for name in MIXTURES[task] if name in drawn or self.sources.get(name)]
        chances = np.array([MIXTURES[task][name] for name in names])
        name = str(rng.choice(names, p=chances / chances.sum()))
        if name in drawn:
            scores, same = drawn[name](rng)
            return info_nce(scores / self.settings.temperature, same)
        scores, same = self.pairs(self.sources[name], rng)
        # One direction: queries of several lengths are never compared, and their means are not of one scale.
        others = same & ~torch.eye(len(same), dtype=torch.bool)
        scores = (scores / self.settings.temperature).masked_fill(others, -1e4)
        return functional.cross_entropy(scores, torch.arange(len(scores)))

    @torch.no_grad()
    def states(self, side: Padded) -> Tensor:
        """Frozen: (n, tokens, hidden)."""
        return self.network.text_states(side.ids)

    def late(self, states: Tensor) -> Tensor:
        """Projected unit token vectors, (n, tokens, late)."""
        return functional.normalize(self.network.multi_vector_projector(states).float(), dim=-1)

    def pairs(self, found: PairSet, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Scores (n, n) of left with right sides, and which pairs share a text."""
        picks = rng.choice(len(found), min(self.settings.batch, len(found)), replace=False)
        left = pad_rows(found.left, picks, self.settings.left)
        right = pad_rows(found.right, picks, self.settings.right)
        keys = torch.from_numpy(np.stack([found.left_keys[picks], found.right_keys[picks]], axis=1))
        scores = max_sim(self.late(self.states(left)), left.mask, self.late(self.states(right)), right.mask)
        return scores, share_a_text(keys, keys)

    def captions(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Captions against paraphrases and hard negatives."""
        group = caption_group(self.settings.batch, rng, self.tokenizer)
        late, mask, count = self.late(self.states(group.texts)), group.texts.mask, group.count
        return max_sim(late[:count], mask[:count], late[count:], mask[count:]), group.same

    def pictures(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Pictures against captions with hard negatives: rows are pictures."""
        template = ImageTemplate.of(self.tokenizer).shortened()
        count = min(self.settings.batch, len(self.pool.scenes))
        picks = rng.choice(len(self.pool.scenes), count, replace=False)
        scenes = [self.pool.scenes[i] for i in picks]
        group = caption_group(count, rng, self.tokenizer, negatives=3, scenes=scenes, plain=0.3)
        texts = Padded(group.texts.ids[group.count :], group.texts.mask[group.count :])
        with torch.no_grad():
            features = self.pool.features[torch.from_numpy(picks)]
            states = self.network.image_states(features, self.pool.grid, template)[:, template.start :]
        late = self.late(states)
        everything = torch.ones(late.shape[:2], dtype=torch.bool)
        return max_sim(self.late(self.states(texts)), texts.mask, late, everything).T, group.same
