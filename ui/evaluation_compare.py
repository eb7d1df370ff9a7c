"""Comparing two runs: table and figure of every search that both made, and single queries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import gradio as gr

from embedder.errors import EmbedderError, InputError
from eval.compare import Comparison
from eval.runs import Run
from ui import cards, plots, query_cards, run_cards, run_compare
from ui.checks import guarded
from ui.code_view import TITLE, code_view
from ui.controls import LIGHT, QUIET, index_of
from ui.evaluation_board import reading
from ui.run_hall import Hall
from ui.run_index import Entry
from ui.run_plan import benchmark_of
from ui.run_queries import Asked, found_by, kept_example, name_of

CHANGED = 10
"""Queries listed that gained most, and that lost most."""
LOOKED_AT = 8
"""Runs opened at most to find one that can be compared with the newest."""
GONE = "There is no such query here any more: press it again."


@dataclass(frozen=True)
class Pair:
    """What a session compares: names of both runs, and the metric; "" before anything is.

    Attributes:
        row: the search whose single queries are listed, None for none.
    """

    a: str = ""
    b: str = ""
    metric: str = ""
    row: int | None = None


def offered(hall: Hall, a: object, b: object, metric: object) -> tuple[Any, ...]:
    """The choices of runs and metrics: (A, B, metric).

    The newest is the first B, and the newest of the others that saw the same data the first A.
    """
    entries = hall.index.entries()
    names = [(run_cards.runs_label(entry), entry.run_id) for entry in entries]
    known = [entry.run_id for entry in entries]
    second = b if b in known else (known[0] if known else None)
    first = a if a in known else _partner(hall, entries, second)
    if first is None or second is None:
        return gr.update(choices=names), gr.update(choices=names), gr.skip()
    metrics = run_compare.shared_metrics(hall.index.open(first), hall.index.open(second))
    value = metric if metric in metrics else (metrics[0] if metrics else None)
    return (
        gr.update(choices=names, value=first),
        gr.update(choices=names, value=second),
        gr.update(choices=metrics, value=value),
    )


def _partner(hall: Hall, entries: Sequence[Entry], run_id: str | None) -> str | None:
    """The newest other run that measured a benchmark of this one on the same data, else the newest other."""
    others = [entry for entry in entries if entry.run_id != run_id]
    mine = next((entry for entry in entries if entry.run_id == run_id), None)
    if mine is None or not others:
        return None
    data = _data(hall.index.open(mine.run_id))
    alike = [entry for entry in others if set(entry.benchmarks) & set(mine.benchmarks)][:LOOKED_AT]
    found = (entry.run_id for entry in alike if _data(hall.index.open(entry.run_id)) & data)
    return next(found, others[0].run_id)


def _data(run: Run) -> set[tuple[str, object]]:
    return {(name, about.get("fingerprint")) for name, about in run.benchmarks.items()}


def compared(hall: Hall, a: object, b: object, metric: object) -> Iterator[tuple[Any, ...]]:
    """Compare two runs.

    Yields:
        (status, table, figure, queries' figure, queries, state, code, query)
    """
    if not a or not b or a == b or not metric:
        words = cards.empty("Choose two runs", "Two different ones, with a metric that both have.")
        yield "", words, "", "", "", Pair(), "", ""
        return
    yield cards.note("Comparing query by query …"), *[gr.skip()] * 7
    try:
        left, right = hall.index.open(a), hall.index.open(b)
        if metric not in run_compare.shared_metrics(left, right):
            raise InputError(f"both runs must have the metric {str(metric)[:40]!r}")
        found = hall.compared.of(left, right, str(metric))
    except InputError as error:
        yield cards.note(str(error), "warn"), "", "", "", "", Pair(), "", ""
        return
    state = Pair(left.run_id, right.run_id, str(metric))
    code = run_compare.code(left.run_id, right.run_id, str(metric))
    yield "", query_cards.comparison(found), run_compare.figure(found), "", "", state, code, ""


def kept_up(hall: Hall, state: Pair, a: object, b: object, metric: object) -> Iterator[tuple[Any, ...]]:
    """As :func:`compared`; what has been compared already stays, with its single queries."""
    if state.a and replace(state, row=None) == Pair(str(a), str(b), str(metric)):
        yield (gr.skip(),) * 8
        return
    yield from compared(hall, a, b, metric)


def single(hall: Hall, state: Pair, place: int | None) -> tuple[str, str]:
    """The single queries of one row: (figure, list of those that changed most).

    Raises:
        InputError: there is no such row any more.
    """
    if not state.a or place is None:
        raise InputError("There is no such row here any more: press it again.")
    found = hall.compared.of(hall.index.open(state.a), hall.index.open(state.b), state.metric)
    values = run_compare.per_query(found, place)
    row = found.rows[place]
    texts: dict[str, str] = {}
    try:
        made = benchmark_of(row.benchmark, found.a.content.get("settings") or {}, hall.shelf)
        texts = {name: str(text) for name, text in zip(made.queries.ids, made.queries.inputs, strict=True)
                 if isinstance(text, str)}  # fmt: skip
    except (InputError, OSError):
        pass  # ids alone say less, but they are true
    return run_compare.query_figure(row, values), query_cards.changed(values, texts, CHANGED)


def asked_for(hall: Hall, state: Pair, place: int | None) -> str:
    """A listed query with the documents of both runs, or what they kept of it, or why there is neither.

    Raises:
        InputError: there is no such query any more.
    """
    if not state.a or state.row is None or place is None:
        raise InputError(GONE)
    found = hall.compared.of(hall.index.open(state.a), hall.index.open(state.b), state.metric)
    values = run_compare.per_query(found, state.row)
    if not 0 <= place < len(values):
        raise InputError(GONE)
    row, (name, *both) = found.rows[state.row], values[place]
    searches = run_compare.searches_of(found, state.row)
    title = name_of(searches[0][1])
    asked = Asked(row.benchmark, str(row.task), state.metric, f"A: {title}", f"B: {title}")
    try:
        made = benchmark_of(row.benchmark, found.a.content.get("settings") or {}, hall.shelf)
        at = list(made.queries.ids).index(name)
        return query_cards.looked(found_by(hall.opened, searches, made, (both[0], both[1]), at), asked)
    except (EmbedderError, OSError, ValueError) as error:
        return _kept(found, asked, name, f"What was found cannot be searched for again: {error}.")


def _kept(found: Comparison, asked: Asked, name: str, why: str) -> str:
    """What either run has kept of a query."""
    for letter, run in (("A", found.a), ("B", found.b)):
        if (entry := kept_example(run, asked, name)) is not None:
            documents = run.examples.documents.get(asked.benchmark, {})
            return query_cards.example(entry, documents, f"{why} Below is run {letter} alone.")
    return cards.note(f"{why} The runs kept no documents of this query.", "warn")


@dataclass
class Compare:
    """The widgets; ``table`` and ``queries`` send 'pick'; ``query`` is the one that is open."""

    state: gr.State
    inputs: list[gr.Dropdown]
    status: gr.HTML
    table: gr.HTML
    figure: gr.HTML
    query_figure: gr.HTML
    queries: gr.HTML
    query: gr.HTML
    code: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        """Of :func:`compared`."""
        drawn = [self.table, self.figure, self.query_figure, self.queries]
        return [self.status, *drawn, self.state, self.code, self.query]


def layout() -> Compare:
    """Place the widgets."""
    with gr.Column(elem_classes="xp-card xp-controls"), gr.Row():
        a = gr.Dropdown([], label="A", elem_id="compare-a", min_width=240)
        b = gr.Dropdown([], label="B", elem_id="compare-b", min_width=240)
        metric = gr.Dropdown([], label="Metric", elem_id="compare-metric", min_width=120)
    status = cards.plain("", elem_id="compare-status")
    figure = plots.plot(elem_id="compare-figure", elem_classes="xp-card")
    table = cards.clickable(elem_id="compare-table")
    cards.plain(cards.explain(run_compare.EXPLANATION))
    query_figure = plots.plot(elem_id="compare-query-figure", elem_classes="xp-card")
    queries = cards.clickable(elem_id="compare-queries")
    cards.plain(cards.explain(run_compare.QUERIES_EXPLAINED))
    query = cards.plain("", elem_classes="xp-card ev-query", elem_id="compare-query")
    with gr.Accordion(TITLE, open=False):
        code = code_view(elem_id="compare-code")
    lists = [query_figure, queries, query]
    return Compare(gr.State(Pair()), [a, b, metric], status, table, figure, *lists, code)


def wire(hall: Hall, parts: Compare, openings: list[Any]) -> None:
    """Wire it; ``openings`` are listeners that show it anew."""
    comparing = guarded(partial(kept_up, hall))
    choosing = guarded(partial(offered, hall))
    changed = partial(gr.on, [one.input for one in parts.inputs])
    for listener in (*openings, changed):
        listener(choosing, parts.inputs, parts.inputs, **LIGHT).then(
            comparing, [parts.state, *parts.inputs], parts.outputs, **reading(parts.status)
        )

    def pick(state: Pair, event: gr.EventData) -> tuple[Any, ...]:
        place = index_of(event)
        return *single(hall, state, place), "", replace(state, row=place)

    shown = [parts.query_figure, parts.queries, parts.query, parts.state]
    options = reading(parts.status)
    parts.table.pick(guarded(pick), parts.state, shown, **options).then(
        None, js="() => window.Explorer.showQuery('compare-query-figure')", **QUIET
    )

    def pick_query(state: Pair, event: gr.EventData) -> str:
        return asked_for(hall, state, index_of(event))

    parts.queries.pick(guarded(pick_query), parts.state, parts.query, **options).then(
        None, js="() => window.Explorer.showQuery('compare-query')", **QUIET
    )
