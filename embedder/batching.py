"""Inputs into forward passes: prepare ahead of the model, fill a token budget, halve when memory runs out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import torch

from embedder.errors import DeviceError

In = TypeVar("In")
Out = TypeVar("Out")

# Wordings of a failed CPU or MPS allocation; torch has no exception class for them.
_NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")


def prepare_ahead(inputs: Iterable[In], prepare: Callable[[int, In], Out], depth: int = 8) -> Iterator[Out]:
    """`prepare(index, input)` for every input in order, up to `depth` of them ahead in a thread.

    Decoding and tokenising release the interpreter lock, so they overlap with the model.
    """
    source = enumerate(inputs)
    with ThreadPoolExecutor(1, thread_name_prefix="prepare") as pool:
        waiting: list[Future[Out]] = [pool.submit(prepare, i, x) for i, x in islice(source, depth)]
        try:
            while waiting:
                ready = waiting.pop(0)
                waiting += [pool.submit(prepare, i, x) for i, x in islice(source, 1)]
                yield ready.result()
        finally:
            for future in waiting:
                future.cancel()


def by_budget(
    items: Iterable[Out], size: Callable[[Out], int], budget: int | None, count: int | None
) -> Iterator[list[Out]]:
    """Consecutive items in lists of at most `budget` units (tokens) and `count` items, at least one each."""
    batch: list[Out] = []
    used = 0
    for item in items:
        full = (budget is not None and used + size(item) > budget) or (
            count is not None and len(batch) >= count
        )
        if batch and full:
            yield batch
            batch, used = [], 0
        batch.append(item)
        used += size(item)
    if batch:
        yield batch


def with_retry(
    run: Callable[[Sequence[In]], list[Out]], items: Sequence[In], free: Callable[[], None]
) -> list[Out]:
    """`run(items)`; when memory runs out, free what can be freed and run both halves.

    Raises:
        DeviceError: a single item does not fit.
    """
    try:
        return run(items)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
    free()
    if len(items) == 1:
        raise DeviceError(
            f"out of memory on a single input ({message}); use a smaller max_pixels or max_length, "
            "a smaller precision, or another device"
        )
    half = len(items) // 2
    return with_retry(run, items[:half], free) + with_retry(run, items[half:], free)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an exception means that an allocation failed."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)
