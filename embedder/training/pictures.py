"""Pictures for training: drawn, resized as the embedder will resize them, cut into patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from embedder.preprocess import patchify
from embedder.spec import PixelSettings
from embedder.training.network import MERGE, PATCH, PIXELS
from embedder.training.renderers import Drawing, draw_one, draw_placed
from embedder.training.scenes import COLOURS, SHAPES, THINGS, Scene, Thing

SETTINGS = PixelSettings(min_pixels=PIXELS, max_pixels=PIXELS)
COLOUR_NAMES = tuple(COLOURS)
NOTHING = -100  # label of a cell that is left out of the loss (torch's own convention)


@dataclass(frozen=True)
class PictureBatch:
    """Pictures of one size with what is in them.

    Attributes:
        patches: (batch, patches, 3 * 14 * 14) float32.
        grid: rows and columns of patches.
        cells: (batch, image tokens, 3) int64: colour, shape and role of the thing in each cell;
            the last colour, shape and role mean background.
    """

    patches: Tensor
    grid: tuple[int, int]
    cells: Tensor


def to_patches(image: Image.Image, settings: PixelSettings = SETTINGS) -> tuple[Tensor, tuple[int, int]]:
    """One frame's patches (patches, 3 * 14 * 14) and the grid."""
    patches, grid = patchify(image, settings)
    side = settings.patch_size**2
    return patches.view(len(patches), 3, -1, side)[:, :, 0].reshape(len(patches), 3 * side), (
        grid[1],
        grid[2],
    )


def picture_size(rng: np.random.Generator) -> tuple[int, int]:
    """Height and width in pixels: mostly the trained size, now and then larger, smaller or not square."""
    kind = rng.random()
    if kind < 0.6:
        return 112, 112
    if kind < 0.85:
        side = int(rng.integers(84, 337))
        return side, side
    long = int(rng.integers(112, 260))
    short = int(long * rng.uniform(0.7, 0.95))
    return (short, long) if rng.random() < 0.5 else (long, short)


def square_side(rng: np.random.Generator) -> int:
    """Side in pixels of a batch of square pictures: mostly the trained one, else what is made smaller."""
    return int(rng.choice((112, 128, 160, 224), p=(0.5, 0.2, 0.15, 0.15)))


def scene_batch(scenes: Sequence[Scene], rng: np.random.Generator) -> PictureBatch:
    """Draw the scenes in random styles, all of one random size."""
    size = picture_size(rng)
    drawings = [draw_placed(scene, size, rng) for scene in scenes]
    cut = [to_patches(drawing.image) for drawing in drawings]
    grid = cut[0][1]
    cells = np.stack(
        [cell_labels(scene, drawing, grid) for scene, drawing in zip(scenes, drawings, strict=True)]
    )
    return PictureBatch(torch.stack([patches for patches, _ in cut]), grid, torch.from_numpy(cells))


def cell_labels(scene: Scene, drawing: Drawing, grid: tuple[int, int]) -> NDArray[np.int64]:
    """Colour, shape and role of the thing at each cell's centre (within its box), row by row."""
    things = [thing for thing in (scene.first, scene.second) if thing is not None]
    labels = cell_labels_of(things, drawing, grid)
    if scene.canonical() != scene:  # told from the other side
        labels[:, 2] = np.array([1, 0, 2])[labels[:, 2]]
    return labels


def cell_labels_of(things: Sequence[Thing], drawing: Drawing, grid: tuple[int, int]) -> NDArray[np.int64]:
    """As :func:`cell_labels`, for any things: the role is a thing's place among them, 2 the ground's."""
    rows, columns = grid[0] // MERGE, grid[1] // MERGE
    labels = np.tile([len(COLOUR_NAMES), len(SHAPES), 2], (rows * columns, 1))
    y, x = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij")
    for index, (thing, box) in enumerate(zip(things, drawing.boxes, strict=True)):
        inside = (x > box[0] - 0.02) & (x < box[2] + 0.02) & (y > box[1] - 0.02) & (y < box[3] + 0.02)
        labels[inside.ravel()] = [COLOUR_NAMES.index(thing.colour), SHAPES.index(thing.shape), index]
    return labels.astype(np.int64)


def crop_batch(
    count: int, rng: np.random.Generator, side: int = 56, things: Sequence[Thing] = THINGS
) -> tuple[Tensor, tuple[int, int], Tensor]:
    """Single things close up: patches, grid and (count, 2) colour and shape."""
    chosen = [things[i] for i in rng.integers(len(things), size=count)]
    settings = PixelSettings(min_pixels=side * side, max_pixels=side * side)
    cut = [to_patches(draw_one(thing, side, rng), settings) for thing in chosen]
    labels = [[COLOUR_NAMES.index(thing.colour), SHAPES.index(thing.shape)] for thing in chosen]
    return torch.stack([patches for patches, _ in cut]), (side // PATCH, side // PATCH), torch.tensor(labels)
