"""Clusters on the map: found when asked for, and again when the vectors change. No widgets here."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from ui import cards, projection
from ui import points as made
from ui.checks import choice, whole
from ui.map_view import MapState, View, bar
from ui.projector import Projector, Step

NO_CLUSTERS = "none"
GROUPINGS = (NO_CLUSTERS, *projection.CLUSTERINGS)
MOST_GROUPS = 20


def group(
    projector: Projector,
    view: View,
    state: MapState | None,
    method: object,
    count: object,
    *,
    again: bool = False,
) -> Iterator[tuple[Any, ...]]:
    """Group the full-width vectors; the map gets the groups as a column to colour by.

    With ``again`` nobody asked just now: the page then keeps a colour that was chosen by hand.

    Yields:
        (status, session state, figure, measures, code)
    """
    name = choice(method, "clusters", GROUPINGS)
    number = whole(count, "number of clusters", 2, MOST_GROUPS)
    if state is None:
        yield (gr.skip(),) * 5
        return
    if name == NO_CLUSTERS:
        view.grouped = ()
        yield (gr.skip(), gr.skip(), _grouped(view, state, None, again), gr.skip(), gr.skip())
        return
    for step in projector.compute("clusters", state.vectors, method=name, count=number):
        if step.result is None:
            yield (bar(f"{name} of {len(state.vectors):,} items", step), *[gr.skip()] * 4)
            continue
        names = [f"{at + 1}: {state.points.items[row].label}" for at, row in enumerate(_central(state, step))]
        view.grouped = _grouping(state, method, count)
        update = _grouped(view, state, made.group_field(step.result, names), again)
        view.clusters = (("Clusters", f"{len(names)}"), ("In none", f"{int((step.result < 0).sum()):,}"))
        parts = [("Points", f"{len(state.points.items):,}"), ("Of", state.task), *view.clusters]
        yield cards.stats(parts) + state.messages, gr.skip(), update, gr.skip(), gr.skip()


def group_again(
    projector: Projector, view: View, state: MapState | None, method: object, count: object
) -> Iterator[tuple[Any, ...]]:
    """The vectors changed (adapter, collection, a link opened): the clusters chosen follow. As `group`."""
    if state is None or method == NO_CLUSTERS or view.grouped == _grouping(state, method, count):
        yield (gr.skip(),) * 5
        return
    yield from group(projector, view, state, method, count, again=True)


def _grouping(state: MapState, method: object, count: object) -> tuple[Any, ...]:
    return state.base, state.task, state.prompt_name, method, count


def _grouped(view: View, state: MapState, column: dict[str, Any] | None, again: bool) -> Any:  # noqa: ANN401
    view.groupings += 1
    told = {"base": state.base, "field": column, "again": again, "number": view.groupings}
    return gr.update(groups=made.packed(told))


def _central(state: MapState, step: Step) -> list[int]:
    assert step.result is not None  # the caller has looked
    return list(projection.central(state.vectors, step.result))
