"""Looking into a run: its facts, its queries by score or by loss, and a query with its documents."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import gradio as gr

from embedder.errors import EmbedderError, InputError
from eval.benchmarks import Benchmark
from eval.examples import shown
from eval.runs import Run
from ui import cards, plots, query_cards, run_cards, run_figures
from ui.checks import choice, guarded
from ui.code_view import TITLE, code_view
from ui.controls import LIGHT, QUIET, index_of
from ui.evaluation_board import reading
from ui.run_hall import Hall
from ui.run_plan import benchmark_of
from ui.run_queries import ORDERS, Asked, Queries, first_choice, kept_example, look, searches

PAGE = 20
EXPLANATION = (
    "Left is the score of each query in the first search, beside it in the second, and what the second "
    "loses against the first. Press a query to see what both found: documents are searched for again in "
    "the vectors that the run left in its cache, without the model, and come out as they were scored. A "
    "tick marks what is relevant; “Should be found” lists it with its place in both searches."
)


FIGURES = (
    "Each figure is of the benchmark, adapter and metric chosen above, and has its exact numbers below it."
)


@dataclass(frozen=True)
class Looking:
    """What a session looks at.

    Attributes:
        run_id: of the run, "" for none.
        asked: benchmark, adapter, metric and searches.
        order: one of `ORDERS`.
        page: of the queries, from 0.
    """

    run_id: str = ""
    asked: Asked | None = None
    order: str = ORDERS[1]
    page: int = 0


def listing(hall: Hall, run_id: object) -> tuple[Any, str]:
    """The choice of runs: (update, the one that is chosen)."""
    entries = hall.index.entries()
    names = [(run_cards.runs_label(entry), entry.run_id) for entry in entries]
    known = {entry.run_id for entry in entries}
    value = str(run_id) if run_id in known else (entries[0].run_id if entries else "")
    return gr.update(choices=names, value=value or None), value


def fitted(run: Run, wanted: tuple[object, ...]) -> tuple[Asked, dict[str, list[str]]]:
    """The selectors' values that the run has, as near as can be to those wanted, and what each offers.

    Args:
        run: to look into.
        wanted: benchmark, adapter, metric, first and second search.
    """
    own = [row for row in run.scores if row["baseline"] is None]
    benchmark = _kept(wanted[0], list(dict.fromkeys(row["benchmark"] for row in own)))
    of_it = [row for row in own if row["benchmark"] == benchmark]
    tasks = list(dict.fromkeys(str(row["task"]) for row in of_it))
    task = _kept(wanted[1], tasks)
    metrics = list(dict.fromkeys(row["metric"] for row in of_it))
    found = searches(run, benchmark, task)
    names = list(found)
    first, second = first_choice(names, found)
    asked = Asked(
        benchmark, task, _kept(wanted[2], metrics),
        str(wanted[3]) if wanted[3] in found else first, str(wanted[4]) if wanted[4] in found else second,
    )  # fmt: skip
    benchmarks = list(dict.fromkeys(row["benchmark"] for row in own))
    return asked, {"benchmark": benchmarks, "task": tasks, "metric": metrics, "first": names, "second": names}


def _kept(value: object, offered: list[str]) -> str:
    return str(value) if value in offered else offered[0]


def opened(hall: Hall, run_id: object, order: object, *wanted: object) -> tuple[Any, ...]:
    """A run or another choice in it: (run, selectors ..., facts, state, queries, query, code, figures)."""
    listed, name = listing(hall, run_id)
    if not name:
        blank = cards.empty("There is no run yet", "Run a benchmark, or `python -m eval run` in a shell.")
        return (listed, *[gr.skip()] * 5, blank, Looking(), "", "", "", *_closed())
    run = hall.index.open(name)
    asked, offered = fitted(run, wanted)
    state = Looking(name, asked, choice(order, "order", ORDERS))
    updates = [gr.update(choices=offered[part], value=getattr(asked, part)) for part in offered]
    table = drawn(hall, run, state)
    about = (run_cards.facts(run), state, table, "", code(run.run_id, asked))
    return (listed, *updates, *about, *_closed())


def kept_up(hall: Hall, state: Looking, run_id: object, order: object, *wanted: object) -> tuple[Any, ...]:
    """As :func:`opened` when the part comes into sight: what is open stays as it is."""
    listed, name = listing(hall, run_id)
    if name and name == state.run_id:
        return (listed, *[gr.skip()] * (len(wanted) + 6 + len(run_figures.NAMES)))
    return opened(hall, run_id, order, *wanted)


def _closed() -> tuple[Any, ...]:
    """The figures of another choice are drawn when somebody wants to see them."""
    return (gr.Accordion(open=False), *[""] * len(run_figures.NAMES))


def drawn(hall: Hall, run: Run, state: Looking) -> str:
    """The page of queries; with their texts where the benchmark is at hand."""
    if state.asked is None:
        return ""
    queries = hall.opened.queries(run, state.asked)
    order = queries.order(state.order)
    page = max(0, min(state.page, (len(order) - 1) // PAGE))
    seed = int((run.content.get("settings") or {}).get("seed") or 0)
    known = hall.shelf.known(state.asked.benchmark, seed)
    texts = _texts(known, queries, order[page * PAGE : (page + 1) * PAGE]) if known else {}
    return query_cards.query_table(state.asked, queries, order, texts, page, PAGE)


def _texts(benchmark: Benchmark, queries: Queries, places: list[int]) -> dict[int, str]:
    if tuple(benchmark.queries.ids) != queries.ids:
        return {}
    return {place: shown(benchmark.queries.inputs[place])["text"] for place in places}


def with_texts(hall: Hall, state: Looking) -> Iterator[tuple[str, str]]:
    """Get the benchmark, so that queries have their texts.

    Yields:
        (words, queries)
    """
    if state.asked is None:
        return
    run = hall.index.open(state.run_id)
    settings = run.content.get("settings") or {}
    if hall.shelf.known(state.asked.benchmark, int(settings.get("seed") or 0)) is None:
        yield cards.note(f"Getting the texts of {state.asked.benchmark} …"), gr.skip()
        try:
            made = benchmark_of(state.asked.benchmark, settings, hall.shelf)
        except InputError as error:
            yield cards.note(f"Queries are shown by their ids: {error}.", "warn"), gr.skip()
            return
        queries = hall.opened.queries(run, state.asked)
        order = queries.order(state.order)
        texts = _texts(made, queries, order[state.page * PAGE : (state.page + 1) * PAGE])
        table = query_cards.query_table(state.asked, queries, order, texts, state.page, PAGE)
        yield "", table
        return
    yield "", drawn(hall, run, state)


def turned(hall: Hall, state: Looking, page: int | None) -> tuple[Looking, str]:
    """Another page of queries."""
    state = replace(state, page=max(0, page or 0))
    return state, drawn(hall, hall.index.open(state.run_id), state) if state.run_id else ""


def asked_for(hall: Hall, state: Looking, place: int | None) -> str:
    """A query with its documents, or what the run kept of it, or why there is neither.

    Raises:
        InputError: there is no such query.
    """
    if state.asked is None or place is None:
        raise InputError("There is no such query here any more: press it again.")
    run = hall.index.open(state.run_id)
    queries = hall.opened.queries(run, state.asked)
    if not 0 <= place < len(queries.ids):
        raise InputError("There is no such query here any more: press it again.")
    try:
        benchmark = benchmark_of(state.asked.benchmark, run.content.get("settings") or {}, hall.shelf)
        found = look(hall.opened, run, benchmark, state.asked, queries, place)
        return query_cards.looked(found, state.asked)
    except (EmbedderError, OSError) as error:
        entry = kept_example(run, state.asked, queries.ids[place])
        why = f"What was found cannot be searched for again: {error}."
        if entry is None:
            return cards.note(f"{why} The run kept no documents of this query.", "warn")
        return query_cards.example(entry, run.examples.documents.get(state.asked.benchmark, {}), why)


def figures(hall: Hall, state: Looking) -> tuple[str, ...]:
    """All figures of the run that is open, of the benchmark, adapter and metric on show."""
    if state.asked is None:
        return ("",) * len(run_figures.NAMES)
    run = hall.index.open(state.run_id)
    asked = state.asked
    chosen = run_figures.nearest(run_figures.offered(run), asked.benchmark, asked.task, asked.metric)
    made = run_figures.figures(run, chosen)
    return tuple(made[name] for name in run_figures.NAMES)


def code(run_id: str, asked: Asked) -> str:
    """The Python that reads the same values."""
    return (
        "from eval.runs import load_run\n\n"
        f"run = load_run({run_id!r})\n"
        "for row, (ids, values) in zip(run.scores, run.per_query):\n"
        f"    if (row['benchmark'], row['task'], row['metric']) == "
        f"{(asked.benchmark, asked.task, asked.metric)!r}:\n"
        "        worst = sorted(zip(values, ids))[:5]\n"
        "        print(row['vectors'], row['dim'], row['precision'], row['search'], worst)\n"
    )


@dataclass
class Look:
    """The widgets.

    Attributes:
        state: a session's :class:`Looking`.
        run: which run.
        asked: benchmark, adapter, metric, first and second search.
        order: of the queries.
        facts: of the run.
        status: while the benchmark is made.
        queries: their table; sends 'pick' and 'turn'.
        query: the one that is open.
        code: that does the same.
        more: holds the figures, which are drawn when it is opened.
        figures: of the run.
    """

    state: gr.State
    run: gr.Dropdown
    asked: list[gr.Dropdown]
    order: gr.Dropdown
    facts: gr.HTML
    status: gr.HTML
    queries: gr.HTML
    query: gr.HTML
    code: gr.HTML
    more: gr.Accordion
    figures: list[gr.HTML]

    @property
    def outputs(self) -> list[Any]:
        """Of :func:`opened`."""
        about = [self.facts, self.state, self.queries, self.query, self.code]
        return [self.run, *self.asked, *about, self.more, *self.figures]

    @property
    def inputs(self) -> list[Any]:
        """Of :func:`opened`."""
        return [self.run, self.order, *self.asked]


def layout() -> Look:
    """Place the widgets."""
    with gr.Column(elem_classes="xp-card xp-controls"):
        run = gr.Dropdown([], label="Run", elem_id="look-run", min_width=260)
        facts = cards.plain("", elem_id="look-facts")
    with gr.Column(elem_classes="xp-card xp-controls"):
        with gr.Row():
            labels = ("Benchmark", "Adapter", "Metric", "First search", "Second search")
            names = ("benchmark", "task", "metric", "first", "second")
            asked = [
                gr.Dropdown([], label=label, min_width=140, elem_id=f"look-{name}")
                for label, name in zip(labels, names, strict=True)
            ]
            order = gr.Dropdown(list(ORDERS), value=ORDERS[1], label="Order", min_width=150,
                                elem_id="look-order")  # fmt: skip
        status = cards.plain("", elem_id="look-status")
        queries = gr.HTML(
            "",
            js_on_load="window.Explorer.mountClicks(element, trigger); // sends 'pick' and 'turn'",
            apply_default_css=False,
            elem_id="look-queries",
        )
        cards.plain(cards.explain(EXPLANATION))
    query = cards.plain("", elem_classes="xp-card ev-query", elem_id="look-query")
    with gr.Accordion("Figures of this run", open=False, elem_id="look-figures") as more:
        cards.plain(cards.explain(FIGURES))
        with gr.Row(elem_classes="xp-charts"):
            drawn_ = [plots.explained(run_figures.READ[name], elem_id=f"look-figure-{name}") for name in
                      run_figures.NAMES]  # fmt: skip
    with gr.Accordion(TITLE, open=False):
        shown_code = code_view(elem_id="look-code")
    state = gr.State(Looking())
    return Look(state, run, asked, order, facts, status, queries, query, shown_code, more, drawn_)


def wire(hall: Hall, parts: Look, openings: list[Any]) -> None:
    """Wire it; ``openings`` are listeners that show it anew."""
    texts = guarded(partial(with_texts, hall))
    changed = partial(gr.on, [one.input for one in (parts.run, parts.order, *parts.asked)])
    events = [changed(guarded(partial(opened, hall)), parts.inputs, parts.outputs, **LIGHT)]
    for opening in openings:
        seen = guarded(partial(kept_up, hall))
        events.append(opening(seen, [parts.state, *parts.inputs], parts.outputs, **LIGHT))
    for event in events:
        event.then(texts, parts.state, [parts.status, parts.queries], **reading(parts.status))

    options = reading(parts.figures[0])
    parts.more.expand(guarded(partial(figures, hall)), parts.state, parts.figures, **options)

    def turn(state: Looking, event: gr.EventData) -> tuple[Looking, str]:
        return turned(hall, state, index_of(event))

    parts.queries.turn(guarded(turn), parts.state, [parts.state, parts.queries], **LIGHT)

    def pick(state: Looking, event: gr.EventData) -> str:
        return asked_for(hall, state, index_of(event))

    parts.queries.pick(guarded(pick), parts.state, parts.query, **reading(parts.status)).then(
        None, js="() => window.Explorer.showQuery('look-query')", **QUIET
    )
