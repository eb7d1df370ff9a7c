"""Devices and precisions: what auto means, what is mapped, what is refused, and that each one computes."""

import numpy as np
import pytest
import torch

from embedder import DeviceError, Embedder, EmbedderNotice, Precision
from embedder import device as devices
from embedder.int8 import stored_bytes
from tests.embedder import golden

CPU = torch.device("cpu")
FULL_SIZE = devices.LayerSize(dim=2048, inner=11008, parameters=3_934_695_552)
MINIATURE = devices.LayerSize(dim=256, inner=512, parameters=7_000_000)
TEXTS = ["Which harbour towns flood first?", "def total(prices): return sum(prices)"]


def test_auto_takes_the_best_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA before MPS before CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert devices.pick_device("auto").type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.pick_device("auto") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert devices.pick_device("auto") == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["gpu", "tpu", "meta", "cuda:x", ""])
def test_a_device_that_is_none(name: str) -> None:
    """The message lists the devices."""
    with pytest.raises(DeviceError, match="one of auto, cpu, cuda, cuda:N, mps"):
        devices.pick_device(name)


def test_a_device_that_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many there are, and what to use instead."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="'cuda:3': 0 CUDA devices"):
        devices.pick_device("cuda:3")
    with pytest.raises(DeviceError, match="needs an Apple GPU"):
        devices.pick_device("mps")


@pytest.mark.parametrize(
    ("device", "capability", "expected"),
    [
        ("cuda", (9, 0), "bfloat16"),
        ("cuda", (8, 0), "bfloat16"),
        ("cuda", (7, 5), "float16"),
        ("mps", None, "float16"),
    ],
)
def test_auto_precision(
    monkeypatch: pytest.MonkeyPatch, device: str, capability: tuple[int, int] | None, expected: str
) -> None:
    """16 bits on accelerators; bfloat16 only where it is native."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert devices.pick_precision("auto", torch.device(device), FULL_SIZE) == expected


@pytest.mark.parametrize(("gain", "expected"), [(2.3, "bfloat16"), (1.05, "float32"), (0.4, "float32")])
def test_the_cpu_probe_decides(monkeypatch: pytest.MonkeyPatch, gain: float, expected: str) -> None:
    """And float16 is mapped to what it decides, with a notice."""
    monkeypatch.setattr(devices, "bfloat16_gain", lambda *_: gain)
    assert devices.pick_precision("auto", CPU, FULL_SIZE) == expected
    with pytest.warns(EmbedderNotice, match=f"the weights are in {expected}"):
        assert devices.pick_precision("float16", CPU, FULL_SIZE) == expected


def test_a_small_model_stays_in_float32_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast bfloat16 is: reproducible vectors are worth more than a millisecond."""
    monkeypatch.setattr(devices, "bfloat16_gain", lambda *_: 9.0)
    assert devices.pick_precision("auto", CPU, MINIATURE) == "float32"


def test_the_probe_measures() -> None:
    """A real ratio on this machine."""
    assert 0 < devices.bfloat16_gain(64, 128) < np.inf


def test_int8_says_where_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on MPS; and without torchao the line that installs it."""
    with pytest.raises(DeviceError, match="does not run on MPS"):
        devices.pick_precision("int8", torch.device("mps"), FULL_SIZE)
    with pytest.raises(DeviceError, match="one of auto, float32, bfloat16, float16, int8"):
        devices.pick_precision("int4", CPU, FULL_SIZE)
    monkeypatch.setitem(__import__("sys").modules, "torchao.quantization", None)
    with pytest.raises(DeviceError, match="pip install"):
        Embedder.from_pretrained(golden.CHECKPOINT, device="cpu", precision="int8")


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_precisions_compute(model: Embedder, precision: str) -> None:
    """Vectors close to float32's, float32 rows of unit length, fewer bytes."""
    other = Embedder.from_pretrained(golden.CHECKPOINT, device="cpu", precision=precision)
    assert other.precision is Precision(precision)
    dense = other.encode_text(TEXTS)
    assert dense.dtype == np.float32
    assert (dense * model.encode_text(TEXTS)).sum(axis=1).min() > 0.998
    assert other.memory_report()["base"] < 0.55 * model.memory_report()["base"]


def test_int8_covers_the_language_model_only() -> None:
    """Every base linear of the layers, no adapter, no vision, no embedding; codes take a byte each."""
    network = Embedder.from_pretrained(golden.CHECKPOINT, device="cpu", precision="int8")._runtime.network
    quantised = {k for k, v in network.named_parameters() if hasattr(v, "__tensor_flatten__")}
    layers = network.model.language_model.layers
    assert len(quantised) == 7 * len(layers)
    assert all(".language_model.layers." in key and ".base_layer." in key for key in quantised)
    weight = layers[0].mlp.up_proj.base_layer.weight
    assert weight.numel() < stored_bytes(weight) < 1.2 * weight.numel()


def test_default_batch_sizes() -> None:
    """The architecture note's: 16, 8, 4."""
    sizes = [devices.default_batch_size(torch.device(name)) for name in ("cuda", "mps", "cpu")]
    assert sizes == [16, 8, 4]


def test_container_limits_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that can be had is positive and no more than the machine has."""
    import psutil

    assert 0 < devices.available_memory(CPU) <= psutil.virtual_memory().total
