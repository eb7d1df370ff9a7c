"""The adapter in training: where it begins, which parameters are its own, and the PEFT folder it ends as."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from peft import LoraConfig
from safetensors.torch import save_file
from torch import Tensor, nn

from embedder import Embedder, InputError
from embedder.adapters import adapter_parameters, cast_adapter, lora_config
from embedder.checkpoint import ADAPTER_CONFIG, ADAPTER_PREFIX, adapter_settings
from embedder.spec import read_json

TRAINED = "trained"  # what the adapter is called while it is trained
FRESH = "fresh"
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
WRITING = ".writing-"  # a folder of this prefix holds files that are not whole yet


class TrainedAdapter:
    """One more adapter of a loaded model, in float32 whatever the model is in."""

    def __init__(self, model: Embedder, start: str, rank: int | None, alpha: float | None, seed: int) -> None:
        """Add it to `model`.

        Args:
            model: any checkpoint in the published layout.
            start: "fresh", one of the model's tasks, or a PEFT folder to go on from.
            rank: of a fresh adapter; None is that of the checkpoint's own.
            alpha: of a fresh adapter; None is the rank, so that the factor is 1.
            seed: of a fresh adapter's weights.

        Raises:
            InputError: there is no such start, or rank or alpha contradict it.
            CheckpointError: the folder does not fit the model.
        """
        self.model, self.network = model, model._runtime.network
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if start == FRESH:
                self.config = _fresh(model, rank, alpha, seed, folder)
            else:
                self.config = _warm(model, start, rank, alpha, folder)
            if start == FRESH or start in model.tasks:
                model.add_adapter(TRAINED, folder)
            else:
                model.add_adapter(TRAINED, start)
        self.parameters = adapter_parameters(self.network, TRAINED)
        self.begin()

    def begin(self) -> None:
        """Make it the active adapter and the only thing that learns, in float32."""
        self.model._runtime.activate(TRAINED)
        cast_adapter(self.network, TRAINED, torch.float32)
        for parameter in self.parameters.values():
            parameter.requires_grad_(True)

    def end(self) -> None:
        """Make it what the saved folder will be once it is loaded: in the model's own number format."""
        cast_adapter(self.network, TRAINED, self.network.dtype)
        for parameter in self.parameters.values():
            parameter.requires_grad_(False)

    def state(self) -> dict[str, Tensor]:
        """Its weights by their names in PEFT's files, float32 on the CPU."""
        return _as_saved(self.parameters, TRAINED)

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take weights back that `state` gave."""
        for key, parameter in self.parameters.items():
            parameter.copy_(state[_saved_name(key, TRAINED)])

    def save(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """Write `state` as a PEFT folder; each file appears whole."""
        spec = self.model.spec
        write_peft(folder, self.config, state, base=spec.repo_id or spec.name, revision=spec.revision)


def write_peft(
    folder: Path, config: LoraConfig, state: Mapping[str, Tensor], *, base: str, revision: str | None
) -> None:
    """Write `adapter_config.json` and `adapter_model.safetensors` as PEFT's save_pretrained would."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=WRITING) as name:
        part = Path(name)
        save_file({key: value.contiguous() for key, value in state.items()}, part / WEIGHTS, {"format": "pt"})
        config.base_model_name_or_path, config.revision = base, revision
        config.inference_mode = True
        config.save_pretrained(part)
        for file in (WEIGHTS, CONFIG):
            (part / file).replace(folder / file)


def _fresh(model: Embedder, rank: int | None, alpha: float | None, seed: int, folder: Path) -> LoraConfig:
    """An adapter that does nothing yet: A normal with deviation 1/rank, B zero; targets as published."""
    settings = adapter_settings(model.folder)
    chosen = rank or int(settings["r"])
    settings |= {"r": chosen, "lora_alpha": alpha or chosen, "rank_pattern": {}, "alpha_pattern": {}}
    config = lora_config(settings, ADAPTER_CONFIG)
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}
    like = adapter_parameters(model._runtime.network, model.spec.tasks[0])
    for key, value in like.items():
        is_down = ".lora_A." in key  # (rank, in); the other is (out, rank)
        shape = (chosen, value.shape[1]) if is_down else (value.shape[0], chosen)
        first = torch.randn(shape, generator=generator) / chosen if is_down else torch.zeros(shape)
        state[_saved_name(key, model.spec.tasks[0])] = first
    write_peft(folder, config, state, base=model.spec.name, revision=model.spec.revision)
    return config


def _warm(model: Embedder, start: str, rank: int | None, alpha: float | None, folder: Path) -> LoraConfig:
    """The weights of one of the model's tasks, or of a PEFT folder."""
    if start in model.tasks:
        config = lora_config(adapter_settings(model.folder), ADAPTER_CONFIG)
        state = _as_saved(adapter_parameters(model._runtime.network, start), start)
        write_peft(folder, config, state, base=model.spec.name, revision=model.spec.revision)
    elif (Path(start) / CONFIG).is_file():
        config = lora_config(read_json(Path(start) / CONFIG), start)
    else:
        names = ", ".join(model.tasks)
        raise InputError(
            f"--task {start!r}: one of {names}, {FRESH!r}, or a folder that PEFT saved a LoRA to"
        )
    for option, asked, own in (("rank", rank, config.r), ("alpha", alpha, config.lora_alpha)):
        if asked is not None and asked != own:
            raise InputError(
                f"--{option} {asked:g}: the adapter {start!r} to start from has {own:g}; leave --{option} "
                f"out, or start with --task {FRESH}"
            )
    return config


def _as_saved(parameters: Mapping[str, nn.Parameter], name: str) -> dict[str, Tensor]:
    return {_saved_name(key, name): value.detach().cpu().float().clone() for key, value in parameters.items()}


def _saved_name(key: str, name: str) -> str:
    """A parameter's name in PEFT's files, which do not say what the adapter is called."""
    return ADAPTER_PREFIX + key.replace(f".{name}.weight", ".weight")
