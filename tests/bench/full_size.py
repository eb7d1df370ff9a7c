"""A checkpoint of the published size with random weights, in the published layout."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from embedder import checkpoint
from embedder.adapters import adapter_parameters, inject, lora_config
from embedder.loading import expected_shapes, network_config, skeleton
from embedder.spec import read_json, spec_from_folder
from tests.embedder import golden

PARAMETERS = 3_934_695_552  # base, projector and three adapters
ADAPTER_PARAMETERS = 59_936_768  # each
SHARD_BYTES = 2 * 1024**3

TEXT_CONFIG = {
    "hidden_size": 2048,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "intermediate_size": 11008,
    "vocab_size": 151936,
    "rope_scaling": {"mrope_section": [16, 24, 24], "rope_type": "default", "type": "default"},
    "rope_theta": 1_000_000.0,
}
VISION_CONFIG = {
    "depth": 32,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "out_hidden_size": 2048,
    "fullatt_block_indexes": [7, 15, 23, 31],
}


def write_full_size(folder: Path) -> Path:
    """Write about 8 GB: real configuration, random bfloat16 weights, the golden tokenizer's words."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "preprocessor_config.json"):
        shutil.copy(golden.CHECKPOINT / name, folder / name)
    (folder / "config.json").write_text(json.dumps(published_config()))
    lora = read_json(golden.CHECKPOINT / checkpoint.ADAPTER_CONFIG) | {"r": 32, "lora_alpha": 32}
    (folder / "adapters").mkdir(exist_ok=True)
    (folder / checkpoint.ADAPTER_CONFIG).write_text(json.dumps(lora))
    spec = spec_from_folder(folder, name="full size", revision=None)
    network = skeleton(network_config(folder), spec)
    _write_shards(folder, expected_shapes(network))
    with torch.device("meta"):
        shapes = {}
        for task in spec.tasks:
            inject(network, lora_config(lora, "adapters"), task)
            own = adapter_parameters(network, task)
            shapes |= {checkpoint.ADAPTER_PREFIX + key: tuple(value.shape) for key, value in own.items()}
    save_file(dict(_random(shapes)), folder / checkpoint.ADAPTER_WEIGHTS)
    return folder


def published_config() -> dict[str, Any]:
    """The published sizes in the golden configuration, whose special token ids are kept."""
    config = read_json(golden.CHECKPOINT / "config.json")
    config |= TEXT_CONFIG | {
        "multi_vector_projector_dim": 128,
        "matryoshka_dims": [128, 256, 512, 1024, 2048],
    }
    config["text_config"] |= TEXT_CONFIG
    config["vision_config"] |= VISION_CONFIG
    return config


def _write_shards(folder: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    shards: list[dict[str, tuple[int, ...]]] = [{}]
    used = 0
    for key, shape in shapes.items():
        size = 2 * torch.Size(shape).numel()
        if used + size > SHARD_BYTES:
            shards.append({})
            used = 0
        shards[-1][key] = shape
        used += size
    weight_map: dict[str, str] = {}
    for number, part in enumerate(shards, start=1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file(dict(_random(part)), folder / name)
        weight_map |= dict.fromkeys(part, name)
    (folder / checkpoint.INDEX).write_text(checkpoint.index_json(weight_map, used))


def _random(shapes: dict[str, tuple[int, ...]]) -> Iterator[tuple[str, torch.Tensor]]:
    """Small random weights, norms of one: a few million random numbers, repeated."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1 << 22, generator=generator).mul_(0.02).to(torch.bfloat16)
    for key, shape in shapes.items():
        count = torch.Size(shape).numel()
        if "norm" in key:
            yield key, torch.ones(shape, dtype=torch.bfloat16)
        else:
            repeats = -(-count // noise.numel())
            yield key, noise.repeat(repeats)[:count].view(shape).clone()
