"""Letters: the vision tower learns to spell the titles of pages, before it is asked what they say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from embedder.training.letters import LetterHeads
from embedder.training.network import Miniature
from embedder.training.pictures import square_side, to_patches
from embedder.training.progress import Progress, say
from embedder.training.text_stage import descend, half, restore, schedule
from embedder.training.worlds import missing_pages, page_world


@dataclass(frozen=True)
class LetterSettings:
    """Length and balance of the stage.

    Attributes:
        steps: of training.
        batch: pages of a step.
        rate: of learning, at its highest.
        word_weight: of naming the word that an image token shows; a patch's letter counts 1.
        titles: different ones, beside each word alone.
    """

    steps: int = 1600
    batch: int = 64
    rate: float = 1e-3
    word_weight: float = 0.3
    titles: int = 8000


def train_letters(network: Miniature, settings: LetterSettings, folder: Path, seed: int) -> None:
    """Train tower and merger in place; does nothing, and says why, where pages cannot be drawn."""
    if (absent := missing_pages()) is not None:
        say(f"no pages: {absent}")
        return
    network.requires_grad_(False)
    torch.manual_seed(seed)
    world = page_world(settings.titles, seed)
    titles = world.spelt or ()
    reading = LetterHeads(network.sizes.vision_width, network.sizes.hidden)
    trained = nn.ModuleDict({"part": network.model.visual, "reading": reading})
    parameters = list(trained.parameters())
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=0.01)
    progress = Progress(folder, "letters", settings.steps)
    restore(progress, trained, optimiser)
    for step in progress.steps():
        rng = np.random.default_rng((seed, 17, step))
        picks = rng.choice(len(titles), settings.batch, replace=False)
        side = square_side(rng)
        pages = [world.draw(int(i), side, rng) for i in picks]
        cut = [to_patches(page.image) for page in pages]
        grid = cut[0][1]
        with half():
            states, features = network.vision_layers(torch.stack([patches for patches, _ in cut]), grid)
        labels = reading.of(pages, [titles[i] for i in picks], grid)
        losses = reading.losses(states, features, labels)
        loss = losses["letters"] + settings.word_weight * losses["words"]
        descend(optimiser, loss, parameters, settings.rate * schedule(step, settings.steps, 60))
        shown = {name: value.item() for name, value in losses.items()}
        progress.log(step, **shown, right=reading.right(features, labels))
        progress.save(step, lambda: {"network": trained.state_dict(), "optimiser": optimiser.state_dict()})
