"""What the Map tab does: encode, project, align, judge, find neighbours. No widgets here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
import numpy as np

from embedder.truncation import truncate
from ui import cards, map_code, neighbourhood, projection
from ui import points as made
from ui.checks import choice, index, whole
from ui.controls import ROLES, Collection
from ui.points import Points
from ui.projector import Projector, Step, digest
from ui.vectors import Workbench

Array = np.ndarray[Any, np.dtype[Any]]

SPACES = ("2D", "3D")
OWN_VECTORS = "vectors that came with the items"
EXPLANATION = (
    "Each point is an item; near points have alike vectors, as far as two or three dimensions can show it. "
    "PCA is a straight projection on the directions of largest spread: distances across the map mean "
    "something, but much is hidden behind it. UMAP and t-SNE keep neighbours together and give up the rest: "
    "read which points are near each other, not how far clusters lie apart or how large they are. All maps "
    "are turned onto one another (Procrustes), so that what moves when you change width, adapter or method "
    "has really moved. Seeds are fixed: the same items give the same map."
)
JUDGED = (
    "Trustworthiness (0 to 1) says whether to believe the map: a neighbour on the map that is none among the "
    "vectors costs the more, the further down it really ranks; 1 is flawless, a random map is near 0.5. "
    "“Neighbours kept” is the share of an item's nearest vectors that are its nearest on the map too. "
    "“Differs” compares with the first map of this method, at whatever width and with whatever adapter: onto "
    "that one it was turned; 0 is the same picture, 1 nothing in common."
)


@dataclass(frozen=True)
class Look:
    """How a map is drawn; the checked values of the controls: method, axes (2 or 3), dimensions."""

    method: str
    count: int
    dim: int


@dataclass
class View:
    """What changes while a visitor looks.

    Attributes:
        wanted: the map wanted last.
        anchors: the maps that others are turned onto, by points, method and axes.
        item: the one whose neighbours are on show.
        grouped: the vectors that were grouped last, and how.
        groupings: how many groupings the page was sent, so that it takes the same one twice.
        clusters: what is said of the last grouping, as (name, value).
        offered: width of vectors that came with the items, which the controls follow; 0 for the model's.
        model_width: that was chosen for the model's vectors before.
    """

    wanted: Look | None = None
    anchors: dict[tuple[str, str, int], Array] = field(default_factory=dict)
    item: int | None = None
    grouped: tuple[Any, ...] = ()
    groupings: int = 0
    clusters: tuple[tuple[str, str], ...] = ()
    offered: int = 0
    model_width: int = 0

    def anchor(self, base: str, look: Look, layout: Array) -> Array:
        """The first map of this method for these points; ``layout`` becomes it if there was none."""
        if not any(key[0] == base for key in self.anchors):
            self.anchors.clear()  # other points: their maps are of no use any more
        return self.anchors.setdefault((base, look.method, look.count), layout)

    def told(self, state: "MapState") -> tuple[tuple[str, str], ...]:
        """What is said of the clusters, if they are those of these vectors."""
        return self.clusters if self.grouped[:3] == (state.base, state.task, state.prompt_name) else ()


@dataclass(frozen=True)
class MapState:
    """The last result of this session.

    Attributes:
        points: what is on the map, failed items left out.
        vectors: float32 (n, full), unit rows.
        task: adapter, or ``OWN_VECTORS``.
        prompt_name: role of the texts.
        frame: float32 (n, 3), the full-width PCA of the first adapter drawn, that maps are turned onto.
        base: name of the points.
        messages: problems and notices of the encoding, as HTML.
    """

    points: Points
    vectors: Array
    task: str
    prompt_name: str
    frame: Array
    base: str
    messages: str = ""


def look(method: object, space: object, dim: object, full: int) -> Look:
    """Check the controls; a width beyond these vectors' own becomes theirs.

    Raises:
        InputError: a value that no control offers.
    """
    axes = 3 if choice(space, "space", SPACES) == "3D" else 2
    width = min(whole(dim, "dimensions", 1, max(full, 100_000)), full)
    return Look(choice(method, "method", projection.METHODS), axes, width)


def run(
    bench: Workbench,
    view: View,
    state: MapState | None,
    brought: Points | None,
    collection: Collection,
    task: object,
    prompt_name: object,
    *values: object,
) -> Iterator[tuple[Any, ...]]:
    """Encode the points where needed, then draw their PCA at once.

    ``values`` are method, space and dimensions.

    Yields:
        (status, session state, figure, measures, code)
    """
    points = brought if brought is not None else Points.gather(tuple(collection or ()))
    if len(points.items) < 2:
        hint = "A map needs at least two items: add texts or pictures, or load an example set."
        yield (cards.note(hint, "warn"), *blank())
        return
    name = choice(task, "task", bench.model.tasks)
    prompt = choice(prompt_name, "role", ROLES)
    if points.vectors is not None:
        made_state = _state(points, points.vectors, OWN_VECTORS, prompt, state, "")
        yield _drawn(bench, view, state, made_state, values, "")
        return
    for step in bench.encode(points.items, name, prompt):
        if step.result is None:
            bar = cards.progress(step.done, step.total, step.seconds, f"items, task {name}")
            yield (bar, *[gr.skip()] * 4)
            continue
        problems = [f"{points.items[row].label}: {why}" for row, why in step.result.problems.items()]
        messages = cards.notes(problems, step.result.notices)
        rows = [int(row) for row in np.flatnonzero(np.isfinite(step.result.vectors).all(axis=1))]
        if len(rows) < 2:
            yield (messages or cards.note("Fewer than two items could be encoded.", "warn"), *blank())
            return
        good = points if len(rows) == len(points.items) else points.only(rows)
        fresh = _state(good, step.result.vectors[rows], name, prompt, state, messages)
        took = f"{step.seconds:.2f} s" if step.result.computed else "remembered"
        yield _drawn(bench, view, state, fresh, values, took)


def _state(
    points: Points, vectors: Array, task: str, prompt: str, before: MapState | None, messages: str
) -> MapState:
    base = points.base
    unit = truncate(vectors, vectors.shape[1])
    if before is not None and before.base == base:
        frame, points = before.frame, before.points
    else:
        frame = projection.normalised(projection.pca(unit, 3)[0])
    return MapState(points, unit, task, prompt, frame, base, messages)


def _drawn(
    bench: Workbench,
    view: View,
    before: MapState | None,
    state: MapState,
    values: Sequence[object],
    seconds: str,
) -> tuple[Any, ...]:
    """Outputs of a fresh result: PCA at the width asked for, whatever method comes after it."""
    chosen = look(*values, state.vectors.shape[1])
    view.wanted = chosen
    now = replace(chosen, method="PCA")
    layout, measures = lay_out(view, state, now, raw_pca(state, now))
    same = before is not None and before.base == state.base
    view.item = view.item if same else None
    if same:
        figure = gr.update(patch=made.packed(layout))
    else:
        figure = gr.update(value=made.packed({**made.base_spec(state.points), "layout": layout}))
        view.grouped = ()  # the page begins anew, without clusters
    parts = [("Points", f"{len(state.points.items):,}"), ("Of", state.task)]
    parts += [("From", state.points.name)] if state.points.name else []
    parts += [("Encoded", seconds)] if seconds else []
    shown = cards.stats([*parts, *view.told(state)]) + state.messages
    return shown, state, figure, measures, _code(bench, state, chosen)


def raw_pca(state: MapState, chosen: Look) -> tuple[Array, str]:
    """PCA at a width, and what share of the spread it shows, in words."""
    layout, shares = projection.pca(truncate(state.vectors, chosen.dim), chosen.count)
    return layout, f"{cards.percent(float(shares.sum()))} of the spread"


def lay_out(view: View, state: MapState, chosen: Look, raw: tuple[Array, str]) -> tuple[dict[str, Any], str]:
    """Turn a layout onto the others, judge it, and pack it.

    Args:
        view: holds the maps to turn onto.
        state: the points.
        chosen: what the layout is of.
        raw: float32 (n, count), and words about it.

    Returns:
        What the page needs, and the measures as HTML.
    """
    layout, words = raw
    first = projection.aligned(layout, state.frame)[0]
    anchor = view.anchor(state.base, chosen, first)
    placed, differs = projection.aligned(layout, anchor)
    cut = truncate(state.vectors, chosen.dim)
    trust, kept = projection.quality(cut, layout)
    title = f"{chosen.method} · {state.task} · {chosen.dim} dimensions"
    packed = {
        "base": state.base,
        "axes": chosen.count,
        "method": chosen.method,
        "width": chosen.dim,
        "task": state.task,
        "seed": projection.SEED,
        "title": title,
        "summary": f"{title}: map of {len(layout):,} items in {chosen.count} dimensions.",
        "positions": made.b64(placed, "<f4"),
    }
    rows = [("Trustworthiness", _number(trust)), ("Neighbours kept", _share(kept))]
    if anchor is not first:
        rows.append((f"Differs from the first {chosen.method}", f"{differs:.2f}"))
    rows += [("Shows", words)] if words else []
    return packed, cards.stats(rows)


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "needs 4 items"


def _share(value: float) -> str:
    return cards.percent(value) if np.isfinite(value) else "needs 4 items"


def glance(
    bench: Workbench, projector: Projector, view: View, state: MapState | None, *values: object
) -> tuple[Any, ...]:
    """A control moved: what can be drawn at once is, from vectors and layouts that are there.

    ``values`` are method, space and dimensions. Returns (figure, measures, code).
    """
    if state is None:
        return (gr.skip(),) * 3
    chosen = look(*values, state.vectors.shape[1])
    view.wanted = chosen
    code = _code(bench, state, chosen)
    if chosen.method == "PCA":
        raw: tuple[Array, str] | None = raw_pca(state, chosen)
    else:
        known = projector.remembered.get(_key(state, chosen))
        raw = None if known is None else (known, "")
    if raw is None:
        return gr.skip(), gr.skip(), code
    layout, measures = lay_out(view, state, chosen, raw)
    return gr.update(patch=made.packed(layout)), measures, code


def _code(bench: Workbench, state: MapState, chosen: Look) -> str:
    return map_code.code(
        state.points.items,
        load=bench.load_code(),
        task=None if state.task == OWN_VECTORS else state.task,
        prompt_name=state.prompt_name,
        dim=chosen.dim,
        method=chosen.method,
        count=chosen.count,
    )


def _key(state: MapState, chosen: Look) -> tuple[Any, ...]:
    return (digest(truncate(state.vectors, chosen.dim)), chosen.method, ("count", chosen.count))


def refine(projector: Projector, view: View, state: MapState | None) -> Iterator[tuple[Any, ...]]:
    """Compute the map wanted last, if that takes a while; it gives up when another one is wanted.

    Yields:
        (status, session state, figure, measures, code)
    """
    chosen = view.wanted
    if state is None or chosen is None or chosen.method == "PCA":
        yield (gr.skip(),) * 5
        return
    count, name = len(state.points.items), chosen.method
    if not projection.FEWEST[name] <= count <= projection.MOST[name]:
        yield (cards.note(_unfit(name, count), "warn") + state.messages, *[gr.skip()] * 4)
        return
    vectors = truncate(state.vectors, chosen.dim)
    for step in projector.compute(name, vectors, count=chosen.count):
        if view.wanted != chosen:
            yield (gr.skip(),) * 5
            return
        if step.result is None:
            yield (bar(f"{name} of {count:,} items", step), *[gr.skip()] * 4)
            continue
        layout, measures = lay_out(view, state, chosen, (step.result, ""))
        parts = [("Points", f"{count:,}"), ("Of", state.task), (f"{name} in", f"{step.seconds:.1f} s")]
        shown = cards.stats([*parts, *view.told(state)]) + state.messages
        yield shown, gr.skip(), gr.update(patch=made.packed(layout)), measures, gr.skip()


def _unfit(name: str, count: int) -> str:
    if count < projection.FEWEST[name]:
        return f"{name} needs at least {projection.FEWEST[name]} items, there are {count}: PCA is shown."
    most = projection.MOST[name]
    return f"{name} of {count:,} items would take too long: at most {most:,}. PCA is shown; UMAP takes more."


def bar(what: str, step: Step) -> str:
    """Progress of a map: a bar with the share done, what is going on, and the seconds."""
    share = round(100 * step.share)
    return (
        f'<div class="xp-progress" role="progressbar" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{share}" aria-label="{cards.esc(what)}"><span style="width:{share}%"></span></div>'
        f'<p class="xp-note xp-info">{cards.esc(what)}: {cards.esc(step.what)} · {share} % · '
        f"{step.seconds:.1f} s. The map that is there can be used meanwhile.</p>"
    )


def near(view: View, state: MapState | None, dim: object, item: object) -> tuple[Any, ...]:
    """A click on a point: its neighbours at full width and at the chosen one.

    Returns:
        (figure, panel)
    """
    at = index(item, len(state.points.items)) if state is not None else None
    if state is None or at is None:
        view.item = None
        return gr.skip(), neighbourhood.nothing_chosen()
    view.item = at
    full = state.vectors.shape[1]
    width = look("PCA", "2D", dim, full).dim
    wide = neighbourhood.nearest(state.vectors, at, full)
    cut = neighbourhood.nearest(state.vectors, at, width)
    mark = {"base": state.base, "item": at, "full": wide.rows, "cut": cut.rows}
    shown = neighbourhood.panel(state.points.items, state.vectors, at, wide, cut)
    return gr.update(near=made.packed(mark)), shown


def near_again(view: View, state: MapState | None, dim: object) -> tuple[Any, ...]:
    """The width or the adapter changed: the neighbours on show follow. Returns as :func:`near`."""
    return near(view, state, dim, view.item)


def blank() -> tuple[Any, ...]:
    """The outputs behind the status when there is nothing to draw: state, figure, measures, code."""
    return None, "", "", ""


def keep_up(
    bench: Workbench, view: View, state: MapState | None, brought: Points | None, *values: Any
) -> Iterator[tuple[Any, ...]]:
    """When the tab opens or its collection changes, draw without being asked, if the model is quick."""
    ready = brought is not None and brought.vectors is not None
    points = brought if brought is not None else Points.gather(tuple(values[0] or ()))
    shown = state is not None and len(points.items) >= 2 and state.base == points.base
    if shown or not (ready or bench.eager()):
        yield (gr.skip(),) * 5
        return
    yield from run(bench, view, state, brought, *values)
