"""What the Truncation lab shows: the lab itself as data for the browser, its curves, its numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from plotly.colors import sequential

from embedder.errors import InputError
from eval.cost import pareto_front
from eval.figures import pareto, trade_off
from eval.marks import Curve, Point
from eval.report_parts import metric_name
from ui import cards, plots
from ui.charts import DIVERGING, DIVERGING_DARK
from ui.collection import Item
from ui.points import b64
from ui.ranking import cluster_order
from ui.truncation_numbers import FORMATS, MEASURES, Interval, Numbers

if TYPE_CHECKING:
    from ui.truncation_lab import Wanted

Array = np.ndarray[Any, np.dtype[Any]]
Curves = Mapping[tuple[str, str, int], Numbers]

GROUP = "truncation"
MOST_TEXT = 600


def lab_spec(
    items: Sequence[Item], vectors: Array, chosen: "Wanted", near: int, marks: Sequence[int]
) -> dict[str, Any]:
    """Everything the browser needs to follow the slider by itself: vectors once, in full.

    Args:
        items: one per row.
        vectors: float32 (n, full), unit rows.
        chosen: the controls.
        near: neighbours that count.
        marks: trained widths.
    """
    return {
        "task": chosen.shown,
        "full": int(vectors.shape[1]),
        "dim": chosen.dim,
        "near": near,
        "marks": list(marks),
        "vectors": b64(vectors, "<f4"),
        "items": [
            {"label": item.label, "thumb": item.thumb, "kind": cards.KINDS[item.kind], "text": _text(item)}
            for item in items
        ],
        "order": cluster_order(vectors),
        "scale": list(sequential.Cividis),
        "change": {"light": [colour for _, colour in DIVERGING], "dark": [c for _, c in DIVERGING_DARK]},
    }


def _text(item: Item) -> str:
    return item.text if len(item.text) <= MOST_TEXT else item.text[: MOST_TEXT - 1] + "…"


def curves(
    found: Curves, chosen: "Wanted", marks: Sequence[int], measure: str | None = None
) -> tuple[str, str, str]:
    """Three figures: by adapter, by number format, by bytes; "" for what nothing is known of."""
    name = measure or chosen.measure
    if not any(name in one.measures for one in found.values()):
        return "", "", ""
    title = _title(name, chosen)
    tasks = list(dict.fromkeys(task for task, _, _ in found))
    by_task = [_curve(found, task, "float32", task, name) for task in tasks]
    by_form = [_curve(found, chosen.shown, form, _form_name(form), name) for form in FORMATS]
    one = _plot(by_task, f"{title}, by adapter (float32)", "by-adapter", name, marks, chosen)
    two = _plot(by_form, f"{title}, by number format ({chosen.shown})", "by-format", name, marks, chosen)
    return one, two, _bytes(found, chosen, marks, name)


def _title(name: str, chosen: "Wanted") -> str:
    if name == MEASURES[2]:
        return f"Quality, {metric_name(chosen.metric)}"
    return name.capitalize()


def _form_name(form: str) -> str:
    return "PCA (control)" if form == "PCA" else form


def _curve(found: Curves, task: str, form: str, label: str, name: str) -> Curve:
    own = [one for (t, f, _), one in found.items() if (t, f) == (task, form)]
    means = [one.measures[name] for one in own]
    return Curve(
        label,
        [one.dim for one in own],
        [mean.mean for mean in means],
        [mean.low for mean in means],
        [mean.high for mean in means],
        quiet=form == "PCA",
    )


def _plot(
    lines: Sequence[Curve], title: str, file: str, name: str, marks: Sequence[int], chosen: "Wanted"
) -> str:
    figure = trade_off(lines, y_title=f"{name} (95% bands)")
    ticks = _ticks(lines, marks)
    figure.update_xaxes(tickvals=ticks, ticktext=[f"{mark:g}" for mark in ticks])
    return plots.pack(
        figure,
        title=title,
        name=f"truncation-{file}",
        table=plots.curve_table(lines, x="dimensions", y=name),
        about=f"{title}: curves against the number of dimensions",
        group=GROUP,
        width=chosen.dim,
    )


def _ticks(lines: Sequence[Curve], marks: Sequence[int]) -> list[int]:
    """The trained widths, and halves of the smallest as far down as the curves go."""
    least, ticks = min(line.dims[0] for line in lines), sorted(marks)
    while ticks[0] // 2 >= least:
        ticks.insert(0, ticks[0] // 2)
    return ticks


def _bytes(found: Curves, chosen: "Wanted", marks: Sequence[int], name: str) -> str:
    """Every trained width in every format by its bytes, and the front of what is worth them."""
    own = {k: one for k, one in found.items() if k[0] == chosen.shown and k[2] in marks}
    front = set(pareto_front({k: (one.size, one.measures[name].mean) for k, one in own.items()}))
    dots = []
    for key, one in own.items():
        mean = one.measures[name]
        ends = (mean.low, mean.high)
        dots.append(
            Point(str(one.dim), _form_name(one.form), one.size, mean.mean, *ends, is_front=key in front)
        )
    try:
        figure = pareto(dots, y_title=f"{name} (95% bars)")
    except InputError:
        return ""
    title = f"What a byte buys: {_title(name, chosen)[0].lower()}{_title(name, chosen)[1:]} ({chosen.shown})"
    table = [
        {"format": p.group, "dimensions": int(p.label), "bytes": p.cost, name: p.value}
        | {"low": p.low, "high": p.high, "on the front": "yes" if p.is_front else "no"}
        for p in dots
    ]
    return plots.pack(
        figure,
        title=title,
        name="truncation-by-bytes",
        table=table,
        group=GROUP,
        width=chosen.dim,
        times=sorted({one.size / one.dim for one in own.values()}),
    )


def numbers(found: Iterable[Numbers], chosen: "Wanted", near: int, width: int) -> str:
    """The exact numbers of every adapter and format at one width."""
    rows = list(found)
    known = any(MEASURES[2] in one.measures for one in rows)
    head = ["Adapter", "Format", "Bytes per vector", f"Kept of {near}", "Rank correlation"]
    names = list(MEASURES if known else MEASURES[:2])
    head += [metric_name(chosen.metric)] if known else []
    lines = [
        [
            cards.esc(one.task),
            cards.esc(_form_name(one.form)),
            f"{one.size:,}",
            *(_interval(one.measures[name]) for name in names),
        ]
        for one in rows
    ]
    title = f"<h3 class='xp-h'>The numbers at {width} dimension{'s' * (width != 1)}</h3>"
    return title + cards.table(head, lines, stacked=True)


def _interval(value: Interval) -> str:
    return f"{value.mean:.3f} <small>{value.low:.3f} – {value.high:.3f}</small>"
