"""Saved benchmark runs in the Truncation lab: read from disk alone, when somebody opens the section."""

from functools import partial
from typing import Any

import gradio as gr

from embedder.errors import InputError
from ui import cards, plots, run_figures
from ui.checks import guarded
from ui.code_view import TITLE, code_view
from ui.controls import LIGHT
from ui.run_figures import NAMES
from ui.run_index import Entry, RunIndex

SECTION = "Saved benchmark runs"
LATEST = 100
EXPLANATION = (
    "From the files of a run, without the model. Intervals are 95%, over queries; tests against full width "
    "are corrected after Holm for all settings of the adapter."
)
NO_RUNS = "There are no saved runs yet: run a benchmark in the Evaluation tab, or with `python -m eval run`."


def section(index: RunIndex | None = None) -> None:
    """Lay out the section and wire it.

    Args:
        index: of the runs; None for the folder where runs are kept.
    """
    index = index or RunIndex()
    with gr.Accordion(SECTION, open=False, elem_id="truncation-saved") as box:
        said = cards.plain("", elem_id="truncation-saved-status")
        with gr.Row():
            run = gr.Dropdown([], label="Run", min_width=260)
            benchmark = gr.Dropdown([], label="Benchmark", min_width=140)
            task = gr.Dropdown([], label="Adapter of the run", min_width=140)
            metric = gr.Dropdown([], label="Metric of the run", min_width=120)
        cards.plain(cards.explain(EXPLANATION))
        figures = [plots.explained(run_figures.READ[name], elem_id=f"saved-{name}") for name in NAMES]
        with gr.Accordion(TITLE, open=False):
            code = code_view(elem_id="saved-code")
    controls = [run, benchmark, task, metric]
    outputs = [said, *controls, *figures, code]
    box.expand(guarded(partial(_open, index)), controls, outputs, **LIGHT)
    for control in controls:
        control.input(guarded(partial(_show, index)), controls, outputs, **LIGHT)


def _open(index: RunIndex, *values: object) -> tuple[Any, ...]:
    """The newest run, or the one that was on show."""
    return _show(index, *values)


def _show(index: RunIndex, run_id: object, *wanted: object) -> tuple[Any, ...]:
    """What the section shows: words, choices of the four controls, figures, code."""
    entries = index.entries()[:LATEST]
    if not entries:
        empty = [gr.update(choices=[], value=None)] * 4
        return (cards.note(NO_RUNS), *empty, *[""] * len(NAMES), "")
    names = [(_label(entry), entry.run_id) for entry in entries]
    known = {entry.run_id for entry in entries}
    value = run_id if isinstance(run_id, str) and run_id in known else entries[0].run_id
    found = index.open(value)
    try:
        offered = run_figures.offered(found)
        chosen = run_figures.nearest(offered, *wanted)
        made = run_figures.figures(found, chosen)
    except (KeyError, TypeError) as error:
        raise InputError(f"run {value} cannot be shown: its result.json lacks {error}") from None
    here = [one for one in offered if one.benchmark == chosen.benchmark]
    choices = [
        gr.update(choices=names, value=value),
        gr.update(choices=list(dict.fromkeys(one.benchmark for one in offered)), value=chosen.benchmark),
        gr.update(choices=list(dict.fromkeys(one.subject for one in here)), value=chosen.subject),
        gr.update(choices=list(dict.fromkeys(one.metric for one in here)), value=chosen.metric),
    ]
    return (_facts(found.content), *choices, *made.values(), _code(value, chosen))


def _label(entry: Entry) -> str:
    moment = entry.created[:16].replace("T", " ")
    return f"{moment} · {', '.join(entry.models)} · {', '.join(entry.benchmarks)} · {entry.run_id[-6:]}"


def _facts(content: dict[str, Any]) -> str:
    seconds = content.get("seconds")
    rows = [("Run", str(content.get("run_id"))), ("Created", str(content.get("created"))[:19])]
    rows += [("Took", f"{seconds:,.0f} s")] if isinstance(seconds, int | float) else []
    return cards.stats(rows)


def _code(run_id: str, chosen: run_figures.Chosen) -> str:
    """Python that reads the same numbers."""
    return (
        "from eval.runs import load_run\n\n"
        f"run = load_run({run_id!r})\n"
        "for row in run.scores:\n"
        f"    wanted = ({chosen.benchmark!r}, {chosen.task!r}, {chosen.metric!r})\n"
        '    if (row["benchmark"], row["task"], row["metric"]) == wanted:\n'
        '        print(row["dim"], row["precision"], row["search"], row["baseline"],\n'
        '              f\'{row["value"]:.4f} ({row["ci_low"]:.4f} to {row["ci_high"]:.4f})\')\n'
    )
