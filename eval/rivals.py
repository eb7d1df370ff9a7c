"""Baselines that need not the model: BM25, and any model of sentence-transformers.

They are ranked once per benchmark, before the models, and stand beside each of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from embedder.spec import Task
from eval import searching
from eval.benchmarks.model import Benchmark
from eval.config import BASELINES, RunConfig
from eval.measure import encode_sides, sides_of
from eval.plan import about_model, can_take, load_rival, make_encoder
from eval.progress import Progress
from eval.ranking import Ranking
from eval.scores import Way
from eval.sweep import Setting


@dataclass
class Rivals:
    """What the baselines found.

    Attributes:
        rankings: by benchmark and way; the task is None, for it is none of the measured model's.
        models: of each model among them what result.json keeps.
        notices: what could not be ranked.
    """

    rankings: dict[str, dict[Way, Ranking]] = field(default_factory=dict)
    models: list[dict[str, object]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def rank_rivals(config: RunConfig, found: Sequence[Benchmark], progress: Progress) -> Rivals:
    """Rank every benchmark by every such baseline that the run asks for.

    Raises:
        InputError: an item cannot be encoded.
        CheckpointError: a model cannot be loaded.
        DeviceError: the device cannot be had.
    """
    rivals = Rivals({benchmark.name: {} for benchmark in found})
    if "bm25" in config.baseline:
        for benchmark in found:
            ranked = searching.bm25(benchmark, depth=config.depth)
            rivals.rankings[benchmark.name] |= ranked
            if not ranked:
                rivals.notices.append(f"{benchmark.name}: has pictures, and so no bm25")
    for name in config.baseline:
        if name not in BASELINES:
            _rank_by_model(config, name, found, progress, rivals)
    return rivals


def _rank_by_model(
    config: RunConfig, name: str, found: Sequence[Benchmark], progress: Progress, rivals: Rivals
) -> None:
    """Dense vectors at full width, and at those of the widths asked for that the model was trained for."""
    model = load_rival(config, name)
    # Its own limit of length is part of what it is: the run's is for the models measured.
    encoder = make_encoder(replace(config, vectors=("dense",), max_length=None), model, progress)
    dims = [dim for dim in model.spec.matryoshka_dims if dim in config.dim and dim != model.spec.dim]
    task = str(Task.RETRIEVAL)
    asked, answers = sides_of([task])[task]
    for benchmark in found:
        if not can_take(model, benchmark, name, rivals.notices):
            continue
        queries, corpus = encode_sides(encoder, benchmark, [task])
        progress.say(f"searching {benchmark.name}, {name}")
        ranked = searching.dense(
            task,
            queries[asked, "dense"],
            corpus[answers, "dense"],
            benchmark,
            [Setting(dim) for dim in [*dims, model.spec.dim]],
            depth=config.depth,
            oversample=config.oversample,
        )
        rivals.rankings[benchmark.name] |= {
            replace(way, task=None, baseline=name): ranking for way, ranking in ranked.items()
        }
    about = about_model(encoder, config, name, "baseline")
    rivals.notices += encoder.counts.notices
    rivals.models.append({key: value for key, value in about.items() if key != "notices"})
