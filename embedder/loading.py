"""Build the network from a checkpoint folder, with every tensor accounted for."""

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel

from embedder import checkpoint
from embedder.adapters import load_stacked, lora_config
from embedder.attention import PACKED
from embedder.errors import CheckpointError
from embedder.model import EmbeddingModel
from embedder.spec import ModelSpec, read_json


def network_config(folder: Path) -> Qwen2_5_VLConfig:
    """The configuration as stock transformers reads it, without the keys that point to remote code."""
    values: dict[str, Any] = read_json(folder / "config.json")
    for key in ("auto_map", "_attn_implementation", "architectures", "truncate_dim", "torch_dtype"):
        values.pop(key, None)
    config = Qwen2_5_VLConfig(**values)
    config._attn_implementation = {"": "sdpa", "text_config": PACKED, "vision_config": "sdpa"}
    return config


def skeleton(config: Qwen2_5_VLConfig, spec: ModelSpec) -> EmbeddingModel:
    """The network without memory for its weights (meta device)."""
    with torch.device("meta"):
        base = Qwen2_5_VLModel(config)
        return EmbeddingModel(base, nn.Linear(spec.dim, spec.multi_vector_dim))


def expected_shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name in the files to shape, for base model and projector."""
    return {file_key(key): tuple(value.shape) for key, value in network.state_dict().items()}


def file_key(key: str) -> str:
    """A parameter's name in the files: the language model is `model.*`, the vision tower `visual.*`."""
    key = key.removeprefix("model.")
    return "model." + key.removeprefix("language_model.") if key.startswith("language_model.") else key


def load_network(folder: Path, spec: ModelSpec, *, dtype: torch.dtype, device: torch.device) -> EmbeddingModel:
    """Load base, projector and adapters of `folder` in `dtype` onto `device`, ready for inference.

    Raises:
        CheckpointError: a tensor is missing, unexpected or mis-shaped, or a file is damaged.
    """
    config = network_config(folder)
    empty = skeleton(config, spec)
    entries = checkpoint.base_entries(folder)
    checkpoint.check_names(expected_shapes(empty), entries, "base model")
    names = {file_key(key): key for key in empty.state_dict()}
    tensors = {names[key]: value for key, value in checkpoint.read_tensors(entries).items()}
    projector = nn.Linear(spec.dim, spec.multi_vector_dim)
    projector.load_state_dict({key: tensors.pop(f"multi_vector_projector.{key}") for key in ("weight", "bias")})
    base_tensors = {key.removeprefix("model."): value for key, value in tensors.items()}
    base, info = Qwen2_5_VLModel.from_pretrained(
        None, config=config, state_dict=base_tensors, dtype=dtype, output_loading_info=True
    )
    _all_landed(info)
    network = EmbeddingModel(base, projector.to(dtype)).requires_grad_(False)
    lora = lora_config(checkpoint.adapter_settings(folder), checkpoint.ADAPTER_CONFIG)
    load_stacked(network, lora, spec.tasks, checkpoint.adapter_entries(folder))
    return network.to(device=device, dtype=dtype).eval()


def _all_landed(info: dict[str, Any]) -> None:
    """A second look, by the library itself."""
    wrong = {kind: sorted(map(str, names)) for kind, names in info.items() if names}
    if wrong:
        raise CheckpointError(f"the base model did not load as a whole: {wrong}")
