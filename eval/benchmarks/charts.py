"""A benchmark of drawn charts: bars, lines, pies and scatter plots, asked for by what they show.

A specific question names kind, subject and what is to be seen; the chart that shows all of it has
gain 2, and those of the same kind and subject have 1. For each chart asked for there is one that
is wrong by one thing. General questions ("a line that rises") are answered by every such chart,
with gain 1. The combinations asked for are those that training leaves out.
"""

from collections.abc import Iterator
from itertools import cycle

import numpy as np

from embedder.training.chart_pictures import draw
from embedder.training.charts import (
    RELATIONS,
    TRENDS,
    all_facts,
    hard_negatives,
    is_held_out,
    make,
    tell,
    tell_in_general,
)
from eval.benchmarks.model import Benchmark, Items, assemble

ASKED = 200  # specific questions
GENERAL = len(TRENDS) + len(RELATIONS)
SIDE = 224  # pixels; letters can be read
RIGHT, NEAR = 2, 1  # gains
Facts = tuple[str, str, str]


def charts(name: str, seed: int = 0, asked: int = ASKED) -> Benchmark:
    """Questions about charts against `2 * asked` pictures of 224 x 224 pixels.

    Args:
        name: what it is called.
        seed: of what is asked, of numbers, styles and colours; equal seeds give equal pixels.
        asked: number of specific questions.
    """
    rng = np.random.default_rng(seed)
    shown = sample_shown(asked, rng)
    pictures = [draw(make(*facts, rng), SIDE, rng) for facts in shown]
    corpus = Items.of([f"chart-{row:04d}" for row in range(len(shown))], pictures)
    texts: list[str] = []
    judgements: dict[str, dict[str, int]] = {}
    for number, (text, gains) in enumerate(_questions(shown)):
        texts.append(text)
        judgements[f"query-{number:04d}"] = {f"chart-{row:04d}": gain for row, gain in gains.items()}
    queries = Items.of(list(judgements), texts)
    source = f"drawn at run time, seed {seed}; combinations held out from training"
    return assemble(name, "text to image", corpus, queries, judgements, source=source)


def sample_shown(asked: int, rng: np.random.Generator) -> list[Facts]:
    """Right and wrong in turns: held-out facts, all different, and for each facts wrong by one thing.

    Kinds take turns as long as there are held-out facts of theirs.
    """
    held_out = [facts for facts in all_facts() if is_held_out(facts)]
    order = [held_out[int(row)] for row in rng.permutation(len(held_out))]
    by_kind = {
        kind: [facts for facts in order if facts[0] == kind] for kind in ("bar", "line", "pie", "scatter")
    }
    right: list[Facts] = []
    for kind in cycle(by_kind):
        if len(right) == min(asked, len(order)):
            break
        if by_kind[kind]:
            right.append(by_kind[kind].pop())
    seen = set(right)
    shown: list[Facts] = []
    for facts in right:
        wrong = list(hard_negatives(facts, rng).values())
        fresh = [other for other in wrong if other not in seen] or wrong
        other = fresh[int(rng.integers(len(fresh)))]
        seen.add(other)
        shown += [facts, other]
    return shown


def _questions(shown: list[Facts]) -> Iterator[tuple[str, dict[int, int]]]:
    """Each question with the gains of the charts that answer it."""
    for kind, subject, feature in shown[::2]:
        gains = {
            row: RIGHT if other[2] == feature else NEAR
            for row, other in enumerate(shown)
            if other[:2] == (kind, subject)
        }
        yield tell(kind, subject, feature), gains
    for kind, features in (("line", TRENDS), ("scatter", RELATIONS)):
        for feature in features:
            rows = [row for row, other in enumerate(shown) if (other[0], other[2]) == (kind, feature)]
            yield tell_in_general(kind, feature), dict.fromkeys(rows, NEAR)
