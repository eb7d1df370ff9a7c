"""Another model in the published layout: the golden checkpoint, cut to half its width and heads."""

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.ui.conftest import GOLDEN


def full_width() -> int:
    """Of the golden checkpoint."""
    return int(_text(json.loads((GOLDEN / "config.json").read_text()))["hidden_size"])


def halved(folder: Path) -> Path:
    """Write the narrower checkpoint to ``folder``; its vectors have half the width of the golden one's."""
    shutil.copytree(GOLDEN, folder)
    full = full_width()
    config = json.loads((folder / "config.json").read_text())
    _halve(config, full)
    (folder / "config.json").write_text(json.dumps(config))
    for file in [*folder.glob("*.safetensors"), *folder.glob("adapters/*.safetensors")]:
        tensors = {name: _cut(value, full) for name, value in load_file(file).items()}
        save_file(tensors, file, metadata={"format": "pt"})
    (folder / "SHA256SUMS").unlink(missing_ok=True)
    return folder


def _text(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = config.get("text_config") or config
    return found


def _halve(values: dict[str, Any], full: int) -> None:
    """Every width that is the full one becomes half of it, with half the heads; so do those within."""
    if values.get("hidden_size") == full and "num_attention_heads" in values:
        values["num_attention_heads"] //= 2
    for name, value in values.items():
        if isinstance(value, dict):
            _halve(value, full)
        elif name in ("hidden_size", "out_hidden_size") and value == full:
            values[name] = full // 2
        elif name == "matryoshka_dims":
            values[name] = [dim for dim in value if dim <= full // 2]


def _cut(tensor: Tensor, full: int) -> Tensor:
    for axis, size in enumerate(tensor.shape):
        if size == full:
            tensor = tensor.narrow(axis, 0, full // 2)
    return tensor.contiguous()
