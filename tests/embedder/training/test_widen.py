"""A tower of twice the width: the same function, and room that learns."""

from __future__ import annotations

import pytest
import torch

from embedder.training import recipe
from embedder.training.network import Miniature
from embedder.training.widen import widen, widened

IDS = {
    name: 100 + place
    for place, name in enumerate(
        (
            "<|image_pad|>",
            "<|video_pad|>",
            "<|vision_start|>",
            "<|vision_end|>",
            "<|vision_pad|>",
            "<|endoftext|>",
            "<|im_end|>",
        )
    )
}
GRID = (8, 8)


@pytest.fixture(scope="module")
def narrow():
    network = Miniature(recipe.smoke().sizes, IDS)
    network.initialise(0)
    with torch.no_grad():  # norms and biases as a trained tower has them: neither ones nor zeros
        for index, parameter in enumerate(network.model.visual.parameters()):
            if parameter.ndim == 1:
                generator = torch.Generator().manual_seed(index)
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return network


@pytest.fixture
def patches():
    return torch.randn((3, GRID[0] * GRID[1], 3 * 14 * 14), generator=torch.Generator().manual_seed(1))


def test_a_widened_tower_gives_the_same_features(narrow, patches):
    wide = widen(narrow, 0)
    assert wide.sizes == widened(narrow.sizes) and wide.sizes.vision_width == 2 * narrow.sizes.vision_width
    with torch.no_grad():
        old, new = narrow.vision(patches, GRID), wide.vision(patches, GRID)
    assert old.abs().max() > 0.1
    torch.testing.assert_close(new, old, rtol=1e-4, atol=1e-5)


def test_what_is_no_tower_is_copied_to_the_bit(narrow):
    wide = widen(narrow, 0).state_dict()
    for name, value in narrow.state_dict().items():
        if ".visual." not in name:
            assert torch.equal(wide[name], value), name


def test_every_new_unit_can_learn(narrow, patches):
    """Once the zeros have moved, the gradient reaches every row and every column of every matrix."""
    wide = widen(narrow, 0)
    optimiser = torch.optim.SGD(wide.model.visual.parameters(), lr=1e-2)
    for _ in range(2):
        optimiser.zero_grad()
        wide.vision(patches, GRID).square().mean().backward()
        optimiser.step()
    for name, value in wide.model.visual.named_parameters():
        if value.ndim == 2:
            assert value.grad.abs().amax(1).gt(0).all() and value.grad.abs().amax(0).gt(0).all(), name


def test_the_seed_decides_what_new_units_read(narrow):
    first, again, other = (widen(narrow, seed).state_dict() for seed in (0, 0, 1))
    name = "model.visual.blocks.0.attn.qkv.weight"
    assert torch.equal(first[name], again[name]) and not torch.equal(first[name], other[name])
