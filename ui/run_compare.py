"""Two runs side by side: what differs, every search that both made, and single queries."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from embedder.errors import InputError
from eval.compare import KEY, Comparison, Paired, compare_runs
from eval.figures import changes, query_changes
from eval.marks import Effect
from eval.report_parts import metric_name
from eval.runs import Record, Run
from eval.series import POINT, setting_of, way_of
from ui import plots

MOST_DRAWN = 40
"""Rows of the figure; the table has all of them."""
KEPT = 8
EXPLANATION = (
    "Each row is one search that both runs made. Differences are B − A in points (hundredths), paired "
    "query by query: the line is the 95% interval of the mean difference (bootstrap over queries), p is "
    "of a paired randomisation test, and “B is better” or “worse” is said only where p stays below 5% "
    "after Holm's correction for all rows. Where nothing is said the queries cannot tell; that is not "
    "the same as equal. Press a row for its single queries."
)
QUERIES_EXPLAINED = (
    "Each bar is one query, sorted from the largest gain of B to its largest loss; queries without a "
    "difference have no bar. A mean near zero may hide many gains and as many losses. Press a query of the "
    "lists to see what each run found for it."
)


class Compared:
    """Comparisons made lately; a run never changes, so they stay true."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, str], Comparison] = OrderedDict()

    def of(self, a: Run, b: Run, metric: str) -> Comparison:
        """Compare by one metric.

        Raises:
            InputError: they are one run, or share nothing that can be compared.
        """
        if a.run_id == b.run_id:
            raise InputError("A and B are the same run: choose two.")
        key = (str(a.folder), str(b.folder), metric)
        if key not in self._kept:
            self._kept[key] = compare_runs(a, b, [metric])
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]


def shared_metrics(a: Run, b: Run) -> list[str]:
    """Metrics that both runs have, in the order of the first."""
    both = {row["metric"] for row in b.scores}
    return list(dict.fromkeys(row["metric"] for row in a.scores if row["metric"] in both))


def title_of(row: Paired) -> str:
    """A row, for people: benchmark, adapter, search."""
    about = {name: getattr(row, name) for name in KEY} | {"baseline": None}
    search = way_of(about) if row.vectors == "late" else setting_of(about)
    return f"{row.benchmark}, {row.task}, {search}"


def figure(found: Comparison) -> str:
    """Differences with their intervals, for :func:`ui.plots.plot`; beyond the first rows only the table."""
    effects = [
        Effect(title_of(row), row.difference / POINT, row.ci_low / POINT, row.ci_high / POINT,
               row.verdict or "not shown")
        for row in found.rows
    ]  # fmt: skip
    left = len(effects) - MOST_DRAWN
    more = f"; {left} more rows are in the table" if left > 0 else ""
    metric = metric_name(found.rows[0].metric)
    return plots.pack(
        changes(effects[:MOST_DRAWN]),
        title=f"{metric}: B − A{more}",
        name="comparison",
        table=table(found),
        about=f"Differences of {metric} between two runs, {len(effects)} searches, with 95% intervals",
    )


def table(found: Comparison) -> list[dict[str, object]]:
    """All rows with all numbers."""
    names = (*KEY, "a", "b", "difference", "ci_low", "ci_high", "p", "p_holm", "n_queries", "verdict")
    return [{name: getattr(row, name) if getattr(row, name) is not None else "" for name in names}
            for row in found.rows]  # fmt: skip


def per_query(found: Comparison, place: int) -> list[tuple[str, float, float]]:
    """Id and both values of each query of one row.

    Raises:
        InputError: there is no such row.
    """
    (_, (ids, a)), (_, (_, b)) = _both(found, place)
    return [(name, float(x), float(y)) for name, x, y in zip(ids, a, b, strict=True)]


def searches_of(found: Comparison, place: int) -> list[tuple[Run, Record]]:
    """Each run with its own row of scores of one row of the comparison.

    Raises:
        InputError: there is no such row.
    """
    (a, _), (b, _) = _both(found, place)
    return [(found.a, a), (found.b, b)]


def _both(found: Comparison, place: int) -> list[tuple[Record, tuple[list[str], Any]]]:
    if not 0 <= place < len(found.rows):
        raise InputError("this comparison has no such row")
    return [_values(run, found.rows[place]) for run in (found.a, found.b)]


def _values(run: Run, like: Paired) -> tuple[Record, tuple[list[str], Any]]:
    several = len(run.models) > 1
    for row, values in zip(run.scores, run.per_query, strict=True):
        if row["baseline"] is None and all(row[name] == getattr(like, name) for name in KEY):
            if several:
                raise InputError("single queries of runs with several models are not shown")
            return row, values
    raise InputError(f"{run.run_id} has not made this search")


def query_figure(row: Paired, values: Sequence[tuple[str, float, float]]) -> str:
    """Differences of single queries, sorted."""
    changed = np.array([b - a for _, a, b in values]) / POINT
    names = [name for name, _, _ in values]
    rows = [{"query": name, "A": a, "B": b, "difference": b - a} for name, a, b in values]
    gained, lost = int((changed > 0).sum()), int((changed < 0).sum())
    said = f"{gained} queries gain, {lost} lose, {len(changed) - gained - lost} stay"
    return plots.pack(
        query_changes([float(value) for value in changed], names),
        title=f"{title_of(row)}: {said}",
        name="comparison-queries",
        table=rows,
        about=f"Differences of single queries, {said}",
    )


def code(a: str, b: str, metric: str) -> str:
    """The Python that compares the same runs, and the command."""
    return (
        f"# in a shell: python -m eval compare {a} {b} --metric {metric}\n"
        "from eval.compare import compare_runs, table\n"
        "from eval.runs import load_run\n\n"
        f"a, b = load_run({a!r}), load_run({b!r})\n"
        f"print(table(compare_runs(a, b, [{metric!r}])))\n"
    )
