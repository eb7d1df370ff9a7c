"""Work that can be stopped: whatever order things happen in, the last word is the right one."""

import copy
import inspect
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr
import pytest

from embedder import InputError
from embedder.stop import check
from ui import jobs
from ui.jobs import Desk, Jobs, cancellable, catching_up, stop, watched
from ui.snippets import Snippet

BLANK = (None, "blank")
RESULT = ("stats", "state", "table")


def work(asked: list[str] | None = None) -> Iterator[tuple[Any, ...]]:
    for name in ("one of two", "two of two"):
        if asked is not None:
            asked.append(name)
        yield (name, gr.skip(), gr.skip())
    yield RESULT


def started(desk: Desk, number: str = "1") -> Iterator[tuple[Any, ...]]:
    return watched(desk, number, work(), BLANK)


def test_without_a_stop_everything_comes_through() -> None:
    assert list(started(Desk())) == list(work())


def test_work_that_is_stopped_ends_with_the_words_and_never_with_a_result() -> None:
    for seen in (1, 2):
        desk = Desk()
        steps = started(desk)
        for _ in range(seen):
            next(steps)
        desk.stop({"1"})
        rest = list(steps)
        assert len(rest) == 1 and "Stopped" in rest[0][0] and rest[0][1:] == BLANK


@pytest.mark.parametrize("how", ["cancel", "leave"])
def test_a_step_under_way_ends_within_the_model(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step may be several long texts: minutes, in which nobody else is answered."""
    desk, entered, has_left = Desk(), threading.Event(), threading.Event()
    monkeypatch.setattr(jobs, "has_left", has_left.is_set)

    def long_step() -> Iterator[tuple[Any, ...]]:
        yield ("one of two", 0, 0)
        entered.set()
        for _ in range(2_000):  # layers
            check()
            time.sleep(0.005)
        yield RESULT

    seen: list[tuple[Any, ...]] = []
    steps = watched(desk, "1", long_step(), BLANK)
    asked = threading.Thread(target=lambda: seen.extend(steps))
    asked.start()
    assert entered.wait(5)
    if how == "cancel":
        assert stop(desk, ["1"], BLANK) == (gr.skip(),) * 3
    else:
        has_left.set()
    asked.join(2)
    assert not asked.is_alive() and len(seen) == 2 and not desk.running
    assert "Stopped" in seen[-1][0] and seen[-1][1:] == BLANK
    check()  # nothing of it is left behind in a thread


def test_a_stop_after_the_result_leaves_it() -> None:
    desk = Desk()
    steps = started(desk)
    shown = [next(steps) for _ in range(3)]
    running, _ = desk.stop({"1"})
    assert shown[-1] == RESULT and list(steps) == [] and running[0].is_set()
    assert stop(desk, ["1"], BLANK) == (gr.skip(),) * 3


def test_what_had_not_begun_never_begins() -> None:
    desk, asked = Desk(), []
    assert "Stopped" in stop(desk, ["7"], BLANK)[0]
    (only,) = watched(desk, "7", work(asked), BLANK)
    assert "Stopped" in only[0] and asked == []
    assert list(started(desk, "8"))[-1] == RESULT


def test_the_stop_waits_until_the_work_has_said_its_last_word() -> None:
    desk, said, entered, released = Desk(), [], threading.Event(), threading.Event()

    def slow() -> Iterator[tuple[Any, ...]]:
        yield ("first", 0, 0)
        entered.set()
        released.wait(10)  # a batch that takes its time
        yield RESULT

    worker = threading.Thread(target=lambda: said.extend(watched(desk, "1", slow(), BLANK)))
    worker.start()
    assert entered.wait(10)
    answers: list[Any] = []
    stopping = threading.Thread(target=lambda: answers.append(stop(desk, ["1"], BLANK)))
    stopping.start()
    stopping.join(0.2)
    assert stopping.is_alive() and answers == []
    released.set()
    for thread in (stopping, worker):
        thread.join(10)
    assert answers == [(gr.skip(),) * 3]  # the words are the work's own
    assert "Stopped" in said[-1][0] and RESULT not in said


@pytest.mark.parametrize("numbers", [None, "1", [1], [["1"]], ["-1"], ["1" * 11], [None], {"1": "1"}])
def test_numbers_that_no_page_sends_stop_nothing(numbers: Any) -> None:
    desk = Desk()
    steps = started(desk)
    next(steps)
    assert stop(desk, numbers, BLANK) == (gr.skip(),) * 3
    assert list(steps)[-1] == RESULT


def test_an_error_is_said_and_no_old_result_stays() -> None:
    def refuse() -> Iterator[tuple[Any, ...]]:
        yield ("progress", 0, 0)
        raise InputError("width is <9999>")

    desk = Desk()
    *_, final = watched(desk, "1", refuse(), BLANK)
    assert "&lt;9999&gt;" in final[0] and "xp-error" in final[0] and final[1:] == BLANK
    assert desk.running == {}


def test_a_bug_is_admitted_and_still_raised() -> None:
    def bug() -> Iterator[tuple[Any, ...]]:
        yield ("progress", 0, 0)
        raise KeyError("bug")

    steps = watched(Desk(), "1", bug(), BLANK)
    next(steps)
    assert "went wrong" in next(steps)[0]
    with pytest.raises(KeyError):
        next(steps)


def test_a_visitor_who_leaves_frees_the_desk() -> None:
    desk = Desk()
    steps = started(desk)
    next(steps)
    steps.close()
    assert desk.running == {} and desk.ended == {"1"}


def test_each_visitor_has_a_desk_of_its_own() -> None:
    first = Desk()
    second = copy.deepcopy(first)  # what gradio does for each session
    first.stop({"1"})
    assert second.begin("1")


def test_a_handler_gets_its_inputs_without_the_desk() -> None:
    def handler(*values: Any) -> Iterator[tuple[Any, ...]]:
        yield values

    assert inspect.isgeneratorfunction(cancellable(handler, BLANK))  # else gradio would not stream it
    assert list(cancellable(handler, BLANK)("a", "b", Desk(), "1")) == [("a", "b")]
    event = gr.EventData(None, {"index": 3})
    assert list(cancellable(handler, BLANK, clicked=True)(event, "b", Desk(), "1")) == [(event, "b")]


@dataclass(frozen=True)
class Result:
    drawn: tuple[object, ...]


def test_a_result_is_drawn_again_only_if_its_settings_have_moved() -> None:
    silent = gr.skip()
    assert catching_up(Desk(), 0, None, 64) == silent
    assert catching_up(Desk(), 0, Result((64, "cosine")), 64, "cosine") == silent
    assert catching_up(Desk(), 3, Result((64, "cosine")), 32, "cosine") == 4


def test_a_result_is_asked_once_and_later_moves_are_the_controls_own() -> None:
    desk, first = Desk(), Result((64,))
    assert catching_up(desk, 0, first, 64) == gr.skip()
    assert catching_up(desk, 0, first, 32) == gr.skip()  # say, the tab is opened again
    assert catching_up(desk, 0, Result((64,)), 32) == 1


def test_asking_touches_nothing_on_the_page() -> None:
    with gr.Blocks() as page:
        state, slider, figure, status = gr.State(), gr.Slider(), gr.HTML(), gr.HTML()
        jobs = Jobs("some")
        jobs.connect([status, state, figure], (None, ""))
        jobs.follow(lambda state, width: width, [state, slider], [figure])
        jobs.run(gr.Button().click, work, [])
        jobs.bind()
    asking = [fn for fn in page.fns.values() if fn.fn is catching_up]
    drawing = [fn for fn in page.fns.values() if fn.outputs == [figure]]
    assert len(asking) == len(drawing) == 1
    assert asking[0].outputs == [jobs.moved] and drawing[0].targets == [(jobs.moved._id, "change")]


def test_progress_that_comes_too_fast_is_left_out_and_results_never() -> None:
    skip = gr.skip()
    fast = [
        *((f"{at} of 9", skip, skip) for at in range(9)),
        ("shown", "early", skip),
        ("10", skip, skip),
        RESULT,
    ]
    desk = Desk()
    handled = cancellable(lambda: iter(fast), BLANK)(desk, "1")
    assert list(handled) == [fast[0], fast[9], RESULT]


def test_the_last_words_are_told_however_soon_they_come() -> None:
    """Such as what is wrong with a file, right after "reading it"."""
    steps = [("reading one", gr.skip()), ("reading two", gr.skip()), ("no such format", gr.skip())]
    assert list(cancellable(lambda: iter(steps), BLANK)(Desk(), "1")) == [steps[0], steps[2]]


def test_progress_that_takes_its_time_is_all_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "WORDS_SECONDS", 0.0)
    assert list(cancellable(work, BLANK)(Desk(), "1")) == list(work())


def test_work_that_is_given_up_by_gradio_ends_at_once() -> None:
    desk = Desk()
    handled = cancellable(work, BLANK)(desk, "1")
    next(handled)
    handled.close()  # as gradio does when the visitor leaves
    assert not desk.running


def test_what_was_drawn_stays_in_every_later_message():
    """A busy page applies only the last of messages that arrive together."""
    figure, box = gr.update(value="figure"), gr.update(value="typed")
    table = Snippet("table", rest="curl")

    def work():
        yield "first", figure, gr.skip(), box
        yield "second", gr.skip(), table, gr.skip()
        yield "third", gr.skip(), gr.skip(), gr.skip()

    seen = []
    for step in cancellable(work, BLANK, drawn=[1, 2])(Desk(), "1"):
        seen.append([one.get("value") if isinstance(one, dict) else one for one in step])
        for one in step[1:]:
            if isinstance(one, dict):
                one.pop("value", None)  # as gradio does
    assert seen == [
        ["first", "figure", None, "typed"],
        ["second", "figure", table, None],
        ["third", "figure", table, None],
    ]
