"""Figures in the page: Python says what to draw, ``assets/ui/explorer.js`` draws it with plotly.js.

A figure travels as one JSON string: values as base64 float32 (plotly's own typed-array form), labels and
thumbnails once per item. For slider steps the vectors travel once, beside the figure. Clicks come back as
a ``cell`` event. plotly.js is the file inside the installed plotly package, so both halves have one
version and the page asks no other server for anything.
"""

import base64
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ui import words
from ui.collection import Item
from ui.ranking import METRICS

Array = np.ndarray[Any, np.dtype[Any]]

_TEMPLATE = """
<figure class="xp-chart">
  <figcaption><span class="xp-chart-title"></span>
    <button type="button" class="xp-png" title="Save this figure as a picture">Save PNG</button></figcaption>
  <div class="xp-plot" tabindex="0" role="img" aria-label="No figure yet"></div>
  <div class="xp-live" aria-live="polite"></div>
</figure>
"""

DIVERGING = [[0, "#1b5e9e"], [0.25, "#7fb2d9"], [0.5, "#f4f4f1"], [0.75, "#f0a860"], [1, "#b45309"]]
"""Blue to orange through paper white: told apart with every common colour blindness."""
DIVERGING_DARK = [[0, "#69b1f0"], [0.25, "#2f6ea5"], [0.5, "#1b2129"], [0.75, "#b06a1f"], [1, "#ffb35c"]]
SEQUENTIAL = "Cividis"
STRIP_AXIS, STRIP_VALUE = "dimension", "value"
words.speak(STRIP_AXIS, STRIP_VALUE, *METRICS)


def chart(value: str = "", **options: Any) -> gr.HTML:
    """A figure on the page; ``value`` is the JSON of :func:`heatmap` or :func:`strip`, "" for none.

    Its property ``vectors`` takes the JSON of :func:`live_vectors`: with them the browser draws every
    other width by itself (``assets/ui/matrix_live.js``). Listen with ``figure.cell(handler)``: the
    event's data has ``row`` and ``col``, indices of items. A plain ``gr.HTML``: beside a subclass's file
    gradio would write a stub.
    """
    return gr.HTML(
        value,
        html_template=_TEMPLATE,
        js_on_load="window.Explorer.mountChart(element, props, trigger, watch); // sends 'cell'",
        apply_default_css=False,
        vectors="",
        **options,
    )


def _packed(spec: dict[str, Any]) -> str:
    """JSON in which no label can look like markup to whoever handles it on the way."""
    return json.dumps(spec, ensure_ascii=False).replace("<", "\\u003c")


def typed(values: Array) -> dict[str, str]:
    """A float32 matrix in plotly's typed-array form (base64), a quarter of its size as JSON numbers."""
    data = np.ascontiguousarray(values, dtype="<f4")
    return {
        "dtype": "f4",
        "bdata": base64.b64encode(data.tobytes()).decode(),
        "shape": ", ".join(map(str, data.shape)),
    }


def faces(items: Sequence[Item]) -> list[dict[str, str]]:
    """What the browser needs to show an item on an axis or in a tooltip."""
    return [{"label": item.label, "thumb": item.thumb} for item in items]


def heatmap(
    values: Array,
    items: Sequence[Item],
    rows: Sequence[int],
    cols: Sequence[int],
    *,
    title: str,
    value_name: str,
    limits: tuple[float, float],
    reverse: bool = False,
    file_name: str = "similarity",
) -> str:
    """A matrix of similarities with thumbnails on its axes.

    Args:
        values: float32 (len(rows), len(cols)), already in the order of ``rows`` and ``cols``.
        items: all items; ``rows`` and ``cols`` index into them.
        rows: item index of every row.
        cols: item index of every column.
        title: heading of the figure.
        value_name: what a cell's number is, e.g. "cosine".
        limits: smallest and largest value of the colour scale.
        reverse: True for distances, so that near is bright here too.
        file_name: base name of the saved picture.

    Returns:
        JSON for :func:`chart`.
    """
    spec: dict[str, Any] = {
        "kind": "heatmap",
        "items": faces(items),
        "rows": list(rows),
        "cols": list(cols),
        "shape": f"{len(rows)}x{len(cols)}",
        "valueName": value_name,
        "fileName": file_name,
        **_words(title, value_name, len(rows), len(cols)),
        "trace": {
            "type": "heatmap",
            "colorscale": SEQUENTIAL,
            "reversescale": reverse,
            "showscale": True,
            **_values(values, limits),
        },
    }
    return _packed(spec)


def live_vectors(vectors: Array, task: str) -> str:
    """What a heat map needs to follow the dimension slider: float32 (items, full width), sent once."""
    count, full = vectors.shape
    data = np.ascontiguousarray(vectors, dtype="<f4")
    values = base64.b64encode(data.tobytes()).decode()
    return _packed({"task": task, "count": count, "full": full, "values": values})


def _words(title: str, value_name: str, rows: int, cols: int) -> dict[str, str]:
    return {"title": title, "summary": f"{title}: heat map of {value_name}, {rows} rows by {cols} columns."}


def _values(values: Array, limits: tuple[float, float]) -> dict[str, Any]:
    return {"z": typed(values), "zmin": float(limits[0]), "zmax": float(limits[1])}


def strip(vectors: Array, items: Sequence[Item], marks: Sequence[int], *, title: str) -> str:
    """Vectors as strips of colour: one row per item, one stripe per dimension.

    Args:
        vectors: float32 (len(items), dim).
        items: what each row is.
        marks: dimensions at which the vector may be cut (Matryoshka widths), labelled on the axis.
        title: heading of the figure.

    Returns:
        JSON for :func:`chart`.
    """
    count, dim = vectors.shape
    # a few very large values would wash out the rest: the scale ends at the 99th percentile
    reach = float(np.nanquantile(np.abs(vectors), 0.99)) or 1.0
    spec: dict[str, Any] = {
        "kind": "strip",
        "items": faces(items),
        "rows": list(range(count)),
        "cols": list(range(dim)),
        "shape": f"{count}x{dim}",
        "title": title,
        "valueName": STRIP_VALUE,
        "fileName": "vectors",
        "xTitle": STRIP_AXIS,
        "xTicks": axis_ticks(marks, dim),
        "shapes": [_cut_line(mark) for mark in marks if mark < dim],
        "summary": f"{title}: {count} vectors of {dim} dimensions as strips of colour.",
        "darkscale": DIVERGING_DARK,
        "trace": {
            "type": "heatmap",
            "colorscale": DIVERGING,
            "showscale": False,
            **_values(vectors, (-reach, reach)),
        },
    }
    return _packed(spec)


def axis_ticks(marks: Sequence[int], dim: int) -> list[int]:
    """The widths that can be labelled without their labels touching: each at least 1/12 of the axis apart."""
    ticks: list[int] = [dim]
    for mark in sorted((m for m in marks if m < dim), reverse=True):
        if ticks[-1] - mark >= dim / 12:
            ticks.append(mark)
    return ticks[::-1]


def _cut_line(mark: int) -> dict[str, Any]:
    edge = mark - 0.5
    return {
        "type": "line",
        "x0": edge,
        "x1": edge,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"width": 1, "dash": "dot"},
    }


def plotly_js() -> Path:
    """The plotly.js that ships inside the installed plotly package; found without importing it."""
    found = importlib.util.find_spec("plotly")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("plotly is not installed: run 'pip install -r requirements.txt'")
    return Path(found.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
