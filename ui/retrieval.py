"""Search: a text or a picture finds texts and pictures, at full width and cut short, side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
import numpy as np

from embedder.errors import InputError
from ui import cards, examples, presets, snippets
from ui.checks import choice, index, real, whole
from ui.collection import Item, texts_from
from ui.controls import Collection
from ui.ranking import EUCLIDEAN_HINT, METRICS, Hit, hits, overlap, pairwise
from ui.vectors import Workbench

Array = np.ndarray[Any, np.dtype[Any]]

TARGETS = ("everything", "texts", "pictures")
MAX_SHOWN = 50
BATCHES = (1, 64)
EXPLANATION = (
    "Left, the ranking by full vectors; right, by the first dimensions only, with the places each item "
    "gained (▲) or "
    "lost (▼). The bar runs from the worst to the best score of the list. The percentage is the softmax "
    "over all "
    "items searched: the lower the temperature, the more the first ones take. Click a result to search "
    "with it."
)


@dataclass(frozen=True)
class Found:
    """The last search of this session: full-width vectors, from which every ranking is made.

    Attributes:
        query: what was asked.
        items: what was searched.
        query_vector: float32 (1, dim).
        vectors: float32 (n, dim).
        task: adapter.
        prompt_name: role of the query.
        messages: HTML of what was said while encoding.
        drawn: the values of the ranking's controls that it was shown with first.
    """

    query: Item
    items: tuple[Item, ...]
    query_vector: Array
    vectors: Array
    task: str
    prompt_name: str
    messages: str
    drawn: tuple[object, ...] = ()


@dataclass(frozen=True)
class Ranking:
    """How results are ranked and shown; the checked values of the controls."""

    metric: str
    dim: int
    temperature: float
    targets: str
    shown: int


def ranking(
    full: int, metric: object, dim: object, temperature: object, targets: object, shown: object
) -> Ranking:
    """Check the controls.

    Raises:
        InputError: a value that no control offers.
    """
    return Ranking(
        choice(metric, "measure", tuple(METRICS)),
        whole(dim, "dimensions", 1, full),
        real(temperature, "temperature", 0.01, 2.0),
        choice(targets, "results", TARGETS),
        whole(shown, "results shown", 1, MAX_SHOWN),
    )


def query_item(text: object, pictures: Sequence[Item]) -> Item:
    """The query: the picture if there is one, else the text.

    Raises:
        InputError: neither can be used; the message says why.
    """
    if pictures:
        return pictures[0]
    added = texts_from(text, one_per_line=False)
    if not added.items:
        why = "; ".join(added.problems) or "There is no query: type a text or add a picture."
        raise InputError(why)
    return added.items[0]


def run(
    bench: Workbench,
    collection: Collection,
    text: object,
    pictures: Sequence[Item],
    task: object,
    prompt_name: object,
    batch_size: object,
    *controls_values: object,
) -> Iterator[tuple[Any, ...]]:
    """Encode query and collection, then rank.

    Yields:
        (status, session state, results, code)
    """
    items = tuple(collection or ())
    if not items:
        hint = cards.note("There is nothing to search in: add items or load an example set.", "warn")
        yield (hint, *blank())
        return
    query = query_item(text, pictures or ())
    yield from search(bench, items, query, task, prompt_name, batch_size, controls_values)


def search(
    bench: Workbench,
    items: tuple[Item, ...],
    query: Item,
    task: object,
    prompt_name: object,
    batch_size: object,
    controls_values: Sequence[object],
) -> Iterator[tuple[Any, ...]]:
    """As :func:`run`, with the query as an item."""
    name = choice(task, "task", bench.model.tasks)
    prompt = choice(prompt_name, "role", ("query", "passage"))
    batch = whole(batch_size, "batch size", *BATCHES)
    chosen = ranking(bench.model.spec.dim, *controls_values)
    results = []
    for group, role, what in ((items, other_side(name), "items"), ((query,), prompt, "query")):
        for step in bench.encode(group, name, role, batch):
            if step.result is None:
                yield (
                    cards.progress(step.done, step.total, step.seconds, what),
                    gr.skip(),
                    gr.skip(),
                    gr.skip(),
                )
            else:
                results.append(step.result)
    documents, asked = results
    if asked.problems:
        raise InputError(f"{query.label}: {asked.problems[0]}")
    problems = [f"{items[row].label}: {why}" for row, why in documents.problems.items()]
    messages = cards.notes(problems, dict.fromkeys([*asked.notices, *documents.notices]))
    drawn = tuple(controls_values)
    state = Found(query, items, asked.vectors, documents.vectors, name, prompt, messages, drawn)
    status = _status(documents.seconds + asked.seconds, documents.computed + asked.computed)
    yield status + messages, state, *show(bench, state, chosen)


def other_side(task: str) -> str:
    """The prompt of what is searched: text-matching is symmetric, the others have passages."""
    return "query" if task == "text-matching" else "passage"


def _status(seconds: float, computed: int) -> str:
    return cards.stats([("Encoded now", str(computed)), ("Time", f"{seconds:.2f} s")])


def rerank(bench: Workbench, state: Found | None, *controls_values: object) -> tuple[Any, Any]:
    """Rank again after a control moved: nothing is encoded. Returns (results, code)."""
    if state is None:
        return gr.skip(), gr.skip()
    return show(bench, state, ranking(bench.model.spec.dim, *controls_values))


def show(bench: Workbench, state: Found, chosen: Ranking) -> tuple[str, str]:
    """Both columns as HTML, and the code."""
    members = _members(state.items, chosen.targets)
    code = snippets.search_code(
        state.query,
        [state.items[i] for i in members],
        load=bench.load_code(),
        task=state.task,
        prompt_name=state.prompt_name,
        passage=other_side(state.task),
        dim=chosen.dim,
        metric=chosen.metric,
        temperature=chosen.temperature,
    )
    if not members:
        return cards.empty("Nothing of that kind", f"The collection holds no {chosen.targets}."), code
    return _results(state, members, chosen, bench.model.spec.dim), code


def _members(items: Sequence[Item], targets: str) -> list[int]:
    """Items of the kind that is searched; a document of both counts as a picture and as a text."""
    unwanted = {"everything": "", "texts": "image", "pictures": "text"}[targets]
    return [i for i, item in enumerate(items) if item.kind != unwanted]


def ranked(
    state: Found, members: Sequence[int], chosen: Ranking, dim: int, reference: list[int] | None
) -> list[Hit]:
    """The ranking of ``members`` at a width, with item indices of the whole collection."""
    scores = pairwise(state.query_vector, state.vectors[list(members)], chosen.metric, dim)[0]
    local = {item: at for at, item in enumerate(members)}
    before = [local[item] for item in reference] if reference is not None else None
    found = hits(scores, chosen.metric, chosen.temperature, before)
    return [replace(hit, item=members[hit.item]) for hit in found]


def _results(state: Found, members: Sequence[int], chosen: Ranking, full: int) -> str:
    reference = ranked(state, members, chosen, full, None)
    order = [hit.item for hit in reference]
    short = ranked(state, members, chosen, chosen.dim, order)
    k = min(10, len(order))
    shared = overlap(order, [hit.item for hit in short], k)
    saved = f"{full * 4:,} bytes each"
    size = (
        f"{chosen.dim * 4:,} bytes each, {full / chosen.dim:.3g} times smaller"
        if chosen.dim < full
        else saved
    )
    columns = [
        cards.Column(f"Full width: {full}", saved, reference[: chosen.shown]),
        cards.Column(f"Cut to {chosen.dim}", size, short[: chosen.shown]),
    ]
    head = cards.stats(
        [
            ("Searched", str(len(order))),
            (f"Shared in the first {k}", f"{shared} of {k}"),
            ("Measure", chosen.metric),
        ]
    )
    hint = cards.note(EUCLIDEAN_HINT) if chosen.metric == "euclidean" else ""
    saver = cards.table_saver("search-results", "search")
    return _asked(state.query) + head + hint + cards.results(columns, state.items, chosen.metric) + saver


def _asked(query: Item) -> str:
    face = cards.picture(query, "xp-mini")
    return (
        f"<div class='xp-asked'>{face}<span><small>Query</small><b>{cards.esc(query.label)}</b></span></div>"
    )


def blank() -> tuple[Any, ...]:
    """The outputs behind the status when there is no result: state, results, code."""
    return None, no_results(), ""


def no_results() -> str:
    """What stands where the results will be."""
    return cards.empty("No search yet", "Type a query or add a picture, then press Search.")


def use_preset(bench: Workbench, name: str) -> tuple[Any, ...]:
    """Set the controls as a preset says; the model stays as it is.

    Returns:
        (task, role, batch size, measure, dimensions, temperature, results, words)
    """
    model = bench.model
    chosen = presets.preset(
        name, model.spec.matryoshka_dims, model.tasks, model.device.type, str(model.precision)
    )
    batch = chosen.batch_size or model.batch_size
    return (
        chosen.task,
        chosen.prompt_name,
        batch,
        chosen.metric,
        chosen.dim,
        chosen.temperature,
        chosen.targets,
        cards.note(chosen.says),
    )


def pick(bench: Workbench, state: Found | None, item: object, *values: object) -> Iterator[tuple[Any, ...]]:
    """A click on a result makes it the query.

    ``values`` are collection, task, role, batch size and the controls of the ranking.
    """
    at = index(item, len(state.items)) if state is not None else None
    if state is None or at is None:
        yield (gr.skip(),) * 4
        return
    _, task, prompt_name, batch_size, *controls_values = values
    yield from search(bench, state.items, state.items[at], task, prompt_name, batch_size, controls_values)


def keep_up(bench: Workbench, state: Found | None, *values: Any) -> Iterator[tuple[Any, ...]]:
    """When the tab opens or its collection changes, search again without being asked, if the model is quick.

    ``values`` are those of :func:`run`.
    """
    if not bench.eager() or (state is not None and state.items == values[0]):
        yield (gr.skip(),) * 4
        return
    yield from if_asked(bench, *values)


def if_asked(
    bench: Workbench, collection: Collection, text: object, pictures: Sequence[Item], *values: Any
) -> Iterator[tuple[Any, ...]]:
    """Search if there is a query; else leave everything as it is."""
    if not (pictures or (isinstance(text, str) and text.strip())):
        yield (gr.skip(),) * 4
        return
    yield from run(bench, collection, text, pictures, *values)


def example_query(name: object) -> tuple[Any, Any, Any]:
    """The query that goes with an example set, and no picture. Returns (text, pictures, their HTML)."""
    found = examples.examples().get(str(name))
    return (found.query, (), "") if found and found.query else (gr.skip(),) * 3
