"""Several runs as one: where two measured the same, the newer one counts.

Results are only ever added to, so a folder of runs holds old figures beside new ones. What is the same is
decided by content: models of one name with other weights, and benchmarks of one name with other data, get the
beginning of their fingerprint behind their name and stand side by side.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval.runs import ROW_FIELDS, Record, Run, short_name

_MARK = 8  # characters of a fingerprint that tell two things of one name apart


@dataclass
class Gathered:
    """What some runs found, their rows with the names that people see.

    Attributes:
        runs: those that something is shown of, oldest first.
        passed_over: names of runs whose every row a newer one has measured again.
        metric: what values are of.
        scores: rows of that metric.
        tests: against the full width, of that metric.
        neighbours: neighbourhoods kept.
        costs: bytes and times, whatever the metric.
        examples: queries to look at, picked by the first metric of their run.
        documents: benchmark -> document id -> {"text", "picture"}.
        models: name -> what is known of it.
        benchmarks: name -> what is known of it.
    """

    runs: list[Run]
    passed_over: list[str]
    metric: str
    scores: list[Record] = field(default_factory=list)
    tests: list[Record] = field(default_factory=list)
    neighbours: list[Record] = field(default_factory=list)
    costs: list[Record] = field(default_factory=list)
    examples: list[Record] = field(default_factory=list)
    documents: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    models: dict[str, Record] = field(default_factory=dict)
    benchmarks: dict[str, Record] = field(default_factory=dict)

    def subject(self, row: Mapping[str, Any]) -> str:
        """What an adapter is called: with its model where there are several."""
        task = str(row["task"])
        return task if len(self.models) == 1 else f"{row['model']} · {task}"


def metrics_of(runs: Sequence[Run]) -> list[str]:
    """Metrics that some runs have, those of the newest one first."""
    return list(dict.fromkeys(name for run in reversed(runs) for name in run.metrics))


def gather(runs: Sequence[Run], metric: str = "") -> Gathered:
    """Put runs together, oldest first.

    Args:
        runs: at least one.
        metric: whose values are wanted; "" means the first one of the newest run.
    """
    models = _labels(
        (name, f"{about.get('fingerprint')} {about.get('precision')}", short_name(name))
        for run in runs
        for name, about in run.models.items()
    )
    data = _labels(
        (name, str(about.get("fingerprint")), name) for run in runs for name, about in run.benchmarks.items()
    )
    metric = metric or metrics_of(runs)[0]
    found: dict[str, dict[tuple[Any, ...], Record]] = {
        part: {} for part in ("scores", "tests", "neighbours", "costs")
    }
    kept = Gathered([], [], metric)
    for run in runs:
        named = _Named(run, models, data)
        for part, rows in found.items():
            for row in map(named.row, run.tests if part == "tests" else run.rows_of(part)):
                if part == "costs" or row.get("metric", metric) == metric:
                    key = tuple(row.get(name) for name in ROW_FIELDS if name != "metric")
                    rows[key] = {**row, "run_id": run.run_id}
        _take_examples(kept, named)
        kept.models |= {named.model(name): about for name, about in run.models.items()}
        kept.benchmarks |= {named.benchmark(name): about for name, about in run.benchmarks.items()}
    for part, rows in found.items():
        setattr(kept, part, list(rows.values()))
    used = {row["run_id"] for row in kept.scores}
    kept.runs = [run for run in runs if run.run_id in used]
    kept.passed_over = [run.run_id for run in runs if run.run_id not in used]
    return kept


@dataclass(frozen=True)
class _Named:
    """A run whose models and benchmarks are called by their labels."""

    run: Run
    models: Mapping[tuple[str, str], str]
    data: Mapping[tuple[str, str], str]

    def model(self, name: str) -> str:
        about = self.run.models.get(name) or self.run.model_of({})
        mark = f"{about.get('fingerprint')} {about.get('precision')}"
        return self.models.get((name, mark), short_name(name))

    def benchmark(self, name: str) -> str:
        about = self.run.benchmarks.get(name, {})
        return self.data.get((name, str(about.get("fingerprint"))), name)

    def row(self, row: Record) -> Record:
        model = row.get("model") or next(iter(self.run.models))
        return {**row, "model": self.model(model), "benchmark": self.benchmark(row["benchmark"])}


def _labels(things: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], str]:
    """Name and mark -> label: the short name, with the mark's beginning where two share it."""
    seen = {(name, mark): short for name, mark, short in things}
    shorts = list(seen.values())
    return {
        key: short if shorts.count(short) == 1 else f"{short} ({_told_apart(key[1])})"
        for key, short in seen.items()
    }


def _told_apart(mark: str) -> str:
    """The beginning of a fingerprint, and of a model the precision of its weights."""
    fingerprint, _, precision = mark.partition(" ")
    beginning = fingerprint.removeprefix("sha256:").split("@")[-1][:_MARK]
    return f"{beginning} {precision}".strip()


def _take_examples(kept: Gathered, named: _Named) -> None:
    """A newer run's examples of a model, benchmark and task take the place of an older one's."""
    found = named.run.examples
    entries = [named.row(entry) for entry in found.entries]
    fresh = {(e["model"], e["benchmark"], e["task"]) for e in entries}
    kept.examples = [
        e for e in kept.examples if (e["model"], e["benchmark"], e["task"]) not in fresh
    ] + entries
    for name, documents in found.documents.items():
        kept.documents.setdefault(named.benchmark(name), {}).update(documents)
