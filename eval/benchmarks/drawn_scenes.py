"""A benchmark of drawn scenes: a sentence asks for the picture that shows it.

The pictures are drawn by the renderer that training never used. For each picture asked for
there is one that is wrong by one thing: reversed relation, swapped colours, swapped shapes or
another colour.
"""

from itertools import cycle

import numpy as np

from embedder.training.held_out_renderer import render
from embedder.training.scenes import Scene, caption, hard_negatives, sample_scene
from eval.benchmarks.model import Benchmark, Items, assemble

ASKED = 200
SIDE = 112  # pixels
MISTAKES = ("relation", "colours", "shapes", "colour")


def scenes(name: str, seed: int = 0, asked: int = ASKED) -> Benchmark:
    """Sentences in the plainest wording against `2 * asked` pictures of 112 x 112 pixels.

    Args:
        name: what it is called.
        seed: of scenes, wording and drawing; equal seeds give equal pixels.
        asked: number of queries.
    """
    rng = np.random.default_rng(seed)
    pairs = sample_pairs(asked, rng)
    flat = [scene for pair in pairs for scene in pair]
    pictures = [render(scene, SIDE, rng) for scene in flat]
    corpus = Items.of([f"scene-{row:04d}" for row in range(len(flat))], pictures)
    texts = [caption(right, rng, plain=True) for right, _ in pairs]
    queries = Items.of([f"query-{row:04d}" for row in range(asked)], texts)
    judgements = {f"query-{row:04d}": {f"scene-{2 * row:04d}": 1} for row in range(asked)}
    source = f"drawn at run time, seed {seed}, by the renderer held out from training"
    return assemble(name, "text to image", corpus, queries, judgements, source=source)


def sample_pairs(asked: int, rng: np.random.Generator) -> list[tuple[Scene, Scene]]:
    """Right and wrong scenes of two things; no two of all of them show the same."""
    seen: set[Scene] = set()
    pairs: list[tuple[Scene, Scene]] = []
    mistakes = cycle(MISTAKES)
    mistake = next(mistakes)
    while len(pairs) < asked:
        right = sample_scene(rng, things=2)
        wrong = hard_negatives(right, rng).get(mistake)
        both = {scene.canonical() for scene in (right, wrong) if scene}
        if wrong is not None and len(both) == 2 and not both & seen:
            pairs.append((right, wrong))
            seen |= both
            mistake = next(mistakes)
    return pairs
