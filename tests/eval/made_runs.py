"""Runs on disk with values of our choice, written as a real run writes them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.config import RunConfig
from eval.results import Row, Score, write_run
from eval.run import run
from eval.runs import Run, load_run
from eval.scores import against_full, intervals
from eval.significance import MARGIN
from tests.eval.conftest import CHECKPOINT, pictures, sentences

FULL = 64


def row(dim: int | None = FULL, **changes: Any) -> Row:
    """A row of the miniature's plain search."""
    named = {
        "model": "mini", "task": "retrieval", "benchmark": "small", "vectors": "dense", "dim": dim,
        "precision": "float32", "search": "exact", "baseline": None, "metric": "ndcg@10",
    }  # fmt: skip
    return Row(**(named | changes))


def make_run(
    out: Path,
    run_id: str,
    values: Mapping[Row, Sequence[float]],
    *,
    fingerprints: Mapping[str, str] | None = None,
    ids: Sequence[str] | None = None,
    **about: Any,
) -> Run:
    """Write a run with these values per query, its intervals and its tests against the widest search."""
    scores = []
    for one, numbers in values.items():
        table = np.array(numbers, np.float64)
        low, high = intervals(table[:, None])
        names = list(ids or [f"q{i}" for i in range(len(table))])
        scores.append(Score(one, float(table.mean()), float(low[0]), float(high[0]), names, table))
    marks = fingerprints or {}
    content: dict[str, Any] = {
        "created": "2026-01-02T03:04:05+00:00",
        "command": "python -m eval run",
        "seconds": 1.5,
        "model": {
            "name": "mini", "revision": None, "fingerprint": "sha256:" + 64 * "a", "precision": "float32",
            "device": "cpu", "dim": FULL, "max_length": 512, "licence": "apache-2.0",
        },
        "settings": {"out": str(out), "cache": "x", "dim": [FULL]},
        "benchmarks": [
            {"name": name, "fingerprint": marks.get(name, 64 * "0"), "documents": 10, "queries": 3,
             "modality": "text to text", "source": "made up"}
            for name in dict.fromkeys(one.benchmark for one in values)
        ],
        "encoded": {"retrieval": {"query": 3, "passage": 10}},
        "method": {"seed": 0, "depth": 100, "ties": "by id"},
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
        "tests": _tests(scores),
    }  # fmt: skip
    return load_run(write_run(out, run_id, content | about, scores))


def _tests(scores: Sequence[Score]) -> list[dict[str, object]]:
    found = []
    for benchmark, task in dict.fromkeys((one.row.benchmark, one.row.task) for one in scores):
        own = [
            one for one in scores
            if (one.row.benchmark, one.row.task, one.row.metric) == (benchmark, task, "ndcg@10")
        ]  # fmt: skip
        full = [one for one in own if one.row == row(benchmark=benchmark, task=task)]
        found += against_full(own, full[0], MARGIN) if full else []
    return found


TWO_METRICS = ("ndcg@10", "map")
NASTY = "</script><script>document.title = 'taken over'</script><img src=x onerror=alert(1)> & \"quotes\""


def real_run(out: Path, **options: Any) -> Run:
    """A real run of the golden checkpoint on texts, some of them hostile, and on pictures."""
    texts = [*sentences(10), NASTY, "{{ 7 * 7 }} {% raw %} ${x}"]
    words = write_benchmark(out / "words", [{"text": text} for text in texts], [f"find {t}" for t in texts])
    shots = out / "shots"
    shots.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures(8)):
        picture.save(shots / f"{number}.png")
    shown = [{"image": f"{number}.png", "text": ""} for number in range(8)]
    write_benchmark(shots, shown, sentences(8, "picture "))
    config = {
        "model": str(CHECKPOINT), "device": "cpu", "model_precision": "float32", "out": out / "results",
        "benchmark": (str(words), str(shots)), "task": ("retrieval", "code"), "dim": (16, 64, 256),
        "vectors": ("dense", "late"), "precision": ("float32", "binary"), "baseline": ("bm25", "pca"),
    }  # fmt: skip
    return load_run(run(RunConfig(**(config | options)), quiet=True)[0])


def write_benchmark(folder: Path, documents: Sequence[Mapping[str, str]], queries: Sequence[str]) -> Path:
    """A folder in BEIR's layout in which document i answers query i."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    corpus = [json.dumps({"_id": f"d{i}", **document}) for i, document in enumerate(documents)]
    asked = [json.dumps({"_id": f"q{i}", "text": text}) for i, text in enumerate(queries)]
    (folder / "corpus.jsonl").write_text("\n".join(corpus))
    (folder / "queries.jsonl").write_text("\n".join(asked))
    (folder / "qrels" / "test.tsv").write_text("\n".join(f"q{i}\td{i}\t1" for i in range(len(queries))))
    return folder
