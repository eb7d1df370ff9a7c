"""The corners of every shape that the training draws, with the variety that people's drawings have."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def _regular(corners: int, start: float) -> Points:
    angles = np.deg2rad(start) + np.arange(corners) * 2 * np.pi / corners
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _box(half_width: float, half_height: float) -> Points:
    return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [half_width, half_height]


def _star(rng: np.random.Generator) -> Points:
    corners = 5 if rng.random() < 0.85 else 6
    points = _regular(2 * corners, -90.0) * 1.12
    points[1::2] *= rng.uniform(0.36, 0.5)
    return points


def _cross(rng: np.random.Generator) -> Points:
    arm = rng.uniform(0.24, 0.38)
    quarter = np.array([[arm, -1.0], [arm, -arm], [1.0, -arm]])
    turns = [np.array([[0, -1], [1, 0]]), np.array([[-1, 0], [0, -1]]), np.array([[0, 1], [-1, 0]])]
    return np.concatenate([quarter, *(quarter @ turn.T for turn in turns)])


def _heart(rng: np.random.Generator) -> Points:
    """The well-known parametric heart, or two half discs on a wedge."""
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    if rng.random() < 0.6:
        y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
        return np.stack([16 * np.sin(t) ** 3, -y - 2], axis=1) / 16
    arc = np.linspace(np.pi, 2 * np.pi, 14)
    left = np.stack([-0.5 + 0.5 * np.cos(arc), -0.35 + 0.55 * np.sin(arc)], axis=1)
    return np.concatenate([left, left + np.array([1.0, 0.0]), [[0.0, 1.0]]])


def _triangle(rng: np.random.Generator) -> Points:
    """Mostly standing on its base, now and then on its tip."""
    if rng.random() < 0.08:
        return _regular(3, 90.0) * 1.12
    if rng.random() < 0.6:
        return _regular(3, -90.0) * 1.12 + [0, 0.18]
    half = rng.uniform(0.75, 1.0)
    return np.array([[0.0, -1.0], [half, 0.9], [-half, 0.9]])


def _long(rng: np.random.Generator, low: float, high: float) -> tuple[float, float]:
    """Half width and half height of something longer than wide, lying more often than standing."""
    thin = 1.15 / rng.uniform(low, high)
    return (1.15, thin) if rng.random() < 0.7 else (thin, 1.15)


def _ellipse(half_width: float, half_height: float) -> Points:
    return _regular(48, 0.0) * [half_width, half_height]


OUTLINES: dict[str, Callable[[np.random.Generator], Points]] = {
    "circle": lambda rng: _ellipse(1.0, 1.0),
    "square": lambda rng: _box(0.88, 0.88),
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "diamond": lambda rng: np.array([[0, -1], [1, 0], [0, 1], [-1, 0]]) * [rng.uniform(0.62, 1.0), 1.08],
    "heart": _heart,
    "pentagon": lambda rng: _regular(5, -90.0),
    "hexagon": lambda rng: _regular(6, float(rng.choice([0.0, 30.0]))),
    "ring": lambda rng: _ellipse(1.0, 1.0),
    "rectangle": lambda rng: _box(*_long(rng, 1.6, 2.4)),
    "oval": lambda rng: _ellipse(*_long(rng, 1.45, 2.0)),
}
"""Corners of each shape around the origin, radius about 1, x to the right and y down."""
