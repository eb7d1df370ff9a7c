"""Work that a visitor can stop, and whose last word is its own.

gradio cancels an event from the browser while the event's messages are still on their way, so that
progress may come in after the message of the cancellation. Here the work is asked to stop, and its own
stream ends with the words that say so: nothing of it can arrive later. gradio's cancel only takes out what
is still waiting. Both a stop and a visitor who leaves end the work between two layers of the model.
"""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from embedder.errors import EmbedderError
from embedder.stop import Stopped, stoppable
from ui import cards
from ui.checks import guarded
from ui.controls import LIGHT, QUIET, heavy
from ui.waiting import has_left

Values = tuple[Any, ...]
Handler = Callable[..., Iterator[Values]]

STOP_SECONDS = 300.0
"""How long a cancellation waits for the batch at hand: minutes for the full model on a slow CPU."""
MAX_NUMBERS = 64
WORDS_SECONDS = 0.25
"""Between two messages that only say how far the work is."""
_LOCK = threading.Lock()
_BUTTON = "<button type='button' class='xp-cancel' disabled>Cancel</button>"
_STOPPED = (
    "Stopped: nothing is running now. What was encoded so far is remembered, so that pressing the button "
    "again goes on from there."
)
_BROKEN = (
    "Something went wrong on the server, which has the details in its log. Nothing you gave is lost: please "
    "try again."
)


@dataclass
class Desk:
    """The pieces of work of one tab in one session, by the numbers that the page gave them.

    It is a session's state: made anew for each visitor, and the same object for all events of that visitor.
    ``checked`` is the last result that was asked whether the settings have moved on since it was begun.
    """

    running: dict[str, threading.Event] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    checked: Any = None

    def begin(self, number: str) -> bool:
        """Register a piece of work; False if it was stopped before its turn came."""
        with _LOCK:
            if number in self.stopped:
                return False
            self.running[number] = threading.Event()
            return True

    def end(self, number: str) -> None:
        """The work has said its last word."""
        with _LOCK:
            self.ended.add(number)
            done = self.running.pop(number, None)
        if done:
            done.set()

    def stop(self, numbers: set[str]) -> tuple[list[threading.Event], bool]:
        """Ask for a stop.

        Returns:
            What will be set when the work that is running has ended; whether some had not begun.
        """
        with _LOCK:
            alive = numbers - self.ended
            self.stopped |= alive
            return [done for key, done in self.running.items() if key in alive], bool(
                alive - set(self.running)
            )


def cancellable(
    handler: Handler, blank: Values, *, clicked: bool = False, drawn: Container[int] = ()
) -> Handler:
    """A handler whose last two inputs are the desk and the work's number, and whose last word is final.

    Args:
        handler: yields (status, ...) as its outputs want them.
        blank: the outputs behind the status when there is no result: after a stop or an error.
        clicked: hand the event on as the first argument.
        drawn: places of outputs that no visitor edits, see :func:`lasting`.

    Yields:
        What ``handler`` yields, less words that come too fast; after a stop or an error, words in the status
        and ``blank``.
    """

    # gradio streams what is a generator function itself, not what returns a generator
    def work(*values: Any) -> Iterator[Values]:
        *inputs, desk, number = values
        yield from lasting(unhurried(watched(desk, str(number), handler(*inputs), blank)), drawn)

    def clicked_work(event: gr.EventData, *values: Any) -> Iterator[Values]:
        *inputs, desk, number = values
        yield from lasting(unhurried(watched(desk, str(number), handler(event, *inputs), blank)), drawn)

    return clicked_work if clicked else work


def unhurried(steps: Iterator[Values]) -> Iterator[Values]:
    """The steps without progress that comes sooner than ``WORDS_SECONDS`` after the last one.

    Each message costs the page more than a quick model needs for a group of inputs. The last step is never
    left out: an error is words alone too.
    """
    last, waiting = -math.inf, None
    with contextlib.closing(steps):  # type: ignore[type-var]
        for step in steps:
            if _is_words_alone(step) and time.monotonic() - last < WORDS_SECONDS:
                waiting = step
                continue
            if _is_words_alone(step):
                last = time.monotonic()
            waiting = None
            yield step
    if waiting is not None:
        yield waiting


def lasting(steps: Iterator[Values], drawn: Container[int]) -> Iterator[Values]:
    """The steps, each with what earlier ones drew where it draws nothing itself.

    Messages that reach a busy page together are applied as one, the last: what only an earlier one had is
    lost. Over the wire the repetition is almost free, as gradio sends what differs from the step before.

    Args:
        steps: of one piece of work.
        drawn: places of outputs that may be repeated; what a visitor edits meanwhile may not.
    """
    had: dict[int, Any] = {}
    for step in steps:
        for at, one in enumerate(step):
            if at in drawn and not _is_skip(one):
                had[at] = _apart(one)
        yield tuple(_apart(had.get(at, one)) if _is_skip(one) else one for at, one in enumerate(step))


def _apart(value: object) -> object:
    """A copy of an update: gradio takes the value out of it while it is sent."""
    return dict(value) if type(value) is dict else value


def _is_skip(value: object) -> bool:
    return type(value) is dict and value == gr.skip()


def _is_words_alone(step: Values) -> bool:
    return isinstance(step[0], str) and len(step) > 1 and all(_is_skip(one) for one in step[1:])


def watched(desk: Desk, number: str, steps: Iterator[Values], blank: Values) -> Iterator[Values]:
    """The steps of one piece of work, up to the first one after a stop."""
    if not desk.begin(number):
        yield (cards.note(_STOPPED), *blank)
        return
    try:
        for step in _within(steps, lambda: number in desk.stopped or has_left()):
            if number in desk.stopped:
                raise Stopped
            yield step
    except Stopped:
        yield (cards.note(_STOPPED), *blank)
    except EmbedderError as error:
        yield (cards.note(str(error), "error"), *blank)
    except Exception:
        yield (cards.note(_BROKEN, "error"), *blank)
        raise
    finally:
        desk.end(number)


def _within(steps: Iterator[Values], is_over: Callable[[], bool]) -> Iterator[Values]:
    """The steps; one that is under way ends with ``Stopped`` once it is over, within a long text too."""
    while True:
        with stoppable(is_over):  # not while it waits for the next turn, which may be another thread's
            step = next(steps, None)
        if step is None:
            return
        yield step


def stop(desk: Desk, numbers: object, blank: Values) -> Values:
    """Stop the work of these numbers, and wait until what is running has ended.

    Returns:
        (status, ...): the words for work that had not begun. What was running says its own.
    """
    running, waiting = desk.stop(_numbers(numbers))
    for done in running:
        done.wait(STOP_SECONDS)
    if running or not waiting:
        return (gr.skip(),) * (1 + len(blank))
    return (cards.note(_STOPPED), *blank)


def _numbers(value: object) -> set[str]:
    """What the page says is going on; anything may be in it."""
    found = value[:MAX_NUMBERS] if isinstance(value, list) else []
    return {number for number in found if isinstance(number, str) and number.isdigit() and len(number) < 10}


def catching_up(desk: Desk, count: int, state: Any, *settings: Any) -> Any:  # noqa: ANN401
    """Whether a result has to be drawn again, as settings have moved while the model ran.

    What moves later is drawn by the controls' own events, so that each result is asked once.

    Args:
        desk: the tab's, in this session.
        count: how often that was so before.
        state: the session's result, ``drawn`` with these settings, or None.
        settings: as they are now.

    Returns:
        One more than ``count``, or a skip where there is nothing to draw.
    """
    is_asked_before = desk.checked is state
    desk.checked = state
    if state is None or is_asked_before or tuple(state.drawn) == settings:
        return gr.skip()
    return count + 1


class Jobs:
    """What a tab needs so that its work can be stopped: a button, and the numbers behind it.

    Build it where the button stands, :meth:`connect` it, start every event that runs the model through
    :meth:`run`, and when all are there call :meth:`bind`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.button = gr.HTML(
            _BUTTON,
            js_on_load=f"window.Explorer.mountCancel(element, trigger, '{name}'); // sends 'stop'",
            apply_default_css=False,
            elem_id=f"{name}-stop",
            min_width=80,
        )
        self.desk = gr.State(Desk())
        self.number = gr.Textbox("", visible=False)
        self.outputs: list[Any] = []
        self.blank: Values = ()
        self.events: list[Any] = []
        self.moved = gr.State(0)
        self.later: list[Any] | None = None

    def follow(self, redraw: Callable[..., Values], inputs: list[Any], outputs: list[Any]) -> None:
        """After every event of :meth:`run`, draw again if the settings have moved on since it began.

        Args:
            redraw: takes the session's state and the settings; returns ``outputs``.
            inputs: the session's state, then the settings.
            outputs: of ``redraw``.
        """
        # the question has no output on the page: gradio draws every output anew, also one that is skipped
        self.later = [self.desk, self.moved, *inputs]
        self.moved.change(guarded(redraw), inputs, outputs, **LIGHT)

    def connect(self, outputs: list[Any], blank: Values) -> None:
        """Say where results go (the status first), and what stands behind the status without one."""
        self.outputs, self.blank = outputs, blank

    def run(
        self,
        listener: Callable[..., Any],
        handler: Handler,
        inputs: list[Any],
        *,
        clicked: bool = False,
        unasked: bool = False,
        **options: Any,
    ) -> None:
        """Wire an event whose handler runs the model.

        Args:
            listener: such as ``button.click`` or ``partial(gr.on, triggers)``.
            handler: a generator of (status, ...).
            inputs: of the handler.
            clicked: the handler takes the event first.
            unasked: no visitor pressed anything for it, so that gradio's clock need not run beside it.
            **options: more of the listener's.
        """
        at = f"'{self.name}', '{len(self.events)}'"
        drawn = [at for at, output in enumerate(self.outputs) if isinstance(output, gr.HTML)]
        work = cancellable(handler, self.blank, clicked=clicked, drawn=drawn)
        shown = None if unasked else self.outputs[0]
        wiring = {"js": f"(...values) => window.Explorer.begin({at}, values)", **heavy(shown)}
        event = listener(work, [*inputs, self.desk, self.number], self.outputs, **wiring, **options)
        for after in (event.then, event.failure):  # gradio's "then" leaves out failures
            after(None, js=f"() => window.Explorer.end({at})", **QUIET)
        if self.later is not None:
            event.then(catching_up, self.later, self.moved, **LIGHT)
        self.events.append(event)

    def bind(self) -> None:
        """Wire the button, when all events are there."""

        def stopped(desk: Desk, event: gr.EventData) -> Values:
            data = event._data if isinstance(event._data, dict) else {}
            return stop(desk, data.get("jobs"), self.blank)

        options = {"cancels": self.events, "concurrency_limit": 8, **QUIET}
        self.button.stop(stopped, self.desk, self.outputs, **options)
