"""The tab of token and patch maps: widgets, handlers, wiring; what is sent is made in :mod:`ui.late_maps`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from embedder.errors import InputError
from embedder.spec import MINI
from ui import cards, controls, late_maps, links, snippets, uploads
from ui.checks import choice, guarded, index
from ui.code_view import TITLE, code_view
from ui.collection import MAX_TEXT_CHARS, Item
from ui.controls import LIGHT, QUIET, Collection
from ui.editor import Editor, editor
from ui.jobs import Jobs
from ui.late_maps import Answer
from ui.late_vectors import DETAILS, DOCUMENT_TOKENS, QUERY_TOKENS, Encoded, LateBench, Side
from ui.retrieval import example_query, other_side, query_item
from ui.vectors import Workbench

FIRST_QUERY = "a purple heart above an orange ring"
"""Goes with the first example set: every noun and colour of it has its own place in a picture."""
TRY = (FIRST_QUERY, "a yellow star left of a green triangle", "a red circle above a blue square")
EXPLANATION = (
    "Late interaction keeps one vector per token. The map shows the product (cosine) of the chosen query "
    "token with every patch of the picture or token of the text; hover, tap or walk over the tokens with the "
    "arrow keys. “Max” and “mean” take, for every patch, the largest or the mean product over the query's "
    "tokens. A document's score is its max-sim: each query token takes its best match (outlined), and the "
    "matches are added up in the bars. What is greyed is none of your words: the role's prefix and the fixed "
    "words around a picture. The model counts them; untick the box to see the score without them."
)
MINIATURE = (
    "Late interaction is the weakest part of the bundled miniature: its token vectors tell colours and "
    "shapes apart, but hardly what is above or left of what (its card has figures), so the right one of two "
    "mirrored pictures need not come first. Its pictures have about 16 patches, and words for positions "
    "find their best match in the fixed words around a picture rather than in it."
)
UNABLE = "This model has one vector per input and none per token, so that there is nothing to map here."


@dataclass
class Widgets:
    """What the wiring needs of the layout."""

    editor: Editor
    text: gr.Textbox
    pictures: gr.State
    row: gr.HTML
    tries: gr.HTML
    settings: list[Any]
    go: gr.Button
    jobs: Jobs
    status: gr.HTML
    maps: gr.HTML
    code: gr.HTML


def run(
    late: LateBench,
    collection: Collection,
    text: object,
    pictures: Sequence[Item],
    task: object,
    detail: object,
) -> Iterator[tuple[Any, ...]]:
    """Encode query and collection token by token, rank, and send the maps.

    Yields:
        (status, session state, maps as JSON, code)
    """
    if not late.able:
        raise InputError(UNABLE)
    items = tuple(collection or ())
    if not items:
        hint = "There is nothing to map a query on: add texts or pictures, or load an example set."
        yield (cards.note(hint, "warn"), *blank())
        return
    query = query_item(text, pictures or ())
    asked, searched = sides(late, task, detail)
    results: list[Encoded] = []
    for group, side, what in ((items, searched, "items"), ((query,), asked, "query")):
        for step in late.encode(group, side):
            if step.result is None:
                yield (cards.progress(step.done, step.total, step.seconds, what), *[gr.skip()] * 3)
            else:
                results.append(step.result)
    yield _finished(late, query, items, (asked, searched), results)


def sides(late: LateBench, task: object, detail: object) -> tuple[Side, Side]:
    """How the query and the documents are encoded.

    Raises:
        InputError: a value that no control offers.
    """
    name = choice(task, "task", late.bench.model.tasks)
    pixels = late.pixels(choice(detail, "patches", tuple(DETAILS)))
    limit = late.bench.model.spec.max_tokens
    return (
        Side(name, "query", min(QUERY_TOKENS, limit), pixels),
        Side(name, other_side(name), min(DOCUMENT_TOKENS, limit), pixels),
    )


def _finished(
    late: LateBench,
    query: Item,
    items: tuple[Item, ...],
    sides: tuple[Side, Side],
    results: Sequence[Encoded],
) -> tuple[Any, ...]:
    documents, asked = results
    vectors = asked.late[0]
    if vectors is None:
        raise InputError(f"{query.label}: {asked.problems[0]}")
    problems = [f"{items[row].label}: {why}" for row, why in documents.problems.items()]
    messages = cards.notes(problems, dict.fromkeys([*asked.notices, *documents.notices]))
    if not any(documents.late):
        return (messages, *blank())
    state = late_maps.answer(query, items, *sides, vectors, documents.late)
    parts = [
        ("Query tokens", str(vectors.tokens)),
        ("Documents", str(len(state.order))),
        ("Their tokens", f"{sum(found.tokens for found in documents.late if found):,}"),
        ("Encoded now", str(asked.computed + documents.computed)),
        ("Time", f"{asked.seconds + documents.seconds:.2f} s"),
    ]
    return cards.stats(parts) + messages, state, late_maps.page(late, state), _code(late, state)


def _code(late: LateBench, state: Answer) -> str:
    return snippets.late_code(
        state.query,
        state.items,
        load=late.bench.load_code(),
        model=late.bench.model.spec.name,
        task=state.asked.task,
        passage=state.searched.prompt_name,
        lengths=(state.asked.max_length, state.searched.max_length),
        max_pixels=state.searched.max_pixels,
    )


def blank() -> tuple[Any, ...]:
    """The outputs behind the status when there is no result: state, maps, code."""
    return None, "", ""


def one_more(late: LateBench, state: Answer | None, item: object) -> Any:  # noqa: ANN401
    """The map of a document that was opened and not sent before; words for the page if it is gone."""
    row = index(item, len(state.items)) if state else None
    if state is None or row is None:
        return gr.skip()
    found = late_maps.one_more(late, state, row)
    if not found:
        raise InputError("This document's token vectors are no longer kept: press “Show maps” again.")
    return gr.update(patch=found)


def keep_up(late: LateBench, state: Answer | None, *values: Any) -> Iterator[tuple[Any, ...]]:
    """When the tab opens or its collection changes, compare without being asked, if the model is quick.

    ``values`` are those of :func:`run`.
    """
    collection, text, pictures = values[:3]
    asked = pictures or (isinstance(text, str) and text.strip())
    if (
        not late.able
        or not asked
        or not late.bench.eager()
        or (state and state.items == tuple(collection or ()))
    ):
        yield (gr.skip(),) * 4
        return
    yield from run(late, *values)


def tried(at: int | None) -> tuple[Any, Any, Any]:
    """One of the queries to try. Returns (text, pictures, their HTML)."""
    return (TRY[at], (), "") if at is not None and 0 <= at < len(TRY) else (gr.skip(),) * 3


def layout(bench: Workbench, collection: gr.State) -> Widgets:
    """Place the tab's widgets."""
    with gr.Row(elem_classes="xp-main"):
        with gr.Column(scale=4, min_width=300, elem_classes="xp-side xp-card"):
            edited = editor(collection)
        with gr.Column(scale=8, min_width=320, elem_classes="xp-out"):
            with gr.Column(elem_classes="xp-card xp-controls"):
                text, settings = _query(bench)
                tries, go, jobs = _buttons()
                pictures, row = _picture()
            status = cards.plain("", elem_classes="xp-status", elem_id="late-status")
            maps = _maps()
            cards.plain(cards.explain(EXPLANATION))
            if bench.model_argument == MINI:
                cards.plain(cards.explain(MINIATURE), elem_id="late-honest")
            with gr.Accordion(TITLE, open=False):
                code = code_view(elem_id="late-code")
    return Widgets(edited, text, pictures, row, tries, settings, go, jobs, status, maps, code)


def _maps() -> gr.HTML:
    """The figure; its property ``patch`` takes the JSON of one more document's map."""
    return gr.HTML(
        "",
        html_template="<div class='lm'></div>",
        js_on_load="window.Explorer.mountMaps(element, props, trigger, watch); // sends 'need'",
        apply_default_css=False,
        patch="",
        elem_id="late-maps",
        elem_classes="xp-card",
    )


def _query(bench: Workbench) -> tuple[gr.Textbox, list[Any]]:
    """The query as words, and how both sides are encoded."""
    with gr.Row():
        text = gr.Textbox(
            FIRST_QUERY,
            label="Query",
            info="what should be found, token by token",
            lines=1,
            max_lines=6,
            max_length=MAX_TEXT_CHARS,
            scale=3,
            min_width=240,
            elem_id="late-query",
        )
        task = controls.task_control(bench.model.tasks)
        detail = gr.Dropdown(
            list(DETAILS),
            value=next(iter(DETAILS)),
            label="Patches",
            info="finer: 4 times as many",
            min_width=150,
        )
    return text, [task, detail]


def _buttons() -> tuple[gr.HTML, gr.Button, Jobs]:
    """Queries to try; start and stop."""
    tries = cards.clickable(_tries(), elem_id="late-tries")
    with gr.Row(elem_classes="xp-buttons"):
        go = gr.Button("Show maps", variant="primary", elem_id="late-go", min_width=120)
        jobs = Jobs("late")
    return tries, go, jobs


def _picture() -> tuple[gr.State, gr.HTML]:
    """A picture that asks in place of the words."""
    with gr.Accordion("Or ask with a picture, patch by patch", open=False, elem_id="late-image"):
        pictures = gr.State(())
        row = uploads.drop_zone("", "Drop a picture, or choose one", multiple=False)
        messages = cards.plain("", elem_classes="xp-messages")
    shown = [pictures, row, messages]
    row.dropped(guarded(uploads.replace_picture), pictures, shown, **QUIET)
    row.remove(guarded(uploads.remove_picture), pictures, shown, **QUIET)
    return pictures, row


def _tries() -> str:
    """Queries to try, as buttons."""
    buttons = "".join(
        f"<button type='button' translate='no' data-event='pick' data-index='{at}'>"
        f"{cards.esc(words)}</button>"
        for at, words in enumerate(TRY)
    )
    return f"<div class='xp-marks'><span class='xp-lead'>Try</span> {buttons}</div>"


def build(bench: Workbench, collection: gr.State, tab: gr.Tab) -> None:
    """Lay out the tab and wire it."""
    late = LateBench(bench)
    parts = layout(bench, collection)
    state = gr.State(None)
    task, detail = parts.settings
    links.register("late", query=parts.text, task=task, patches=detail)
    links.uploads(parts.pictures, "the picture that Tokens & patches asks with")
    query = [parts.text, parts.pictures, parts.row]
    inputs = [collection, parts.text, parts.pictures, *parts.settings]
    parts.jobs.connect([parts.status, state, parts.maps, parts.code], blank())
    pressed = partial(gr.on, [parts.go.click, parts.text.submit])
    parts.jobs.run(pressed, partial(run, late), inputs, trigger_mode="once")
    again = parts.tries.pick(_tried, None, query, **QUIET)
    brought = parts.editor.loaded.then(guarded(example_query), parts.editor.chosen, query, **QUIET)
    for event in (again, *(control.input for control in parts.settings)):
        listener = event.then if event is again else event
        parts.jobs.run(listener, partial(run, late), inputs)
    tab.select(cards.collection_list, collection, parts.editor.view, **QUIET)
    for listener in (tab.select, brought.then, *(edit.then for edit in parts.editor.changed)):
        parts.jobs.run(listener, partial(keep_up, late), [state, *inputs], unasked=True)
    parts.jobs.bind()

    def needed(shown: Answer | None, event: gr.EventData) -> Any:  # noqa: ANN401
        return one_more(late, shown, controls.index_of(event))

    parts.maps.need(guarded(needed), state, parts.maps, **LIGHT)


def _tried(event: gr.EventData) -> tuple[Any, Any, Any]:
    return tried(controls.index_of(event))
