"""Stage 6: one LoRA per task on the language layers and the multi-vector projector, each on data of its own.

The projector itself is learned with the first task (retrieval); the others adapt it.
The vision tower carries no LoRA, so a pool of pictures is encoded once and used again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from embedder.adapters import adapter_parameters, inject, lora_config, lora_layers
from embedder.training.batches import Padded, caption_group, pad
from embedder.training.frozen import TEMPERATURE, FrozenPairs, freeze
from embedder.training.losses import info_nce, matryoshka_info_nce, max_sim
from embedder.training.network import TASKS, ImageTemplate, Miniature, masked_mean
from embedder.training.pairs import PairSet
from embedder.training.pictures import scene_batch
from embedder.training.progress import Progress, say
from embedder.training.scenes import Scene, sample_scene
from embedder.training.static_table import some_dims
from embedder.training.text_stage import descend, half, restore, schedule

RANK = 16
# Chosen on the held-out functions that the card reports (bare body .489 to .511, scenes 4-way .983 to .960).
SHIPPED_STRENGTH = 0.5
MIXTURES: dict[str, dict[str, float]] = {
    "retrieval": {
        "body": 0.22, "code": 0.08, "details": 0.1, "titled": 0.07, "continued": 0.08, "gloss": 0.1,
        "names": 0.03, "pictures": 0.32,
    },
    "text-matching": {"translations": 0.3, "synonyms": 0.15, "captions": 0.25, "gloss": 0.15, "names": 0.15},
    "code": {"body": 0.5, "code": 0.3, "details": 0.1, "names": 0.1},
}  # fmt: skip
"""For each task, how often a source gives the batch; "pictures" are captions and drawn scenes."""


@dataclass(frozen=True)
class AdapterSettings:
    """Length of one adapter's training, and how much a step sees.

    Attributes:
        steps: of each adapter.
        batch: pairs of which both sides go through the network.
        queries: further left sides, which are short.
        tokens: a text is cut to.
        rate: of learning, at its highest.
        late_weight: of the late-interaction loss.
        pair_weight: of the loss within the batch, next to the one against the bank.
        pool: pictures.
        bank: frozen texts a side is told apart from, at most.
    """

    steps: int = 320
    batch: int = 24
    queries: int = 72
    tokens: int = 128
    rate: float = 1e-3
    late_weight: float = 0.3
    pair_weight: float = 0.5
    pool: int = 4096
    bank: int = 6144


def settings_dict(strength: float = 1.0) -> dict[str, Any]:
    """``adapter_config.json`` as published, with our rank.

    Args:
        strength: factor on what the adapters add; 1 in training, `SHIPPED_STRENGTH` in the export.
    """
    return {
        "alpha_pattern": {},
        "auto_mapping": None,
        "base_model_name_or_path": "mini",
        "bias": "none",
        "corda_config": None,
        "eva_config": None,
        "exclude_modules": ".*visual.*",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": "gaussian",
        "layer_replication": None,
        "layers_pattern": None,
        "layers_to_transform": None,
        "loftq_config": {},
        "lora_alpha": RANK * strength,
        "lora_bias": False,
        "lora_dropout": 0.1,
        "megatron_config": None,
        "megatron_core": "megatron.core",
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": RANK,
        "rank_pattern": {},
        "revision": None,
        "target_modules": "(.*(model).*(down_proj|gate_proj|up_proj|k_proj|q_proj|v_proj|o_proj).*$"
        "|.*(single_vector_projector|multi_vector_projector).*$)",
        "task_type": "FEATURE_EXTRACTION",
        "trainable_token_indices": None,
        "use_dora": False,
        "use_rslora": False,
    }


def add_adapters(network: Miniature, seed: int) -> None:
    """Inject one untrained LoRA per task (A normal with deviation 1/rank, B zero)."""
    torch.manual_seed(seed)
    for task in TASKS:
        inject(network, lora_config(settings_dict(), "the miniature's adapters"), task)
        for name, parameter in adapter_parameters(network, task).items():
            if ".lora_A." in name:
                nn.init.normal_(parameter, std=1 / RANK)
            else:
                nn.init.zeros_(parameter)


def activate(network: Miniature, task: str) -> None:
    """Make one task's LoRA the active one."""
    for layer in lora_layers(network):
        layer.set_adapter(task)


@contextmanager
def silenced(network: nn.Module) -> Iterator[None]:
    """Within the block every adapter adds nothing: the network is its base."""
    layers = lora_layers(network)
    strengths = [dict(layer.scaling) for layer in layers]
    for layer in layers:
        layer.scaling = dict.fromkeys(layer.scaling, 0.0)
    try:
        yield
    finally:
        for layer, strength in zip(layers, strengths, strict=True):
            layer.scaling = strength


@dataclass(frozen=True)
class PicturePool:
    """Scenes, and their pictures through the tower: (pool, image tokens, hidden)."""

    scenes: list[Scene]
    features: Tensor
    grid: tuple[int, int]


@torch.no_grad()
def picture_pool(network: Miniature, count: int, seed: int) -> PicturePool:
    """Draw and encode pictures of the trained size once."""
    rng = np.random.default_rng((seed, 7))
    scenes: list[Scene] = []
    features: list[Tensor] = []
    while len(scenes) < count:
        chosen = [sample_scene(rng) for _ in range(64)]
        batch = scene_batch(chosen, rng)
        if batch.grid == (8, 8):  # one grid, so that the pool is one tensor
            scenes += chosen
            features.append(network.vision(batch.patches, batch.grid))
    return PicturePool(scenes, torch.cat(features), (8, 8))


def train_adapters(
    network: Miniature,
    tokenizer: Tokenizer,
    sources: dict[str, PairSet],
    settings: AdapterSettings,
    folder: Path,
    seed: int,
) -> None:
    """Train the three LoRAs in place, one after the other, each resumable on its own."""
    work = _Work(network, tokenizer, sources, picture_pool(network, settings.pool, seed), settings)
    for index, task in enumerate(TASKS):
        _train_one(task, work, folder, seed + 100 * index)


def _train_one(task: str, work: _Work, folder: Path, seed: int) -> None:
    network, settings = work.network, work.settings
    network.requires_grad_(False)
    activate(network, task)
    network.requires_grad_(False)
    parameters = list(adapter_parameters(network, task).values())
    if task == TASKS[0]:
        projector: Any = network.multi_vector_projector.base_layer
        parameters += list(projector.parameters())
    for parameter in parameters:
        parameter.requires_grad_(True)
    names = [name for name in MIXTURES[task] if name in ("pictures", "captions") or work.sources.get(name)]
    for name in set(names) - {
        "pictures",
        "captions",
    }:  # the LoRA is still silent: these are the base's vectors
        if name not in work.banks:
            kept = folder / f"frozen-{name}.pt"
            work.banks[name] = freeze(network, work.sources[name], settings.bank, settings.tokens, seed, kept)
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=0.0)
    progress = Progress(folder, f"adapter-{task}", settings.steps)
    restore(progress, network, optimiser)
    chances = np.array([MIXTURES[task][name] for name in names])
    for step in progress.steps():
        rng = np.random.default_rng((seed, 8, step))
        name = str(rng.choice(names, p=chances / chances.sum()))
        dims = some_dims(network.sizes.dims, rng)
        dense, late = work.losses(name, rng, dims)
        loss = dense + settings.late_weight * late
        descend(optimiser, loss, parameters, settings.rate * schedule(step, settings.steps, 30))
        progress.log(step, dense=dense.item(), late=late.item())
        progress.save(step, lambda: {"network": network.state_dict(), "optimiser": optimiser.state_dict()})
    say(f"adapter {task} trained")


@dataclass
class _Work:
    """One step's losses for an adapter."""

    network: Miniature
    tokenizer: Tokenizer
    sources: dict[str, PairSet]
    pool: PicturePool
    settings: AdapterSettings
    banks: dict[str, FrozenPairs] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.template = ImageTemplate.of(self.tokenizer).shortened()

    def encode(self, side: Padded) -> tuple[Tensor, Tensor]:
        """Mean states (n, hidden) and projected unit token vectors (n, tokens, late)."""
        states = self.network.text_states(side.ids)
        late = functional.normalize(self.network.multi_vector_projector(states).float(), dim=-1)
        return masked_mean(states.float(), side.mask), late

    def losses(self, name: str, rng: np.random.Generator, dims: list[int]) -> tuple[Tensor, Tensor]:
        """Dense and late loss of a batch from the source `name`."""
        drawn = {"pictures": self.pictures, "captions": self.captions}
        return drawn[name](rng, dims) if name in drawn else self.pairs(name, rng, dims)

    def pairs(self, name: str, rng: np.random.Generator, dims: list[int]) -> tuple[Tensor, Tensor]:
        """Dense and late losses of one text source: each side finds its other half among frozen ones."""
        count, bank = self.settings.batch, self.banks[name]
        picks = rng.choice(len(bank), min(len(bank), count + self.settings.queries), replace=False)
        sides = [
            pad([rows.row(int(i), self.settings.tokens) for i in bank.picks[chosen]])
            for rows, chosen in ((bank.pairs.left, picks), (bank.pairs.right, picks[:count]))
        ]
        with half():
            left, left_late = self.encode(sides[0])
            right, right_late = self.encode(sides[1])
        dense = bank.loss(left, picks, bank.right, dims) + bank.loss(right, picks[:count], bank.left, dims)
        same = bank.same(picks[:count])[:, picks[:count]]
        within = matryoshka_info_nce(left[:count], right, dims, same=same, temperature=TEMPERATURE)
        scores = max_sim(left_late[:count], sides[0].mask[:count], right_late, sides[1].mask)
        return dense / 2 + self.settings.pair_weight * within, info_nce(scores / TEMPERATURE, same)

    def captions(self, rng: np.random.Generator, dims: list[int]) -> tuple[Tensor, Tensor]:
        """Captions against paraphrases and hard negatives."""
        group = caption_group(self.settings.batch, rng, self.tokenizer)
        with half():
            vectors, late = self.encode(group.texts)
        count, mask = group.count, group.texts.mask
        dense = matryoshka_info_nce(vectors[:count], vectors[count:], dims, same=group.same)
        scores = max_sim(late[:count], mask[:count], late[count:], mask[count:])
        return dense, info_nce(scores / TEMPERATURE, group.same)

    def pictures(self, rng: np.random.Generator, dims: list[int]) -> tuple[Tensor, Tensor]:
        """Captions, with hard negatives, against pictures: rows are pictures, columns captions."""
        picks = rng.choice(len(self.pool.scenes), 2 * self.settings.batch, replace=False)
        scenes = [self.pool.scenes[i] for i in picks]
        group = caption_group(len(scenes), rng, self.tokenizer, negatives=3, scenes=scenes)
        texts = Padded(group.texts.ids[group.count :], group.texts.mask[group.count :])
        features = self.pool.features[torch.from_numpy(picks)]
        with half():
            states = self.network.image_states(features, self.pool.grid, self.template)
            states = states[:, self.template.start :]  # vision_start to vision_end
            late = functional.normalize(self.network.multi_vector_projector(states).float(), dim=-1)
            captions, captions_late = self.encode(texts)
        dense = matryoshka_info_nce(states.float().mean(1), captions, dims, same=group.same)
        everything = torch.ones(late.shape[:2], dtype=torch.bool)
        scores = max_sim(captions_late, texts.mask, late, everything).T  # (pictures, captions)
        return dense, info_nce(scores / TEMPERATURE, group.same)
