"""Build the network from a checkpoint folder, with every tensor accounted for."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel
from transformers.utils import logging as transformers_logging

from embedder import checkpoint
from embedder.adapters import cast_adapter, load_stacked, lora_config
from embedder.attention import PACKED
from embedder.device import DTYPES, LayerSize
from embedder.errors import CheckpointError
from embedder.int8 import quantize_language_model
from embedder.model import EmbeddingModel
from embedder.spec import ModelSpec, Precision, read_json


def network_config(folder: Path) -> Qwen2_5_VLConfig:
    """The configuration as stock transformers reads it, without the keys that point to remote code."""
    values: dict[str, Any] = read_json(folder / "config.json")
    for key in ("auto_map", "_attn_implementation", "architectures", "truncate_dim", "torch_dtype"):
        values.pop(key, None)
    for section in (values, values.get("text_config") or {}):
        if "rope_scaling" in section:  # its name since transformers 5
            section["rope_parameters"] = section.pop("rope_scaling") | {"rope_theta": section["rope_theta"]}
    with quiet():
        config = Qwen2_5_VLConfig(**values)
    config._attn_implementation = {"": "sdpa", "text_config": PACKED, "vision_config": "sdpa"}
    return config


def skeleton(config: Qwen2_5_VLConfig, spec: ModelSpec) -> EmbeddingModel:
    """The network without memory for its weights (meta device)."""
    with torch.device("meta"), quiet():
        base = Qwen2_5_VLModel(config)
        return EmbeddingModel(base, nn.Linear(spec.dim, spec.multi_vector_dim))


def expected_shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name in the files to shape, for base model and projector."""
    return {file_key(key): tuple(value.shape) for key, value in network.state_dict().items()}


def file_key(key: str) -> str:
    """A parameter's name in the files: the language model is `model.*`, the vision tower `visual.*`."""
    key = key.removeprefix("model.")
    return "model." + key.removeprefix("language_model.") if key.startswith("language_model.") else key


def load_network(
    folder: Path, spec: ModelSpec, *, precision: Precision, device: torch.device
) -> EmbeddingModel:
    """Load base, projector and adapters of `folder` onto `device`, ready for inference.

    Raises:
        CheckpointError: a tensor is missing, unexpected or mis-shaped, or a file is damaged.
    """
    config = network_config(folder)
    dtype = DTYPES.get(precision, torch.bfloat16)  # what int8 leaves alone stays in 16 bits
    base, projector = _load_base(folder, spec, config, dtype)
    network = EmbeddingModel(base, projector).requires_grad_(False)
    lora = lora_config(checkpoint.adapter_settings(folder), checkpoint.ADAPTER_CONFIG)
    load_stacked(network, lora, spec.tasks, checkpoint.adapter_entries(folder))
    for task in spec.tasks:
        cast_adapter(network, task, dtype)
    # Never `.to(dtype)` on the whole: rotary frequencies in 16 bits ruin long texts.
    network = network.to(device).eval()
    if precision is Precision.INT8:
        quantize_language_model(network, network.model.language_model.layers)
    return network


def layer_size(folder: Path) -> LayerSize:
    """Width, inner width and parameters of the checkpoint in `folder`, by its headers."""
    text = network_config(folder).text_config
    entries = [*checkpoint.base_entries(folder).values(), *checkpoint.adapter_entries(folder).values()]
    parameters = sum(math.prod(entry.shape) for entry in entries)
    return LayerSize(text.hidden_size, text.intermediate_size, parameters)


def weights_bytes(size: LayerSize, precision: Precision) -> int:
    """Bytes that the weights take while loading (int8 starts from 16 bits)."""
    return size.parameters * (4 if precision is Precision.FLOAT32 else 2)


def _load_base(
    folder: Path, spec: ModelSpec, config: Qwen2_5_VLConfig, dtype: torch.dtype
) -> tuple[Qwen2_5_VLModel, nn.Linear]:
    empty = skeleton(config, spec)
    entries = checkpoint.base_entries(folder)
    checkpoint.check_names(expected_shapes(empty), entries, "base model")
    names = {file_key(key): key for key in empty.state_dict()}
    tensors = {names[key]: value for key, value in checkpoint.read_tensors(entries).items()}
    projector = nn.Linear(spec.dim, spec.multi_vector_dim, dtype=dtype)
    projector.load_state_dict(
        {key: tensors.pop(f"multi_vector_projector.{key}") for key in ("weight", "bias")}
    )
    base_tensors = {key.removeprefix("model."): value for key, value in tensors.items()}
    with quiet():
        base, info = Qwen2_5_VLModel.from_pretrained(
            None, config=config, state_dict=base_tensors, dtype=dtype, output_loading_info=True
        )
    _all_landed(info)
    return base, projector


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bar and no remarks on the published config.json: whatever matters is checked here."""
    shown, level = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if shown:
            transformers_logging.enable_progress_bar()


def _all_landed(info: dict[str, Any]) -> None:
    """A second look, by the library itself."""
    wrong = {kind: sorted(map(str, names)) for kind, names in info.items() if names}
    if wrong:
        raise CheckpointError(f"the base model did not load as a whole: {wrong}")
