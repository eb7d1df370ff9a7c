"""Draw groups in the styles of :mod:`embedder.training.renderers`, for training."""

from __future__ import annotations

import numpy as np
from PIL import Image

from embedder.training.groups import Group
from embedder.training.renderers import Drawing, Style, draw_things
from embedder.training.shapes import Points

TRIES = 60  # places tried before the things shrink
SHRINK = 0.92


def draw_group(
    group: Group, size: int | tuple[int, int], rng: np.random.Generator, style: Style | None = None
) -> Image.Image:
    """A group somewhere in the picture, nothing touching; arguments as for ``renderers.draw``."""
    return draw_group_placed(group, size, rng, style).image


def draw_group_placed(
    group: Group, size: int | tuple[int, int], rng: np.random.Generator, style: Style | None = None
) -> Drawing:
    """As :func:`draw_group`, and where the things came to stand."""

    def layout(radii: list[float], style: Style) -> tuple[list[float], Points]:
        del style
        even = float(np.mean(radii))  # equal things of about equal size, different ones of any
        radii = [even * float(rng.uniform(0.85, 1.15)) for _ in radii] if group.counted else radii
        return scattered([min(radius, 0.19) for radius in radii], rng)

    return draw_things(group.things, layout, size, rng, style)


def scattered(radii: list[float], rng: np.random.Generator) -> tuple[list[float], Points]:
    """Places where nothing touches, in a square from -0.5 to 0.5; with smaller things if there are none."""
    while True:
        for _ in range(TRIES):
            room = 0.49 - 1.15 * np.array(radii)[:, None]
            centres = rng.uniform(-room, room, (len(radii), 2))
            gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
            reach = 1.15 * np.add.outer(radii, radii)
            if (gaps + np.diag([9.0] * len(radii)) > reach).all():
                return radii, centres
        radii = [radius * SHRINK for radius in radii]
