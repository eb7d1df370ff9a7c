"""What a result says of how it came about."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import torch

from eval.benchmarks.model import Benchmark
from eval.plan import Plan
from eval.results import environment
from eval.significance import CONFIDENCE, RESAMPLES

TIES = "scores in float32; equal ones by document id, descending as strings (trec_eval's order)"


def provenance(plan: Plan, found: Sequence[Benchmark], seconds: float) -> dict[str, object]:
    """Model, data, settings, versions and counts, as result.json keeps them."""
    config, counts = plan.config, plan.encoder.counts
    settings = asdict(config) | {"out": str(config.out), "cache": str(config.cache_folder)}
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": config.command(),
        "seconds": round(seconds, 3),
        "model": _model(plan),
        "settings": settings,
        "benchmarks": [benchmark.describe() for benchmark in found],
        "encoded": counts.encoded,
        "from_cache": counts.cached,
        "notices": counts.notices,
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


def _model(plan: Plan) -> dict[str, object]:
    model = plan.model
    return {
        "name": plan.config.model,
        "revision": model.revision,
        "fingerprint": plan.encoder.fingerprint,
        "precision": str(model.precision),
        "device": str(model.device),
        "threads": torch.get_num_threads(),
        "dim": model.spec.dim,
        "multi_vector_dim": model.spec.multi_vector_dim,
        "matryoshka_dims": list(model.spec.matryoshka_dims),
        "tasks": list(model.tasks),
        "max_length": plan.config.max_length or model.spec.max_tokens,
        "max_pixels": plan.config.max_pixels or model.spec.pixels.max_pixels,
        "licence": model.spec.licence,
    }
