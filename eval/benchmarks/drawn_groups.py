"""A benchmark of drawn groups: "three red stars", "a red circle, a blue square and a green star".

The pictures are drawn by the renderer that training never used. For each picture asked for there is one that
is wrong by one thing: another number of equal things; of different ones two colours swapped or one changed.
"""

from itertools import cycle

import numpy as np

from embedder.training.groups import Group, caption, counted_groups, hard_negatives, sample_mixed
from embedder.training.held_out_renderer import render_group
from eval.benchmarks.model import Benchmark, Items, assemble

ASKED = 200
SIDE = 112  # pixels
MISTAKES = ("number", "colours", "colour")


def groups(name: str, seed: int = 0, asked: int = ASKED) -> Benchmark:
    """Sentences in the plainest wording against `2 * asked` pictures of 112 x 112 pixels.

    Args:
        name: what it is called.
        seed: of groups, order of words and drawing; equal seeds give equal pixels.
        asked: number of queries.
    """
    rng = np.random.default_rng(seed)
    pairs = sample_pairs(asked, rng)
    flat = [group for pair in pairs for group in pair]
    corpus = Items.of(
        [f"group-{row:04d}" for row in range(len(flat))], [render_group(group, SIDE, rng) for group in flat]
    )
    texts = [caption(right, rng, plain=True) for right, _ in pairs]
    queries = Items.of([f"query-{row:04d}" for row in range(asked)], texts)
    judgements = {f"query-{row:04d}": {f"group-{2 * row:04d}": 1} for row in range(asked)}
    source = f"drawn at run time, seed {seed}, by the renderer held out from training"
    return assemble(name, "text to image", corpus, queries, judgements, source=source)


def sample_pairs(asked: int, rng: np.random.Generator) -> list[tuple[Group, Group]]:
    """Right and wrong groups, the mistakes in turns; no two of all of them show the same."""
    counted = counted_groups()
    seen: set[tuple[tuple[str, str], ...]] = set()
    pairs: list[tuple[Group, Group]] = []
    mistakes = cycle(MISTAKES)
    mistake = next(mistakes)
    while len(pairs) < asked:
        right = counted[int(rng.integers(len(counted)))] if mistake == "number" else sample_mixed(rng)
        wrong = hard_negatives(right, rng).get(mistake)
        both = {tuple(sorted((one.colour, one.shape) for one in g.things)) for g in (right, wrong) if g}
        if wrong is not None and len(both) == 2 and not both & seen:
            pairs.append((right, wrong))
            seen |= both
            mistake = next(mistakes)
    return pairs
