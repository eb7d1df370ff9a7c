"""What the Truncation lab does: encode once per adapter, then measure every width. No widgets here."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
import numpy as np

from embedder.errors import InputError
from ui import cards, examples, truncation_code, truncation_figures
from ui.checks import choice, whole
from ui.collection import MAX_BOX_CHARS, Item
from ui.controls import ROLES, Collection
from ui.points import packed
from ui.relevance import Judged, Relevance, in_order, typed_pairs
from ui.truncation_numbers import (
    FORMATS,
    MEASURES,
    METRICS,
    Neighbourhood,
    Numbers,
    Subject,
    curve_widths,
    measured,
    quality_sides,
)
from ui.vectors import Embedded, Workbench

Array = np.ndarray[Any, np.dtype[Any]]

MOST_NEAR = 50
KNOWN, ORDER, TYPED, NOTHING = "what is known", "texts and pictures in order", "pairs typed below", "none"
SOURCES = (KNOWN, ORDER, TYPED, NOTHING)
FEWEST = 4
OUTPUTS = 8
"""Status, session state, lab, three figures, numbers, code."""


@dataclass(frozen=True)
class Wanted:
    """The checked values of the controls.

    Attributes:
        shown: adapter in the matrix, the map and the curves by format.
        tasks: adapters side by side, ``shown`` first.
        role: of texts among each other.
        near: neighbours that count.
        metric: of quality.
        source: where relevance comes from, one of ``SOURCES``.
        pairs: what was typed.
        turned: answers ask instead.
        measure: what the curves show.
        dim: width of the slider.
        is_added: ``shown`` was not among the adapters ticked for curves.
    """

    shown: str
    tasks: tuple[str, ...]
    role: str
    near: int
    metric: str
    source: str
    pairs: str
    turned: bool
    measure: str
    dim: int
    is_added: bool = False


@dataclass(frozen=True, eq=False)
class Lab:
    """The last result of this session.

    Attributes:
        items: what was measured, failed items left out.
        wanted: with which settings.
        vectors: adapter -> float32 (n, full), unit rows.
        subjects: the same, ready to be measured.
        judged: relevance among the items, None where none is known.
        curves: everything measured, by adapter, format and width.
        sent: what the page's lab holds: vectors of which items, adapter and role.
        asked: the relevance and the collection that this came of.
        notes: what is to be said, as HTML.
    """

    items: tuple[Item, ...]
    wanted: Wanted
    vectors: Mapping[str, Array]
    subjects: tuple[Subject, ...]
    judged: Judged | None
    curves: Mapping[tuple[str, str, int], Numbers] = field(default_factory=dict)
    sent: tuple[object, ...] = ()
    asked: tuple[object, ...] = ()
    notes: str = ""

    @property
    def drawn(self) -> tuple[object, ...]:
        """The width that the exact numbers were shown at first."""
        return (self.wanted.dim,)


def wanted(bench: Workbench, *values: object) -> Wanted:
    """Check the controls, in the order of :class:`Wanted`.

    Raises:
        InputError: a value that no control offers.
    """
    shown, tasks, role, near, metric, source, pairs, turned, measure, dim = values
    names = [str(task) for task in bench.model.tasks]
    first = choice(shown, "adapter on show", names)
    if not isinstance(tasks, list | tuple) or len(tasks) > len(names):
        raise InputError("adapters must be a list of the model's own")
    others = [choice(task, "adapter", names) for task in tasks]
    if pairs is not None and (not isinstance(pairs, str) or len(pairs) > MAX_BOX_CHARS):
        raise InputError(f"pairs must be text of at most {MAX_BOX_CHARS:,} characters")
    return Wanted(
        first,
        tuple(dict.fromkeys([first, *others])),
        choice(role, "role", ROLES),
        whole(near, "neighbours", 1, MOST_NEAR),
        choice(metric, "metric", METRICS),
        choice(source, "relevance", SOURCES),
        pairs or "",
        turned is True,
        choice(measure, "measure", MEASURES),
        whole(dim, "dimensions", 1, bench.model.spec.dim),
        first not in others,
    )


def relevance_of(chosen: Wanted, items: Sequence[Item], brought: Relevance | None) -> Judged | None:
    """What is known of these items, from where the visitor wants it known.

    Raises:
        InputError: typed pairs that cannot be meant, or nothing to pair in order.
    """
    found: list[Relevance] = []
    if chosen.source == KNOWN:
        found = [*([brought] if isinstance(brought, Relevance) else []), examples.relevance()]
    elif chosen.source == ORDER:
        found = [in_order(items)]
    elif chosen.source == TYPED:
        found = [typed_pairs(chosen.pairs, items)]
    judged = [(one.turned() if chosen.turned else one).judged(items) for one in found]
    return next((one for one in judged if one is not None), None)


def run(
    bench: Workbench, state: Lab | None, brought: Relevance | None, collection: Collection, *values: object
) -> Iterator[tuple[Any, ...]]:
    """Encode what is not known yet, show the lab, then measure every width.

    ``values`` are those of :class:`Wanted`.

    Yields:
        (status, session state, lab, three figures, numbers, code)
    """
    chosen = wanted(bench, *values)
    items = tuple(collection or ())
    if len(items) < FEWEST:
        hint = f"The lab needs at least {FEWEST} items: add texts or pictures, or load an example set."
        yield (cards.note(hint, "warn"), *blank())
        return
    judged = relevance_of(chosen, items, brought)
    encoded, early = yield from _encoded(bench, chosen, items, judged, state)
    lab = _assembled(chosen, items, encoded, brought)
    if lab is None:
        said = cards.notes([why for one in encoded.values() for why in one.problems.values()])
        yield (said + cards.note(f"Fewer than {FEWEST} items could be encoded.", "warn"), *blank())
        return
    shown = gr.skip() if early is not None and early.sent == lab.sent else _lab_update(bench, lab, state)
    dims = curve_widths(bench.model.spec.dim, bench.model.spec.matryoshka_dims)
    curves: dict[tuple[str, str, int], Numbers] = {}
    for at, subject in enumerate(lab.subjects, start=1):
        words = f"Measuring every width of {subject.task}, adapter {at} of {len(lab.subjects)} …"
        yield (cards.note(words), lab, shown, *[gr.skip()] * (OUTPUTS - 3))
        shown = gr.skip()
        curves |= measured([(subject, form) for form in FORMATS], dims, chosen.metric)
    yield _drawn(bench, replace(lab, curves=curves))


def _encoded(
    bench: Workbench, chosen: Wanted, items: Sequence[Item], judged: Judged | None, state: Lab | None
) -> Generator[tuple[Any, ...], None, tuple[dict[tuple[str, str], Embedded], Lab | None]]:
    """Encode everything; the lab is shown as soon as the adapter on show is there.

    Yields:
        as :func:`run`.

    Returns:
        the vectors of each adapter and role, and the lab that was shown, if one was.
    """
    encoded: dict[tuple[str, str], Embedded] = {}
    early = None
    for task, role in _passes(chosen, judged):
        if len(encoded) == 1 and (early := _first_look(chosen, items, encoded)) is not None:
            words = cards.note("Encoding with the other adapters and roles …")
            yield (words, gr.skip(), _lab_update(bench, early, state), *[gr.skip()] * (OUTPUTS - 3))
        for step in bench.encode(items, task, role):
            if step.result is not None:
                encoded[(task, role)] = step.result
            else:
                bar = cards.progress(step.done, step.total, step.seconds, f"items, {task}, role {role}")
                yield (bar, *[gr.skip()] * (OUTPUTS - 1))
    return encoded, early


def _first_look(
    chosen: Wanted, items: Sequence[Item], encoded: Mapping[tuple[str, str], Embedded]
) -> Lab | None:
    """The lab of the adapter on show, without curves and quality."""
    return _assembled(replace(chosen, tasks=(chosen.shown,), source=NOTHING), items, encoded, None)


def _passes(chosen: Wanted, judged: Judged | None) -> list[tuple[str, str]]:
    """Adapter and role of everything that has to be encoded, the adapter on show first."""
    roles = [(task, role) for task in chosen.tasks for role in _roles(task, chosen.role, judged)]
    return list(dict.fromkeys(roles))


def _roles(task: str, role: str, judged: Judged | None) -> tuple[str, ...]:
    return (role,) if judged is None else (role, "query", _answering(task))


def _answering(task: str) -> str:
    """The role of what is searched: both sides ask where texts are only matched."""
    return "query" if task == "text-matching" else "passage"


def _assembled(
    chosen: Wanted,
    items: Sequence[Item],
    encoded: Mapping[tuple[str, str], Embedded],
    brought: Relevance | None,
) -> Lab | None:
    """The lab without its curves; None where too few items could be encoded."""
    usable = np.logical_and.reduce([np.isfinite(one.vectors).all(axis=1) for one in encoded.values()])
    rows = [int(row) for row in np.flatnonzero(usable)]
    if len(rows) < FEWEST:
        return None
    good = tuple(items[row] for row in rows)
    # pairs are numbered as the whole collection is; what failed is left out of them afterwards
    judged = relevance_of(chosen, items, brought)
    if judged is not None and len(good) < len(items):
        judged = _surviving(judged, items, good)
    near = min(chosen.near, len(good) - 2)
    vectors = {task: encoded[(task, chosen.role)].vectors[rows] for task in chosen.tasks}
    subjects = []
    for task, own in vectors.items():
        quality = None
        if judged is not None:
            asked, searched = (encoded[(task, r)].vectors[rows] for r in ("query", _answering(task)))
            quality = quality_sides(asked, searched, judged)
        subjects.append(Subject(task, Neighbourhood.of(own, near), quality))
    notes = _messages(chosen, items, encoded, judged, near)
    sent = (chosen.shown, chosen.role, *(item.digest for item in good))
    asked = _asked(items, brought)
    return Lab(good, chosen, vectors, tuple(subjects), judged, sent=sent, asked=asked, notes=notes)


def _asked(items: Sequence[Item], brought: Relevance | None) -> tuple[object, ...]:
    return (brought, *(item.digest for item in items))


def _surviving(judged: Judged, items: Sequence[Item], good: Sequence[Item]) -> Judged | None:
    pairs = tuple(
        (items[judged.queries[q]].digest, items[judged.documents[d]].digest, gain)
        for q, gains in judged.gains.items()
        for d, gain in gains.items()
    )
    return Relevance(pairs, judged.source).judged(good)


def _messages(
    chosen: Wanted,
    items: Sequence[Item],
    encoded: Mapping[tuple[str, str], Embedded],
    judged: Judged | None,
    near: int,
) -> str:
    problems = [f"{items[row].label}: {why}" for one in encoded.values() for row, why in one.problems.items()]
    notices = [notice for one in encoded.values() for notice in one.notices]
    if chosen.is_added:
        why = "No adapter is ticked" if len(chosen.tasks) == 1 else f"{chosen.shown} is not ticked"
        notices.append(
            f"{why} under “Curves of”: the adapter on show, {chosen.shown}, has its curves in any case."
        )
    if near < chosen.near:
        notices.append(f"{near} neighbours count here: with more, hardly any could be lost.")
    if judged is None and chosen.source != NOTHING:
        notices.append("Quality is not measured: nothing is known about which of these items answer which.")
    return cards.notes(dict.fromkeys(problems), dict.fromkeys(notices))


def _lab_update(bench: Workbench, lab: Lab, before: Lab | None) -> Any:  # noqa: ANN401
    """What the page's lab needs: everything, or only how many neighbours count where it has the vectors."""
    if before is not None and before.sent == lab.sent:
        near = lab.subjects[0].neighbours.near
        return gr.update(patch=packed({"near": near, "dim": lab.wanted.dim}))
    vectors = lab.vectors[lab.wanted.shown]
    marks = [int(width) for width in bench.model.spec.matryoshka_dims]
    near = lab.subjects[0].neighbours.near
    return gr.update(value=packed(truncation_figures.lab_spec(lab.items, vectors, lab.wanted, near, marks)))


def _drawn(bench: Workbench, lab: Lab) -> tuple[Any, ...]:
    facts = [("Items", f"{len(lab.items)}"), ("Adapters", f"{len(lab.subjects)}")]
    if lab.judged is not None:
        pairs = sum(len(gains) for gains in lab.judged.gains.values())
        facts.append((f"Pairs, from {lab.judged.source}", f"{pairs}"))
    marks = bench.model.spec.matryoshka_dims
    figures = truncation_figures.curves(lab.curves, lab.wanted, marks)
    numbers, code = step(bench, lab, lab.wanted.dim)
    return cards.stats(facts) + lab.notes, lab, gr.skip(), *figures, numbers, code


def redraw(bench: Workbench, lab: Lab | None, measure: object) -> tuple[Any, ...]:
    """Another measure on the curves: nothing is computed. Returns the three figures."""
    if lab is None:
        return (gr.skip(),) * 3
    chosen = choice(measure, "measure", MEASURES)
    return truncation_figures.curves(lab.curves, lab.wanted, bench.model.spec.matryoshka_dims, chosen)


def step(bench: Workbench, lab: Lab | None, dim: object) -> tuple[Any, Any]:
    """The exact numbers at any width, and the code. Returns (numbers, code)."""
    if lab is None:
        return gr.skip(), gr.skip()
    width = whole(dim, "dimensions", 1, bench.model.spec.dim)
    asked = [(subject, form) for subject in lab.subjects for form in FORMATS]
    found = measured(asked, [width], lab.wanted.metric)
    near = lab.subjects[0].neighbours.near
    code = truncation_code.code(
        lab.items,
        load=bench.load_code(),
        task=lab.wanted.shown,
        prompt_name=lab.wanted.role,
        widths=bench.model.spec.matryoshka_dims,
        near=near,
    )
    return truncation_figures.numbers(found.values(), lab.wanted, near, width), code


def blank() -> tuple[Any, ...]:
    """The outputs behind the status when there is nothing to show."""
    return None, "", "", "", "", "", ""


def keep_up(
    bench: Workbench, state: Lab | None, brought: Relevance | None, collection: Collection, *values: object
) -> Iterator[tuple[Any, ...]]:
    """When the tab opens or its collection changes, measure without being asked, if the model is quick."""
    same = state is not None and state.asked == _asked(collection or (), brought)
    if same or not bench.eager():
        yield (gr.skip(),) * OUTPUTS
        return
    yield from run(bench, state, brought, collection, *values)
