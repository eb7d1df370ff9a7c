"""The tiny published-layout checkpoint, loaded once per precision."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from embedder import Embedder
from tests.embedder import golden


@pytest.fixture(scope="session")
def model() -> Embedder:
    """The golden checkpoint in float32 on the CPU."""
    return Embedder.from_pretrained(golden.CHECKPOINT, device="cpu", precision="float32")


@pytest.fixture(scope="session")
def bf16_model() -> Embedder:
    """The golden checkpoint in bfloat16 on the CPU."""
    return Embedder.from_pretrained(golden.CHECKPOINT, device="cpu", precision="bfloat16")


@pytest.fixture(scope="session")
def fp32_outputs() -> dict[str, torch.Tensor]:
    """The original's outputs in float32."""
    return golden.load_outputs("golden_fp32.safetensors")


@pytest.fixture(scope="session")
def bf16_outputs() -> dict[str, torch.Tensor]:
    """The original's outputs under its bfloat16 autocast."""
    return golden.load_outputs("golden_bf16_autocast.safetensors")


@pytest.fixture
def checkpoint_copy(tmp_path: Path) -> Callable[[], Path]:
    """Make a copy of the golden checkpoint to damage."""

    def copy() -> Path:
        return Path(shutil.copytree(golden.CHECKPOINT, tmp_path / "checkpoint"))

    return copy
