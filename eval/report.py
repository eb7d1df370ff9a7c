"""One HTML page of some runs: figures to touch, tables, words on how to read them, nothing from elsewhere.

The page holds plotly.js as the installed plotly package ships it, and so opens from a disk without a network;
its policy forbids every request. Each figure is drawn when it comes into sight, in the scheme of the system.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import plotly.io
import plotly.offline

from embedder.errors import InputError
from eval import report_parts as parts
from eval.figures import template
from eval.gather import gather
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
    found = gather(runs)
    plots = parts.Plots()
    content: dict[str, Any] = {
        "title": title or f"What {' and '.join(found.models)} can do, and what less costs",
        "found": found,
        "metric": parts.metric_name(found.metric),
        "summary": parts.summary(found),
        "runs": parts.run_table(found),
        "encoded": parts.encoded_table(found),
        "adapters": parts.adapter_table(found),
        "overview": parts.overview(found, plots),
        "details": parts.details(found, plots),
        "widths": parts.width_table(found),
        "published": parts.published(found, plots),
        "examples": parts.examples(found),
    }
    return _page(content, plots)


def _page(content: dict[str, Any], plots: parts.Plots) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters["metric"] = parts.metric_name
    page = environment.get_template("report.html")
    templates = {theme: template(theme).to_plotly_json() for theme in ("light", "dark")}
    return page.render(
        **content,
        data=_embedded({"figures": plots.drawn, "templates": templates}),
        plotly_js=_inlined(plotly.offline.get_plotlyjs()),
    )


def _embedded(value: object) -> str:
    """JSON that can stand in a script element: no text in it can end the element."""
    text: str = plotly.io.json.to_json_plotly(value)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _inlined(script: str) -> str:
    """A script that can stand in a page."""
    if "</script" in script.lower():
        raise InputError("the installed plotly.js ends its own script element: install another plotly")
    return script
