"""Comparison: everything against everything, drawn again from cached vectors whenever a control moves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from ui import cards, charts, snippets
from ui.checks import choice, index, whole
from ui.collection import Item
from ui.controls import Collection
from ui.ranking import (
    EUCLIDEAN_HINT,
    METRICS,
    best_first,
    cluster_order,
    colour_limits,
    off_diagonal,
    pairwise,
    rank_correlation,
)
from ui.vectors import Embedded, Workbench

Array = np.ndarray[Any, np.dtype[Any]]

NO_SECOND = "none"
VIEWS = ("everything", "texts × pictures")
EXPLANATION = (
    "Each cell compares the item of its row with the item of its column: bright is alike, dark is not. The "
    "colours "
    "run over the range of the cells on show, leaving out the diagonal, where every item meets itself. "
    "Click a cell "
    "for the two items; drag to zoom, double-click to zoom out. Texts and pictures often live at some "
    "distance from "
    "each other: “texts × pictures” gives their cells the whole range of colours."
)


@dataclass(frozen=True)
class Comparison:
    """The last result of this session: full-width vectors of one or two tasks.

    Attributes:
        items: what was compared.
        tasks: one or two adapters.
        prompt_name: role of the texts.
        embedded: one per task.
        drawn: the values of the controls that it was drawn with first.
    """

    items: tuple[Item, ...]
    tasks: tuple[str, ...]
    prompt_name: str
    embedded: tuple[Embedded, ...]
    drawn: tuple[object, ...] = ()


@dataclass(frozen=True)
class Look:
    """How a comparison is drawn; the checked values of the controls."""

    metric: str
    dim: int
    clustered: bool
    view: str


def look(metric: object, dim: object, clustered: object, view: object, full: int) -> Look:
    """Check the controls.

    Raises:
        InputError: a value that no control offers.
    """
    return Look(
        choice(metric, "measure", tuple(METRICS)),
        whole(dim, "dimensions", 1, full),
        bool(clustered),
        choice(view, "view", VIEWS),
    )


def run(
    bench: Workbench,
    collection: Collection,
    task: object,
    other: object,
    prompt_name: object,
    metric: object,
    dim: object,
    clustered: object,
    view: object,
) -> Iterator[tuple[Any, ...]]:
    """Encode the collection with one or two tasks, then draw.

    Yields:
        (status, session state, figure A, figure B, remark, pair, code)
    """
    chosen = look(metric, dim, clustered, view, bench.model.spec.dim)
    tasks = [choice(task, "task", bench.model.tasks)]
    second = choice(other, "second task", (NO_SECOND, *bench.model.tasks))
    if second not in (NO_SECOND, tasks[0]):
        tasks.append(second)
    prompt = choice(prompt_name, "role", ("query", "passage"))
    items = tuple(collection or ())
    if len(items) < 2:
        hint = cards.note(
            "A comparison needs at least two items: add texts or pictures, or load an example set.", "warn"
        )
        yield (hint, *blank())
        return
    results: list[Embedded] = []
    for name in tasks:
        for step in bench.encode(items, name, prompt):
            if step.result is None:
                bar = cards.progress(step.done, step.total, step.seconds, f"items, task {name}")
                yield (bar, *[gr.skip()] * 6)
            else:
                results.append(step.result)
    state = Comparison(items, tuple(tasks), prompt, tuple(results), (metric, dim, clustered, view))
    *figures, remark = _draw(bench, state, chosen)
    yield (
        _status(state, second == tasks[0]),
        state,
        *_lively(state, figures),
        remark,
        no_pair(),
        _code(bench, state, chosen),
    )


def redraw(
    bench: Workbench, state: Comparison | None, metric: object, dim: object, clustered: object, view: object
) -> tuple[Any, ...]:
    """Draw again after the measure, the order or the view changed: nothing is encoded.

    Returns:
        (figure A, figure B, remark, code)
    """
    if state is None:
        return gr.skip(), gr.skip(), gr.skip(), gr.skip()
    chosen = look(metric, dim, clustered, view, bench.model.spec.dim)
    return *_draw(bench, state, chosen), _code(bench, state, chosen)


def retell(
    bench: Workbench, state: Comparison | None, metric: object, dim: object, clustered: object, view: object
) -> tuple[Any, ...]:
    """A slider step: the page draws it by itself, what is said about it comes from here.

    Returns:
        (remark, code)
    """
    if state is None:
        return gr.skip(), gr.skip()
    chosen = look(metric, dim, clustered, view, bench.model.spec.dim)
    return _remark(state, chosen, _matrices(state, chosen)), _code(bench, state, chosen)


def _lively(state: Comparison, figures: Sequence[str]) -> list[Any]:
    """The figures with the vectors from which the page draws every other width."""
    found = [
        gr.update(value=figure, vectors=charts.live_vectors(embedded.vectors, task))
        for figure, embedded, task in zip(figures, state.embedded, state.tasks, strict=False)
    ]
    return found if len(found) > 1 else [*found, gr.update(value="", vectors="")]


def _draw(bench: Workbench, state: Comparison, chosen: Look) -> tuple[str, str, str]:
    """Both figures (the second "" without a second task) and the remark."""
    rows, cols = _axes(state, chosen)
    matrices = _matrices(state, chosen)
    limits = _limits(matrices, rows, cols)
    figures = [
        charts.heatmap(
            matrix[np.ix_(rows, cols)],
            state.items,
            rows,
            cols,
            title=_title(state, chosen, at),
            value_name=chosen.metric,
            limits=limits,
            reverse=chosen.metric == "euclidean",
            file_name=f"similarity-{state.tasks[at]}",
        )
        for at, matrix in enumerate(matrices)
    ]
    return figures[0], figures[1] if len(figures) > 1 else "", _remark(state, chosen, matrices)


def _matrices(state: Comparison, chosen: Look) -> list[Array]:
    return [pairwise(e.vectors, e.vectors, chosen.metric, chosen.dim) for e in state.embedded]


def _limits(matrices: Sequence[Array], rows: list[int], cols: list[int]) -> tuple[float, float]:
    """One colour scale for both figures, so that they can be compared."""
    ends = [colour_limits(m[np.ix_(rows, cols)], square=rows == cols) for m in matrices]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _axes(state: Comparison, chosen: Look) -> tuple[list[int], list[int]]:
    """Item indices of rows and columns: input order, or alike items next to each other."""
    everything = list(range(len(state.items)))
    order = cluster_order(state.embedded[0].vectors) if chosen.clustered else everything
    if chosen.view == VIEWS[0]:
        return order, order
    texts = [i for i in order if state.items[i].kind == "text"]
    pictures = [i for i in order if state.items[i].kind != "text"]
    return (texts, pictures) if texts and pictures else (order, order)


def _title(state: Comparison, chosen: Look, at: int) -> str:
    return f"{state.tasks[at]} · {chosen.metric} · {chosen.dim} dimensions"


def _status(state: Comparison, same_task: bool) -> str:
    problems = [f"{state.items[row].label}: {why}" for e in state.embedded for row, why in e.problems.items()]
    notices = [notice for e in state.embedded for notice in e.notices]
    if same_task:
        notices.append("The second task is the first one: choose another to see two side by side.")
    seconds = sum(e.seconds for e in state.embedded)
    computed = sum(e.computed for e in state.embedded)
    parts = [("Items", str(len(state.items))), ("Encoded now", str(computed)), ("Time", f"{seconds:.2f} s")]
    return cards.stats(parts) + cards.notes(dict.fromkeys(problems), dict.fromkeys(notices))


def _remark(state: Comparison, chosen: Look, matrices: Sequence[Array]) -> str:
    """What the figure leaves unsaid: the Euclidean hint, a missing modality, how two tasks differ."""
    lines = [EUCLIDEAN_HINT] if chosen.metric == "euclidean" else []
    kinds = {item.kind == "text" for item in state.items}
    if chosen.view != VIEWS[0] and len(kinds) < 2:
        lines.append("The collection holds only texts or only pictures: everything is shown instead.")
    if len(matrices) > 1:
        lines.append(_difference(state, matrices))
    return "".join(cards.note(line) for line in lines)


def _difference(state: Comparison, matrices: Sequence[Array]) -> str:
    first, second = (off_diagonal(m) for m in matrices)
    gap = np.abs(second - first)
    if not np.isfinite(gap).any():
        return "The two tasks have no cell in common."
    worst = int(np.nanargmax(gap))
    a, b = (int(axis[worst]) for axis in np.triu_indices(len(state.items), k=1))
    rho = rank_correlation(first, second)
    agree = (
        f"rank correlation of their cells {rho:.2f}"
        if np.isfinite(rho)
        else "too few cells for a rank correlation"
    )
    pair = f"“{state.items[a].label}” and “{state.items[b].label}”"
    names = f"{state.tasks[0]} and {state.tasks[1]}"
    return f"{names}: {agree}; they differ most on {pair} ({first[worst]:.3f} and {second[worst]:.3f})."


def open_pair(state: Comparison | None, metric: object, dim: object, row: object, col: object) -> str:
    """The two items of a cell with their numbers; "" for a cell that is no longer there."""
    if state is None:
        return no_comparison()
    count = len(state.items)
    a, b = index(row, count), index(col, count)
    if a is None or b is None:
        return no_pair()
    full = state.embedded[0].vectors.shape[1]
    chosen = look(metric, dim, False, VIEWS[0], full)
    rows = [line for at in range(len(state.tasks)) for line in _numbers(state, at, a, b, chosen, full)]
    return cards.pair(
        state.items[a], state.items[b], rows, _rank_words(state, a, b, chosen) if a != b else ""
    )


def _numbers(state: Comparison, at: int, a: int, b: int, chosen: Look, full: int) -> list[tuple[str, str]]:
    vectors = state.embedded[at].vectors
    prefix = f"{state.tasks[at]}: " if len(state.tasks) > 1 else ""

    def score(metric: str, dim: int) -> str:
        return f"{pairwise(vectors[[a]], vectors[[b]], metric, dim)[0, 0]:.4f}"

    names = {"cosine": "cosine", "dot": "dot product", "euclidean": "distance"}
    lines = [(f"{prefix}{name}", score(metric, chosen.dim)) for metric, name in names.items()]
    if chosen.dim < full:
        lines.append((f"{prefix}{names[chosen.metric]} at {full}", score(chosen.metric, full)))
    return lines


def _rank_words(state: Comparison, a: int, b: int, chosen: Look) -> str:
    """Where each stands among the other's neighbours: similarity is symmetric, neighbourhood is not."""
    vectors = state.embedded[0].vectors
    places = []
    for one, two in ((a, b), (b, a)):
        scores = pairwise(vectors[[one]], vectors, chosen.metric, chosen.dim)[0]
        others = [i for i in best_first(scores, chosen.metric) if i != one]
        if two not in others:
            return ""
        places.append((others.index(two) + 1, len(others)))
    (there, total), (back, _) = places
    there_words = f"Among the first one's {total} neighbours the second is number {there}"
    return f"{there_words}; the other way round, number {back}."


def blank() -> tuple[Any, ...]:
    """The outputs behind the status when there is no result: state, two figures, remark, pair, code."""
    return None, "", "", "", no_comparison(), ""


def no_comparison() -> str:
    """What stands where the pair will be while there is no heat map either."""
    return cards.empty(
        "Nothing compared yet",
        "Put two items or more into the collection and press Compare; a click on a cell then shows its two "
        "items here.",
    )


def no_pair() -> str:
    """What stands where the pair will be."""
    return cards.empty(
        "No pair chosen", "Click a cell of the heat map, or walk to it with the arrow keys and press Enter."
    )


def _code(bench: Workbench, state: Comparison, chosen: Look) -> str:
    return snippets.similarity_code(
        state.items,
        load=bench.load_code(),
        task=state.tasks[0],
        prompt_name=state.prompt_name,
        dim=chosen.dim,
        metric=chosen.metric,
    )


def keep_up(bench: Workbench, state: Comparison | None, *values: Any) -> Iterator[tuple[Any, ...]]:
    """When the tab opens or its collection changes, compare without being asked, if the model is quick."""
    if not bench.eager() or (state is not None and state.items == values[0]):
        yield (gr.skip(),) * 7
        return
    yield from run(bench, *values)
