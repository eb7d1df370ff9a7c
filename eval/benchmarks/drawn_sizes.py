"""A benchmark of sizes: "a small red circle", "a small red circle above a large blue square".

The pictures are drawn by the renderer that training never used. For each picture asked for there is one that
is wrong by one thing: the other size or sizes, another colour or another shape.
"""

from itertools import cycle

import numpy as np

from embedder.training.held_out_renderer import render_sized
from embedder.training.sizes import Sized, sample_pair, single_sizes, tell, wrong_sizes
from eval.benchmarks.model import Benchmark, Items, assemble

ASKED = 200
SIDE = 112  # pixels
MISTAKES = ("sizes", "colour", "shape")


def sizes(name: str, seed: int = 0, asked: int = ASKED) -> Benchmark:
    """Sentences in the plainest wording against `2 * asked` pictures of 112 x 112 pixels.

    Args:
        name: what it is called.
        seed: of what is shown and of drawing; equal seeds give equal pixels.
        asked: number of queries, half of one thing alone and half of two.
    """
    rng = np.random.default_rng(seed)
    pairs = sample_shown(asked, rng)
    flat = [sized for pair in pairs for sized in pair]
    corpus = Items.of(
        [f"sizes-{row:04d}" for row in range(len(flat))], [render_sized(sized, SIDE, rng) for sized in flat]
    )
    queries = Items.of([f"query-{row:04d}" for row in range(asked)], [tell(right) for right, _ in pairs])
    judgements = {f"query-{row:04d}": {f"sizes-{2 * row:04d}": 1} for row in range(asked)}
    source = f"drawn at run time, seed {seed}, by the renderer held out from training"
    return assemble(name, "text to image", corpus, queries, judgements, source=source)


def sample_shown(asked: int, rng: np.random.Generator) -> list[tuple[Sized, Sized]]:
    """Right and wrong, the mistakes in turns, one thing and two in turns; no two of all show the same."""
    single = single_sizes()
    seen: set[str] = set()
    pairs: list[tuple[Sized, Sized]] = []
    mistakes = cycle(MISTAKES)
    mistake = next(mistakes)
    while len(pairs) < asked:
        right = sample_pair(rng) if len(pairs) % 2 else single[int(rng.integers(len(single)))]
        wrong = wrong_sizes(right, rng)[mistake]
        both = {min(tell(one), tell(one.mirrored())) for one in (right, wrong)}
        if len(both) == 2 and not both & seen and len(set(right.things)) == len(right.things):
            pairs.append((right, wrong))
            seen |= both
            mistake = next(mistakes)
    return pairs
