"""Batches of the adapters' stage: pairs that the base takes for each other."""

import numpy as np
import torch
from torch.nn import functional

from embedder.training.adapters_stage import neighbourhoods
from embedder.training.data_code import CodePair, halves
from embedder.training.frozen import FrozenPairs
from embedder.training.pairs import PairSet, Ragged


def clusters(count: int, each: int) -> FrozenPairs:
    """`count` groups of `each` pairs, the groups far from one another."""
    middles = torch.eye(count, 32).repeat_interleave(each, dim=0)
    noise = torch.Generator().manual_seed(0)
    left, right = (middles + 0.05 * torch.randn(middles.shape, generator=noise) for _ in range(2))
    total = count * each
    empty = Ragged(np.zeros(0, np.int32), np.zeros(total + 1, np.int64))
    keys = np.arange(total)
    return FrozenPairs(PairSet(empty, empty, keys, keys), np.arange(total), left, right)


def test_a_batch_is_of_a_few_neighbourhoods() -> None:
    bank = clusters(20, 40)
    picks = neighbourhoods(bank, 24, 3, np.random.default_rng(1))
    assert len(picks) == len(set(picks.tolist())) and 20 <= len(picks) <= 24
    assert len({int(pick) // 40 for pick in picks}) <= 3, "of three groups, eight pairs each"
    others = neighbourhoods(bank, 24, 3, np.random.default_rng(2))
    assert set(picks.tolist()) != set(others.tolist())


def test_a_neighbourhood_is_nearer_than_chance() -> None:
    bank = clusters(20, 40)
    picks = torch.from_numpy(neighbourhoods(bank, 12, 1, np.random.default_rng(3)))
    left, right = (functional.normalize(side[picks], dim=-1) for side in (bank.left, bank.right))
    every = functional.normalize(bank.left, dim=-1) @ functional.normalize(bank.right, dim=-1).T
    assert float((left @ right.T).mean()) > float(every.mean()) + 0.5


def test_a_small_bank_gives_what_it_has() -> None:
    for count in (1, 48):
        picks = neighbourhoods(clusters(2, 3), count, 3, np.random.default_rng(0))
        assert 3 <= len(picks) <= 6 and set(picks.tolist()) <= set(range(6))


def test_a_function_is_cut_in_the_middle_of_its_lines() -> None:
    body = "\n".join(f"step{i}()" for i in range(7))
    made = CodePair("m.py", "f", "Do it all.", "", "def f():", body)
    assert halves(made) == (
        "def f():\nstep0()\nstep1()\nstep2()",
        "step3()\nstep4()\nstep5()\nstep6()",
    )
    assert halves(CodePair("m.py", "f", "Do it all.", "", "def f():", "a()\nb()")) is None
