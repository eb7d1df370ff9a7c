"""Write a trained miniature as a folder in the published checkpoint's layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from embedder.adapters import adapter_parameters
from embedder.checkpoint import ADAPTER_PREFIX, index_json, write_checksums
from embedder.training import tokenizer as tokenizers_
from embedder.training.adapters_stage import settings_dict
from embedder.training.network import MERGE, PATCH, PIXELS, TASKS, Miniature, config_dict

SHARD_BYTES = 9_900_000  # the hub takes no larger file in plain git than 10 MB
DTYPE = torch.float16
LARGE_DTYPE = torch.float8_e4m3fn
"""Of a tensor that else fits no file, which is the token table's case: rounded before the layers learn."""


def preprocessor_dict() -> dict[str, Any]:
    """``preprocessor_config.json``: as published, but every picture is brought to about the trained size."""
    return {
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_processor_type": "Qwen2VLImageProcessor",
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "max_pixels": PIXELS,
        "merge_size": MERGE,
        "min_pixels": PIXELS,
        "patch_size": PATCH,
        "processor_class": "JinaEmbeddingsV4Processor",
        "resample": 3,
        "rescale_factor": 1 / 255,
        "video_processor_type": "Qwen2VLVideoProcessor",
        "size": {"longest_edge": PIXELS, "shortest_edge": PIXELS},
        "temporal_patch_size": 2,
    }


def base_tensors(network: Miniature, dtype: torch.dtype = DTYPE) -> dict[str, Tensor]:
    """Base model and projector under their names in the files, LoRA wrappers looked through."""
    found = {}
    for key, value in network.state_dict().items():
        if ".lora_" in key or "rotary" in key:
            continue
        name = key.replace(".base_layer.", ".").removeprefix("model.")
        name = name.replace("language_model.", "model.", 1) if name.startswith("language_model.") else name
        found[name] = small_enough(value.detach(), dtype).contiguous()
    return found


def small_enough(tensor: Tensor, dtype: torch.dtype, limit: int = SHARD_BYTES) -> Tensor:
    """The tensor in `dtype`, or in eight bits where one file could not hold it."""
    wide = tensor.numel() * dtype.itemsize > limit
    return tensor.to(LARGE_DTYPE if wide else dtype)


def adapter_tensors(network: Miniature, dtype: torch.dtype = DTYPE) -> dict[str, Tensor]:
    """All tasks' LoRA tensors, stacked by name as published."""
    return {
        ADAPTER_PREFIX + key: value.detach().to(dtype).contiguous()
        for task in TASKS
        for key, value in adapter_parameters(network, task).items()
    }


def shards(tensors: dict[str, Tensor], limit: int = SHARD_BYTES) -> list[dict[str, Tensor]]:
    """Split tensors, in order, into parts of at most `limit` bytes.

    Raises:
        ValueError: one tensor alone is larger.
    """
    parts: list[dict[str, Tensor]] = [{}]
    room = limit
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        if size > limit:
            raise ValueError(
                f"{name} takes {size:,} bytes, a file may hold {limit:,}: lower vocabulary or width"
            )
        if size > room:
            parts.append({})
            room = limit
        parts[-1][name] = tensor
        room -= size
    return parts


def export(network: Miniature, tokenizer: Tokenizer, folder: Path, *, card: str | None = None) -> None:
    """Write the folder: configuration, weights in shards, adapters, tokenizer, card, checksums."""
    (folder / "adapters").mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.safetensors"):
        old.unlink()
    config = config_dict(network.sizes, network.ids) | {"torch_dtype": str(DTYPE).removeprefix("torch.")}
    _dump(folder / "config.json", config)
    _dump(folder / "preprocessor_config.json", preprocessor_dict())
    _dump(folder / "adapters" / "adapter_config.json", settings_dict())
    parts = shards(base_tensors(network))
    placed: dict[str, str] = {}
    total = 0
    for number, part in enumerate(parts, start=1):
        name = f"model-{number:05d}-of-{len(parts):05d}.safetensors"
        save_file(part, folder / name, metadata={"format": "pt"})
        placed |= dict.fromkeys(part, name)
        total += sum(tensor.numel() * tensor.element_size() for tensor in part.values())
    (folder / "model.safetensors.index.json").write_text(index_json(placed, total), encoding="utf-8")
    save_file(
        adapter_tensors(network), folder / "adapters" / "adapter_model.safetensors", metadata={"format": "pt"}
    )
    tokenizers_.save(tokenizer, folder)
    if card is not None:
        (folder / "README.md").write_text(card, encoding="utf-8")
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)  # safetensors writes files that only their owner may read
    write_checksums(folder)


def _dump(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
