"""LoRA adapters: split the stacked file, inject, switch, and bring your own.

`PeftModel.from_pretrained` on the stacked file leaves every lora_B zero without a word,
so the file is split per task here and every tensor is accounted for.
"""

import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from embedder.checkpoint import ADAPTER_PREFIX, TensorEntry, check_names, read_tensors, tensor_entries
from embedder.errors import CheckpointError, InputError
from embedder.spec import read_json

# Settings that would change the arithmetic and that the published adapters do not use.
UNSUPPORTED = ("use_dora", "lora_bias", "modules_to_save", "layer_replication", "trainable_token_indices")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def lora_config(settings: dict[str, Any], source: str) -> LoraConfig:
    """Read an `adapter_config.json` as plain LoRA.

    Raises:
        CheckpointError: it asks for another method, or for an option that is not supported.
    """
    kind = settings.get("peft_type")
    if kind != "LORA":
        raise CheckpointError(f"{source}: peft_type {kind!r}, only 'LORA' is supported")
    for option in UNSUPPORTED:
        if settings.get(option):
            raise CheckpointError(f"{source}: option {option}={settings[option]!r} is not supported")
    if settings.get("bias", "none") != "none":
        raise CheckpointError(f"{source}: bias={settings['bias']!r}, only 'none' is supported")
    try:
        return LoraConfig(
            r=int(settings["r"]),
            lora_alpha=settings["lora_alpha"],
            target_modules=settings["target_modules"],
            exclude_modules=settings.get("exclude_modules"),
            rank_pattern=settings.get("rank_pattern") or {},
            alpha_pattern=settings.get("alpha_pattern") or {},
            use_rslora=bool(settings.get("use_rslora", False)),
            lora_dropout=0.0,  # dropout is for training only
        )
    except KeyError as missing:
        raise CheckpointError(f"{source}: {missing} is missing") from None


def inject(model: nn.Module, config: LoraConfig, name: str) -> None:
    """Add an untrained adapter `name` to every module that `config` targets."""
    with warnings.catch_warnings():
        # Several adapters are what we want here.
        warnings.filterwarnings("ignore", message="Already found a `peft_config` attribute")
        inject_adapter_in_model(config, model, adapter_name=name)
    for key, parameter in model.named_parameters():
        if f".{name}." in key:
            parameter.requires_grad_(False)


def adapter_parameters(model: nn.Module, name: str) -> dict[str, nn.Parameter]:
    """The parameters of one adapter, by their names in `model`."""
    marks = (f".lora_A.{name}.", f".lora_B.{name}.")
    return {key: value for key, value in model.named_parameters() if any(mark in key for mark in marks)}


def load_stacked(
    model: nn.Module, config: LoraConfig, tasks: tuple[str, ...], entries: dict[str, TensorEntry]
) -> None:
    """Inject every task and fill it from the stacked file.

    Raises:
        CheckpointError: a tensor is missing, unexpected or mis-shaped.
    """
    for task in tasks:
        inject(model, config, task)
    own = {key: value for task in tasks for key, value in adapter_parameters(model, task).items()}
    check_names({ADAPTER_PREFIX + key: tuple(value.shape) for key, value in own.items()}, entries, "adapters")
    tensors = read_tensors(entries)
    _fill(own, {key.removeprefix(ADAPTER_PREFIX): value for key, value in tensors.items()})


def own_weights(folder: Path) -> Path:
    """The weights of a PEFT folder.

    Raises:
        CheckpointError: it has none.
    """
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        raise CheckpointError(
            f"{folder} has no adapter_model.safetensors; save the LoRA with PEFT's save_pretrained"
        )
    return weights


def load_own(model: nn.Module, name: str, folder: Path, taken: tuple[str, ...]) -> LoraConfig:
    """Add a PEFT folder (`adapter_config.json`, `adapter_model.safetensors`) under `name`.

    Raises:
        InputError: the name is taken or not a plain word.
        CheckpointError: the folder is incomplete or does not fit this model.
    """
    if not NAME.fullmatch(name) or name in taken:
        raise InputError(
            f"adapter name {name!r}: letters, digits, - and _ (at most 64), and none of {', '.join(taken)}"
        )
    weights = own_weights(folder)
    config = lora_config(read_json(folder / "adapter_config.json"), str(folder))
    entries = {_plain_key(key): entry for key, entry in tensor_entries(weights).items()}
    inject(model, config, name)
    own = adapter_parameters(model, name)
    plain = {key.replace(f".{name}.", "."): value for key, value in own.items()}
    try:
        _refuse_vision(name, own)
        check_names({key: tuple(value.shape) for key, value in plain.items()}, entries, f"adapter {name!r}")
    except CheckpointError:
        remove(model, name)
        raise
    raw = tensor_entries(weights)
    _fill(plain, {_plain_key(key): value for key, value in read_tensors(raw).items()})
    return config


def _refuse_vision(name: str, parameters: Iterable[str]) -> None:
    """Features of a picture serve every task, so no task may change them."""
    touched = sorted(key.partition(".lora_")[0] for key in parameters if ".visual." in f".{key}")
    if touched:
        raise CheckpointError(
            f"adapter {name!r} changes the vision tower ({touched[0]} and {len(set(touched)) - 1} more), "
            "which all tasks share; train it on the language model alone (PEFT: exclude_modules='.*visual.*')"
        )


def remove(model: nn.Module, name: str) -> None:
    """Take the adapter `name` out again."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Adapter .* was active which is now deleted")
        for layer in lora_layers(model):
            layer.delete_adapter(name)
    getattr(model, "peft_config", {}).pop(name, None)


def cast_adapter(model: nn.Module, name: str, dtype: torch.dtype) -> None:
    """Store one adapter in `dtype`; PEFT creates adapters in float32."""
    for parameter in adapter_parameters(model, name).values():
        parameter.data = parameter.data.to(dtype)


def lora_layers(model: nn.Module) -> list[BaseTunerLayer]:
    """Every module that carries adapters."""
    return [module for module in model.modules() if isinstance(module, BaseTunerLayer)]


def switch(layers: list[BaseTunerLayer], name: str) -> None:
    """Make `name` the one active adapter; nothing becomes trainable."""
    for layer in layers:
        layer.set_adapter(name, inference_mode=True)


def _plain_key(key: str) -> str:
    """A PEFT key without its wrappers: `base_model.model.` in front and an adapter's name inside."""
    key = key.removeprefix(ADAPTER_PREFIX)
    return re.sub(r"\.(lora_[AB])\.[^.]+\.weight$", r".\1.weight", key)


@torch.no_grad()
def _fill(parameters: dict[str, nn.Parameter], tensors: dict[str, torch.Tensor]) -> None:
    for key, parameter in parameters.items():
        parameter.copy_(tensors[key])
