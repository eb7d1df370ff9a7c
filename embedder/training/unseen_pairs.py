"""Does a tower that never saw a red triangle know one? A second tower, from scratch, without some pairs.

The tower that ships has seen every coloured shape. Here one of the narrow size learns by the recipe's first
stages (close-ups, cells, bank) from pictures that lack twelve pairs of colour and shape, each colour and
each shape once, against the finished model's texts; then it is asked for pictures of those pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from embedder import Embedder
from embedder.training import metrics
from embedder.training.adapters_stage import add_adapters, silenced
from embedder.training.evaluate import SCENES, scene_values
from embedder.training.export import export
from embedder.training.network import Miniature, Sizes
from embedder.training.progress import Progress, say
from embedder.training.scenes import COLOURS, SHAPES, THINGS, Scene, Thing, sample_scene
from embedder.training.static_table import some_dims
from embedder.training.text_stage import descend, restore, schedule
from embedder.training.vision_stage import (
    Bank,
    BankSettings,
    BankWork,
    CellSettings,
    CropSettings,
    Heads,
    build_bank,
    calibrate,
    take_part,
    train_cells,
    train_crops,
)

UNSEEN = tuple(
    Thing(colour, tuple(SHAPES)[(5 * row + 2) % len(SHAPES)]) for row, colour in enumerate(COLOURS)
)
"""Twelve of the 144 coloured shapes; every colour and every shape is missing once."""
SEEN = tuple(thing for thing in THINGS if thing not in UNSEEN)
FOLDER = "unseen"
TEMPERATURE = 0.03


def train_unseen(
    finished: Miniature,
    tokenizer: Tokenizer,
    sizes: Sizes,
    settings: tuple[CropSettings, CellSettings, BankSettings],
    runs: Path,
    seed: int,
) -> Miniature:
    """A network with the finished one's texts and a tower of `sizes` that learned without ``UNSEEN``.

    Args:
        finished: with its adapters; it is left as it is.
        tokenizer: its tokenizer.
        sizes: of the tower; everything else is the finished network's.
        settings: of the three stages; the language layers do not move in the last one here.
        runs: checkpoints and losses go to its folder "unseen".
        seed: of weights and pictures.
    """
    folder = runs / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    network = _with_fresh_tower(finished, sizes, seed)
    crops, cells, bank = settings
    with silenced(network):
        calibrate(network, seed, SEEN)
        train_crops(network, crops, folder, seed, SEEN)
        calibrate(network, seed, SEEN)
        train_cells(network, cells, folder, seed, SEEN)
        _train_tower(
            network, tokenizer, _seen_bank(network, tokenizer, bank, folder, seed), bank, folder, seed
        )
    return network


def _with_fresh_tower(finished: Miniature, sizes: Sizes, seed: int) -> Miniature:
    network = Miniature(sizes, finished.ids)
    network.initialise(seed)
    add_adapters(network, seed)
    kept = {name: value for name, value in finished.state_dict().items() if ".visual." not in name}
    network.load_state_dict(kept, strict=False)
    return network


def _seen_bank(
    network: Miniature, tokenizer: Tokenizer, settings: BankSettings, folder: Path, seed: int
) -> Bank:
    """The bank without unseen pairs: as wrong answers they would be pushed away from all pictures."""
    path = folder / "vectors.pt"
    if not path.exists():
        torch.save(build_bank(network, tokenizer, settings, seed, SEEN).vectors, path)
    return Bank.of(SEEN[: settings.things], torch.load(path, weights_only=True))


def _train_tower(
    network: Miniature, tokenizer: Tokenizer, bank: Bank, settings: BankSettings, folder: Path, seed: int
) -> None:
    """The bank stage for the tower alone."""
    heads = Heads(network.sizes.hidden)
    take_part(heads, "heads", folder / "cells.pt")
    work = BankWork(network, heads, bank, tokenizer, {}, settings)
    trained = nn.ModuleDict({"part": network.model.visual, "heads": heads})
    network.requires_grad_(False)
    parameters = list(trained.parameters())
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=0.01)
    progress = Progress(folder, "bank", settings.steps)
    restore(progress, trained, optimiser)
    for step in progress.steps():
        rng = np.random.default_rng((seed, 6, step))
        losses = work.pictures(rng, some_dims(network.sizes.dims, rng))
        loss = losses["bank"] + settings.cell_weight * losses["cells"]
        descend(optimiser, loss, parameters, settings.rate * schedule(step, settings.steps, settings.warm_up))
        progress.log(step, **{name: value.item() for name, value in losses.items()}, right=work.right)
        progress.save(step, lambda: {"network": trained.state_dict(), "optimiser": optimiser.state_dict()})


def drawn_from(fits: Callable[[int], bool], count: int, seed: int) -> list[Scene]:
    """Different scenes of two things, unlike in colour and shape, whose number of unseen things fits."""
    rng = np.random.default_rng(seed)
    found: dict[Scene, None] = {}
    while len(found) < count:
        scene = sample_scene(rng, things=2)
        first, second = scene.first, scene.second
        assert second is not None
        unlike = first.colour != second.colour and first.shape != second.shape
        if unlike and fits((first in UNSEEN) + (second in UNSEEN)) and scene.mirrored() not in found:
            found[scene] = None
    return list(found)


def unseen_values(
    model: Embedder, count: int = SCENES, seed: int = 5
) -> dict[str, dict[str, metrics.Values]]:
    """As :func:`scene_values`, for pictures of seen things alone, and for those with an unseen one."""
    kinds: dict[str, Callable[[int], bool]] = {"seen": lambda n: n == 0, "unseen": lambda n: n > 0}
    return {
        name: scene_values(model, seed=seed, scenes=drawn_from(fits, count, seed))
        for name, fits in kinds.items()
    }


def measure_unseen(network: Miniature, tokenizer: Tokenizer, runs: Path) -> dict[str, dict[str, list[float]]]:
    """Export, load through the Embedder and measure; [mean, low, high] for each width."""
    out = runs / FOLDER / "model"
    export(network, tokenizer, out)
    model = Embedder.from_pretrained(out, device="cpu", precision="float32")
    values = unseen_values(model)
    found = {kind: {k: metrics.interval(v) for k, v in part.items()} for kind, part in values.items()}
    say("unseen pairs: " + "  ".join(f"{k} {found['unseen'][k][0]:.3f}" for k in found["unseen"]))
    return found
