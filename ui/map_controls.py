"""What the Map's controls offer: adapter and role where they do something, widths that the vectors have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.checks import whole
from ui.controls import width_marks
from ui.map_view import OWN_VECTORS, MapState, View

MOST_MARKS = 5
LEAST_MARK = 4
NO_TASK = "no adapter: these vectors came with the items"
NO_ROLE = "no prompt: these vectors came with the items"


@dataclass(frozen=True)
class Offer:
    """What the controls offer for the model's vectors.

    Attributes:
        widths: that it was trained to be cut to, the full one last.
        task: words under the adapters.
        role: words under the roles.
    """

    widths: Sequence[int]
    task: Any
    role: Any


def follow(offer: Offer, view: View, state: MapState | None, dim: object) -> tuple[Any, ...]:
    """The controls tell the truth about the vectors on the map.

    A width that was the full one stays the full one; the model's comes back with its vectors.

    Returns:
        (task, role, slider, its marks); skips where they do already.
    """
    own = state.vectors.shape[1] if state is not None and state.task == OWN_VECTORS else 0
    if own == view.offered:
        return (gr.skip(),) * 4
    full, before = offer.widths[-1], view.offered
    now = whole(dim, "dimensions", 1, max(before or full, full))
    view.offered = own
    if not own:
        tasks, roles = (gr.update(interactive=True, info=words) for words in (offer.task, offer.role))
        return tasks, roles, *_widths(offer.widths, view.model_width or min(now, full))
    if not before:
        view.model_width = now
    is_full = now >= (before or full)
    tasks, roles = (gr.update(interactive=False, info=words) for words in (NO_TASK, NO_ROLE))
    return tasks, roles, *_widths(halves(own), own if is_full else min(now, own))


def halves(width: int) -> list[int]:
    """Widths to cut vectors to of which nothing is known: powers of two below theirs, and theirs."""
    powers = [2**power for power in range(width.bit_length()) if LEAST_MARK <= 2**power < width]
    return [*powers[1 - MOST_MARKS :], width]


def _widths(widths: Sequence[int], value: int) -> tuple[Any, Any]:
    return gr.update(maximum=widths[-1], value=value), gr.update(value=width_marks(widths))
