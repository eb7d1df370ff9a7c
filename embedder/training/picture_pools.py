"""Pictures that an adapter learns from: the worlds of its settings, drawn once, seen by the finished tower.

No adapter changes the tower, so its features are made once; what moves is how the language layers read them,
and the texts. A picture finds its texts among the base's, and a text its picture among the base's: what is
looked for and what it is told apart from stand still alike, so that moving away from them wins nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from embedder.training.losses import at_width
from embedder.training.network import ImageTemplate, Miniature
from embedder.training.pairs import PASSAGE, QUERY
from embedder.training.pictures import to_patches
from embedder.training.text_stage import half
from embedder.training.worlds import World
from embedder.training.worlds_stage import gallery, target_shares

SIDE = 112  # pixels: every picture has the same grid
SHARES = {"emoji": 0.55, "charts": 0.25, "counts": 0.1, "mixed": 0.1}
"""How often a world gives the batch."""
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Pool:
    """One world's pictures.

    Attributes:
        world: what they show.
        things: which of its things each picture shows, int64 (n,), ascending.
        features: by the tower, bfloat16 (n, image tokens, hidden).
        grid: of patches.
        vectors: the base's, unit rows (n, hidden).
        gallery: the base's vectors of the world's texts, unit rows (texts, hidden).
    """

    world: World
    things: Rows
    features: Tensor
    grid: tuple[int, int]
    vectors: Tensor
    gallery: Tensor

    def one_of_each(self, rng: np.random.Generator) -> tuple[Rows, Tensor]:
        """Every thing that is there, and the vector of one of its pictures: (things,), (things, hidden)."""
        things, first, counts = np.unique(self.things, return_index=True, return_counts=True)
        return things, self.vectors[torch.from_numpy(first + (rng.random(len(first)) * counts).astype(int))]


@torch.no_grad()
def draw_pool(
    network: Miniature, tokenizer: Tokenizer, world: World, count: int, rng: np.random.Generator
) -> Pool:
    """Draw `count` pictures of a world, each thing as often as the others, and encode them."""
    template = ImageTemplate.of(tokenizer).shortened()
    every = len(world.targets)
    things = np.sort(np.concatenate([rng.permutation(every) for _ in range(count // every + 1)])[:count])
    features, vectors = [], []
    for start in range(0, count, 64):
        cut = [to_patches(world.draw(int(i), SIDE, rng).image) for i in things[start : start + 64]]
        grid = cut[0][1]
        with half():
            seen = network.vision(torch.stack([patches for patches, _ in cut]), grid)
            vectors.append(functional.normalize(network.image(seen, grid, template).float(), dim=-1))
        features.append(seen.bfloat16())
    texts = gallery(network, tokenizer, world)
    return Pool(world, things, torch.cat(features), grid, torch.cat(vectors), texts)


def pool_loss(
    pool: Pool,
    images: Tensor,
    texts: Tensor,
    rows: Rows,
    dims: Sequence[int],
    temperature: float,
    rng: np.random.Generator,
) -> Tensor:
    """Cross-entropy of pictures over the world's texts, and of texts over one picture of each thing.

    Args:
        pool: which the pictures are of.
        images: (n, hidden), with gradients.
        texts: (n, hidden), of what the pictures show, with gradients.
        rows: places of the pictures in the pool, (n,).
        dims: Matryoshka widths; the mean over them is taken.
        temperature: the cosines are divided by it.
        rng: chooses the pictures that texts are told apart from.
    """
    shares = target_shares(pool.world, pool.things[rows], len(pool.gallery))
    things, shown = pool.one_of_each(rng)
    own = torch.from_numpy(np.searchsorted(things, pool.things[rows]))
    losses = []
    for dim in dims:
        told = at_width(images, dim) @ at_width(pool.gallery, dim).T / temperature
        found = at_width(texts, dim) @ at_width(shown, dim).T / temperature
        losses += [functional.cross_entropy(told, shares), functional.cross_entropy(found, own)]
    return torch.stack(losses).mean()


def prompted(pool: Pool, rows: Rows, rng: np.random.Generator) -> list[str]:
    """What each picture shows, as one of its first text's two tellings, with the prompt that goes with it."""
    texts = []
    for thing in pool.things[rows]:
        query, passage = pool.world.tellings[pool.world.targets[thing][0][0]]
        texts.append(QUERY + query if rng.random() < 0.7 else PASSAGE + passage)
    return texts
