"""What a result says of how it came about."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from eval.benchmarks.model import Benchmark
from eval.config import RunConfig
from eval.results import environment
from eval.significance import CONFIDENCE, RESAMPLES

Counts = dict[str, dict[str, int]]  # task -> role -> items

TIES = "scores in float32; equal ones by document id, descending as strings (trec_eval's order)"


def provenance(
    config: RunConfig,
    models: Sequence[Mapping[str, Any]],
    found: Sequence[Benchmark],
    notices: Sequence[str],
    seconds: float,
) -> dict[str, object]:
    """Models, data, settings, versions and counts, as result.json keeps them.

    Args:
        config: of the run.
        models: what `Plan.about` says of each, and of those that are baselines.
        found: the benchmarks.
        notices: what was said on the way.
        seconds: that the run took.

    Returns:
        `model` is the first of `models`; `encoded` and `from_cache` are sums over those measured, without
        the baselines, whose counts are in `models`.
    """
    measured = [model for model in models if model["part"] == "model"]
    if len(measured) == 1:  # with several, each has its own
        config = replace(config, dim=tuple(measured[0]["dims_run"]))
    settings = asdict(config) | {"out": str(config.out), "cache": str(config.cache_folder)}
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": config.command(),
        "seconds": round(seconds, 3),
        "model": models[0],
        "models": list(models),
        "settings": settings,
        "benchmarks": [benchmark.describe() for benchmark in found],
        "encoded": _sum([model["encoded"] for model in measured]),
        "from_cache": _sum([model["from_cache"] for model in measured]),
        "notices": list(notices),
        "method": {
            "ties": TIES,
            "confidence": CONFIDENCE,
            "resamples": RESAMPLES,
            "interval": "percentile bootstrap over queries",
            "tests": "paired randomisation, Holm over the settings of a benchmark and task",
            "depth": config.depth,
            "seed": config.seed,
        },
        "versions": environment(),
    }


def _sum(counts: Sequence[Counts]) -> Counts:
    """Items by task and role, of several models together."""
    total: Counts = {}
    for tasks in counts:
        for task, roles in tasks.items():
            for role, count in roles.items():
                total.setdefault(task, {})[role] = total.get(task, {}).get(role, 0) + count
    return total
