"""Running a benchmark from the page: the form, what it would take, progress and Cancel."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from embedder.errors import InputError
from eval.benchmarks import BUNDLED
from eval.config import BASELINES, VECTORS
from eval.progress import clock
from ui import cards, limits, links, run_cards, run_plan
from ui import model as model_tab
from ui.checks import guarded
from ui.code_view import code_view
from ui.controls import LIGHT, QUIET
from ui.evaluation_board import reading
from ui.limits import Limits
from ui.run_hall import Hall
from ui.run_plan import PRECISIONS, SEARCHES, Wish
from ui.vectors import Workbench

MADE = ("python-docs", "python-code", "python-halves")
"""Benchmarks whose size is known when they have been made."""
SECONDS = 1.0
"""Between two looks at a run."""
EXPLANATION = (
    "A run encodes every document and query once per adapter at full width; all widths, formats and "
    "searches are then made of the same vectors. It goes on when you leave the page; Cancel keeps what "
    "was encoded, and the same run then goes on from there. Results and vectors lie where `python -m "
    "eval run` puts them, so that both share them; the command below does the same."
)
PUBLIC_WORDS = (
    "On this server visitors run the bundled benchmarks only, one run at a time for everybody, of at "
    "most {items:,} documents and queries and {minutes} minutes. Folders of your own and longer runs "
    "need `python app.py --trusted`."
)


def limits_of(bench: Workbench) -> Limits:
    """The caps of this host."""
    found = getattr(bench, "limits", None)
    return found if isinstance(found, Limits) else limits.PUBLIC


def owner_of(request: gr.Request | None) -> str:
    """Who is asking: a session of the page."""
    return str(getattr(request, "session_hash", "") or "")


def wish_of(values: tuple[object, ...]) -> Wish:
    """The form's values, in its order."""
    return Wish(*values)


def estimated(bench: Workbench, hall: Hall, *values: object) -> Iterator[tuple[str, str]]:
    """What the run would take, and the command that makes it; errors are words in the page.

    Yields:
        (words, code)
    """
    try:
        config = run_plan.config_of(wish_of(values), bench, limits_of(bench))
        new = [name for name in config.benchmark if hall.shelf.known(name, config.seed) is None]
        if new:
            yield cards.note(f"Counting {', '.join(new)} …"), config.command()
        lines = run_plan.estimate(config, bench, hall.shelf, limits_of(bench))
        yield run_cards.estimate(lines), config.command()
    except (InputError, OSError) as error:
        yield cards.note(str(error), "warn"), ""


def started(
    bench: Workbench, hall: Hall, *values: object, request: gr.Request | None = None
) -> Iterator[tuple[Any, ...]]:
    """Begin a run.

    Yields:
        (words, status, cancel button, timer); a refusal is in the words, for the status shows what runs.
    """
    try:
        allowed = limits_of(bench)
        config = run_plan.config_of(wish_of(values), bench, allowed)
        run_plan.check_room(len(hall.index.entries()), allowed)
        yield cards.note("Getting the benchmarks ready …"), *[gr.skip()] * 3
        found = run_plan.check_size(config, hall.shelf, allowed)
        passes = run_plan.passes_left(config, bench, found)
        hall.runner.start(config, bench.model, owner_of(request), allowed.benchmark_seconds, passes)
    except (InputError, OSError) as error:
        yield cards.note(str(error), "warn"), *watched(bench, hall, request)
        return
    yield "", *watched(bench, hall, request)


def watched(bench: Workbench, hall: Hall, request: gr.Request | None = None) -> tuple[Any, ...]:
    """How the run is doing: (status, cancel button, timer)."""
    report, owner = hall.runner.report(), owner_of(request)
    trusted = limits_of(bench).trusted
    mine = trusted or owner == report.owner
    words = run_cards.progress(report, trusted, owner)
    button = gr.Button(interactive=report.state == "running" and mine)
    return words, button, gr.Timer(active=report.is_going)


def cancelled(bench: Workbench, hall: Hall, request: gr.Request | None = None) -> tuple[Any, ...]:
    """Cancel was pressed: (status, cancel button, timer)."""
    hall.runner.stop(owner_of(request), anybody=limits_of(bench).trusted)
    hall.runner.wait(2 * SECONDS)
    return watched(bench, hall, request)


def listed(hall: Hall, counted: bool) -> str:
    """The table of benchmarks; those that have to be made to be counted only if that is wanted."""
    missing = {name: why for name, one in BUNDLED.items() if (why := one.missing())}
    sizes = {}
    for name in (name for name in BUNDLED if name not in missing):
        made = hall.shelf.load(name) if counted and name in MADE else hall.shelf.known(name)
        if made is not None:
            sizes[name] = (len(made.corpus), len(made.queries))
        elif name not in MADE:
            sizes[name] = BUNDLED[name].size()
    return run_cards.benchmarks(sizes, missing)


def offered(bench: Workbench) -> tuple[Any, ...]:
    """What the model that runs now has: (model's name, adapters, widths, vectors)."""
    model, spec = bench.model, bench.model.spec
    vectors = list(VECTORS) if spec.multi_vector_dim else ["dense"]
    said = f"{spec.name} · {model.precision} on {model.device}"
    return (
        f"<p class='xp-field'>Model <b>{cards.esc(said)}</b></p>{_others(bench)}",
        gr.update(choices=list(map(str, model.tasks))),
        gr.update(choices=[str(dim) for dim in spec.matryoshka_dims]),
        gr.update(choices=vectors),
    )


def _others(bench: Workbench) -> str:
    """The way to measure another model of this host: on its own page."""
    models = bench.models.benches if bench.models else ()
    ways = ", ".join(model_tab.way_to(one, one.model.spec.name) for one in models if one is not bench)
    words = (
        f"The model of this page. To run another, open its page: {ways}."
        if ways
        else ("The one that runs here; the Model tab says how to have others.")
    )
    return f"<p class='xp-explain'>{words}</p>"


@dataclass
class Form:
    """The widgets.

    Attributes:
        model: what runs.
        inputs: in the order of :class:`ui.run_plan.Wish`.
        table: of the bundled benchmarks.
        estimate: what it would take.
        code: the command.
        said: why a run could not begin.
        go: starts.
        cancel: stops.
        status: progress and results; sends 'pick'.
        timer: looks at the run.
    """

    model: gr.HTML
    inputs: list[Any]
    table: gr.HTML
    estimate: gr.HTML
    code: gr.HTML
    said: gr.HTML
    go: gr.Button
    cancel: gr.Button
    status: gr.HTML
    timer: gr.Timer


def layout(bench: Workbench) -> Form:
    """Place the widgets."""
    allowed = limits_of(bench)
    with gr.Column(elem_classes="xp-card xp-controls"):
        model = cards.plain("", elem_id="start-model")
        inputs = [_benchmarks(), _folders(allowed), *_settings(bench)]
        table = cards.plain("", elem_id="start-benchmarks")
    with gr.Column(elem_classes="xp-card xp-controls"):
        estimate = cards.plain("", elem_id="start-estimate")
        with gr.Row(elem_classes="xp-buttons"):
            go = gr.Button("Run", variant="primary", elem_id="start-go", min_width=120)
            cancel = gr.Button("Cancel", interactive=False, elem_id="start-cancel", min_width=100)
        said = cards.plain("", elem_id="start-said")
        status = gr.HTML(
            "",
            js_on_load="window.Explorer.mountClicks(element, trigger); // sends 'pick'",
            apply_default_css=False,
            elem_id="start-status",
        )
        words = EXPLANATION
        if allowed.benchmark_items is not None and allowed.benchmark_seconds is not None:
            minutes = clock(allowed.benchmark_seconds).split(":")[0]
            words += " " + PUBLIC_WORDS.format(items=allowed.benchmark_items, minutes=minutes)
        cards.plain(cards.explain(words))
    with gr.Accordion("The command that does the same", open=False):
        code = code_view(elem_id="start-code")
    timer = gr.Timer(SECONDS, active=False)
    return Form(model, inputs, table, estimate, code, said, go, cancel, status, timer)


def _benchmarks() -> gr.CheckboxGroup:
    names = list(BUNDLED)
    return gr.CheckboxGroup(names, value=names[:1], label="Benchmarks", elem_id="start-names")


def _folders(allowed: Limits) -> gr.Textbox:
    return gr.Textbox(
        label="Folders or data sets of your own, one on a line",
        info="BEIR's layout, a data set's folder, or OWNER/NAME on the hub (the server fetches it)",
        lines=2, visible=allowed.trusted, elem_id="start-folders", max_length=4000,
    )  # fmt: skip


def _settings(bench: Workbench) -> list[Any]:
    spec, tasks = bench.model.spec, list(map(str, bench.model.tasks))
    widths = [str(dim) for dim in spec.matryoshka_dims]
    vectors = list(VECTORS) if spec.multi_vector_dim else ["dense"]
    first = "retrieval" if "retrieval" in tasks else tasks[0]
    with gr.Row():
        task = gr.CheckboxGroup(tasks, value=[first], label="Adapters", min_width=200)
        kind = gr.CheckboxGroup(vectors, value=["dense"], label="Vectors", min_width=160)
    with gr.Row():
        dims = gr.CheckboxGroup(widths, value=widths, label="Widths", min_width=260, elem_id="start-widths")
        more = gr.Textbox(label="Other widths", placeholder="such as 24, 48", max_length=200, min_width=130)
    with gr.Row():
        formats = gr.CheckboxGroup(PRECISIONS, value=["float32"], label="Number formats", min_width=260)
        searches = gr.CheckboxGroup(SEARCHES, value=["exact"], label="Searches", min_width=220)
    with gr.Row():
        baselines = gr.CheckboxGroup(BASELINES, value=[], label="To compare with", min_width=220)
        seed = gr.Number(
            0, precision=0, label="Seed", info="of drawn benchmarks and intervals", min_width=120
        )
    links.register(
        "evaluation", tasks=task, vectors=kind, widths=dims, more=more, formats=formats,
        searches=searches, baselines=baselines, seed=seed,
    )  # fmt: skip
    return [task, dims, more, kind, formats, searches, baselines, seed]


def wire(bench: Workbench, hall: Hall, form: Form, openings: list[Any]) -> None:
    """Wire the form; ``openings`` are listeners that show it anew."""
    links.register("evaluation", benchmarks=form.inputs[0])
    state = [form.status, form.cancel, form.timer]
    choosing = [form.model, form.inputs[2], form.inputs[3], form.inputs[5]]
    estimating = guarded(partial(estimated, bench, hall))
    told = [form.estimate, form.code]

    # what gradio fills in by its type has to come before what the inputs fill in
    def began(request: gr.Request, *values: object) -> Iterator[tuple[Any, ...]]:
        yield from started(bench, hall, *values, request=request)

    def look(request: gr.Request) -> tuple[Any, ...]:
        return watched(bench, hall, request)

    def end(request: gr.Request) -> tuple[Any, ...]:
        return cancelled(bench, hall, request)

    for opening in openings:
        opening(partial(offered, bench), None, choosing, **LIGHT)
        opening(look, None, state, **LIGHT)
        opening(partial(listed, hall, False), None, form.table, **LIGHT).then(
            estimating, form.inputs, told, **QUIET, **_OWN
        ).then(partial(listed, hall, True), None, form.table, **LIGHT)
    # gradio's input event of a text box does not see what is pasted in one go
    touched = [one.change if isinstance(one, gr.Textbox) else one.input for one in form.inputs]
    gr.on(touched, estimating, form.inputs, told, trigger_mode="always_last", **QUIET, **_OWN)
    form.go.click(guarded(began), form.inputs, [form.said, *state], **reading(form.said))
    form.timer.tick(look, None, state, **QUIET, concurrency_limit=16)
    form.cancel.click(guarded(end), None, state, **QUIET)


# One after the other: an estimate that was asked for earlier must not come in after a later one.
_OWN: dict[str, Any] = {"concurrency_id": "evaluation", "concurrency_limit": 1}
