"""The dashboard's parts on a real model: the tiny random checkpoint of the golden outputs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedder import Embedder
from ui.vectors import Workbench

GOLDEN = Path(__file__).parents[1] / "golden" / "checkpoint"


@pytest.fixture(scope="session")
def model() -> Embedder:
    return Embedder.from_pretrained(GOLDEN, device="cpu", precision="float32")


@pytest.fixture
def bench(model: Embedder) -> Workbench:
    """A workbench with an empty cache."""
    bench = Workbench(model, model_argument=str(GOLDEN))
    bench.warmed.set()
    return bench


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Three small pictures that differ."""
    rng = np.random.default_rng(5)
    paths = []
    for at in range(3):
        path = tmp_path / f"picture {at}.png"
        Image.fromarray(rng.integers(0, 255, (40, 56, 3), dtype=np.uint8)).save(path)
        paths.append(str(path))
    return paths
