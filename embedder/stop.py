"""Stopping work that nobody waits for any more, also in the middle of a long input.

One text of 100,000 characters takes seconds on a CPU, and all that time nobody else is answered. Between two
layers there is a place to stop, and between two heads where a text is long: :func:`check` stands there, and
asks what :func:`stoppable` was given.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_asked = threading.local()


class Stopped(Exception):
    """The work was given up, as `stoppable` was told to. Not an `EmbedderError`: nothing is wrong."""


@contextmanager
def stoppable(is_over: Callable[[], bool]) -> Iterator[None]:
    """Work of this thread inside the block ends with `Stopped` once `is_over()` is true.

    It is asked when the work's turn comes and at least before every layer of the language model. Of blocks
    within one another each can end the work.

    Args:
        is_over: quick, and safe to call at any time.
    """
    before = getattr(_asked, "is_over", None)
    _asked.is_over = (lambda: before() or is_over()) if before else is_over
    try:
        yield
    finally:
        _asked.is_over = before


def check() -> None:
    """Give up here if this thread's work is over.

    Raises:
        Stopped: it is.
    """
    is_over = getattr(_asked, "is_over", None)
    if is_over is not None and is_over():
        raise Stopped
