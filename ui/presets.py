"""The three use cases of the architecture note as settings of the search tab, fitted to the model in use.

A preset sets what can be set per request. It never reloads the model: where it asks for a number format of
the weights, it says which one is in use instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ui.ranking import nearest_width

TEXT, IMAGE, CROSS = "Text search", "Image search", "Cross-modal"
NAMES = (TEXT, IMAGE, CROSS)
NOTE_WIDTH = 512
NOTE_BATCH = 8
TEMPERATURE = 0.07


@dataclass(frozen=True)
class Preset:
    """Settings of one search and the sentence that explains them.

    Attributes:
        task: adapter.
        prompt_name: role of a text query.
        dim: width of the truncated side, one the model was trained for.
        batch_size: inputs per batch, None for the device's default.
        metric: similarity.
        temperature: of the softmax.
        targets: what is searched: "everything", "texts" or "pictures".
        says: what was set, and what could not be.
    """

    task: str
    prompt_name: str
    dim: int
    batch_size: int | None
    metric: str
    temperature: float
    targets: str
    says: str


def preset(name: str, widths: Sequence[int], tasks: Sequence[str], device: str, precision: str) -> Preset:
    """The settings of a named preset for a model.

    Args:
        name: one of ``NAMES``.
        widths: the model's Matryoshka widths, ascending, full width last.
        tasks: the model's adapters.
        device: where the model runs, e.g. "cpu".
        precision: number format of its weights, e.g. "bfloat16".

    Raises:
        ValueError: no such preset.
    """
    task = "retrieval" if "retrieval" in tasks else tasks[0]
    smallest, full = widths[0], widths[-1]
    in_use = f"Weights are in {precision} on {device}, as before."
    if name == TEXT:
        dim = nearest_width(NOTE_WIDTH, widths)
        reached = (
            f"{dim} dimensions"
            if dim == NOTE_WIDTH
            else f"{dim} dimensions, the nearest it has to {NOTE_WIDTH}"
        )
        against = "" if dim < full else " (its full width, so both columns agree)"
        says = f"Text search: {task} adapter, query prompt, {reached}{against}. {in_use}"
        return Preset(task, "query", dim, None, "cosine", TEMPERATURE, "texts", says)
    if name == IMAGE:
        says = f"Image search: {task} adapter, batches of {NOTE_BATCH}. {_precision_words(device, precision)}"
        return Preset(task, "query", smallest, NOTE_BATCH, "cosine", TEMPERATURE, "pictures", says)
    if name == CROSS:
        softmax = f"softmax at temperature {TEMPERATURE}"
        says = f"Cross-modal: {task} adapter, vectors normalised to length 1, {softmax}. {in_use}"
        return Preset(task, "query", smallest, None, "cosine", TEMPERATURE, "everything", says)
    raise ValueError(f"preset is {name!r}; choose one of {', '.join(NAMES)}")


def _precision_words(device: str, precision: str) -> str:
    if precision == "float16":
        return "Weights are in float16, as the preset asks."
    why = "float16 is slow on a CPU" if device == "cpu" else "a preset does not reload the model"
    return f"The preset asks for float16; the weights stay in {precision} on {device} ({why})."
