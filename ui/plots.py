"""Figures of ``eval.figures`` in the page: in both themes, with their numbers as a table, and to be saved.

``plot()`` is the place, ``pack()`` what goes into it, ``assets/ui/plots.js`` draws it. A figure brings its
exact numbers, shown below it on demand and saved as CSV; the picture is saved as PNG, as a page that needs
nothing else, or as plotly's JSON.
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import gradio as gr
import plotly.graph_objects as go
import plotly.io

from eval.figures import template
from eval.marks import Curve, Level
from ui import cards

_TEMPLATE = """
<figure class="xp-chart xp-figure">
  <figcaption><span class="xp-chart-title"></span><span class="xp-map-saves">
    <button type="button" class="xp-png" data-save="png">Save PNG</button>
    <button type="button" class="xp-png" data-save="html">Save HTML</button>
    <button type="button" class="xp-png" data-save="json">Save JSON</button>
    <button type="button" class="xp-png" data-save="csv">Save CSV</button></span></figcaption>
  <div class="xp-plot" role="img" aria-label="No figure yet"></div>
  <details class="xp-figure-numbers"><summary>The exact numbers</summary><div></div></details>
</figure>
"""


def plot(value: str = "", **options: Any) -> gr.HTML:
    """A figure on the page; ``value`` is what :func:`pack` made, "" for none.

    With ``Explorer.markWidth(group, width)`` the browser draws a line at a width in all figures packed with
    that ``group``: a slider needs no round trip for it.
    """
    return gr.HTML(
        value,
        html_template=_TEMPLATE,
        js_on_load="window.Explorer.mountPlot(element, props, watch);",
        apply_default_css=False,
        **options,
    )


def explained(how: str, **options: Any) -> gr.HTML:
    """A figure as :func:`plot`, on a card with the sentences beside it that say how to read it."""
    with gr.Column(elem_classes="xp-card xp-explained"):
        drawn = plot(**options)
        gr.HTML(cards.explain(how), apply_default_css=False)
    return drawn


def pack(
    figure: go.Figure,
    *,
    title: str,
    name: str,
    table: Sequence[dict[str, object]],
    about: str = "",
    group: str = "",
    width: float | None = None,
    times: Sequence[float] = (1,),
) -> str:
    """A figure for :func:`plot`.

    Args:
        figure: of ``eval.figures``; its template is replaced by the page's theme.
        title: heading above it.
        name: base name of saved files.
        table: its exact numbers, a mapping of column names for each row.
        about: what it shows, for those who cannot see it; the title by itself if "".
        group: figures of one group follow one width.
        width: where the line stands at first; None for none.
        times: of a width, for axes of something else: one line for each, of its bytes in each format, say.
    """
    content = json.loads(plotly.io.json.to_json_plotly(figure))
    content["layout"].pop("template", None)
    spec = {
        "data": content["data"],
        "layout": content["layout"],
        "templates": _templates(),
        "title": title,
        "name": name,
        "about": about or title,
        "table": list(table),
        "group": group,
        "width": width,
        "times": list(times),
    }
    return json.dumps(spec, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


@cache
def _templates() -> dict[str, Any]:
    return {theme: template(theme).to_plotly_json() for theme in ("light", "dark")}


def curve_table(
    curves: Sequence[Curve], levels: Sequence[Level] = (), *, x: str = "width", y: str = "value"
) -> list[dict[str, object]]:
    """The numbers of curves and lines, one row each; "" where there is no interval or no width."""
    rows: list[dict[str, object]] = []
    for curve in curves:
        lows, highs = (ends or [""] * len(curve.dims) for ends in (curve.lows, curve.highs))
        for dim, value, low, high in zip(curve.dims, curve.values, lows, highs, strict=True):
            rows.append({"curve": curve.name, x: dim, y: value, "low": low, "high": high})
    for level in levels:
        low, high = ("" if end is None else end for end in (level.low, level.high))
        rows.append({"curve": level.name, x: "", y: level.value, "low": low, "high": high})
    return rows
