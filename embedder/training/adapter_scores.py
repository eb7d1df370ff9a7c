"""Held-out retrieval of an adapter, through the `Embedder` that everybody else uses."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedder import Embedder, EmbedderNotice, similarity, truncate
from embedder.training.adapter_split import HeldOut

Floats = NDArray[np.float64]
METRICS = ("nDCG@10", "R@1")
LATE = "late"
RESAMPLES = 2000


@dataclass(frozen=True)
class Figures:
    """Metrics of each held-out query: width (as text) or "late" -> metric -> (queries,), from 0 to 1."""

    values: dict[str, dict[str, Floats]]

    def means(self) -> dict[str, dict[str, float]]:
        """Means over the queries, to four digits."""
        return {
            width: {metric: round(float(found.mean()), 4) for metric, found in metrics.items()}
            for width, metrics in self.values.items()
        }


def measure(
    model: Embedder, task: str, held_out: HeldOut, prompts: tuple[str, str], dims: Sequence[int],
    *, late: bool, **options: Any,
) -> Figures:  # fmt: skip
    """Search every held-out query among the held-out passages and negatives.

    Args:
        model: that has `task`.
        task: adapter for both sides.
        held_out: queries, gallery and what is relevant.
        prompts: of queries and of passages.
        dims: widths of dense vectors.
        late: whether late interaction is measured too.
        **options: max_length, max_pixels.
    """
    kinds = ("dense", "late") if late else ("dense",)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmbedderNotice)  # the trainer counts and says them
        queries, gallery = (
            model.embed(
                [side.value for side in sides], task=task, prompt_name=prompt, vectors=kinds, **options
            )
            for sides, prompt in zip((held_out.queries, held_out.gallery), prompts, strict=True)
        )
    assert queries.dense is not None and gallery.dense is not None
    found = {
        str(dim): _metrics(truncate(queries.dense, dim) @ truncate(gallery.dense, dim).T, held_out.relevant)
        for dim in dims
    }
    if late:
        assert queries.late is not None and gallery.late is not None
        found[LATE] = _metrics(similarity.max_sim(queries.late, gallery.late), held_out.relevant)
    return Figures(found)


def _metrics(scores: NDArray[np.float32], relevant: Sequence[Sequence[int]]) -> dict[str, Floats]:
    """Both metrics of each query; what scores alike is ranked with the relevant last.

    nDCG@10 with gains of 0 and 1 (Järvelin and Kekäläinen 2002); R@1: whether the first is relevant.
    """
    discounts = 1 / np.log2(np.arange(2, 12))
    found: dict[str, list[float]] = {metric: [] for metric in METRICS}
    for row, right in zip(scores, relevant, strict=True):
        gains = np.zeros(len(row))
        gains[list(right)] = 1
        ranked = gains[np.lexsort((gains, -row))][:10]
        found["nDCG@10"].append(float(ranked @ discounts[: len(ranked)] / discounts[: len(right)].sum()))
        found["R@1"].append(float(ranked[0]))
    return {metric: np.array(values) for metric, values in found.items()}


def change(before: Figures, after: Figures, seed: int) -> dict[str, dict[str, list[float]]]:
    """Mean difference after - before with its 95% interval: width -> metric -> [difference, low, high].

    Percentile bootstrap over the queries, paired; few queries give wide intervals.
    """
    some = next(iter(before.values.values()))[METRICS[0]]
    picks = np.random.default_rng((seed, 3)).integers(len(some), size=(RESAMPLES, len(some)))
    found: dict[str, dict[str, list[float]]] = {}
    for width, metrics in before.values.items():
        found[width] = {}
        for metric, old in metrics.items():
            difference = after.values[width][metric] - old
            low, high = np.quantile(difference[picks].mean(axis=1), (0.025, 0.975))
            found[width][metric] = [round(float(v), 4) for v in (difference.mean(), low, high)]
    return found


def table(before: Figures, after: Figures, seed: int) -> str:
    """Both measurements side by side, a line for each width."""
    old, new, moved = before.means(), after.means(), change(before, after, seed)
    lines = [
        f"{'width':>6}" + "".join(f"  {metric + ': before, after (95% interval)':<44}" for metric in METRICS)
    ]
    for width in old:
        cells = [f"{width:>6}"]
        for metric in METRICS:
            gain, low, high = moved[width][metric]
            cell = (
                f"{old[width][metric]:.3f}  {new[width][metric]:.3f}  {gain:+.3f} ({low:+.3f} to {high:+.3f})"
            )
            cells.append(f"{cell:<44}")
        lines.append("  ".join(cells))
    return "\n".join(line.rstrip() for line in lines)
