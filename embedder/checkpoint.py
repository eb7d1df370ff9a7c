"""Find a checkpoint in the published layout, say whether it is whole, and read its tensors.

The layout: `config.json`, `preprocessor_config.json`, `tokenizer.json`, sharded safetensors
with an index, and `adapters/` with all tasks stacked in one file.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from embedder.errors import CheckpointError
from embedder.spec import read_json

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
ADAPTER_CONFIG = "adapters/adapter_config.json"
ADAPTER_WEIGHTS = "adapters/adapter_model.safetensors"
CHECKSUMS = "SHA256SUMS"
NEEDED = ("config.json", "preprocessor_config.json", "tokenizer.json", ADAPTER_CONFIG, ADAPTER_WEIGHTS)
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
PROJECTOR = "multi_vector_projector."
ADAPTER_PREFIX = "base_model.model."


@dataclass(frozen=True)
class TensorEntry:
    """Where one tensor lies and what its header says: file, shape, dtype as in safetensors."""

    file: Path
    shape: tuple[int, ...]
    dtype: str


def base_entries(folder: Path) -> dict[str, TensorEntry]:
    """Headers of base model and projector, by the names in the files; nothing else is read.

    Raises:
        CheckpointError: no safetensors, a shard missing or damaged, or an index that disagrees with
            its shards.
    """
    index = folder / INDEX
    if not index.is_file():
        return tensor_entries(_single_file(folder))
    weight_map: dict[str, str] = read_json(index).get("weight_map") or {}
    shards = sorted(set(weight_map.values()))
    missing = [name for name in shards if Path(name).name != name or not (folder / name).is_file()]
    if missing or not shards:
        raise CheckpointError(
            f"{folder} lacks {len(missing)} of {len(shards)} weight files: {_some(missing)}; "
            "fetch the model again"
        )
    found: dict[str, TensorEntry] = {}
    for shard in shards:
        found |= tensor_entries(folder / shard)
    wrong = sorted(set(weight_map) ^ set(found))
    wrong += [key for key in weight_map if key in found and found[key].file.name != weight_map[key]]
    if wrong:
        raise CheckpointError(f"{index} and its shards disagree on {len(wrong)} tensors: {_some(wrong)}")
    return found


def adapter_entries(folder: Path) -> dict[str, TensorEntry]:
    """Headers of the stacked adapters."""
    path = folder / ADAPTER_WEIGHTS
    if not path.is_file():
        raise CheckpointError(
            f"{ADAPTER_WEIGHTS} is missing in {folder}; the task adapters are part of the model"
        )
    return tensor_entries(path)


def tensor_entries(path: Path) -> dict[str, TensorEntry]:
    """Headers of one safetensors file."""
    try:
        with safe_open(path, framework="pt") as file:
            slices = {key: file.get_slice(key) for key in file.keys()}
            return {
                key: TensorEntry(path, tuple(part.get_shape()), part.get_dtype())
                for key, part in slices.items()
            }
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a whole safetensors file: {error}; fetch it again") from None


def read_tensors(entries: dict[str, TensorEntry]) -> dict[str, torch.Tensor]:
    """The tensors behind `entries`, memory-mapped where the platform can."""
    tensors: dict[str, torch.Tensor] = {}
    for path in sorted({entry.file for entry in entries.values()}):
        with safe_open(path, framework="pt") as file:
            for key in [key for key, entry in entries.items() if entry.file == path]:
                tensors[key] = _wide(file.get_tensor(key))
    return tensors


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    """Eight-bit floats as 32-bit ones: torch can store, but not compute with, the former."""
    return tensor.float() if tensor.is_floating_point() and tensor.element_size() == 1 else tensor


def check_names(expected: dict[str, tuple[int, ...]], found: dict[str, TensorEntry], what: str) -> None:
    """Refuse a missing, unexpected or mis-shaped tensor, and name it.

    Args:
        expected: name to shape, by the names in the files.
        found: what the files hold.
        what: "base model" or "adapters", for the message.
    """
    missing = sorted(set(expected) - set(found))
    unexpected = sorted(set(found) - set(expected))
    shapes = [
        f"{key} {list(found[key].shape)}, expected {list(shape)}"
        for key, shape in sorted(expected.items())
        if key in found and found[key].shape != tuple(shape)
    ]
    problems = [
        f"{len(names)} {kind}: {_some(names)}"
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
        if names
    ]
    if problems:
        raise CheckpointError(
            f"{what}: {len(expected)} tensors expected, {len(found)} found; {'; '.join(problems)}. "
            "The files do not fit this configuration: fetch the model again"
        )


def verify_checksums(folder: Path) -> int:
    """Compare every file that `SHA256SUMS` names with its hash.

    Returns:
        how many were compared; 0 without such a file.

    Raises:
        CheckpointError: a file is missing or differs; both hashes are named.
    """
    sums = folder / CHECKSUMS
    if not sums.is_file():
        return 0
    lines = [line.split(maxsplit=1) for line in sums.read_text(encoding="utf-8").splitlines() if line.strip()]
    for expected, name in lines:
        path = folder / name.strip().lstrip("*")
        if not path.is_file():
            raise CheckpointError(f"{name} is listed in {sums} and missing")
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != expected:
            raise CheckpointError(
                f"{path} has SHA-256 {actual}, expected {expected}: the file was changed or damaged"
            )
    return len(lines)


def check_files(folder: Path) -> None:
    """Refuse a folder without the files of the layout, naming each one that lacks."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder")
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        _refuse_pickles(folder)
        raise CheckpointError(
            f"{folder} is not a whole Jina Embeddings v4 layout, missing: {', '.join(missing)}"
        )


def adapter_settings(folder: Path) -> dict[str, Any]:
    """`adapters/adapter_config.json`, refused where it asks for more than plain LoRA."""
    return read_json(folder / ADAPTER_CONFIG)


def _single_file(folder: Path) -> Path:
    single = folder / SINGLE
    if not single.is_file():
        _refuse_pickles(folder)
        raise CheckpointError(f"{folder} holds neither {INDEX} nor {SINGLE}")
    return single


def _refuse_pickles(folder: Path) -> None:
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        raise CheckpointError(
            f"{folder} holds only pickled weights ({_some(pickles)}), which can run code when loaded; "
            "convert them to safetensors first"
        )


def _some(names: list[str], count: int = 5) -> str:
    rest = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + rest


def write_checksums(folder: Path) -> Path:
    """Write `SHA256SUMS` over every file below `folder`, in the format of sha256sum."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CHECKSUMS)
    lines = []
    for path in files:
        with path.open("rb") as file:
            lines.append(
                f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.relative_to(folder).as_posix()}"
            )
    target = folder / CHECKSUMS
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return target


def index_json(weight_map: dict[str, str], total_size: int) -> str:
    """The text of an index file over shards, as the hub's tools write it."""
    return json.dumps({"metadata": {"total_size": total_size}, "weight_map": weight_map}, indent=2) + "\n"
