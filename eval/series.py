"""From rows of results to what figures draw."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eval.cost import pareto_front
from eval.marks import Curve, Effect, Level, Point
from eval.published import V3_TRUNCATION
from eval.runs import Record

POINT = 0.01
"""One point of nDCG."""

LATE = "late interaction"


def is_plain(row: Mapping[str, Any]) -> bool:
    """Whether it is of the model's own dense vectors, in float32, searched exactly."""
    return (row["vectors"], row["precision"], row["search"], row["baseline"]) == (
        "dense", "float32", "exact", None,
    )  # fmt: skip


def is_plain_late(row: Mapping[str, Any]) -> bool:
    """Whether it is of late interaction in float32, searched exactly."""
    return (row["vectors"], row["precision"], row["search"], row["baseline"]) == (
        "late", "float32", "exact", None,
    )  # fmt: skip


def curve(name: str, rows: Iterable[Record], *, quiet: bool = False) -> Curve:
    """Values of rows by their width, with their intervals."""
    found = sorted(rows, key=lambda row: row["dim"])
    values, lows, highs = ([row[part] for row in found] for part in ("value", "ci_low", "ci_high"))
    return Curve(name, [row["dim"] for row in found], values, lows, highs, quiet)


def level(name: str, row: Record) -> Level:
    """The value of a row that has no width to vary."""
    return Level(name, row["value"], row["ci_low"], row["ci_high"])


def grouped(rows: Iterable[Record], key: Callable[[Record], str]) -> dict[str, list[Record]]:
    """Rows by a key, in the order of their first."""
    found: dict[str, list[Record]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def by_subject(rows: Sequence[Record], subject: Callable[[Record], str]) -> tuple[list[Curve], list[Level]]:
    """One benchmark, a curve per adapter; late interaction and what needs no adapter as lines across."""
    own = [row for row in rows if row["baseline"] is None]
    curves = [curve(name, group) for name, group in grouped(filter(is_plain, own), subject).items()]
    levels = [level(f"{subject(row)}, late", row) for row in own if is_plain_late(row)]
    return curves, levels + without_width(rows)


def by_precision(rows: Sequence[Record]) -> tuple[list[Curve], list[Level]]:
    """One benchmark and adapter, a curve per number format and search; projections in grey."""
    dense = [row for row in rows if row["vectors"] == "dense" and row["dim"]]
    own = grouped((row for row in dense if row["baseline"] is None), way_of)
    others = grouped((row for row in dense if row["baseline"] in ("pca", "random")), projection_of)
    curves = [curve(name, group) for name, group in own.items()]
    curves += [curve(name, group, quiet=True) for name, group in others.items()]
    late = [level(way_of(row), row) for row in rows if row["vectors"] == "late"]
    return curves, _merged_levels(late) + without_width(rows)


def _merged_levels(levels: Iterable[Level]) -> list[Level]:
    """Lines that lie upon each other as one, with both names, as `merged` does with curves."""
    found: dict[tuple[float | None, ...], Level] = {}
    for one in levels:
        key = (one.value, one.low, one.high)
        kept, name = found.get(key), one.name.removeprefix(f"{LATE}, ")
        found[key] = replace(one, name=f"{kept.name} = {name}") if kept else one
    return list(found.values())


def by_search(rows: Sequence[Record]) -> list[Curve]:
    """One benchmark and adapter, a curve per search that is not exact; float32 in grey. None if all are."""
    dense = [row for row in rows if row["vectors"] == "dense" and row["dim"] and row["baseline"] is None]
    others = grouped((row for row in dense if row["search"] != "exact"), way_of)
    plain = [curve("float32", list(filter(is_plain, dense)), quiet=True)]
    curves = merged(curve(name, group) for name, group in others.items())
    return [*curves, *(one for one in plain if one.dims)] if curves else []


def merged(curves: Iterable[Curve]) -> list[Curve]:
    """Curves that lie upon each other as one, with both names: int8 and uint8 order documents alike."""
    found: dict[tuple[Any, ...], Curve] = {}
    for one in curves:
        key = (one.quiet, tuple(one.dims), tuple(one.values))
        kept = found.get(key)
        found[key] = replace(one, name=f"{kept.name} = {one.name}") if kept else one
    return list(found.values())


def without_width(rows: Sequence[Record]) -> list[Level]:
    """BM25 and other models that stand beside as a whole, each once and at its full width."""
    found: dict[str, Level] = {}
    for row in sorted(rows, key=lambda row: row["dim"] or 0):
        if row["baseline"] and row["baseline"] not in ("pca", "random"):
            name = "BM25" if row["baseline"] == "bm25" else str(row["baseline"]).rsplit("/", 1)[-1]
            found[name] = level(name, row)
    return list(found.values())


def way_of(row: Mapping[str, Any]) -> str:
    """Number format and search of a row, for people."""
    name = str(row["precision"]) if row["search"] == "exact" else f"{row['precision']}, {row['search']}"
    if row["vectors"] == "late":
        return LATE if name == "float32" else f"{LATE}, {name}"
    return name


def projection_of(row: Mapping[str, Any]) -> str:
    """A projection, for people."""
    return {"pca": "PCA", "random": "random projection"}.get(row["baseline"], str(row["baseline"]))


def setting_of(row: Mapping[str, Any]) -> str:
    """A search, for people, without its adapter."""
    if row["baseline"] and not row["dim"]:
        return "BM25" if row["baseline"] == "bm25" else str(row["baseline"])
    name = f"{row['dim']} · {way_of(row)}"
    return f"{name} · {projection_of(row)}" if row["baseline"] else name


def valued(costs: Iterable[Record], scores: Mapping[tuple[Any, ...], Record]) -> list[Record]:
    """Rows of costs with the values of one metric, and what is worth its bytes by it.

    Args:
        costs: rows of one benchmark and adapter.
        scores: rows of the metric's scores by `key_of`; what has none is left out.
    """
    found = {key_of(row): row for row in costs if key_of(row) in scores}
    own = {
        key: (row["searched_bytes"], scores[key]["value"])
        for key, row in found.items()
        if row["baseline"] is None
    }
    front = set(pareto_front(own))
    return [{**row, "value": scores[key]["value"], "is_worth": key in front} for key, row in found.items()]


def points(costs: Iterable[Record], scores: Mapping[tuple[Any, ...], Record]) -> list[Point]:
    """The model's own settings by bytes and quality.

    Args:
        costs: rows of one benchmark and adapter.
        scores: rows of scores by `key_of`.
    """
    found = []
    for row in costs:
        if row["baseline"] is None and key_of(row) in scores:
            score = scores[key_of(row)]
            ends = (score["ci_low"], score["ci_high"])
            label, group = str(row["dim"]), way_of(row)
            if row["vectors"] == "late":
                label, group = group.replace(LATE, "late"), LATE
            found.append(
                Point(label, group, row["searched_bytes"], row["value"], *ends, bool(row["is_worth"]))
            )
    return found


def key_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a row is about, as something to look it up by."""
    names = ("model", "benchmark", "task", "vectors", "dim", "precision", "search", "baseline")
    return tuple(row.get(name) for name in names)


def effects(tests: Iterable[Record], verdict: Callable[[Record], str]) -> list[Effect]:
    """Differences from the full width in points."""
    return [
        Effect(
            setting_of(row), row["difference"] / POINT, row["ci_low"] / POINT, row["ci_high"] / POINT,
            verdict(row),
        )
        for row in tests
    ]  # fmt: skip


def overlaps(rows: Iterable[Record], name: str, full: int | None) -> list[Curve]:
    """Neighbours kept by width: a curve per number format and projection, then the rank correlation.

    Args:
        rows: of one benchmark and adapter.
        name: the share's, such as "overlap@10".
        full: width of the plain search that all are compared with; it keeps all of its own.
    """
    kept = sorted((row for row in rows if row["dim"]), key=lambda row: row["dim"])
    curves = [
        replace(_averages(label, group, name, "overlap"), quiet=label in _PROJECTIONS)
        for label, group in grouped(
            kept, lambda row: projection_of(row) if row["baseline"] else way_of(row)
        ).items()
    ]
    ranked = [row for row in kept if row.get("rank_correlation") is not None]
    if ranked:
        curves.append(_averages("rank correlation", ranked, "rank_correlation", "rank_correlation"))
    return [_with_itself(one, full) if one.name in _OF_ITSELF else one for one in curves]


def _averages(label: str, rows: Sequence[Record], name: str, short: str) -> Curve:
    """Means by width, with their intervals where all rows have them: runs of before have none."""
    low, high = f"{short}_ci_low", f"{short}_ci_high"
    has_ends = all(row.get(low) is not None for row in rows)
    lows, highs = ([row[end] for row in rows] if has_ends else () for end in (low, high))
    return Curve(label, [row["dim"] for row in rows], [row[name] for row in rows], lows, highs)


def _with_itself(one: Curve, full: int | None) -> Curve:
    if full is None or full in one.dims:
        return one
    lows, highs = ([*ends, 1.0] if ends else () for ends in (one.lows, one.highs))
    return replace(one, dims=[*one.dims, full], values=[*one.values, 1.0], lows=lows, highs=highs)


_OF_ITSELF = ("float32", "rank correlation")
_PROJECTIONS = ("PCA", "random projection")


def kept_share(curves: Iterable[Curve]) -> list[Curve]:
    """Of each curve the share of its last value in percent, by the percentage of the width."""
    return [
        Curve(
            one.name,
            [100 * dim / one.dims[-1] for dim in one.dims],
            [100 * value / one.values[-1] for value in one.values],
            quiet=one.quiet,
        )
        for one in curves
        if one.values[-1] > 0
    ]


def published_truncation() -> list[Curve]:
    """v3's published truncation, retrieval and STS."""
    dims = [row.dim for row in V3_TRUNCATION]
    return [
        Curve("v3 retrieval (published)", dims, [row.retrieval for row in V3_TRUNCATION], quiet=True),
        Curve("v3 STS (published)", dims, [row.sts for row in V3_TRUNCATION], quiet=True),
    ]
