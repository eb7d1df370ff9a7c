"""Searches of a run done again from the vectors that it left in its cache: without its model.

A run keeps every query's values but only a few rankings. As long as its cache is there and its benchmark is
the same, each ranking can be had again, and is the one that was scored: vectors, searches and the order of
equal scores are the same.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embedder.errors import InputError
from embedder.quantization import VectorPrecision
from eval import searching
from eval.benchmarks.model import Benchmark, Items
from eval.cache import Store, StoredVectors
from eval.config import PROJECTIONS
from eval.encoding import roles_of
from eval.ranking import Ranking
from eval.runs import Record, Run
from eval.scores import Way
from eval.sweep import OVERSAMPLE, Setting

MOST_DOCUMENTS = 100_000
"""Searched again while somebody waits; more take too long."""


def find_store(
    folders: Sequence[Path], about: Mapping[str, Any], task: str, role: str, kind: str
) -> Store | None:
    """The vectors that a model has left of one pass, or None.

    Args:
        folders: of caches.
        about: of the model, as result.json keeps it: fingerprint, precision, max_length, max_pixels,
            dim, multi_vector_dim.
        task: adapter, one of the model's own.
        role: "query" or "passage".
        kind: "dense" or "late".
    """
    wanted = {
        "model": about.get("fingerprint"), "weights": about.get("precision"), "task": task, "adapter": None,
        "role": role, "kind": kind, "max_length": about.get("max_length"),
        "max_pixels": about.get("max_pixels"),
    }  # fmt: skip
    width = int(about.get("dim" if kind == "dense" else "multi_vector_dim") or 0)
    for root in folders:
        for key in _keys(root):
            if all(key.get(name) == value for name, value in wanted.items()):
                return Store(root, {name: value for name, value in key.items() if name != "format"}, width)
    return None


def _keys(root: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(root.glob("*/key.json")):
        try:
            key = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(key, dict):
            yield key


def caches_of(run: Run) -> list[Path]:
    """Where the vectors of a run may be: where it said, and beside the runs."""
    said = (run.content.get("settings") or {}).get("cache")
    found = [Path(str(said))] if said else []
    return list(dict.fromkeys([*found, run.folder.parent / "cache"]))


def way_of(row: Mapping[str, Any]) -> Way:
    """What a row of scores says of its search."""
    return Way(row["task"], row["vectors"], row["dim"], row["precision"], row["search"], row["baseline"])


def search_again(run: Run, benchmark: Benchmark, ways: Sequence[Way], model: str = "") -> dict[Way, Ranking]:
    """Rankings of all queries, as the run had them.

    Args:
        run: which searched.
        benchmark: what it searched.
        ways: searches of the run; those of baselines that are models of their own cannot be done again.
        model: which of the run's, by the name that its rows have; "" for the first.

    Raises:
        InputError: the benchmark is not the same, too large, or the vectors are not there any more.
    """
    check_same(run, benchmark)
    if len(benchmark.corpus) > MOST_DOCUMENTS:
        raise InputError(
            f"{benchmark.name} has {len(benchmark.corpus):,} documents; up to {MOST_DOCUMENTS:,} are "
            "searched again while somebody waits"
        )
    return {way: _again(run, benchmark, way, model) for way in ways}


def check_same(run: Run, benchmark: Benchmark) -> None:
    """Refuse a benchmark that is not the one the run searched.

    Raises:
        InputError: the run did not search it, or it has other data now.
    """
    about = run.benchmarks.get(benchmark.name)
    if about is None:
        raise InputError(f"run {run.run_id} did not search {benchmark.name!r}")
    if about.get("fingerprint") != benchmark.fingerprint:
        raise InputError(
            f"{benchmark.name} is not what run {run.run_id} searched: fingerprint "
            f"{benchmark.fingerprint[:12]} here, {str(about.get('fingerprint'))[:12]} there"
        )


def _again(run: Run, benchmark: Benchmark, way: Way, model: str) -> Ranking:
    method, settings = run.content.get("method") or {}, run.content.get("settings") or {}
    depth, seed = int(method.get("depth") or 100), int(method.get("seed") or 0)
    if way.baseline == "bm25":
        return searching.bm25(benchmark, depth=depth)[way]
    if way.task is None or (way.baseline and way.baseline not in PROJECTIONS):
        raise InputError(f"what {way.baseline} found is not kept: only its scores are")
    queries, corpus = vectors_of(run, benchmark, way.task, str(way.vectors), model)
    if way.baseline:
        dims = [int(dim) for dim in settings.get("dim") or [way.dim]]
        found = searching.projected(
            way.task, way.baseline, queries, corpus, benchmark, dims, depth=depth, seed=seed
        )
        return found[way]
    setting = Setting(int(way.dim or 0), VectorPrecision(str(way.precision)), way.search)
    oversample = int(settings.get("oversample") or OVERSAMPLE)
    search = searching.late if way.vectors == "late" else searching.dense
    found = search(way.task, queries, corpus, benchmark, [setting], depth=depth, oversample=oversample)
    return found[way]


def vectors_of(
    run: Run, benchmark: Benchmark, task: str, kind: str, model: str = ""
) -> tuple[StoredVectors, StoredVectors]:
    """Vectors of the queries and of the documents.

    Raises:
        InputError: some are not in the cache.
    """
    own = [name for name in (run.content.get("settings") or {}).get("adapter") or []]
    if any(str(entry).split("=")[0] == task for entry in own):
        raise InputError(f"the vectors of {task!r}, an adapter of one's own, are not looked up")
    asked, answers = roles_of(task)
    row: Record = {"model": model or next(iter(run.models))}
    return (
        _stored(run, row, benchmark.queries, (task, asked, kind), f"queries of {benchmark.name}"),
        _stored(run, row, benchmark.corpus, (task, answers, kind), f"documents of {benchmark.name}"),
    )


def _stored(run: Run, row: Record, items: Items, job: tuple[str, str, str], what: str) -> StoredVectors:
    store = find_store(caches_of(run), run.model_of(row), *job)
    missing = len(items) if store is None else len(store.missing(items.digests))
    if store is None or missing:
        raise InputError(
            f"vectors of {missing:,} of {len(items):,} {what} are not in the cache any more: run the same "
            "benchmark again to have its rankings"
        )
    return store.vectors_of(items.digests)


def count_missing(store: Store | None, items: Items) -> int:
    """How many different items have no vectors yet."""
    if store is None:
        return len({digest.tobytes() for digest in items.digests})
    return len(np.unique(items.digests[store.missing(items.digests)], axis=0))
