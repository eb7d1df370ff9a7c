"""Whether anybody still waits for what this thread works on."""

from gradio.context import LocalContext


def has_left() -> bool:
    """Whether whoever asked has closed the page or the connection; False outside gradio's queue.

    gradio writes that down on the event in its queue, and itself looks there only between two steps of a
    generator, and never for a plain function. A step may be several long texts, which take minutes.
    """
    page, number = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    event = page._queue.event_ids_to_events.get(number) if page and number else None
    return event is not None and not event.alive
