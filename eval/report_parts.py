"""What stands in a report: tables and figures, made of gathered results."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from embedder.quantization import VectorPrecision
from eval import series, verdicts
from eval.figures import differences, latency, pareto, trade_off
from eval.gather import Gathered
from eval.marks import Point
from eval.published import ADDRESSES, TABLE, V3_PAPER, V4_PAPER
from eval.report_plots import Drawn, Plots
from eval.runs import Record, Run


def summary(found: Gathered) -> dict[str, Any]:
    """The main findings as sentences."""
    lines, metric = verdicts.lines(found.tests), metric_name(found.metric)
    dense = any(series.is_plain(row) for row in found.scores)
    return {
        "nothing": f"No test by {metric} was kept: the runs are of an older version, or have one width alone."
        if dense
        else "No run here has dense vectors to test.",
        "quarter": verdicts.at_a_quarter(lines, metric),
        "pairs": verdicts.by_pair(lines) if len(found.models) == 1 else [],
        "floor": f"{verdicts.FLOOR:g}",
        "margin": "one point is 0.01 on the scale from 0 to 1",
    }


def run_table(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Runs, newest first, with everything that it takes to repeat them."""
    return [
        {
            "run_id": run.run_id,
            **{name: run.content.get(name) for name in ("created", "command", "seconds")},
            "models": list(run.models.values()),
            "settings": _pairs(run.content.get("settings")),
            "versions": _pairs(run.content.get("versions")),
            "method": _pairs(run.content.get("method")),
            "notices": run.content.get("notices") or [],
        }
        for run in reversed(runs)
    ]


def _pairs(about: object) -> list[tuple[str, str]]:
    items = about.items() if isinstance(about, dict) else []
    return [(name, ", ".join(map(str, v)) if isinstance(v, list) else str(v)) for name, v in items]


def encoded_table(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """What went through the model in each run, and what was there from before."""
    return [
        {
            "run_id": run.run_id, "task": task, "role": role, "encoded": count,
            "cached": run.content.get("from_cache", {}).get(task, {}).get(role, 0),
        }
        for run in reversed(runs)
        for task, roles in run.content.get("encoded", {}).items()
        for role, count in roles.items()
    ]  # fmt: skip


def adapter_table(found: Gathered) -> dict[str, Any]:
    """Adapters by benchmarks at the widest plain search, with late interaction and other models below."""
    own = [row for row in found.scores if row["baseline"] is None]
    widest: dict[tuple[str, str], Record] = {}
    for row in filter(series.is_plain, own):
        key = (found.subject(row), row["benchmark"])
        if key not in widest or row["dim"] > widest[key]["dim"]:
            widest[key] = row
    late = {
        (f"{found.subject(row)}, late", row["benchmark"]): row for row in own if series.is_plain_late(row)
    }
    others = {
        (one.name, name): {"value": one.value, "ci_low": one.low, "ci_high": one.high, "dim": None}
        for name in found.benchmarks
        for one in series.without_width([r for r in found.scores if r["benchmark"] == name])
    }
    cells = widest | late | others
    names = list(dict.fromkeys(name for name, _ in cells))
    benchmarks = list(found.benchmarks)
    best = {b: max((c["value"] for (_, at), c in cells.items() if at == b), default=0) for b in benchmarks}
    rows = [(name, [(cells.get((name, b)), best[b]) for b in benchmarks]) for name in names]
    return {"benchmarks": benchmarks, "rows": rows}


def overview(found: Gathered, plots: Plots) -> list[dict[str, Any]]:
    """For each benchmark quality by width, a line per adapter."""
    made = []
    for name, about in found.benchmarks.items():
        rows = [row for row in found.scores if row["benchmark"] == name]
        curves, levels = series.by_subject(rows, found.subject)
        told = f"{metric_name(found.metric)} on {name} by width, one line per adapter"
        plot = plots.add(trade_off, told, curves, levels, y_title=_title(found))
        if plot:
            made.append({"benchmark": name, "about": about, "plot": plot})
    return made


def _title(found: Gathered) -> str:
    return f"{metric_name(found.metric)} (0 to 1)"


def metric_name(metric: str) -> str:
    """A metric as people write it: nDCG@10."""
    return metric.replace("ndcg", "nDCG").replace("mrr", "MRR").replace("map", "MAP")


def details(found: Gathered, plots: Plots) -> list[dict[str, Any]]:
    """For each benchmark and adapter: number formats, differences, bytes, neighbours, time."""
    made = []
    for benchmark in found.benchmarks:
        pick = _picker(benchmark)
        for subject, rows in series.grouped(
            (row for row in pick(found.scores) if row["task"] is not None), found.subject
        ).items():
            near = [r for r in rows + _free(pick(found.scores), rows[0])]
            mine = _Mine(found, pick, subject, rows[0])
            made.append(_detail(found, plots, mine, near))
    return made


def _picker(benchmark: str) -> Callable[[Iterable[Record]], list[Record]]:
    return lambda rows: [row for row in rows if row["benchmark"] == benchmark]


def _free(rows: Sequence[Record], like: Record) -> list[Record]:
    """Rows that need no adapter, of the same model."""
    return [row for row in rows if row["task"] is None and row["model"] == like["model"]]


@dataclass(frozen=True)
class _Mine:
    """Rows of one benchmark and adapter."""

    found: Gathered
    pick: Callable[[Iterable[Record]], list[Record]]
    subject: str
    first: Record

    def of(self, rows: Iterable[Record]) -> list[Record]:
        wanted = (self.first["model"], self.first["task"])
        return [row for row in self.pick(rows) if (row["model"], row["task"]) == wanted]


def _detail(found: Gathered, plots: Plots, mine: _Mine, rows: list[Record]) -> dict[str, Any]:
    where = f"{mine.first['benchmark']}, {mine.subject}"
    scores = {series.key_of(row): row for row in rows}
    costs = series.valued(mine.of(found.costs), scores)
    tests = sorted((row for row in mine.of(found.tests) if row["vectors"]), key=_order)
    return {
        "benchmark": mine.first["benchmark"],
        "subject": mine.subject,
        **_plots_of_quality(found, plots, rows, tests, series.points(costs, scores), where),
        "neighbours": _neighbours(plots, mine.of(found.neighbours), tests, where),
        "latency": _latency(costs, plots, where),
        "tests": [{**row, "name": series.setting_of(row), "verdict": verdicts.verdict(row)} for row in tests],
        "costs": [
            {**row, "name": series.setting_of(row), "score": scores[series.key_of(row)]} for row in costs
        ],
    }


def _plots_of_quality(
    found: Gathered,
    plots: Plots,
    rows: Sequence[Record],
    tests: Sequence[Record],
    points: Sequence[Point],
    where: str,
) -> dict[str, Drawn | None]:
    """Value by width and format, by bytes, and what is lost."""
    curves, levels = series.by_precision([row for row in rows if row["search"] == "exact"])
    effects = series.effects([row for row in tests if row["baseline"] is None], verdicts.verdict)
    title, name = _title(found), metric_name(found.metric)
    return {
        "formats": plots.add(
            trade_off, f"{name} by width and format, {where}", series.merged(curves), levels, y_title=title
        ),
        "searches": plots.add(
            trade_off, f"{name} by width and search, {where}", series.by_search(rows), y_title=title
        ),
        "differences": plots.add(differences, f"Loss of {name} against the full width, {where}", effects),
        "pareto": plots.add(pareto, f"{name} by bytes, {where}", points, y_title=title),
    }


def _neighbours(plots: Plots, kept: Sequence[Record], tests: Sequence[Record], where: str) -> Drawn | None:
    near = next((name for row in kept for name in row if name.startswith("overlap@")), "overlap@10")
    full = next((row["reference_dim"] for row in tests), None)
    return plots.add(
        trade_off,
        f"Neighbours kept by width, {where}",
        series.overlaps(kept, near, full),
        y_title=f"{near} with the full width (0 to 1)",
        limits=(0, 1.05),
    )


def _order(row: Record) -> tuple[str, bool, int, str, int]:
    """The model itself before projections, dense before late, float32 before codes, then by width."""
    place = list(VectorPrecision).index(row["precision"])
    return (row["baseline"] or "", row["vectors"] == "late", place, row["search"], row["dim"])


def _latency(costs: Sequence[Record], plots: Plots, where: str) -> Drawn | None:
    timed = sorted((row for row in costs if row["latency_median_ms"] is not None), key=lambda row: row["dim"])
    if not timed:
        return None
    return plots.add(
        latency,
        f"Time of a query by width, {where}",
        [row["dim"] for row in timed],
        [row["latency_median_ms"] for row in timed],
        [row["latency_p95_ms"] for row in timed],
        documents=timed[0]["latency_documents"],
    )


def width_table(found: Gathered) -> dict[str, Any]:
    """Whether each width loses less than a point: adapters and benchmarks by widths."""
    lines = verdicts.lines(found.tests)
    dims = sorted({dim for line in lines for dim in line.cells})
    several = len(found.models) > 1
    rows = [
        {
            "benchmark": line.benchmark,
            "subject": f"{line.model} · {line.task}" if several else line.task,
            "full": line.full,
            "empty": line.is_empty,
            "cells": [line.cells.get(dim) for dim in dims],
        }
        for line in lines
    ]
    return {"dims": dims, "rows": rows}


def shapes(found: Gathered, plots: Plots) -> Drawn | None:
    """How our curves bend beside v3's as published."""
    theirs = series.published_truncation()
    ours = []
    for benchmark in found.benchmarks:
        rows = [row for row in found.scores if row["benchmark"] == benchmark]
        curves, _ = series.by_subject(rows, found.subject)
        # one adapter of each benchmark keeps the figure readable: the best at full width
        curves = sorted((c for c in curves if len(c.dims) > 1), key=lambda c: -c.values[-1])[:1]
        ours += [series.Curve(f"{benchmark}, {c.name}", c.dims, c.values) for c in curves]
    return plots.add(
        trade_off,
        "Share of quality kept by share of the width, ours and the published ones of v3",
        series.kept_share([*ours[:6], *theirs]),
        x_title="share of the full width (%)",
        y_title="share of the full width's value kept (%)",
    )


def sources() -> dict[str, Any]:
    """What the authors of v4 and v3 print, and where."""
    return {
        "table": TABLE,
        "v4": (V4_PAPER, ADDRESSES[V4_PAPER]),
        "v3": (V3_PAPER, ADDRESSES[V3_PAPER]),
    }


def examples(found: Gathered) -> list[dict[str, Any]]:
    """Queries to look at, by benchmark and adapter, with their documents."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in found.examples:
        key = (entry["benchmark"], found.subject(entry))
        group = groups.setdefault(key, {"benchmark": key[0], "subject": key[1], "worst": [], "lost": []})
        group[entry["kind"]].append(_with_documents(entry, found.documents.get(entry["benchmark"], {})))
    return list(groups.values())


def _with_documents(entry: Record, documents: dict[str, dict[str, str]]) -> Record:
    nothing = {"text": "", "picture": ""}

    def shown(item: Record) -> Record:
        return {**item, **documents.get(item["document"], nothing)}

    return {
        **entry,
        "relevant": [shown(item) for item in entry["relevant"]],
        "searches": [
            {
                **search,
                "name": series.way_of(search)
                if search["vectors"] == "late"
                else f"{search['dim']} dimensions",
                "found": [shown(item) for item in search["found"]],
            }
            for search in entry["searches"]
        ],
    }
