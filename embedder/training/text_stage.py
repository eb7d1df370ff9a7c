"""Stage 3: teach the layers word order, without losing what the token table knows.

A bag of tokens cannot tell "a circle above a square" from "a square above a circle".
The table stays frozen; the layers learn descriptions of scenes against hard negatives,
and real pairs of texts beside them, with a term that holds general texts near the table's vectors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import Parameter, functional

from embedder.errors import CheckpointError
from embedder.training import metrics
from embedder.training.batches import (
    CaptionGroup,
    PairBatch,
    batches_by_length,
    caption_group,
    pad,
    pair_batch,
)
from embedder.training.losses import matryoshka_info_nce
from embedder.training.network import Miniature, masked_mean
from embedder.training.pairs import PairSet, Ragged
from embedder.training.progress import Progress, say
from embedder.training.static_table import some_dims, source_chances


@dataclass(frozen=True)
class TextSettings:
    """Length and balance of the text stage.

    The first `order_steps` have captions in the plainest wording at full width, and general texts only
    to be held where the table has them: order is learned all at once after a plateau, which further
    tasks make longer. Without the hold the layers would drown the table for good.
    """

    steps: int = 1200
    order_steps: int = 500
    scenes: int = 32
    general: int = 12
    general_tokens: int = 40
    rate: float = 1e-3
    warm_up: int = 50
    static_weight: float = 2.0
    general_weight: float = 0.5


def schedule(step: int, steps: int, warm_up: int, floor: float = 0.03, hold: float = 0.0) -> float:
    """Factor on the rate: a linear rise, 1 for the share `hold` of the rest, a cosine down to `floor`."""
    if step < warm_up:
        return (step + 1) / warm_up
    done = ((step - warm_up) / max(1, steps - warm_up) - hold) / (1 - hold)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, done))))


def half() -> torch.autocast:
    """bfloat16 matrix products, float32 everything else: 1.3 to 1.5 times the speed on CPU."""
    return torch.autocast("cpu", torch.bfloat16)


def train_text(
    network: Miniature,
    tokenizer: Tokenizer,
    sources: dict[str, PairSet],
    settings: TextSettings,
    folder: Path,
    seed: int,
) -> None:
    """Train the language layers and norms of `network` in place; the token table stays as it is."""
    layers = language_parameters(network)
    optimiser = torch.optim.AdamW(layers, lr=settings.rate, weight_decay=0.01)
    progress = Progress(folder, "text", settings.steps)
    restore(progress, network, optimiser)
    names, chances = source_chances({name: pairs for name, pairs in sources.items() if name != "captions"})
    for step in progress.steps():
        rng = np.random.default_rng((seed, 3, step))
        group = caption_group(settings.scenes, rng, tokenizer, plain=plain_share(step, settings))
        dims = [network.sizes.hidden]
        weights = {"scenes": 1.0, "general": 0.0, "drift": settings.static_weight}
        if step >= settings.order_steps:
            dims = some_dims(network.sizes.dims, rng, 1)
            weights["general"] = settings.general_weight
        pairs = sources[str(rng.choice(names, p=chances))]
        batch = pair_batch(pairs, settings.general, rng, settings.general_tokens)
        with half():
            general, drift = general_losses(network, batch, dims)
            losses = {"scenes": scene_loss(network, group, dims), "general": general, "drift": drift}
        loss = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
        rate = settings.rate * schedule(step, settings.steps, settings.warm_up, hold=0.7)
        descend(optimiser, loss, layers, rate)
        progress.log(step, **{name: value.item() for name, value in losses.items()})
        progress.save(step, lambda: {"network": network.state_dict(), "optimiser": optimiser.state_dict()})


def plain_share(step: int, settings: TextSettings) -> float:
    """Share of captions in the plainest wording: all at first, then fewer and fewer."""
    after = (step - settings.order_steps) / (0.4 * max(1, settings.steps - settings.order_steps))
    return min(1.0, max(0.15, 1 - after))


def language_parameters(network: Miniature) -> list[Parameter]:
    """The language model's layers and final norm; all else is frozen by this call."""
    network.requires_grad_(False)
    language = network.model.language_model
    chosen = [*language.layers.parameters(), language.norm.weight]
    for parameter in chosen:
        parameter.requires_grad_(True)
    return chosen


def restore(progress: Progress, network: torch.nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Load an interrupted stage's last checkpoint, if there is one."""
    state = progress.resume()
    if state is None:
        return
    try:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
    except (RuntimeError, ValueError, KeyError) as error:  # other names, shapes or parameter groups
        raise CheckpointError(
            f"{progress.checkpoint}: does not fit stage {progress.name} as it is now (another version or "
            "other settings saved it): remove this run's folder, or give another --runs"
        ) from error


def descend(
    optimiser: torch.optim.Optimizer, loss: Tensor, parameters: Iterable[Parameter], rate: float
) -> None:
    """One optimiser step at `rate`, gradients clipped to norm 1."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get("factor", 1.0)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(list(parameters), 1.0)
    optimiser.step()


def scene_loss(network: Miniature, group: CaptionGroup, dims: list[int]) -> Tensor:
    """Anchors against paraphrases and hard negatives, (count, count + negatives)."""
    vectors = network.text(group.texts.ids, group.texts.mask)
    return matryoshka_info_nce(vectors[: group.count], vectors[group.count :], dims, same=group.same)


def general_losses(network: Miniature, batch: PairBatch, dims: list[int]) -> tuple[Tensor, Tensor]:
    """InfoNCE of real pairs, and how far their vectors are from the token table's own (1 - cosine)."""
    left, right = (network.text(side.ids, side.mask) for side in (batch.left, batch.right))
    static = torch.cat([static_mean(network, side.ids, side.mask) for side in (batch.left, batch.right)])
    drift = 1 - functional.cosine_similarity(torch.cat([left, right]), static).mean()
    return matryoshka_info_nce(left, right, dims, same=batch.same), drift


@torch.no_grad()
def static_mean(network: Miniature, ids: Tensor, mask: Tensor) -> Tensor:
    """What the table alone says: the mean of the tokens' rows without the last component's constant."""
    rows = network.model.language_model.embed_tokens(ids).float()
    mean = masked_mean(rows, mask)
    mean[:, -1] = 0.0
    return mean


@torch.no_grad()
def text_vectors(network: Miniature, rows: Ragged, limit: int = 2048) -> NDArray[np.float32]:
    """Vectors of many texts through the network, (texts, hidden) float32, not normalised."""
    out = np.zeros((len(rows), network.sizes.hidden), dtype=np.float32)
    for picks in batches_by_length(rows, limit=limit):
        batch = pad([rows.row(int(i), limit) for i in picks])
        out[picks] = network.text(batch.ids, batch.mask).numpy()
    return out


def score_pairs(
    network: Miniature, pairs: PairSet, dims: Iterable[int], *, queries: int = 1000
) -> dict[int, float]:
    """Held-out nDCG@10 of the first `queries` left sides over all different right sides, per width."""
    _, documents = np.unique(pairs.right_keys, return_index=True)
    place = {key: row for row, key in enumerate(pairs.right_keys[documents])}
    relevant = np.array([place[key] for key in pairs.right_keys[:queries]], dtype=np.int64)
    left = text_vectors(network, select(pairs.left, np.arange(min(queries, len(pairs)))))
    right = text_vectors(network, select(pairs.right, documents), limit=512)
    scores = {}
    for dim in dims:
        scores[dim] = metrics.ndcg_at_10(
            metrics.ranks(metrics.unit(left, dim), metrics.unit(right, dim), relevant)
        )
    return scores


def select(rows: Ragged, picks: NDArray[np.int64]) -> Ragged:
    """Some of the texts, in the order of `picks`."""
    chosen = [rows.row(int(i)) for i in picks]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in chosen])])
    return Ragged(np.concatenate(chosen), starts.astype(np.int64))


@torch.no_grad()
def paraphrase_accuracy(
    network: Miniature, tokenizer: Tokenizer, dim: int, *, count: int = 300, seed: int = 99
) -> float:
    """How often a paraphrase beats all of a caption's own hard negatives."""
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(count):
        group = caption_group(1, rng, tokenizer, negatives=5)
        vectors = metrics.unit(network.text(group.texts.ids, group.texts.mask).numpy(), dim)
        scores = vectors[1:] @ vectors[0]
        hits += int(scores.argmax() == 0)
    return hits / count


def report(network: Miniature, tokenizer: Tokenizer, held_out: dict[str, PairSet]) -> dict[str, float]:
    """The figures to look at after the text stage."""
    width = network.sizes.hidden
    found = {"paraphrase": paraphrase_accuracy(network, tokenizer, width)}
    for name in ("body", "gloss"):
        if held_out.get(name):
            found[name] = score_pairs(network, held_out[name], [width])[width]
    say("text  " + "  ".join(f"{name} {value:.3f}" for name, value in found.items()))
    return found
