"""What a handler checks before it trusts a value: a client may send anything under any name."""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from embedder.errors import EmbedderError, InputError

PREVIEW = 60


def whole(value: object, name: str, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``.

    Raises:
        InputError: anything else.
    """
    number = real(value, name, low, high)
    if number != int(number):
        raise InputError(f"{name} is {number}; a whole number from {low} to {high} is needed")
    return int(number)


def real(value: object, name: str, low: float, high: float) -> float:
    """A finite number from ``low`` to ``high``.

    Raises:
        InputError: anything else.
    """
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    if not usable or not low <= float(value) <= high:  # type: ignore[arg-type]
        raise InputError(f"{name} is {str(value)[:PREVIEW]!r}; a number from {low} to {high} is needed")
    return float(value)  # type: ignore[arg-type]


def choice(value: object, name: str, allowed: Sequence[str]) -> str:
    """One of the names in ``allowed``.

    Raises:
        InputError: anything else.
    """
    if not isinstance(value, str) or value not in allowed:
        raise InputError(f"{name} is {str(value)[:PREVIEW]!r}; choose one of {', '.join(allowed)}")
    return value


def index(value: object, count: int) -> int | None:
    """A position in a list of ``count``, or None for anything else (a click on what is no longer there)."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
        return None
    return value


def guarded(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Let a handler's own errors reach the visitor as a message; never a traceback, never a dead page."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield from handler(*args, **kwargs)
            except EmbedderError as error:
                raise _message(error) from None

        return stream

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        try:
            return handler(*args, **kwargs)
        except EmbedderError as error:
            raise _message(error) from None

    return call


def _message(error: EmbedderError) -> gr.Error:
    return gr.Error(str(error), title="Please check", duration=12, print_exception=False)
