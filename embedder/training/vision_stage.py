"""Stages 4 and 5: the vision tower, on single shapes close up, then on scenes against a bank of captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from embedder.training.batches import caption_group, pair_batch
from embedder.training.late_pictures import LatePictures
from embedder.training.losses import at_width
from embedder.training.mapping import LENGTH
from embedder.training.network import ImageTemplate, Miniature
from embedder.training.pairs import PASSAGE, QUERY, PairSet, tokenise
from embedder.training.pictures import COLOUR_NAMES, crop_batch, scene_batch
from embedder.training.progress import Progress, say
from embedder.training.scenes import SHAPES, THINGS, Scene, Thing, all_scenes, caption, sample_scene
from embedder.training.static_table import some_dims, source_chances
from embedder.training.text_stage import (
    descend,
    general_losses,
    half,
    language_parameters,
    restore,
    schedule,
    text_vectors,
)


@dataclass(frozen=True)
class CropSettings:
    """Length of the close-up stage."""

    steps: int = 800
    batch: int = 128
    rate: float = 2e-3


@dataclass(frozen=True)
class CellSettings:
    """Length of the stage that names what each image token shows."""

    steps: int = 1000
    batch: int = 64
    rate: float = 1e-3


@dataclass(frozen=True)
class BankSettings:
    """Length and balance of the bank stage."""

    steps: int = 1600
    batch: int = 64
    rate: float = 1e-3
    language_factor: float = 0.5
    warm_up: int = 60
    temperature: float = 0.07
    cell_weight: float = 0.3
    anchors: int = 32
    general: int = 16
    general_tokens: int = 48
    tellings: int = 2
    things: int = len(THINGS)


class Heads(nn.Module):
    """What a crop or a cell shows, read off its vector; used at training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.colour = nn.Linear(width, len(COLOUR_NAMES) + 1)
        self.shape = nn.Linear(width, len(SHAPES) + 1)
        self.role = nn.Linear(width, 3)

    def loss(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of (n, width) vectors against (n, 2 or 3) labels: colour, shape, role."""
        parts = [self.colour, self.shape, self.role][: labels.shape[1]]
        losses = [functional.cross_entropy(part(vectors), labels[:, i]) for i, part in enumerate(parts)]
        return torch.stack(losses).mean()


class Trained(nn.Module):
    """What is trained (the tower, or the whole network) and heads: one checkpoint holds both."""

    def __init__(self, part: nn.Module, width: int) -> None:
        super().__init__()
        self.part, self.heads = part, Heads(width)


@torch.no_grad()
def calibrate(network: Miniature, seed: int, things: Sequence[Thing] = THINGS) -> None:
    """Scale the merger's output on pictures of `things` to a token's length; the layers expect no other."""
    patches, grid, _ = crop_batch(32, np.random.default_rng(seed), things=things)
    length = float(network.vision(patches, grid).norm(dim=-1).mean())
    for parameter in network.model.visual.merger.mlp[-1].parameters():
        parameter.mul_(LENGTH / length)


def train_crops(
    network: Miniature, settings: CropSettings, folder: Path, seed: int, things: Sequence[Thing] = THINGS
) -> None:
    """Classify colour and shape of single `things`; trains the tower in place, shape being the hard part."""
    network.requires_grad_(False)
    torch.manual_seed(seed)
    trained = Trained(network.model.visual, network.sizes.vision_width)
    parameters = [*network.model.visual.parameters(), *trained.heads.parameters()]
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=0.01)
    progress = Progress(folder, "crops", settings.steps)
    restore(progress, trained, optimiser)
    for step in progress.steps():
        patches, grid, labels = crop_batch(
            settings.batch, np.random.default_rng((seed, 4, step)), things=things
        )
        with half():
            vectors = network.vision_layers(patches, grid)[0].mean(1)
            loss = trained.heads.loss(vectors, labels)
        right = (trained.heads.shape(vectors.float()).argmax(1) == labels[:, 1]).float().mean()
        descend(optimiser, loss, parameters, settings.rate * schedule(step, settings.steps, 50))
        progress.log(step, loss=loss.item(), shapes=right.item())
        progress.save(step, lambda: {"network": trained.state_dict(), "optimiser": optimiser.state_dict()})


def train_cells(
    network: Miniature, settings: CellSettings, folder: Path, seed: int, things: tuple[Thing, ...] = THINGS
) -> None:
    """Say for each image token what it shows: colour, shape, and which of the two things it belongs to.

    This needs no text, so it can run before the text stage is over; the merger learns here too.
    """
    network.requires_grad_(False)
    torch.manual_seed(seed)
    trained = Trained(network.model.visual, network.sizes.hidden)
    for parameter in trained.parameters():
        parameter.requires_grad_(True)
    parameters = list(trained.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=0.01)
    progress = Progress(folder, "cells", settings.steps)
    restore(progress, trained, optimiser)
    for step in progress.steps():
        rng = np.random.default_rng((seed, 9, step))
        scenes = [sample_scene(rng, allowed=things).canonical() for _ in range(settings.batch)]
        batch = scene_batch(scenes, rng)
        labels = batch.cells.flatten(0, 1)
        with half():
            features = network.vision(batch.patches, batch.grid).flatten(0, 1)
            loss = trained.heads.loss(features, labels)
        descend(optimiser, loss, parameters, settings.rate * schedule(step, settings.steps, 30))
        filled = labels[:, 0] < len(COLOUR_NAMES)
        right = trained.heads.shape(features[filled].float()).argmax(1) == labels[filled, 1]
        progress.log(step, loss=loss.item(), shapes=right.float().mean().item())
        progress.save(step, lambda: {"network": trained.state_dict(), "optimiser": optimiser.state_dict()})


@dataclass(frozen=True)
class Bank:
    """The text side, fixed: every scene's vector, and the place of each scene in it."""

    scenes: list[Scene]
    vectors: Tensor

    @classmethod
    def of(cls, things: tuple[Thing, ...], vectors: Tensor) -> Bank:
        """All scenes of these things, with their vectors."""
        return cls(all_scenes(things), vectors)

    def at(self, dim: int) -> Tensor:
        """(scenes, dim) unit rows."""
        return at_width(self.vectors, dim)


def build_bank(
    network: Miniature,
    tokenizer: Tokenizer,
    settings: BankSettings,
    seed: int,
    things: tuple[Thing, ...] = THINGS,
) -> Bank:
    """The mean vector of a few tellings of every scene, with either prompt."""
    rng = np.random.default_rng((seed, 5))
    scenes = all_scenes(things[: settings.things])
    total = torch.zeros(len(scenes), network.sizes.hidden)
    for telling in range(settings.tellings):
        texts = [(QUERY, PASSAGE)[telling % 2] + caption(scene, rng, plain=telling < 1) for scene in scenes]
        vectors = text_vectors(network, tokenise(texts, tokenizer))
        total += functional.normalize(torch.from_numpy(vectors), dim=-1)
    return Bank(scenes, functional.normalize(total, dim=-1))


def train_bank(
    network: Miniature,
    tokenizer: Tokenizer,
    sources: dict[str, PairSet],
    settings: BankSettings,
    folder: Path,
    seed: int,
) -> None:
    """Train tower and language layers so that a picture's vector picks its scene out of the whole bank."""
    layers = language_parameters(network)
    bank = kept_bank(network, tokenizer, settings, folder, seed)
    torch.manual_seed(seed)
    trained = Trained(network, network.sizes.hidden)
    take_part(trained.heads, "heads", folder / "cells.pt")
    tower = [*network.model.visual.parameters(), *trained.heads.parameters()]
    for parameter in tower:
        parameter.requires_grad_(True)
    groups = [{"params": tower, "factor": 1.0}, {"params": layers, "factor": settings.language_factor}]
    optimiser = torch.optim.AdamW(groups, lr=settings.rate, weight_decay=0.01)
    progress = Progress(folder, "bank", settings.steps)
    restore(progress, trained, optimiser)
    work = BankWork(network, trained.heads, bank, tokenizer, sources, settings)
    for step in progress.steps():
        rng = np.random.default_rng((seed, 6, step))
        dims = some_dims(network.sizes.dims, rng)
        losses = work.pictures(rng, dims)
        if step % 2 == 0:
            losses |= work.texts(rng, dims)
        weights = {"cells": settings.cell_weight, "drift": 2.0}
        loss = torch.stack([weights.get(name, 1.0) * value for name, value in losses.items()]).sum()
        descend(
            optimiser,
            loss,
            [*tower, *layers],
            settings.rate * schedule(step, settings.steps, settings.warm_up),
        )
        progress.log(step, **{name: value.item() for name, value in losses.items()}, right=work.right)
        progress.save(step, lambda: {"network": trained.state_dict(), "optimiser": optimiser.state_dict()})


def take_part(part: nn.Module, name: str, checkpoint: Path, *, required: bool = True) -> None:
    """Go on with what an earlier stage saved as `name`; unless it is `required`, it may be absent there."""
    state = torch.load(checkpoint, weights_only=True)["network"]
    own = {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}
    if own or required:
        part.load_state_dict(own)


def kept_bank(
    network: Miniature, tokenizer: Tokenizer, settings: BankSettings, folder: Path, seed: int
) -> Bank:
    """The bank as the text stage left the model: kept, because the layers go on changing."""
    path = folder / "bank.vectors.pt"
    if path.exists():
        return Bank.of(THINGS[: settings.things], torch.load(path, weights_only=True))
    bank = build_bank(network, tokenizer, settings, seed)
    torch.save(bank.vectors, path)
    say(f"bank of {len(bank.scenes)} scenes")
    return bank


@dataclass
class BankWork:
    """One step's losses in the bank stage."""

    network: Miniature
    heads: Heads
    bank: Bank
    tokenizer: Tokenizer
    sources: dict[str, PairSet]
    settings: BankSettings
    late: LatePictures | None = None
    right: float = 0.0

    def __post_init__(self) -> None:
        self.template = ImageTemplate.of(self.tokenizer).shortened()
        self.units = {dim: self.bank.at(dim).T.contiguous() for dim in self.network.sizes.dims}
        self.names, self.chances = source_chances({k: v for k, v in self.sources.items() if k != "captions"})

    def sample(self, rng: np.random.Generator, count: int) -> tuple[list[Scene], Tensor]:
        """Scenes of the bank, single things a little more often than their share, and their rows."""
        singles = sum(scene.second is None for scene in self.bank.scenes)
        picks = [
            int(rng.integers(singles))
            if rng.random() < 0.08
            else int(rng.integers(singles, len(self.bank.scenes)))
            for _ in range(count)
        ]
        return [self.bank.scenes[i] for i in picks], torch.tensor(picks)

    def pictures(self, rng: np.random.Generator, dims: list[int]) -> dict[str, Tensor]:
        """Softmax of pictures over the bank, what each cell shows and, if asked for, late interaction."""
        scenes, target = self.sample(rng, self.settings.batch)
        batch = scene_batch(scenes, rng)
        network = self.network
        with half():
            features = network.vision(batch.patches, batch.grid)
            states = network.image_states(features, batch.grid, self.template)[:, self.template.start :]
        losses = {
            "bank": self.over_bank(states.float().mean(1), target, dims),
            "cells": self.heads.loss(features.flatten(0, 1).float(), batch.cells.flatten(0, 1)),
        }
        return losses if self.late is None else losses | {"late": self.late.loss(states, scenes, rng)}

    def over_bank(self, vectors: Tensor, target: Tensor, dims: list[int]) -> Tensor:
        """Cross-entropy over all scenes at some widths."""
        losses = []
        for dim in dims:
            scores = at_width(vectors, dim) @ self.units[dim] / self.settings.temperature
            losses.append(functional.cross_entropy(scores, target))
        self.right = float((scores.detach().argmax(1) == target).float().mean())
        return torch.stack(losses).mean()

    def texts(self, rng: np.random.Generator, dims: list[int]) -> dict[str, Tensor]:
        """Captions stay where the bank has them, general texts stay good."""
        network, settings = self.network, self.settings
        scenes, target = self.sample(rng, settings.anchors)
        group = caption_group(len(scenes), rng, self.tokenizer, negatives=1, scenes=scenes)
        pairs = self.sources[str(rng.choice(self.names, p=self.chances))]
        batch = pair_batch(pairs, settings.general, rng, settings.general_tokens)
        with half():
            vectors = network.text(group.texts.ids[: 2 * group.count], group.texts.mask[: 2 * group.count])
            general, drift = general_losses(network, batch, dims)
        wanted = self.bank.vectors[target.repeat(2)]
        anchor = 1 - functional.cosine_similarity(vectors, wanted).mean()
        return {"anchor": 4.0 * anchor, "general": general, "drift": drift}
