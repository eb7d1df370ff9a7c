"""Work that nobody waits for ends between two layers, and leaves the model as it was."""

import threading
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import pytest

from embedder import Embedder, attention
from embedder.anatomy import anatomy
from embedder.stop import Stopped, check, stoppable

TEXT = "one two three four five six seven"


def after(count: int) -> tuple[Callable[[], bool], list[int]]:
    """True from the question of that number on; what was asked so far."""
    asked: list[int] = []

    def is_over() -> bool:
        asked.append(1)
        return len(asked) >= count

    return is_over, asked


@pytest.mark.parametrize("count", [1, 2, 3])
def test_work_ends_where_it_is_told_to(model: Embedder, count: int) -> None:
    expected = model.encode_text(TEXT)
    is_over, asked = after(count)
    with pytest.raises(Stopped), stoppable(is_over):
        model.encode_text(TEXT)
    assert len(asked) == count
    np.testing.assert_array_equal(model.encode_text(TEXT), expected)


def test_it_is_asked_before_every_layer(model: Embedder) -> None:
    is_over, asked = after(10**9)
    with stoppable(is_over):
        model.encode_text(TEXT)
    layers = anatomy(model).text.layers
    assert len(asked) == 1 + layers


def test_of_a_long_text_it_is_asked_before_every_head(
    model: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = model.encode_text(TEXT)
    monkeypatch.setattr(attention, "LONG", 4)
    is_over, asked = after(10**9)
    with stoppable(is_over):
        found = model.encode_text(TEXT)
    text = anatomy(model).text
    assert len(asked) == 1 + text.layers * text.heads
    np.testing.assert_array_equal(found, expected)


def test_another_thread_and_what_follows_are_left_alone(model: Embedder) -> None:
    found: list[np.ndarray] = []
    with stoppable(lambda: True):
        other = threading.Thread(target=lambda: found.append(model.encode_text(TEXT)))
        other.start()
        other.join(60)
        with pytest.raises(Stopped):
            check()
    check()
    assert len(found) == 1


@pytest.mark.parametrize(("outer", "inner"), [(True, False), (False, True)])
def test_either_of_two_blocks_ends_the_work(outer: bool, inner: bool) -> None:
    with stoppable(lambda: outer):
        with pytest.raises(Stopped), stoppable(lambda: inner):
            check()
        with pytest.raises(Stopped) if outer else nullcontext():
            check()
