"""Stage 6: settle. The layers keep what they learned of scenes, and give long texts back to the table.

The stages before see texts of up to sixty tokens; on longer ones the layers drift away from the table's
vectors, which are the better ones for retrieval. Here they see long texts, each of which must stay near
its place and find its other half among thousands of the table's own vectors, while pictures and captions
go on against the bank.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from embedder.training.batches import caption_group, pad
from embedder.training.frozen import by_table, table_of
from embedder.training.network import Miniature
from embedder.training.pairs import PairSet
from embedder.training.progress import Progress
from embedder.training.static_table import some_dims
from embedder.training.text_stage import (
    descend,
    half,
    language_parameters,
    restore,
    schedule,
    static_mean,
)
from embedder.training.vision_stage import BankSettings, BankWork, Trained, kept_bank, take_part

LONG = ("body", "code")
"""Sources whose right sides are long: half as many at a time."""


@dataclass(frozen=True)
class SettleSettings:
    """Length and balance of the stage.

    Attributes:
        steps: of training.
        rate: of learning, at its highest.
        tokens: a text is cut to.
        texts: pairs of a batch; half as many of the long sources.
        anchors: captions of a batch.
        frozen: pairs of a source, at most, whose vectors by the table are what a text is told apart from.
        weights: of the losses.
        chances: how often a source gives the batch.
    """

    steps: int = 800
    rate: float = 4e-4
    tokens: int = 160
    texts: int = 32
    anchors: int = 24
    frozen: int = 8192
    weights: dict[str, float] = field(
        default_factory=lambda: {"bank": 1.0, "cells": 0.3, "anchor": 4.0, "general": 0.5, "drift": 10.0}
    )
    chances: dict[str, float] = field(
        default_factory=lambda: {
            "body": 0.4, "code": 0.15, "gloss": 0.12, "details": 0.08, "titled": 0.08, "continued": 0.08,
            "translations": 0.05, "names": 0.04,
        }
    )  # fmt: skip


def train_settle(
    network: Miniature,
    tokenizer: Tokenizer,
    sources: dict[str, PairSet],
    settings: SettleSettings,
    bank_settings: BankSettings,
    folder: Path,
    seed: int,
) -> None:
    """Train tower and language layers in place; the bank is that of the stage before."""
    layers = language_parameters(network)
    bank = kept_bank(network, tokenizer, bank_settings, folder, seed)
    torch.manual_seed(seed)
    trained = Trained(network, network.sizes.hidden)
    take_part(trained.heads, "heads", folder / "bank.pt")
    parameters = [*network.model.visual.parameters(), *trained.heads.parameters(), *layers]
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=0.01)
    texts = _Texts(network, sources, settings, seed)
    progress = Progress(folder, "settle", settings.steps)
    restore(progress, trained, optimiser)
    work = BankWork(network, trained.heads, bank, tokenizer, sources, bank_settings)
    for step in progress.steps():
        rng = np.random.default_rng((seed, 11, step))
        dims = some_dims(network.sizes.dims, rng)
        losses = work.pictures(rng, dims) | texts.losses(rng, dims)
        losses["anchor"] = _anchor(work, settings.anchors, rng)
        loss = torch.stack([settings.weights[name] * value for name, value in losses.items()]).sum()
        descend(optimiser, loss, parameters, settings.rate * schedule(step, settings.steps, 30))
        progress.log(step, **{name: value.item() for name, value in losses.items()}, right=work.right)
        progress.save(step, lambda: {"network": trained.state_dict(), "optimiser": optimiser.state_dict()})


def _anchor(work: BankWork, count: int, rng: np.random.Generator) -> Tensor:
    """How far captions, two tellings of each scene, are from the bank's vectors (1 - cosine)."""
    scenes, target = work.sample(rng, count)
    group = caption_group(count, rng, work.tokenizer, negatives=1, scenes=scenes)
    told = 2 * count
    with half():
        vectors = work.network.text(group.texts.ids[:told], group.texts.mask[:told])
    return 1 - functional.cosine_similarity(vectors, work.bank.vectors[target.repeat(2)]).mean()


class _Texts:
    """General texts against what the table alone makes of them."""

    def __init__(
        self, network: Miniature, sources: dict[str, PairSet], settings: SettleSettings, seed: int
    ) -> None:
        self.network, self.settings = network, settings
        table = table_of(network)
        self.names = [name for name in settings.chances if sources.get(name)]
        chances = np.array([settings.chances[name] for name in self.names])
        self.chances = chances / chances.sum()
        self.banks = {
            name: by_table(table, sources[name], settings.frozen, (seed, 12, index))
            for index, name in enumerate(self.names)
        }

    def losses(self, rng: np.random.Generator, dims: list[int]) -> dict[str, Tensor]:
        """Of a batch from one source: each side among the table's vectors, and how far from its own."""
        name = str(rng.choice(self.names, p=self.chances))
        bank = self.banks[name]
        asked = min(len(bank), self.settings.texts * (3 if name in LONG else 2) // 2)
        count = min(asked, self.settings.texts // (2 if name in LONG else 1))
        picks = rng.choice(len(bank), asked, replace=False)
        sides = [
            pad([rows.row(int(i), self.settings.tokens) for i in bank.picks[chosen]])
            for rows, chosen in ((bank.pairs.left, picks), (bank.pairs.right, picks[:count]))
        ]
        with half():
            left, right = (self.network.text(side.ids, side.mask).float() for side in sides)
        own = torch.cat([static_mean(self.network, side.ids, side.mask) for side in sides])
        found = bank.loss(left, picks, bank.right, dims) + bank.loss(right, picks[:count], bank.left, dims)
        drift = 1 - functional.cosine_similarity(torch.cat([left, right]), own).mean()
        return {"general": found / 2, "drift": drift}
