"""Draw groups in the styles of :mod:`embedder.training.renderers`, for training."""

from __future__ import annotations

import numpy as np
from PIL import Image

from embedder.training.groups import Group
from embedder.training.renderers import Drawing, Style, draw_things
from embedder.training.shapes import Points

TRIES = 60  # places tried before the things shrink
SHRINK = 0.92
LARGEST = 0.19  # radius; four of these fit into a picture, just
SMALL = (0.06, 0.13)  # radii of the half of all groups whose things are small
ROOM = 1.15  # a thing reaches as far as its radius times this, corners and tilt included


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
        sizes = _sizes(radii, group.counted, rng)
        which = int(np.searchsorted(np.cumsum(SHARES), rng.random()))
        found = ARRANGEMENTS[which](sizes, rng) if which < len(ARRANGEMENTS) else None
        return scattered(sizes, rng) if found is None else (sizes, found)

    return draw_things(group.things, layout, size, rng, style)


def _sizes(radii: list[float], alike: bool, rng: np.random.Generator) -> list[float]:
    """Radii as the style wants them, or small ones; equal things are of about equal size."""
    if rng.random() < 0.5:
        low = float(rng.uniform(*SMALL))
        radii = [float(rng.uniform(low, min(low * 1.4, SMALL[1]))) for _ in radii]
    if alike:
        even, spread = float(np.mean(radii)), float(rng.choice([0.0, 0.06, 0.15]))
        radii = [even * float(rng.uniform(1 - spread, 1 + spread)) for _ in radii]
    return [min(radius, LARGEST) for radius in radii]


def scattered(radii: list[float], rng: np.random.Generator) -> tuple[list[float], Points]:
    """Places where nothing touches, in a square from -0.5 to 0.5; with smaller things if there are none."""
    while True:
        for _ in range(TRIES):
            room = 0.49 - ROOM * np.array(radii)[:, None]
            centres = rng.uniform(-room, room, (len(radii), 2))
            if _apart(radii, centres):
                return radii, centres
        radii = [radius * SHRINK for radius in radii]


def _row(radii: list[float], rng: np.random.Generator) -> Points | None:
    """Side by side on a line of any direction, more often level or upright, with about equal gaps."""
    angle = float(rng.choice([0.0, np.pi / 2])) if rng.random() < 0.6 else float(rng.uniform(0, np.pi))
    steps = np.arange(len(radii)) - (len(radii) - 1) / 2
    along = steps * 2 * ROOM * max(radii) * float(rng.uniform(1.0, 1.8))
    along = along + rng.normal(0, 0.01, len(radii))
    across = rng.normal(0, 0.015, len(radii))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return _moved(radii, np.stack([along, across], axis=1) @ turn, rng)


def _circle(radii: list[float], rng: np.random.Generator) -> Points | None:
    """Around a middle, at about equal angles."""
    turns = np.arange(len(radii)) / len(radii) + rng.uniform() + rng.normal(0, 0.03, len(radii))
    reach = max(radii) * ROOM / np.sin(np.pi / max(2, len(radii))) * float(rng.uniform(1.05, 1.9))
    return _moved(
        radii, reach * np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1), rng
    )


def _huddle(radii: list[float], rng: np.random.Generator) -> Points | None:
    """Close together: each next one stands right beside one that is there already."""
    centres = np.zeros((1, 2))
    for at in range(1, len(radii)):
        for _ in range(TRIES):
            beside = int(rng.integers(at))
            angle, gap = (
                rng.uniform(0, 2 * np.pi),
                ROOM * (radii[at] + radii[beside]) + rng.uniform(0.005, 0.05),
            )
            place = centres[beside] + gap * np.array([np.cos(angle), np.sin(angle)])
            if _apart(radii[: at + 1], np.vstack([centres, place])):
                centres = np.vstack([centres, place])
                break
        else:
            return None
    return _moved(radii, centres, rng)


def _afar(radii: list[float], rng: np.random.Generator) -> Points | None:
    """Far from each other, and so mostly near the edges: of many places those with the widest gap."""
    room = 0.49 - ROOM * np.array(radii)[:, None]
    tries = rng.uniform(-room, room, (12, len(radii), 2))
    gaps = [
        np.linalg.norm(centres[:, None] - centres[None], axis=-1) + 9 * np.eye(len(radii))
        for centres in tries
    ]
    centres = tries[int(np.argmax([gap.min() for gap in gaps]))]
    return centres if _apart(radii, centres) else None


ARRANGEMENTS = (_row, _circle, _huddle, _afar)
SHARES = (0.18, 0.12, 0.2, 0.25)
"""How often each; else, and where one finds no room, things are scattered."""


def _moved(radii: list[float], centres: Points, rng: np.random.Generator) -> Points | None:
    """The arrangement somewhere in the picture; None if it does not fit or things touch."""
    reach = ROOM * np.array(radii)[:, None]
    low, high = -0.49 - (centres - reach).min(0), 0.49 - (centres + reach).max(0)
    if (low > high).any() or not _apart(radii, centres):
        return None
    return centres + rng.uniform(low, high)


def _apart(radii: list[float], centres: Points) -> bool:
    """Whether nothing touches."""
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    return bool((gaps + np.diag([9.0] * len(radii)) > ROOM * np.add.outer(radii, radii)).all())
