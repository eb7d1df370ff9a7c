"""What the named endpoints do: plain functions of a workbench and JSON values, without gradio.

Used by gradio's clients and as tools over MCP. A dictionary of results names what it was computed with.
"""

from typing import Any, Literal, TypedDict

import numpy as np

from embedder.errors import InputError
from eval.neighbours import overlap, score_correlation
from eval.ranking import Ranking
from ui.answers import Order, answer
from ui.checks import choice
from ui.payloads import items_of, task_of, whole_number
from ui.ranking import METRICS, best_first, pairwise
from ui.retrieval import other_side
from ui.vectors import Workbench

Array = np.ndarray[Any, np.dtype[Any]]
Metric = Literal["cosine", "dot", "euclidean"]

MAX_WIDTHS = 32
"""Dimensions in one truncation report."""


class Embeddings(TypedDict):
    """Vectors, one per input."""

    model: str
    task: str
    prompt_name: str
    dimensions: int
    vectors: list[list[float]]
    tokens: list[int]
    notices: list[str]


class Similarities(TypedDict):
    """A matrix: one row per input, one column per input of the other side."""

    model: str
    metric: str
    dimensions: int
    matrix: list[list[float]]
    notices: list[str]


class Hit(TypedDict):
    """One document found: its position in the list that was given, and its score."""

    index: int
    score: float


class Hits(TypedDict):
    """Documents found, best first."""

    model: str
    metric: str
    dimensions: int
    hits: list[Hit]
    notices: list[str]


class Truncation(TypedDict):
    """What is left at one width."""

    dimensions: int
    bytes_per_vector: int
    overlap: float
    rank_correlation: float


class TruncationReport(TypedDict):
    """What is left of the neighbourhoods when vectors are cut."""

    model: str
    task: str
    neighbours: int
    full_width: int
    rows: list[Truncation]
    notices: list[str]


class Model(TypedDict):
    """A model that this server runs."""

    id: str
    dimensions: int
    trained_dimensions: list[int]
    multi_vector_dimensions: int
    tasks: list[str]
    max_tokens: int
    device: str
    precision: str
    licence: str
    notice: str


class Models(TypedDict):
    """The models of this server."""

    models: list[Model]


def embed(
    bench: Workbench, inputs: object, task: object, prompt_name: object, dimensions: object
) -> Embeddings:
    """Vectors of length 1 of texts, pictures and documents.

    Raises:
        InputError: a value cannot be used; it is named.
    """
    items = items_of(inputs, "inputs")
    order = _order(bench, task, prompt_name, dimensions)
    found = answer(bench, items, order)
    return {
        "model": bench.model.spec.name,
        "task": order.task,
        "prompt_name": order.prompt_name,
        "dimensions": order.dim,
        "vectors": _lists(found.matrix()),
        "tokens": list(found.tokens),
        "notices": list(found.notices),
    }


def similarity(
    bench: Workbench,
    inputs: object,
    others: object,
    task: object,
    prompt_name: object,
    dimensions: object,
    metric: object,
) -> Similarities:
    """Every input against every input of the other side, or of its own where there is no other.

    Raises:
        InputError: a value cannot be used; it is named.
    """
    measure = choice(metric, "metric", tuple(METRICS))
    order = _order(bench, task, prompt_name, dimensions)
    left = items_of(inputs, "inputs")
    right = items_of(others, "others") if others else left
    rows = answer(bench, left, order)
    columns = (
        rows if not others else answer(bench, right, _order(bench, task, prompt_name, dimensions, "others"))
    )
    scores = pairwise(rows.matrix(), columns.matrix(), measure, order.dim)
    return {
        "model": bench.model.spec.name,
        "metric": measure,
        "dimensions": order.dim,
        "matrix": _lists(scores),
        "notices": list(dict.fromkeys((*rows.notices, *columns.notices))),
    }


def search(
    bench: Workbench,
    query: object,
    documents: object,
    task: object,
    prompt_name: object,
    dimensions: object,
    metric: object,
    limit: object,
) -> Hits:
    """The documents nearest to a query; documents are passages, the query a query unless said otherwise.

    Raises:
        InputError: a value cannot be used; it is named.
    """
    measure = choice(metric, "metric", tuple(METRICS))
    items = items_of(documents, "documents")
    shown = whole_number(limit, "limit", 1, 10_000)
    if isinstance(query, list):
        raise InputError(f"query is a list of {len(query)}; one text or one picture is asked at a time")
    asked = _order(bench, task, prompt_name, dimensions, "query")
    found = _order(bench, asked.task, other_side(asked.task), dimensions, "documents")
    left, right = answer(bench, items_of(query, "query"), asked), answer(bench, items, found)
    scores = pairwise(left.matrix(), right.matrix(), measure, asked.dim)[0]
    return {
        "model": bench.model.spec.name,
        "metric": measure,
        "dimensions": asked.dim,
        "hits": [{"index": at, "score": float(scores[at])} for at in best_first(scores, measure)[:shown]],
        "notices": list(dict.fromkeys((*left.notices, *right.notices))),
    }


def truncation_report(
    bench: Workbench,
    inputs: object,
    dimensions: object,
    task: object,
    prompt_name: object,
    neighbours: object,
) -> TruncationReport:
    """How much of each input's neighbourhood among the others is left at each width.

    Raises:
        InputError: a value cannot be used, or there are fewer than three inputs.
    """
    order = _order(bench, task, prompt_name, None)
    items = items_of(inputs, "inputs")
    if len(items) < 3:
        raise InputError(f"inputs has {len(items)} entries; neighbours are compared among 3 or more")
    k = whole_number(neighbours, "neighbours", 1, len(items) - 1)
    widths = _widths(dimensions, bench)
    found = answer(bench, items, order)
    full = _among_others(found.matrix(), bench.model.spec.dim)
    rows: list[Truncation] = [
        _truncation(full, _among_others(found.matrix(), width), width, k) for width in widths
    ]
    return {
        "model": bench.model.spec.name,
        "task": order.task,
        "neighbours": k,
        "full_width": bench.model.spec.dim,
        "rows": rows,
        "notices": list(found.notices),
    }


def list_models(bench: Workbench) -> Models:
    """What this server runs, the model of this page's endpoints first."""
    others = [other for other in bench.models.benches if other is not bench] if bench.models else []
    return {"models": [_model(one) for one in (bench, *others)]}


def _model(bench: Workbench) -> Model:
    model, spec = bench.model, bench.model.spec
    return {
        "id": spec.name,
        "dimensions": spec.dim,
        "trained_dimensions": list(spec.matryoshka_dims),
        "multi_vector_dimensions": spec.multi_vector_dim,
        "tasks": [str(task) for task in model.tasks],
        "max_tokens": spec.max_tokens,
        "device": str(model.device),
        "precision": str(model.precision),
        "licence": spec.licence,
        "notice": spec.licence_notice or "",
    }


def _order(
    bench: Workbench, task: object, prompt_name: object, dimensions: object, name: str = "inputs"
) -> Order:
    adapter, role = task_of(task, prompt_name, [str(one) for one in bench.model.tasks])
    full = bench.model.spec.dim
    dim = full if dimensions is None else whole_number(dimensions, "dimensions", 1, full)
    return Order(adapter, role, dim, name=name)


def _widths(dimensions: object, bench: Workbench) -> list[int]:
    spec = bench.model.spec
    if dimensions is None:
        return list(spec.matryoshka_dims)
    if not isinstance(dimensions, list) or not 1 <= len(dimensions) <= MAX_WIDTHS:
        raise InputError(f"dimensions is {str(dimensions)[:60]}; expected a list of 1 to {MAX_WIDTHS} widths")
    return [whole_number(width, f"dimensions[{at}]", 1, spec.dim) for at, width in enumerate(dimensions)]


def _among_others(vectors: Array, dim: int) -> Array:
    """Cosine of each input with the others, itself left out: float32 (n, n - 1)."""
    scores = pairwise(vectors, vectors, "cosine", dim)
    count = len(scores)
    return scores[~np.eye(count, dtype=bool)].reshape(count, count - 1)


def _truncation(full: Array, cut: Array, width: int, k: int) -> Truncation:
    return {
        "dimensions": width,
        "bytes_per_vector": 4 * width,
        "overlap": float(overlap(_nearest(full, k), _nearest(cut, k), k).mean()),
        "rank_correlation": float(score_correlation(full, cut).mean()),
    }


def _nearest(scores: Array, k: int) -> Ranking:
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return Ranking(rows.astype(np.int64), np.take_along_axis(scores, rows, axis=1))


def _lists(values: Array) -> list[list[float]]:
    found: list[list[float]] = values.tolist()
    return found
