"""Vectors for requests from outside the page: what the REST route and the named endpoints share."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedder.errors import DeviceError, EmbedderError, InputError
from embedder.stop import stoppable
from embedder.truncation import truncate
from ui.collection import Item
from ui.payloads import at, problems_of
from ui.vectors import GROUP, Workbench, split_item

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Order:
    """What a request asks of the model, checked.

    Attributes:
        task: adapter.
        prompt_name: role of texts, "query" or "passage".
        dim: width of dense vectors, 1 to full; of no use with ``late``.
        late: vectors per token instead of one.
        normalized: dense vectors of length 1.
        name: what messages call the inputs.
    """

    task: str
    prompt_name: str
    dim: int
    late: bool = False
    normalized: bool = True
    name: str = "input"


@dataclass(frozen=True)
class Answer:
    """Vectors of a request's inputs, in their order.

    Attributes:
        vectors: float32 (dim,) each, or (tokens, multi_vector_dim) where ``late`` was asked for.
        tokens: length of each input in tokens, prompt and template included.
        notices: what was cut, mapped or replaced, by input.
    """

    vectors: tuple[Array, ...]
    tokens: tuple[int, ...]
    notices: tuple[str, ...] = ()

    def matrix(self) -> Array:
        """Dense vectors as float32 (n, dim)."""
        return np.stack(self.vectors)


def _never() -> bool:
    return False


def encode(
    bench: Workbench, items: Sequence[Item], order: Order, is_over: Callable[[], bool] = _never
) -> Iterator[Answer | None]:
    """Encode a few inputs at a time, so that a caller can stop in between.

    Unit vectors come from the page's cache and go into it.

    Args:
        bench: the model and its cache.
        items: the inputs.
        order: what is asked.
        is_over: whether to give up; asked within a group as well, where a long text takes seconds.

    Yields:
        None after every group, then the answer.

    Raises:
        InputError: an input cannot be used; all such inputs are named.
        DeviceError: the model cannot run now.
        Stopped: ``is_over()`` was true.
    """
    if order.late or not order.normalized:
        yield from _encode_uncached(bench, items, order, is_over)
        return
    for step in bench.encode(items, order.task, order.prompt_name, is_over=is_over):
        if step.result is None:
            yield None
            continue
        problems_of(step.result.problems, order.name)
        rows = truncate(step.result.vectors, order.dim)
        yield Answer(tuple(rows), step.result.tokens, step.result.notices)


def answer(bench: Workbench, items: Sequence[Item], order: Order) -> Answer:
    """:func:`encode` in one go."""
    *_, last = encode(bench, items, order)
    assert last is not None  # the generator's last word is the answer
    return last


def _encode_uncached(
    bench: Workbench, items: Sequence[Item], order: Order, is_over: Callable[[], bool]
) -> Iterator[Answer | None]:
    """Multi-vectors and vectors of natural length: the page's cache has neither."""
    vectors: list[Array] = []
    tokens: list[int] = []
    notices: list[str] = []
    for begin in range(0, len(items), GROUP):
        with stoppable(is_over):
            result = _forward(bench.model, items[begin : begin + GROUP], order, begin)
        vectors += list(result.late if order.late else result.dense)
        tokens += result.tokens
        notices += [_renamed(text, order.name, begin) for text in result.notices]
        yield None
    yield Answer(tuple(vectors), tuple(tokens), tuple(notices))


def _forward(model: Any, items: Sequence[Item], order: Order, begin: int) -> Any:  # noqa: ANN401
    width = {} if order.late else {"truncate_dim": order.dim, "normalize": order.normalized}
    try:
        return model.embed(
            [item.source() for item in items],
            task=order.task,
            prompt_name=order.prompt_name,
            vectors=("late" if order.late else "dense",),
            upright=True,
            **width,
        )
    except DeviceError:
        raise
    except EmbedderError as error:
        raise InputError(_renamed(str(error), order.name, begin)) from None


def _renamed(message: str, name: str, begin: int) -> str:
    """The embedder counts the inputs of one call as "item 3": here they have the request's own names."""
    row, text = split_item(message)
    return message if row is None else at(name, begin + row, text)
