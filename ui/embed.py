"""The Embed tab: what goes in, the vectors that come out, and how to take them away."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
import numpy as np

from embedder.truncation import truncate
from ui import cards, charts, controls, examples, links, snippets, uploads
from ui.checks import choice, guarded, whole
from ui.code_view import TITLE, code_view
from ui.collection import MAX_BOX_CHARS, Added, Item, documents_from, extend, texts_from
from ui.downloads import write_files
from ui.jobs import Jobs
from ui.ranking import kept_length
from ui.vectors import Embedded, Workbench

Array = np.ndarray[Any, np.dtype[Any]]

KINDS = ("npy", "json", "csv")
MAX_STRIPS = 40
"""Rows of the figure; the table and the files hold all."""
EXPLANATION = (
    "One row is one input, one stripe is one of its numbers: blue below zero, orange above. The dotted lines "
    "are the widths the model was trained to be cut to: it keeps what matters most on the left. Alike inputs "
    "have alike stripes. “Time” is an input's share of the batch it was encoded in; “Length kept” is how "
    "much of the vector's length of 1 the first dimensions hold before it is brought back to 1."
)


@dataclass(frozen=True)
class EmbedState:
    """The last result of this session: the dimension slider works from it.

    ``drawn`` holds the slider's value that it was shown with first.
    """

    items: tuple[Item, ...]
    embedded: Embedded
    task: str
    prompt_name: str
    messages: str
    drawn: tuple[object, ...] = ()


def gather(texts: object, pictures: Sequence[Item], together: object, per_line: object) -> Added:
    """The inputs as items: texts then pictures, or documents of both."""
    words = texts_from(texts, one_per_line=bool(per_line))
    if not together:
        return words + Added(tuple(pictures))
    return documents_from(words.items, pictures) + Added(problems=words.problems)


def run(
    bench: Workbench,
    texts: object,
    pictures: Sequence[Item],
    together: object,
    per_line: object,
    task: object,
    prompt_name: object,
    dim: object,
) -> Iterator[tuple[Any, ...]]:
    """Encode what was given, with progress; the last values are those of :func:`show`.

    Yields:
        (status, session state, figure, table, npy, json, csv, code)
    """
    spec = bench.model.spec
    task_name = choice(task, "task", bench.model.tasks)
    prompt = choice(prompt_name, "role", ("query", "passage"))
    width = whole(dim, "dimensions", 1, spec.dim)
    items, said = extend((), gather(texts, pictures or (), together, per_line))
    if not items:
        hint = (
            "" if said.problems else cards.note("Nothing to embed yet: type a text or add a picture.", "warn")
        )
        yield (cards.notes(said.problems, said.notices) + hint, *blank())
        return
    for step in bench.encode(items, task_name, prompt):
        if step.result is None:
            yield (cards.progress(step.done, step.total, step.seconds), *[gr.skip()] * 7)
            continue
        problems = [f"{items[row].label}: {why}" for row, why in step.result.problems.items()]
        messages = cards.notes([*said.problems, *problems], [*said.notices, *step.result.notices])
        state = EmbedState(items, step.result, task_name, prompt, messages, (dim,))
        yield _summary(state) + messages, state, *show(bench, state, width)


def show(bench: Workbench, state: EmbedState | None, dim: object) -> tuple[Any, ...]:
    """The result at a width, from the vectors that are there already.

    Returns:
        (figure, table, npy, json, csv, code)
    """
    if state is None:
        return "", _no_table(), None, None, None, ""
    width = whole(dim, "dimensions", 1, bench.model.spec.dim)
    vectors = cut_rows(state.embedded.vectors, width)
    settings = {
        "model": bench.model.spec.name,
        "task": state.task,
        "prompt_name": state.prompt_name,
        "dim": width,
        "normalized": True,
    }
    files = write_files(state.items, vectors, settings)
    code = snippets.embed_code(
        state.items,
        load=bench.load_code(),
        model=bench.model.spec.name,
        task=state.task,
        prompt_name=state.prompt_name,
        dim=width,
    )
    figure = _figure(vectors, state.items, bench.model.spec.matryoshka_dims)
    return figure, _table(state, vectors, width), files["npy"], files["json"], files["csv"], code


def cut_rows(vectors: Array, width: int) -> Array:
    """Rows cut to ``width`` and brought back to length 1; rows of NaN stay so."""
    good = np.isfinite(vectors).all(axis=1)
    result = np.full((len(vectors), width), np.nan, dtype=np.float32)
    if good.any():
        result[good] = truncate(vectors[good], width)
    return result


def _figure(vectors: Array, items: Sequence[Item], marks: Sequence[int]) -> str:
    if not np.isfinite(vectors).any():
        return ""
    count, dim = len(items), vectors.shape[1]
    title = f"{count} vector{'s' if count != 1 else ''} of {dim} dimensions"
    if count > MAX_STRIPS:
        title += f" (the first {MAX_STRIPS} drawn)"
    return charts.strip(vectors[:MAX_STRIPS], items[:MAX_STRIPS], marks, title=title)


def _table(state: EmbedState, vectors: Array, width: int) -> str:
    kept = kept_length(state.embedded.vectors, width)
    norms = np.linalg.norm(vectors, axis=1)
    head = ("", "Input", "Tokens", "Patches", "Time", "Norm", "Length kept", "First values")
    rows = [_row(state, row, norms[row], kept[row], vectors[row]) for row in range(len(state.items))]
    return cards.table(head, rows) + cards.table_saver("embed-table", "inputs")


def _row(state: EmbedState, row: int, norm: float, kept: float, vector: Array) -> list[str]:
    item, embedded = state.items[row], state.embedded
    label = f"<span class='xp-label'>{cards.esc(item.label)}</span><small>{cards.KINDS[item.kind]}</small>"
    if row in embedded.problems:
        return [cards.picture(item, "xp-mini"), label, *["—"] * 5, cards.esc(embedded.problems[row])]
    patches = str(embedded.patches[row]) if embedded.patches[row] else "—"
    first = "<code>" + ", ".join(f"{value:.3f}" for value in vector[:3]) + " …</code>"
    numbers = [
        str(embedded.tokens[row]),
        patches,
        clock(embedded.each[row]),
        f"{norm:.4f}",
        f"{kept:.3f}",
        first,
    ]
    return [cards.picture(item, "xp-mini"), label, *numbers]


def _summary(state: EmbedState) -> str:
    embedded = state.embedded
    count = len(state.items)
    known = count - embedded.computed
    said = f" ({known} of {count} remembered)" if known else ""
    parts = [
        ("Inputs", str(count)),
        ("Tokens", f"{sum(embedded.tokens):,}"),
        ("Patches", f"{sum(embedded.patches):,}"),
    ]
    return cards.stats([*parts, ("Time", clock(embedded.seconds) + said)])


def clock(seconds: float) -> str:
    """A duration in milliseconds below a second, in seconds above."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
    return f"{seconds:.1f} s"


def blank() -> tuple[Any, ...]:
    """The outputs behind the status when there is no result: state, figure, table, three files, code."""
    return None, "", _no_table(), None, None, None, ""


def _no_table() -> str:
    return cards.empty("No vectors yet", "Type texts, add pictures, and press Embed.")


DEFAULT_TEXTS = (
    "a red circle above a blue square\na blue square above a red circle\nHow do I reverse a list in Python?"
)


@dataclass
class Widgets:
    """What the wiring needs of the layout."""

    inputs: list[Any]
    width: gr.Slider
    text: gr.Textbox
    go: gr.Button
    jobs: Jobs
    status: gr.HTML
    shown: list[Any]
    give: gr.Button
    given: gr.HTML


def layout(bench: Workbench) -> Widgets:
    """Place the tab's widgets."""
    spec = bench.model.spec
    with gr.Row(elem_classes="xp-main"):
        with gr.Column(scale=4, min_width=300, elem_classes="xp-side xp-first xp-card"):
            cards.plain("<h2 class='xp-h'>Input</h2>")
            sources = _sources()
            task = controls.task_control(bench.model.tasks)
            role = controls.role_control()
            width = controls.width_control(spec.matryoshka_dims, spec.dim)
            with gr.Row(elem_classes="xp-buttons"):
                go = gr.Button("Embed", variant="primary", elem_id="embed-go", min_width=120)
                jobs = Jobs("embed")
        with gr.Column(scale=8, min_width=320, elem_classes="xp-out"):
            status = cards.plain("", elem_classes="xp-status", elem_id="embed-status")
            shown, give, given = _outputs()
    return Widgets(
        [*sources, task, role, width.slider], width.slider, sources[0], go, jobs, status, shown, give, given
    )


def _sources() -> list[Any]:
    """Texts, pictures, and how they belong together."""
    first = examples.embed_example()
    texts = gr.Textbox(
        first.texts or DEFAULT_TEXTS,
        label="Texts",
        placeholder="one text per line",
        lines=5,
        max_lines=14,
        max_length=MAX_BOX_CHARS,
        elem_id="embed-texts",
    )
    with gr.Column(elem_id="embed-pictures", min_width=200):
        cards.plain("<p class='xp-field'>Pictures</p>")
        pictures = gr.State(first.pictures)
        row = uploads.drop_zone(uploads.pictures_row(first.pictures), "Drop pictures here, or choose files")
        messages = cards.plain("", elem_classes="xp-messages")
    row.dropped(guarded(uploads.add_pictures), pictures, [pictures, row, messages], **controls.QUIET)
    row.remove(guarded(uploads.remove_picture), pictures, [pictures, row, messages], **controls.QUIET)
    with gr.Row(elem_classes="xp-checks"):
        per_line = gr.Checkbox(True, label="Each line is a text", min_width=130)
        pairs = "line 1 with picture 1 …"
        together = gr.Checkbox(False, label="Text + picture together", info=pairs, min_width=130)
    return [texts, pictures, together, per_line]


def _outputs() -> tuple[list[Any], gr.Button, gr.HTML]:
    """Figure, table, downloads and code; the button that gives the inputs on, and its words."""
    figure = charts.chart(elem_id="embed-figure", elem_classes="xp-card")
    cards.plain(cards.explain(EXPLANATION))
    table = cards.plain(_no_table(), elem_id="embed-table")
    with gr.Row(elem_classes="xp-buttons"):
        saves = [gr.DownloadButton(f"Download {kind}", size="sm", min_width=120) for kind in KINDS]
        give = gr.Button("Add these to the collection", size="sm", min_width=180)
    given = cards.plain("", elem_classes="xp-messages", elem_id="embed-given")
    with gr.Accordion(TITLE, open=False):
        code = code_view(elem_id="embed-code")
    return [figure, table, *saves, code], give, given


def send(state: EmbedState | None, collection: Sequence[Item]) -> tuple[Any, str]:
    """The inputs of the last result join the collection that the other tabs work on.

    Returns:
        (collection, words)
    """
    if state is None:
        return gr.skip(), cards.note("There is nothing to add yet: press Embed first.", "warn")
    updated, said = extend(collection, Added(state.items))
    done = (
        f"{len(said.items)} added to the collection of Similarity and Search, which now holds {len(updated)}."
    )
    return updated, cards.notes(said.problems, [*said.notices, done])


def build(bench: Workbench, collection: gr.State) -> Callable[[Callable[..., Any]], None]:
    """Lay out the tab and wire it.

    Returns:
        What wires the first look to a listener, when the page knows what comes before it.
    """
    parts = layout(bench)
    state = gr.State(None)
    texts, pictures, together, per_line, task, role, slider = parts.inputs
    links.register("embed", texts=texts, together=together, lines=per_line, task=task, role=role, dim=slider)
    links.uploads(pictures, "the pictures of Embed")
    outputs = [parts.status, state, *parts.shown]
    parts.jobs.connect(outputs, blank())
    parts.jobs.follow(partial(show, bench), [state, parts.width], parts.shown)
    pressed = partial(gr.on, [parts.go.click, parts.text.submit])
    parts.jobs.run(pressed, partial(run, bench), parts.inputs, trigger_mode="once")
    parts.give.click(guarded(send), [state, collection], [collection, parts.given], **controls.QUIET)
    again = guarded(partial(show, bench))
    parts.width.change(again, [state, parts.width], parts.shown, **controls.LIGHT)

    def first(listener: Callable[..., Any]) -> None:
        parts.jobs.run(listener, partial(first_look, bench), parts.inputs, unasked=True)
        parts.jobs.bind()

    return first


def first_look(bench: Workbench, *values: Any) -> Iterator[tuple[Any, ...]]:
    """When the page opens, embed the example, unless the model is slow."""
    if not bench.eager():
        yield (gr.skip(),) * 8
        return
    yield from run(bench, *values)
