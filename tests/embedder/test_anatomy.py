"""A model taken apart: what is counted must be what the files hold."""

import json
import math
from pathlib import Path

import pytest

from embedder import Embedder
from embedder.anatomy import anatomy
from embedder.checkpoint import adapter_entries, base_entries
from embedder.spec import MINI_FOLDER
from tests.ui.conftest import GOLDEN


@pytest.mark.parametrize("folder", [GOLDEN, MINI_FOLDER], ids=["golden", "mini"])
def test_every_parameter_of_the_files_is_counted_once(folder: Path) -> None:
    model = Embedder.from_pretrained(folder, device="cpu", precision="float32")
    found = anatomy(model)
    base, lora = base_entries(folder), adapter_entries(folder)
    sizes = {name: math.prod(entry.shape) for name, entry in {**base, **lora}.items()}
    assert found.base == sum(sizes[name] for name in base)
    assert found.vision.parameters == sum(sizes[name] for name in base if name.startswith("visual."))
    assert found.projector == sum(sizes[name] for name in base if "multi_vector_projector" in name)
    for task, count in found.adapters.items():
        assert count == sum(sizes[name] for name in lora if f".{task}." in name) > 0
    assert found.total == sum(sizes.values())


def test_layers_and_widths_are_the_configuration_s() -> None:
    found = anatomy(Embedder.from_pretrained(GOLDEN, device="cpu", precision="float32"))
    config = json.loads((GOLDEN / "config.json").read_text())
    text, vision = config.get("text_config") or config, config["vision_config"]
    assert found.text.layers == text["num_hidden_layers"] and found.text.width == text["hidden_size"]
    assert (found.vision.layers, found.vision.width) == (vision["depth"], vision["hidden_size"])
    assert found.vocabulary * found.text.width == found.table
    assert found.dims[-1] <= found.dim == found.text.width
    settings = json.loads((GOLDEN / "adapters" / "adapter_config.json").read_text())
    assert found.rank == settings["r"]


def test_the_number_format_does_not_change_the_count() -> None:
    plain = anatomy(Embedder.from_pretrained(GOLDEN, device="cpu", precision="float32"))
    assert anatomy(Embedder.from_pretrained(GOLDEN, device="cpu", precision="bfloat16")) == plain
