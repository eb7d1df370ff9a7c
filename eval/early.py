"""What can be known to be wrong before anything is built, loaded or encoded."""

from dataclasses import dataclass
from typing import cast

from embedder import InputError
from embedder.adapters import own_weights
from embedder.device import pick_device
from embedder.locate import locate
from embedder.protocol import Model
from embedder.sentence_transformer import is_sentence_model
from embedder.spec import ModelSpec, spec_from_folder
from eval.config import RunConfig, settings_of
from eval.plan import fit


@dataclass(frozen=True)
class Outline:
    """A model as its configuration files describe it: no weights are read.

    Attributes:
        spec: widths and limits.
        tasks: its adapters, those of the command line included.
    """

    spec: ModelSpec
    tasks: tuple[str, ...]


def check_early(config: RunConfig) -> None:
    """Refuse devices that are not there, and tasks, widths and searches that the models lack.

    Models of sentence-transformers describe themselves only when they are loaded, so they are left for later.

    Raises:
        InputError: a value is no model's.
        CheckpointError: a model or a LoRA is not there, or is not of the published layout.
        DeviceError: a device cannot be had.
    """
    for device in config.devices or (config.device,):
        pick_device(device)
    if any(is_sentence_model(name) for name in config.models):
        return
    outlines = [_outline(config, name) for name in config.models]
    if len(outlines) == 1:
        fitted, _ = fit(config, config.models[0], cast(Model, outlines[0]))
        settings_of(fitted, fitted.dim)
        for folder in config.adapters.values():
            own_weights(folder)
        return
    for task in config.task:
        if not any(task in one.tasks for one in outlines):
            has = ", ".join(dict.fromkeys(name for one in outlines for name in one.tasks))
            raise InputError(f"--task {task!r}: none of the models {config.model} has it; they have {has}")
    widest = max(one.spec.dim for one in outlines)
    for dim in config.dim:
        if not 1 <= dim <= widest:
            raise InputError(
                f"--dim {dim}: none of the models {config.model} has it; the widest has {widest}"
            )


def _outline(config: RunConfig, name: str) -> Outline:
    place = locate(name, config.revision)
    spec = spec_from_folder(place.folder, name=place.name, revision=place.revision)
    return Outline(spec, (*spec.tasks, *config.adapters))
