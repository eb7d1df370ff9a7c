"""One HTML page of some runs: figures to touch, tables, words on how to read them, nothing from elsewhere.

The page holds plotly.js as the installed plotly package ships it, and so opens from a disk without a network;
its policy forbids every request. Metric, runs, benchmark and adapter are chosen in it. Each figure is drawn
when it comes into sight, in the scheme of the system.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import plotly.io
import plotly.offline

from embedder.errors import InputError
from eval import report_parts as parts
from eval.figures import template
from eval.report_views import MOST_RUNS, Views, views_of
from eval.runs import Run

TEMPLATES = Path(__file__).resolve().parent / "templates"


def report(runs: Sequence[Run], title: str = "") -> str:
    """The page, as text.

    Args:
        runs: at least one, oldest first.
        title: its heading; "" names the models.

    Raises:
        InputError: there is no run, or one cannot be read.
    """
    if not runs:
        raise InputError("no run to report on")
    environment = _environment()
    macros: Any = environment.get_template("report_blocks.html").module

    def block(name: str, content: Mapping[str, Any]) -> str:
        return str(getattr(macros, name)(content))

    views = views_of(runs, block)
    return environment.get_template("report.html").render(
        **_frame(runs, views, title), plotly_js=_inlined(plotly.offline.get_plotlyjs())
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters["metric"] = parts.metric_name
    return environment


def _frame(runs: Sequence[Run], views: Views, title: str) -> dict[str, Any]:
    """What stands around the blocks, and what the page's script reads."""
    found = views.first.found
    unlisted = runs[:-MOST_RUNS]
    listed = [run for run in runs if run not in unlisted or run in found.runs]
    themes = {theme: template(theme).to_plotly_json() for theme in ("light", "dark")}
    data = {
        "figures": views.plots.of(views.first.figures), "templates": themes, "choices": views.abouts,
    }  # fmt: skip
    return {
        "title": title or f"What {' and '.join(found.models)} can do, and what less costs",
        "first": views.first.blocks,
        "blocks": views.texts,
        "choices": _choices(views),
        "sources": parts.sources(),
        "benchmarks": found.benchmarks,
        "encoded": parts.encoded_table(listed),
        "runs": parts.run_table(listed),
        "passed_over": found.passed_over,
        "unlisted": [run.run_id for run in unlisted],
        "data": _embedded(data),
        "packs": views.packs(),
    }


def _choices(views: Views) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Id, label and options (value, text) of each select, as the first view has them."""
    about = views.abouts[0]
    view = about["views"][0]
    lists = {
        "runs": ("Runs", [(str(place), one["runs"]) for place, one in enumerate(views.abouts)]),
        "metric": ("Metric", [(one["metric"], one["label"]) for one in about["views"]]),
        "benchmark": ("Benchmark", [(name, name) for name in view["benchmarks"]]),
        "subject": ("Adapter", [(name, name) for name in view["subjects"]]),
    }
    return [(name, label, options) for name, (label, options) in lists.items()]


def _embedded(value: object) -> str:
    """JSON that can stand in a script element: no text in it can end the element."""
    text: str = plotly.io.json.to_json_plotly(value)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _inlined(script: str) -> str:
    """A script that can stand in a page."""
    if "</script" in script.lower():
        raise InputError("the installed plotly.js ends its own script element: install another plotly")
    return script
