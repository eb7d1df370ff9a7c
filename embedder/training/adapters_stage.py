"""Stage 10: one LoRA per task on the language layers, each on data of its own.

A batch is a few neighbourhoods: pairs that the token table has close to each other, so that each must be told
from its likeliest mistakes. Both sides of a pair move, and so do all that they are told apart from. With
frozen vectors as the others, an adapter wins by moving every batch away from what stands still, which looks
like learning and loses held-out retrieval.

A term holds captions and pictures where the base has them, and all other texts near the table's own vectors:
the layers had to learn the order of words in captions, and what that cost elsewhere an adapter may undo.

The LoRAs of the multi-vector projector have had their own stage. The vision tower carries none, so pictures
are drawn and encoded once and used again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from embedder.adapters import adapter_parameters, inject, lora_config, lora_layers
from embedder.training.batches import Padded, caption_group, pad, pad_texts, share_a_text
from embedder.training.frozen import FrozenPairs, by_table, table_of
from embedder.training.losses import matryoshka_info_nce
from embedder.training.network import TASKS, ImageTemplate, Miniature
from embedder.training.pairs import PairSet
from embedder.training.picture_pools import SHARES, Pool, draw_pool, pool_loss, prompted
from embedder.training.pictures import scene_batch
from embedder.training.progress import Progress, say
from embedder.training.scenes import Scene, sample_scene
from embedder.training.static_table import some_dims
from embedder.training.text_stage import descend, half, restore, schedule, static_mean
from embedder.training.worlds import all_worlds

RANK = 16
STRENGTH = 0.5  # alpha / rank, in training as in the export
MIXTURES: dict[str, dict[str, float]] = {
    "retrieval": {
        "worlds": 0.5, "pictures": 0.14, "gloss": 0.12, "details": 0.12, "body": 0.12,
    },
    "text-matching": {"translations": 0.45, "synonyms": 0.15, "captions": 0.2, "names": 0.2},
    "code": {"halves": 0.42, "body": 0.38, "code": 0.1, "pictures": 0.1},
}  # fmt: skip
"""For each task, how often a source gives the batch; "pictures" are drawn scenes and captions, "worlds"
groups, charts and emoji with their texts."""
SHORT = ("gloss", "synonyms", "translations", "names")
PROJECTOR = "multi_vector_projector"


@dataclass(frozen=True)
class AdapterSettings:
    """Length of one adapter's training, and how much a step sees.

    Attributes:
        steps: of each adapter.
        batch: pairs of a step.
        short_batch: of sources whose texts are a few words (`SHORT`).
        seeds: neighbourhoods among them.
        tokens: a text is cut to. As long as most bodies: adapters that saw 128 tokens lost longer ones.
        rate: of learning, at its highest.
        temperature: the cosines are divided by it.
        hold: weight of 1 - cosine to where a text is held.
        pool: pictures of scenes.
        drawn: pictures of each world.
        world_batch: pictures of a step from a world, whose features are there already.
        world_temperature: as the tower was trained with.
        bank: pairs of a source that batches are drawn from, at most.
    """

    steps: int = 400
    batch: int = 48
    short_batch: int = 144
    seeds: int = 3
    tokens: int = 220
    rate: float = 4e-4
    temperature: float = 0.04
    hold: float = 3.0
    pool: int = 2048
    drawn: dict[str, int] = field(
        default_factory=lambda: {"emoji": 9000, "charts": 3000, "counts": 2600, "mixed": 2400}
    )
    world_batch: int = 96
    world_temperature: float = 0.02
    bank: int = 20_000


def settings_dict() -> dict[str, Any]:
    """``adapter_config.json`` as published, with our rank and strength."""
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
        "lora_alpha": RANK * STRENGTH,
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
    activate(network, task)
    network.requires_grad_(False)
    names = [name for name in MIXTURES[task] if name in work.drawn or work.sources.get(name)]
    for name in [name for name in names if name not in work.drawn and name not in work.banks]:
        work.banks[name] = by_table(work.table, work.sources[name], settings.bank, (seed, 10))
    if "worlds" in names and not work.pools:
        work.draw_worlds(seed)
    named = adapter_parameters(network, task).items()
    parameters = [parameter for name, parameter in named if PROJECTOR not in name]
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=0.0)
    progress = Progress(folder, f"adapter-{task}", settings.steps)
    restore(progress, network, optimiser)
    chances = np.array([MIXTURES[task][name] for name in names])
    for step in progress.steps():
        rng = np.random.default_rng((seed, 8, step))
        name = str(rng.choice(names, p=chances / chances.sum()))
        dense, drift = work.losses(name, rng, some_dims(network.sizes.dims, rng, 1))
        loss = dense + settings.hold * drift
        descend(optimiser, loss, parameters, settings.rate * schedule(step, settings.steps, 20))
        progress.log(step, **{name: dense.item(), "drift": drift.item()})
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
    pools: dict[str, Pool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.template = ImageTemplate.of(self.tokenizer).shortened()
        self.table = table_of(self.network)
        self.drawn = {"pictures": self.pictures, "captions": self.captions, "worlds": self.worlds}

    def encode(self, side: Padded) -> Tensor:
        """Mean states, (n, hidden)."""
        with half():
            return self.network.text(side.ids, side.mask)

    def losses(self, name: str, rng: np.random.Generator, dims: list[int]) -> tuple[Tensor, Tensor]:
        """InfoNCE of a batch from the source `name`, and how far it is from where it is held."""
        return self.drawn[name](rng, dims) if name in self.drawn else self.pairs(name, rng, dims)

    def pairs(self, name: str, rng: np.random.Generator, dims: list[int]) -> tuple[Tensor, Tensor]:
        """Neighbourhoods of one text source."""
        bank = self.banks[name]
        count = self.settings.short_batch if name in SHORT else self.settings.batch
        picks = neighbourhoods(bank, count, self.settings.seeds, rng)
        sides = [
            pad([texts.row(int(i), self.settings.tokens) for i in bank.picks[picks]])
            for texts in (bank.pairs.left, bank.pairs.right)
        ]
        left, right = map(self.encode, sides)
        own = torch.cat([static_mean(self.network, side.ids, side.mask) for side in sides])
        keys = bank.keys()[torch.from_numpy(picks)]
        same = share_a_text(keys, keys)
        dense = matryoshka_info_nce(left, right, dims, temperature=self.settings.temperature, same=same)
        return dense, _drift(torch.cat([left, right]), own)

    def captions(self, rng: np.random.Generator, dims: list[int]) -> tuple[Tensor, Tensor]:
        """Captions against paraphrases and hard negatives."""
        group = caption_group(self.settings.batch, rng, self.tokenizer)
        vectors, base = self._and_base(lambda: self.encode(group.texts))
        dense = matryoshka_info_nce(
            vectors[: group.count],
            vectors[group.count :],
            dims,
            temperature=self.settings.temperature,
            same=group.same,
        )
        return dense, _drift(vectors, base)

    def pictures(self, rng: np.random.Generator, dims: list[int]) -> tuple[Tensor, Tensor]:
        """Captions, with hard negatives, against pictures: rows are pictures, columns captions."""
        count = min(self.settings.batch, len(self.pool.scenes))
        picks = rng.choice(len(self.pool.scenes), count, replace=False)
        scenes = [self.pool.scenes[i] for i in picks]
        group = caption_group(count, rng, self.tokenizer, negatives=3, scenes=scenes)
        texts = Padded(group.texts.ids[count:], group.texts.mask[count:])
        features = self.pool.features[torch.from_numpy(picks)]

        def encode() -> Tensor:
            with half():
                images = self.network.image(features, self.pool.grid, self.template)
            return torch.cat([images, self.encode(texts)])

        vectors, base = self._and_base(encode)
        dense = matryoshka_info_nce(
            vectors[:count], vectors[count:], dims, temperature=self.settings.temperature, same=group.same
        )
        return dense, _drift(vectors, base)

    def draw_worlds(self, seed: int) -> None:
        """Pictures of the settings' worlds that can be drawn here, by the base: no adapter is active yet."""
        rng = np.random.default_rng((seed, 15))
        every = all_worlds(self.settings.drawn["mixed"], seed)
        for world in (one for one in every if one.name in self.settings.drawn):
            count = self.settings.drawn[world.name]
            with silenced(self.network):
                self.pools[world.name] = draw_pool(self.network, self.tokenizer, world, count, rng)

    def worlds(self, rng: np.random.Generator, dims: list[int]) -> tuple[Tensor, Tensor]:
        """Pictures of one world and their texts, each to be found among the base's."""
        chances = np.array([SHARES[name] for name in self.pools])
        pool = self.pools[str(rng.choice(list(self.pools), p=chances / chances.sum()))]
        count = min(self.settings.world_batch, len(pool.things))
        rows = rng.choice(len(pool.things), count, replace=False)
        told = pad_texts(prompted(pool, rows, rng), self.tokenizer)
        with half():
            features = pool.features[torch.from_numpy(rows)].float()
            images = self.network.image(features, pool.grid, self.template)
        texts, base = self._and_base(lambda: self.encode(told))
        dense = pool_loss(pool, images, texts, rows, dims, self.settings.world_temperature, rng)
        return dense, _drift(texts, base)

    def _and_base(self, encode: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
        """What `encode` gives with the adapter, and without any."""
        with torch.no_grad(), silenced(self.network):
            base = encode()
        return encode(), base


def neighbourhoods(bank: FrozenPairs, count: int, seeds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Places in `bank` of about `count` pairs, ascending: `seeds` at random, some of the nearest to each.

    Near are those whose right side its vectors take for the other's; of the four times as many as are needed
    one in four is taken, so that batches differ.
    """
    size = max(1, min(count, len(bank)) // seeds)
    left, right = (functional.normalize(side, dim=-1) for side in (bank.left, bank.right))
    found: list[int] = []
    for seed in rng.choice(len(bank), seeds, replace=False):
        near = (left @ right[seed] + right @ left[seed]).numpy()
        near[seed] = -np.inf
        nearest = np.argpartition(-near, min(4 * size, len(near) - 1))[: 4 * size]
        found += [int(seed), *(int(i) for i in rng.permutation(nearest)[: size - 1])]
    return np.unique(np.array(found, dtype=np.int64))


def _drift(vectors: Tensor, base: Tensor) -> Tensor:
    return 1 - functional.cosine_similarity(vectors.float(), base.float()).mean()
