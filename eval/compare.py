"""Two runs side by side: the same searches of the same queries, in pairs, with how sure a difference is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from embedder.errors import InputError
from eval.progress import columns
from eval.runs import Record, Run
from eval.significance import CONFIDENCE, RESAMPLES, Difference, compare, holm

Key: TypeAlias = tuple[Any, ...]
Values: TypeAlias = NDArray[np.float64]
Queries: TypeAlias = tuple[list[str], Values]  # ids and values

KEY = ("benchmark", "metric", "task", "dim", "vectors", "precision", "search")
# Where results and vectors lie, and what was encoded before, changes no figure.
_IMMATERIAL = {"settings": {"out", "cache"}, "model": {"encoded", "from_cache", "notices", "seconds"}}
_SHORT = 48  # characters of a value in the table of what differs


@dataclass(frozen=True)
class Paired:
    """One search that both runs made, compared query by query.

    Attributes:
        benchmark: name.
        metric: such as "ndcg@10".
        task: adapter.
        dim: width.
        vectors: "dense" or "late".
        precision: of the stored vectors.
        search: "exact" and so on.
        a: mean of the first run, 0 to 1.
        b: mean of the second.
        difference: b - a.
        ci_low: lower end of its 95% interval, bootstrapped over queries.
        ci_high: upper end.
        p: of a paired randomisation test, two-sided.
        p_holm: the same, corrected for the number of rows compared.
        detectable: smallest true difference that these queries show four times in five, None for one query.
        n_queries: number of pairs.
    """

    benchmark: str
    metric: str
    task: str | None
    dim: int | None
    vectors: str | None
    precision: str | None
    search: str
    a: float
    b: float
    difference: float
    ci_low: float
    ci_high: float
    p: float
    p_holm: float
    detectable: float | None
    n_queries: int

    @property
    def verdict(self) -> str:
        """Whether b is "better" or "worse" than a, or "" where neither is shown."""
        if self.p_holm >= 1 - CONFIDENCE:
            return ""
        return "better" if self.difference > 0 else "worse"


@dataclass(frozen=True)
class Comparison:
    """What two runs say of each other.

    Attributes:
        a: the first run.
        b: the second.
        rows: searches that both made.
        refused: benchmark -> why it cannot be compared.
        differs: name of a setting, version or property -> its two values, where they are not equal.
        only_a: searches of the first run that the second did not make.
        only_b: and the other way round.
        seed: of the resampling.
    """

    a: Run
    b: Run
    rows: tuple[Paired, ...]
    refused: Mapping[str, str]
    differs: Mapping[str, tuple[Any, Any]]
    only_a: int
    only_b: int
    seed: int

    def content(self) -> dict[str, object]:
        """All of it, as `json` can write it."""
        return {
            "a": _about(self.a),
            "b": _about(self.b),
            "differs": {name: list(values) for name, values in self.differs.items()},
            "not_comparable": dict(self.refused),
            "only_a": self.only_a,
            "only_b": self.only_b,
            "method": {
                "difference": "b - a, paired by query",
                "interval": "percentile bootstrap over queries",
                "confidence": CONFIDENCE,
                "resamples": RESAMPLES,
                "p": "paired randomisation, two-sided; p_holm is corrected for all rows",
                "seed": self.seed,
            },
            "rows": [{**asdict(row), "verdict": row.verdict} for row in self.rows],
        }


def compare_runs(a: Run, b: Run, metrics: Sequence[str] = (), seed: int = 0) -> Comparison:
    """Compare the searches that two runs share, baselines left out.

    Args:
        a: the first run.
        b: the second; differences are b - a.
        metrics: which to compare; none means the first one of `a`, "all" every one that both have. All
            rows together are the family of Holm's correction, so that fewer metrics show more.
        seed: of the resampling.

    Raises:
        InputError: nothing can be compared; the reason is named.
    """
    wanted = _metrics(a, b, metrics)
    models = len(a.models) > 1 or len(b.models) > 1
    left, right = _indexed(a, wanted, models), _indexed(b, wanted, models)
    shared = [key for key in left if key in right]
    refused = _refused(a, b, left, right, shared)
    kept = [key for key in shared if key[0] not in refused]
    if not kept:
        raise InputError(_nothing(a, b, refused))
    return Comparison(
        a, b, _pair(kept, left, right, seed), refused, what_differs(a, b),
        len(left) - len(shared), len(right) - len(shared), seed,
    )  # fmt: skip


def _metrics(a: Run, b: Run, metrics: Sequence[str]) -> list[str]:
    first = list(dict.fromkeys(row["metric"] for row in a.scores))
    both = [name for name in first if any(row["metric"] == name for row in b.scores)]
    if list(metrics) == ["all"]:
        return both
    for name in metrics or first[:1]:
        if name not in both:
            raise InputError(f"metric {name!r}: both runs have {', '.join(both) or 'none in common'}")
    return list(metrics) or both[:1]


def _indexed(run: Run, metrics: Sequence[str], models: bool) -> dict[Key, Queries]:
    """Query ids and values of each search of the models themselves; the key begins with the benchmark."""
    return {
        (*(row[name] for name in KEY), row["model"] if models else None): values
        for row, values in zip(run.scores, run.per_query, strict=True)
        if row["baseline"] is None and row["metric"] in metrics
    }


def _refused(
    a: Run, b: Run, left: Mapping[Key, Queries], right: Mapping[Key, Queries], shared: Sequence[Key]
) -> dict[str, str]:
    """Benchmarks of one name that are not the same, and why."""
    found: dict[str, str] = {}
    for name in a.benchmarks.keys() & b.benchmarks.keys():
        marks = [run.benchmarks[name].get("fingerprint", "") for run in (a, b)]
        if marks[0] != marks[1]:
            found[name] = f"the data differ: fingerprint {marks[0][:12]} against {marks[1][:12]}"
    for key in shared:
        ids = left[key][0], right[key][0]
        if key[0] not in found and ids[0] != ids[1]:
            common = len(set(ids[0]) & set(ids[1]))
            found[key[0]] = (
                f"the queries differ: {len(ids[0]):,} against {len(ids[1]):,}, {common:,} of them shared"
            )
    return dict(sorted(found.items()))


def _nothing(a: Run, b: Run, refused: Mapping[str, str]) -> str:
    reasons = [f"{name}: {reason}" for name, reason in refused.items()]
    if not reasons:
        reasons = [f"{_made(a)}; {_made(b)}"]
    return f"{a.run_id} and {b.run_id} share no search that can be compared: {'; '.join(reasons)}"


def _made(run: Run) -> str:
    rows = [row for row in run.scores if row["baseline"] is None]
    told = {
        name: list(dict.fromkeys(str(row[name]) for row in rows)) for name in ("benchmark", "task", "dim")
    }
    return f"{run.run_id} has " + ", ".join(f"{name} {'/'.join(values)}" for name, values in told.items())


def _pair(
    keys: Iterable[Key], left: Mapping[Key, Queries], right: Mapping[Key, Queries], seed: int
) -> tuple[Paired, ...]:
    # Each row has its own reference: differences are compared with nothing at all.
    differences = {key: right[key][1] - left[key][1] for key in keys}
    found = {}
    for size in {len(values) for values in differences.values()}:
        family = {key: values for key, values in differences.items() if len(values) == size}
        found.update(compare(np.zeros(size), family, seed=seed))
    adjusted = holm({key: found[key].p_value for key in differences})
    return tuple(_paired(key, left[key][1], right[key][1], found[key], adjusted[key]) for key in differences)


def _paired(key: Key, a: Values, b: Values, found: Difference, p_holm: float) -> Paired:
    benchmark, metric, task, dim, vectors, precision, search = key[: len(KEY)]
    return Paired(
        benchmark=benchmark, metric=metric, task=task, dim=dim, vectors=vectors, precision=precision,
        search=search, a=float(a.mean()), b=float(b.mean()),
        difference=found.interval.mean, ci_low=found.interval.low, ci_high=found.interval.high,
        p=found.p_value, p_holm=p_holm,
        detectable=found.detectable if np.isfinite(found.detectable) else None, n_queries=len(a),
    )  # fmt: skip


def what_differs(a: Run, b: Run) -> dict[str, tuple[Any, Any]]:
    """Properties of models, settings, methods and versions that are not the same in both runs."""
    left, right = dict(_properties(a)), dict(_properties(b))
    names = list(dict.fromkeys([*left, *right]))
    return {name: (left.get(name), right.get(name)) for name in names if left.get(name) != right.get(name)}


def _properties(run: Run) -> Iterator[tuple[str, Any]]:
    single = len(run.models) == 1
    parts: dict[str, Any] = {
        f"model{'' if single else ' ' + name}": about for name, about in run.models.items()
    }
    parts |= {part: run.content.get(part) or {} for part in ("settings", "method", "versions")}
    for part, about in parts.items():
        for name, value in about.items():
            if name not in _IMMATERIAL.get(part.split()[0], ()):
                yield f"{part}.{name}", value


def _about(run: Run) -> Record:
    return {
        "run_id": run.run_id,
        "created": run.content.get("created"),
        "command": run.content.get("command"),
        "models": [
            {name: about.get(name) for name in ("name", "revision", "fingerprint", "precision", "device")}
            for about in run.models.values()
        ],
    }


def table(comparison: Comparison) -> str:
    """A comparison as text for a terminal."""
    parts = [
        "\n".join(f"{letter}: {_named(run)}" for letter, run in (("A", comparison.a), ("B", comparison.b))),
        _differences(comparison),
        "\n".join(f"not comparable: {name}: {why}" for name, why in comparison.refused.items()),
        _rows(comparison.rows),
        _summary(comparison),
    ]
    return "\n\n".join(part for part in parts if part)


def _named(run: Run) -> str:
    models = ", ".join(
        f"{about.get('name')} ({str(about.get('revision') or about.get('fingerprint'))[:19]}, "
        f"{about.get('precision')} on {about.get('device')})"
        for about in run.models.values()
    )
    return f"{run.run_id}, {models}, {run.content.get('created')}"


def _differences(comparison: Comparison) -> str:
    if not comparison.differs:
        return "model, settings, method and versions are the same in both"
    rows = [(name, _short(left), _short(right)) for name, (left, right) in comparison.differs.items()]
    return columns([("differs", "A", "B"), *rows])


def _short(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def _rows(rows: Sequence[Paired]) -> str:
    head = (*KEY, "A", "B", "B - A", "95% interval", "p", "p Holm", "B is")
    lines: list[tuple[str, ...]] = [head]
    for row in rows:
        told = ["-" if value is None else str(value) for value in (getattr(row, name) for name in KEY)]
        numbers = (f"{row.a:.4f}", f"{row.b:.4f}", f"{row.difference:+.4f}")
        ends = f"{row.ci_low:+.4f} to {row.ci_high:+.4f}"
        lines.append((*told, *numbers, ends, f"{row.p:.4f}", f"{row.p_holm:.4f}", row.verdict))
    return columns(lines, right=(3, 7, 8, 9))


def _summary(comparison: Comparison) -> str:
    verdicts = [row.verdict for row in comparison.rows]
    lines = [
        f"B is better in {verdicts.count('better')} of {len(verdicts)} searches, worse in "
        f"{verdicts.count('worse')}; of {verdicts.count('')} neither is shown "
        f"(Holm over {len(verdicts)}, 5%)"
    ]
    if comparison.only_a or comparison.only_b:
        lines.append(f"left out: {comparison.only_a} searches of A alone, {comparison.only_b} of B alone")
    return "\n".join(lines)
