"""HTML of the Evaluation tab: leaderboard, runs, progress. What came from outside is escaped."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from eval.benchmarks import BUNDLED
from eval.progress import clock
from eval.report_parts import metric_name
from eval.runs import Run, short_name
from ui import cards
from ui.cards import esc
from ui.run_files import BASE, PARTS
from ui.run_index import ITSELF, NONE, Entry
from ui.runner import Report

HEADS = {
    "model": "Model", "value": "Score", "benchmark": "Benchmark", "task": "Adapter", "dim": "Width",
    "precision": "Format", "vectors": "Vectors", "search": "Search", "baseline": "Of",
    "n_queries": "Queries", "created": "Run (UTC)",
}  # fmt: skip
RIGHT = ("dim", "n_queries")
PAGE = 25


def board(rows: pa.Table, page: int, sort: str, descending: bool, metric: str) -> str:
    """One page of the leaderboard; headings sort, rows open their run.

    Args:
        rows: all rows, sorted.
        page: from 0.
        sort: column they are sorted by.
        descending: largest first.
        metric: what a score is.
    """
    if not len(rows):
        return cards.empty(
            "No run fits these filters", "Take a filter away, or run a benchmark in the next tab."
        )
    top = "".join(_head(name, place, sort, descending, metric) for place, name in enumerate(HEADS))
    part = rows.slice(page * PAGE, PAGE)
    span, shown = _span(part), part.to_pylist()
    body = "".join(_row(row, page * PAGE + at, span) for at, row in enumerate(shown))
    table = (
        "<table class='xp-table ev-table xp-stack ev-board'>"
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    )
    return f"{_region(table, 'Leaderboard')}{pager(len(rows), page, PAGE, 'searches')}"


def _region(table: str, name: str) -> str:
    return f"<div class='xp-scroll' tabindex='0' role='region' aria-label='{esc(name)}'>{table}</div>"


def _head(name: str, place: int, sort: str, descending: bool, metric: str) -> str:
    words = metric_name(metric) if name == "value" and metric else HEADS[name]
    mine = name == sort
    state = ("descending" if descending else "ascending") if mine else "none"
    arrow = ("▼" if descending else "▲") if mine else ""
    return (
        f"<th scope='col' aria-sort='{state}'><button type='button' data-event='sort' data-index='{place}'>"
        f"{esc(words)} <span aria-hidden='true'>{arrow}</span></button></th>"
    )


def _span(rows: pa.Table) -> tuple[float, float]:
    lows, highs = rows["ci_low"].to_numpy(), rows["ci_high"].to_numpy()
    return float(lows.min()), max(float(highs.max()), float(lows.min()) + 1e-9)


def _row(row: Mapping[str, Any], at: int, span: tuple[float, float]) -> str:
    cells = []
    for name in HEADS:
        value = row[name]
        if name == "value":
            shown = interval(value, row["ci_low"], row["ci_high"], span)
            cells.append(f"<td class='ev-score' data-label='{HEADS[name]}'>{shown}</td>")
        elif name == "created":
            cells.append(
                f"<td data-label='{HEADS[name]}'><button type='button' class='ev-open' data-event='pick' "
                f"data-index='{at}' title='{esc(row['run'])}' aria-label='Open run {esc(row['run'])}'>"
                f"{_when(value)}</button></td>"
            )
        else:
            shown = NONE if name == "dim" and not value else value
            if name == "baseline" and value == ITSELF:
                shown = "model"
            side = "ev-right" if name in RIGHT else ""
            cells.append(f"<td class='{side}' data-label='{HEADS[name]}'>{esc(shown)}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _when(created: str) -> str:
    return esc(created[:16].replace("T", " "))


def interval(value: float, low: float, high: float, span: tuple[float, float]) -> str:
    """A value with its 95% interval, as numbers and as a line on the scale of all rows."""
    width = span[1] - span[0]
    left, right, dot = (100 * (number - span[0]) / width for number in (low, high, value))
    return (
        f"<span class='ev-value'><b>{value:.4f}</b><small>{low:.3f} to {high:.3f}</small></span>"
        f"<span class='ev-line' aria-hidden='true'>"
        f"<i style='left:{left:.1f}%;width:{max(right - left, 0.5):.1f}%'></i>"
        f"<em style='left:{dot:.1f}%'></em></span>"
    )


def pager(count: int, page: int, size: int, what: str) -> str:
    """Which part is shown, and buttons to the others."""
    pages = max(1, -(-count // size))
    first, last = page * size + 1, min(count, (page + 1) * size)
    said = f"{first:,} to {last:,} of {count:,} {what}" if count else f"no {what}"
    buttons = "".join(
        f"<button type='button' data-event='turn' data-index='{to}' {'' if 0 <= to < pages else 'disabled'}>"
        f"{words}</button>"
        for to, words in ((page - 1, "Previous"), (page + 1, "Next"))
    )
    return f"<div class='ev-pager'><span role='status'>{said}</span>{buttons}</div>"


def link(path: str, words: str, *, new: bool = False, named: str = "") -> str:
    """A link to one of the routes of :mod:`ui.run_files`."""
    more = " target='_blank' rel='noopener'" if new else " download"
    label = f" aria-label='{esc(named)}'" if named else ""
    return f"<a class='ev-link' href='{esc(f'{BASE}/{path}')}'{more}{label}>{esc(words)}</a>"


def run_links(run_id: str) -> str:
    """What can be taken away of a run."""
    name = quote(run_id, safe="")
    parts = "".join(
        f"<li>{esc(part.replace('_', ' '))}: {link(f'{name}/{part}.csv', 'CSV', named=f'{part} as CSV')} "
        f"{link(f'{name}/{part}.parquet', 'Parquet', named=f'{part} as Parquet')}</li>"
        for part in PARTS
    )
    return (
        f"<div class='ev-links'>{link(f'report?runs={name}', 'Open the HTML report', new=True)}"
        f"{link(f'{name}.zip', 'Everything as a zip')}"
        f"<details><summary>Single tables</summary><ul>{parts}</ul></details></div>"
    )


def facts(run: Run) -> str:
    """What a run is: model, data, counts, time."""
    model = next(iter(run.models.values()))
    name = ", ".join(short_name(name) for name in run.models)
    data = ", ".join(
        f"{about['name']} ({about.get('documents', 0):,} documents, {about.get('queries', 0):,} queries)"
        for about in run.benchmarks.values()
    )
    made = str(run.content.get("created") or "")[:19].replace("T", " ")
    pairs = [
        ("Model", f"{name} · {model.get('precision')} on {model.get('device')}"),
        ("Run", f"{made} UTC, took {clock(float(run.content.get('seconds') or 0))}"),
        ("Scores", f"{len(run.scores):,}"),
    ]
    notices = [str(text) for text in run.content.get("notices") or []]
    said = cards.notes([], notices, limit=4)
    return f"{cards.stats(pairs)}<p class='xp-explain'>{esc(data)}</p>{said}{run_links(run.run_id)}"


def benchmarks(sizes: Mapping[str, tuple[int, int]], missing: Mapping[str, str]) -> str:
    """The bundled benchmarks with their sizes; of those that cannot be had, the line to run."""
    rows = []
    for name, one in BUNDLED.items():
        size = sizes.get(name)
        counts = (
            [f"{count:,}" for count in size] if size else ["…", "…"] if name not in missing else ["–", "–"]
        )
        about = esc(one.about) + (
            f" <small class='ev-missing'>{esc(missing[name])}</small>" if name in missing else ""
        )
        rows.append([f"<b>{esc(name)}</b>", esc(one.modality), *counts, about])
    return (
        cards.table(["Benchmark", "Modality", "Documents", "Queries", "What is asked"], rows, stacked=True)
        .replace("xp-table", "xp-table ev-table")
        .replace("Table of results", "Bundled benchmarks")
    )


def progress(report: Report, trusted: bool, owner: str) -> str:
    """How far the run is, or what has become of it."""
    if report.state == "idle":
        return ""
    if report.state == "done" and report.folder is not None:
        name = report.folder.name
        page = f"report?runs={quote(name, safe='')}"
        words = f"Done: {report.what}, in {clock(report.seconds)}. The result is {name}."
        return (
            f"{cards.note(words)}<div class='ev-links'><button type='button' class='xp-png' "
            f"data-event='pick' data-index='{report.number}'>Look into it</button>"
            f"{link(page, 'Open the HTML report', new=True)}</div>"
        )
    if report.state == "stopped":
        return cards.note(
            f"Stopped: {report.what}. What was encoded so far is in the cache: the same run goes on from "
            "there."
        )
    if report.state == "failed":
        return cards.note(f"{report.what}: {report.why}", "error")
    return _going(report, trusted, owner)


def _going(report: Report, trusted: bool, owner: str) -> str:
    share = 100 * report.done // report.total if report.total else 0
    words = "stopping after the batch at hand" if report.state == "stopping" else report.stage
    whose = (
        ""
        if owner == report.owner
        else " (started in another window" + (")" if trusted else " by another visitor)")
    )
    told = " · ".join(
        part for part in (f"{report.what}{whose}: {words}", report.rate(), report.whole()) if part
    )
    said = "".join(f"<li>{esc(line)}</li>" for line in report.said)
    return (
        f"<div class='xp-progress' role='progressbar' aria-valuemin='0' aria-valuemax='{report.total or 1}' "
        f"aria-valuenow='{report.done}' aria-label='Benchmark run'><span style='width:{share}%'></span></div>"
        f"<p class='xp-note xp-info'>{esc(told)} · {clock(report.seconds)} so far</p>"
        f"<ul class='ev-said'>{said}</ul>"
    )


def estimate(lines: Sequence[str]) -> str:
    """What a run would take."""
    return "<ul class='ev-said'>" + "".join(f"<li>{esc(line)}</li>" for line in lines) + "</ul>"


def runs_label(entry: Entry) -> str:
    """A run in a list of runs."""
    benchmarks_ = ", ".join(entry.benchmarks[:3]) + (" …" if len(entry.benchmarks) > 3 else "")
    parts = (entry.created[:16].replace("T", " "), ", ".join(entry.models), benchmarks_, entry.run_id[-6:])
    return " · ".join(parts)
