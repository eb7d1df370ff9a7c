"""Stage 7: worlds. The vision tower learns groups, counts, charts and emoji, and nothing else changes.

By now the language layers are as they will be shipped, so that texts keep every score they have; only tower
and merger go on, against fixed vectors of texts, while scenes go on against their bank.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from embedder.training.late_pictures import LatePictures
from embedder.training.letters import LetterHeads
from embedder.training.losses import at_width
from embedder.training.network import ImageTemplate, Miniature
from embedder.training.pairs import PASSAGE, QUERY, tokenise
from embedder.training.pictures import square_side, to_patches
from embedder.training.progress import Progress, say
from embedder.training.scenes import THINGS, all_scenes
from embedder.training.static_table import some_dims
from embedder.training.text_stage import descend, half, restore, schedule, text_vectors
from embedder.training.vision_stage import Bank, BankSettings, BankWork, Heads, build_bank, take_part
from embedder.training.worlds import World, all_worlds

Picks = NDArray[np.int64]
SHOWN = ("classes", "names", "late", "letters", "words")
"""Losses that loss.csv has beside the main one."""


@dataclass(frozen=True)
class WorldsSettings:
    """Length and balance of the stage.

    Attributes:
        steps: of training.
        batch: pictures of a step, all of one world.
        rate: of learning, at its highest.
        temperature: the cosines are divided by it; .07, as in the bank, learned far more slowly here.
        strangers: texts of other worlds that a picture is told apart from, beside those of its own.
        mixed: groups of three in the gallery.
        cell_weight: of saying what is in each cell.
        class_weight: of naming kind, subject and feature, number, or sign, by heads on the merged tokens.
        named: worlds whose texts also pick their picture, out of the last one drawn of every thing.
        name_weight: of that; a picture that picks its text may still be in the way of another text.
        late_weight: of late interaction on scenes; zero as long as the projector is not trained.
        letter_weight: of naming letters and words on pages.
        chances: how often a world gives the batch; "scenes" is the bank.
        stage: names the checkpoint.
        start: the stage whose heads it goes on with.
        letters: the stage whose heads for letters and words it goes on with.
    """

    steps: int = 6600
    batch: int = 64
    rate: float = 5.5e-4
    temperature: float = 0.02
    strangers: int = 2048
    mixed: int = 6000
    cell_weight: float = 0.3
    class_weight: float = 0.5
    named: tuple[str, ...] = ("emoji", "counts")
    name_weight: float = 0.5
    late_weight: float = 0.0
    letter_weight: float = 3.0
    chances: dict[str, float] = field(
        default_factory=lambda: {
            "scenes": 0.16,
            "mixed": 0.05,
            "counts": 0.17,
            "charts": 0.11,
            "emoji": 0.28,
            "sizes": 0.05,
            "pages": 0.18,
        }
    )
    stage: str = "worlds"
    start: str = "settle"
    letters: str = "letters"


def train_worlds(
    network: Miniature,
    tokenizer: Tokenizer,
    settings: WorldsSettings,
    bank_settings: BankSettings,
    folder: Path,
    seed: int,
) -> None:
    """Train tower and merger in place."""
    network.requires_grad_(False)
    torch.manual_seed(seed)
    work = WorldsWork.of(network, tokenizer, settings, bank_settings, folder, seed)
    parts = {"part": network.model.visual, "heads": work.heads, "classes": work.classes}
    trained = nn.ModuleDict(parts if work.reading is None else parts | {"reading": work.reading})
    parameters = list(trained.parameters())
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=0.01)
    progress = Progress(folder, settings.stage, settings.steps)
    restore(progress, trained, optimiser)
    for step in progress.steps():
        rng = np.random.default_rng((seed, 14, step))
        name, losses = work.losses(rng)
        weights = {"bank": 1.0, "cells": settings.cell_weight, "classes": settings.class_weight}
        weights |= {"names": settings.name_weight, "late": settings.late_weight}
        weights |= dict.fromkeys(("letters", "words"), settings.letter_weight)
        loss = torch.stack([weights[kind] * value for kind, value in losses.items()]).sum()
        descend(optimiser, loss, parameters, settings.rate * schedule(step, settings.steps, 60))
        seen = {f"{name} {kind}": losses[kind].item() for kind in SHOWN if kind in losses}
        progress.log(step, **{name: losses["bank"].item(), f"{name} right": work.right, **seen})
        progress.save(step, lambda: {"network": trained.state_dict(), "optimiser": optimiser.state_dict()})


class Classes(nn.Module):
    """For each world and each of its kinds of facts a linear head, at training only."""

    def __init__(self, worlds: Iterable[World], width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleDict()
        self.labels: dict[str, Tensor] = {}
        for world in (one for one in worlds if one.facts[0]):
            columns = list(zip(*world.facts, strict=True))
            names = [sorted(set(column)) for column in columns]
            self.heads[world.name] = nn.ModuleList(nn.Linear(width, len(each)) for each in names)
            places = [
                [each.index(fact) for fact in column] for each, column in zip(names, columns, strict=True)
            ]
            self.labels[world.name] = torch.tensor(places).T

    def loss(self, vectors: Tensor, world: World, picks: Picks) -> Tensor:
        """Mean cross-entropy of (n, width) vectors over the facts of these things."""
        labels = self.labels[world.name][torch.from_numpy(picks)]
        heads: Any = self.heads[world.name]
        parts = [functional.cross_entropy(head(vectors), labels[:, at]) for at, head in enumerate(heads)]
        return torch.stack(parts).mean()


@dataclass
class WorldsWork:
    """One step's losses.

    Attributes:
        scenes: the work of the bank stage, which scenes go on with.
        worlds: the others.
        galleries: per world, (texts, hidden) unit rows.
        seen: per named world, (things, hidden): what each thing's last picture gave, zeros before that.
        reading: heads for letters and words, where there are pages.
    """

    network: Miniature
    settings: WorldsSettings
    heads: Heads
    classes: Classes
    scenes: BankWork
    worlds: dict[str, World]
    galleries: dict[str, Tensor]
    template: ImageTemplate
    seen: dict[str, Tensor]
    reading: LetterHeads | None = None
    right: float = 0.0

    @classmethod
    def of(
        cls,
        network: Miniature,
        tokenizer: Tokenizer,
        settings: WorldsSettings,
        bank_settings: BankSettings,
        folder: Path,
        seed: int,
    ) -> WorldsWork:
        """Encode every text, once: the bank and the galleries are those of the finished language layers."""
        worlds = {world.name: world for world in all_worlds(settings.mixed, seed)}
        galleries = _kept(folder / "worlds.vectors.pt", network, tokenizer, worlds, bank_settings, seed)
        bank = Bank(all_scenes(THINGS[: bank_settings.things]), galleries.pop("scenes"))
        heads = Heads(network.sizes.hidden)
        take_part(heads, "heads", folder / f"{settings.start}.pt")
        late = LatePictures(network, tokenizer) if settings.late_weight else None
        scenes = BankWork(network, heads, bank, tokenizer, {}, bank_settings, late)
        template = ImageTemplate.of(tokenizer).shortened()
        classes = Classes(worlds.values(), network.sizes.hidden)
        take_part(classes, "classes", folder / f"{settings.start}.pt", required=False)
        named = [name for name in settings.named if name in worlds]
        seen = {name: torch.zeros(len(worlds[name].targets), network.sizes.hidden) for name in named}
        reading = None
        if any(world.spelt for world in worlds.values()):
            reading = LetterHeads(network.sizes.vision_width, network.sizes.hidden)
            take_part(reading, "reading", folder / f"{settings.letters}.pt")
        return cls(network, settings, heads, classes, scenes, worlds, galleries, template, seen, reading)

    def losses(self, rng: np.random.Generator) -> tuple[str, dict[str, Tensor]]:
        """A world's name, and the losses of a batch of its pictures."""
        dims = some_dims(self.network.sizes.dims, rng)
        names = [name for name in self.settings.chances if name == "scenes" or name in self.worlds]
        chances = np.array([self.settings.chances[name] for name in names])
        name = str(rng.choice(names, p=chances / chances.sum()))
        if name == "scenes":
            found = self.scenes.pictures(rng, dims)
            self.right = self.scenes.right
            return name, found
        return name, self._world(self.worlds[name], rng, dims)

    def _world(self, world: World, rng: np.random.Generator, dims: list[int]) -> dict[str, Tensor]:
        count = len(world.targets)
        picks = rng.choice(count, self.settings.batch, replace=count < self.settings.batch)
        side = square_side(rng)
        drawings = [world.draw(int(i), side, rng) for i in picks]
        cut = [to_patches(drawing.image) for drawing in drawings]
        grid = cut[0][1]
        with half():
            states, features = self.network.vision_layers(torch.stack([patches for patches, _ in cut]), grid)
            vectors = self.network.image(features, grid, self.template)
        losses = {"bank": self._over_gallery(vectors, world, picks, rng, dims)}
        if world.name in self.seen:
            losses["names"] = self._over_pictures(vectors.float(), world, picks, dims)
        if world.facts[0]:
            losses["classes"] = self.classes.loss(features.float().mean(1), world, picks)
        if world.label is not None:
            shown = zip(picks, drawings, strict=True)
            cells = np.concatenate([world.label(int(i), drawing, grid) for i, drawing in shown])
            told = torch.from_numpy(cells[:, :2])
            losses["cells"] = self.heads.loss(features.flatten(0, 1).float(), told)
        if world.spelt is not None and self.reading is not None:
            titles = [world.spelt[index] for index in picks]
            losses |= self.reading.losses(states, features, self.reading.of(drawings, titles, grid))
        return losses

    def _over_gallery(
        self,
        vectors: Tensor,
        world: World,
        picks: Picks,
        rng: np.random.Generator,
        dims: list[int],
    ) -> Tensor:
        """Cross-entropy between a picture's texts and its softmax over its gallery and some strangers."""
        texts = torch.cat([self.galleries[world.name], self._strangers(world.name, rng)])
        target = target_shares(world, picks, len(texts))
        losses = []
        for dim in dims:
            scores = at_width(vectors, dim) @ at_width(texts, dim).T / self.settings.temperature
            losses.append(functional.cross_entropy(scores, target))
        self.right = float((scores.detach().argmax(1) == target.argmax(1)).float().mean())
        return torch.stack(losses).mean()

    def _over_pictures(self, vectors: Tensor, world: World, picks: Picks, dims: list[int]) -> Tensor:
        """Cross-entropy of each thing's first text over the pictures of all things, these ones fresh."""
        places = torch.from_numpy(picks)
        self.seen[world.name][places] = functional.normalize(vectors.detach(), dim=-1)
        pictures = self.seen[world.name].index_copy(0, places, functional.normalize(vectors, dim=-1))
        texts = self.galleries[world.name][[world.targets[index][0][0] for index in picks]]
        losses = [
            functional.cross_entropy(
                at_width(texts, dim) @ at_width(pictures, dim).T / self.settings.temperature, places
            )
            for dim in dims
        ]
        return torch.stack(losses).mean()

    def _strangers(self, name: str, rng: np.random.Generator) -> Tensor:
        """Texts of the other worlds and of the bank."""
        others = [rows for other, rows in self.galleries.items() if other != name]
        share = self.settings.strangers // (len(others) + 1)
        parts = [*others, self.scenes.bank.vectors]
        return torch.cat([rows[torch.from_numpy(rng.integers(len(rows), size=share))] for rows in parts])


def _kept(
    path: Path,
    network: Miniature,
    tokenizer: Tokenizer,
    worlds: dict[str, World],
    bank_settings: BankSettings,
    seed: int,
) -> dict[str, Tensor]:
    """The bank's vectors as "scenes", and every world's; kept, as a resumed run needs them again."""
    tellings = {name: world.tellings for name, world in worlds.items()}
    asked = hashlib.sha256(repr((bank_settings, seed, tellings)).encode()).hexdigest()
    if path.exists():
        kept = dict(torch.load(path, weights_only=True))
        if kept.pop("of", None) == asked:  # other texts have other vectors
            return kept
    found = {"scenes": build_bank(network, tokenizer, bank_settings, seed).vectors}
    found |= {name: gallery(network, tokenizer, world) for name, world in worlds.items()}
    say("texts: " + ", ".join(f"{name} {len(rows)}" for name, rows in found.items()))
    torch.save(found | {"of": asked}, path)
    return found


def target_shares(world: World, picks: Picks, count: int) -> Tensor:
    """Which of `count` texts, the world's own first, fit each thing: (things, count), rows sum to 1."""
    shares = torch.zeros(len(picks), count)
    for row, index in enumerate(picks):
        for column, share in world.targets[index]:
            shares[row, column] += share
    return shares


def gallery(network: Miniature, tokenizer: Tokenizer, world: World) -> Tensor:
    """The mean vector of each row's two tellings, the first as a query and the second as a passage."""
    total = torch.zeros(len(world.tellings), network.sizes.hidden)
    for prompt, texts in zip((QUERY, PASSAGE), zip(*world.tellings, strict=True), strict=True):
        vectors = text_vectors(network, tokenise([prompt + text for text in texts], tokenizer))
        total += functional.normalize(torch.from_numpy(vectors), dim=-1)
    return functional.normalize(total, dim=-1)
