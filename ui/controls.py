"""Controls that more than one tab has: the collection's editor, task, role, width and measure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui import cards
from ui.collection import Item
from ui.server import MODEL_QUEUE

Collection = tuple[Item, ...]

ROLES = ("query", "passage")
METRIC_WORDS = [("cosine", "cosine"), ("dot", "dot"), ("Euclidean", "euclidean")]


# Options of event listeners. Every event is private: what others may call is published on purpose, elsewhere.
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUIET: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": [], **PRIVATE}
"""For what is done at once. The empty list is what makes it cheap: with every message of every event gradio's
page copies, and draws anew, all components that any event ever named for its progress, outputs if none is
named, and with a component of tabs everything in them."""
LIGHT: dict[str, Any] = {"trigger_mode": "always_last", "concurrency_limit": 8, **QUIET}
"""For what is computed from cached vectors: of many slider steps only the last one waits."""


def heavy(status: gr.HTML | None) -> dict[str, Any]:
    """Options for what runs the model: one at a time for all tabs.

    Args:
        status: where waiting and time show; None for what nobody asked for, which then costs the page less.
    """
    shown = {"show_progress": "minimal", "show_progress_on": [status], **PRIVATE} if status else QUIET
    return {"concurrency_id": MODEL_QUEUE, "concurrency_limit": 1, **shown}


def task_control(tasks: Sequence[str], label: str = "Task", **kwargs: Any) -> gr.Dropdown:
    """Which adapter encodes."""
    first = "retrieval" if "retrieval" in tasks else str(tasks[0])
    names = [str(task) for task in tasks]
    return gr.Dropdown(
        names, value=first, label=label, info="the LoRA adapter in use", min_width=150, **kwargs
    )


def role_control(label: str = "Role of texts") -> gr.Radio:
    """The prompt in front of texts: the architecture note's Query and Document."""
    info = "asked, or able to answer"
    return gr.Radio(ROLES, value="query", label=label, info=info, min_width=180)


def metric_control() -> gr.Radio:
    """Which similarity."""
    return gr.Radio(METRIC_WORDS, value="cosine", label="Measure", min_width=180)


def number_slider(low: float, high: float, **options: Any) -> gr.Slider:
    """A slider whose value reaches the handlers as it was sent.

    gradio's own check of the range prints a traceback in the terminal; the handlers check it too, and say in
    words what is wrong.
    """
    return as_sent(gr.Slider(low, high, **options))


def as_sent(component: Any) -> Any:  # noqa: ANN401 - any component
    """A component whose value reaches the handlers as the page sent it, for them to check.

    gradio's own check holds a choice against the newest list, which the page may not have seen yet, prints a
    traceback in the terminal and shows the error as it is.
    """
    component.preprocess = _as_sent
    return component


def _as_sent(payload: Any) -> Any:  # noqa: ANN401 - a client may send anything
    return payload


MARKS = "<div class='xp-marks'>${window.Explorer.marks(value)}</div>"
"""The widths of the value as buttons: a template, so that other widths speak the visitor's language too."""


@dataclass
class Width:
    """A dimension slider with one-click marks at the widths the model was trained to be cut to."""

    slider: gr.Slider
    marks: gr.HTML

    def bind(self) -> None:
        """A click on a mark moves the slider, in the page, which then does the rest."""
        self.marks.pick(None, None, self.slider, js="() => window.Explorer.clickedIndex()", **QUIET)


def width_control(widths: Sequence[int], value: int, label: str = "Dimensions") -> Width:
    """The slider from 1 to full width, and its marks."""
    full = widths[-1]
    with gr.Column(min_width=220, elem_classes="xp-width"):
        slider = number_slider(1, full, value=value, step=1, label=label)
        marks = cards.clickable(width_marks(widths), html_template=MARKS)
    control = Width(slider, marks)
    control.bind()
    return control


def width_marks(widths: Sequence[int]) -> str:
    """What the marks' template makes buttons of: "16,32,64"."""
    return ",".join(map(str, widths))


def index_of(event: gr.EventData) -> int | None:
    """The ``index`` that a click sent, if it is a whole number."""
    data = event._data if isinstance(event._data, dict) else {}
    value = data.get("index")
    return value if isinstance(value, int) and not isinstance(value, bool) else None
