"""Which device, which number format, how large a batch, and is there memory enough."""

import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from embedder.errors import DeviceError, EmbedderNotice
from embedder.spec import Precision

DTYPES = {
    Precision.FLOAT32: torch.float32,
    Precision.BFLOAT16: torch.bfloat16,
    Precision.FLOAT16: torch.float16,
}
# Inputs per forward pass by device type, from the architecture note.
BATCH_SIZES = {"cuda": 16, "mps": 8, "cpu": 4}
# A default batch is that many inputs of this many tokens: short texts are packed tighter.
TOKENS_PER_INPUT = 512
# bfloat16 on CPU costs accuracy, so it has to be clearly faster than float32 to be chosen.
PROBE_GAIN = 1.3
PROBE_TOKENS = 256
# Below this many bytes of float32 weights a CPU keeps float32: an input takes milliseconds either way, and
# bfloat16 vectors vary with their neighbours in the batch (by up to 0.007 in cosine).
SMALL_MODEL_BYTES = 500_000_000
# CUDA compute capability from which bfloat16 is native (Ampere).
BFLOAT16_CAPABILITY = (8, 0)


def pick_device(device: str = "auto") -> torch.device:
    """The device to run on.

    Args:
        device: auto, cpu, cuda, cuda:N or mps; auto takes CUDA, then MPS, then CPU.

    Raises:
        DeviceError: not one of these, or not on this machine.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError:
        found = torch.device("meta")
    if found.type not in BATCH_SIZES:
        raise DeviceError(f"device {device!r}: one of auto, cpu, cuda, cuda:N, mps")
    if found.type == "cuda":
        return _cuda_device(found, device)
    if found.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError(
            "device 'mps' is not available here (it needs an Apple GPU); use device='auto' or 'cpu'"
        )
    return found


def _cuda_device(found: torch.device, asked: str) -> torch.device:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = found.index if found.index is not None else 0
    if index >= count:
        raise DeviceError(
            f"device {asked!r}: {count} CUDA devices are visible; use device='auto' or 'cpu', "
            "or install a CUDA build of torch"
        )
    return torch.device("cuda", index)


@dataclass(frozen=True)
class LayerSize:
    """What the CPU probe multiplies, and what is at stake.

    Attributes:
        dim: width of the hidden states.
        inner: inner width of a feed-forward layer.
        parameters: of the whole model.
    """

    dim: int
    inner: int
    parameters: int


def pick_precision(precision: str, device: torch.device, size: LayerSize) -> Precision:
    """The number format of the weights; what cannot run well on `device` is mapped with a notice.

    Args:
        precision: auto or a `Precision`.
        device: from `pick_device`.
        size: of the model, for the CPU probe.

    Raises:
        DeviceError: not one of these, or int8 where torchao cannot run it.
    """
    if precision == "auto":
        return _auto_precision(device, size)
    try:
        wanted = Precision(precision)
    except ValueError:
        raise DeviceError(f"precision {precision!r}: one of auto, {', '.join(Precision)}") from None
    if wanted is Precision.INT8 and device.type == "mps":
        raise DeviceError(
            "precision 'int8' does not run on MPS (torchao has no int8 kernels there); use 'float16'"
        )
    if wanted is Precision.FLOAT16 and device.type == "cpu":
        chosen = _auto_precision(device, size)
        notice(f"float16 is slower than float32 on a CPU; the weights are in {chosen} instead")
        return chosen
    return wanted


def _auto_precision(device: torch.device, size: LayerSize) -> Precision:
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= BFLOAT16_CAPABILITY
        return Precision.BFLOAT16 if native else Precision.FLOAT16
    if device.type == "mps":
        return Precision.FLOAT16
    if size.parameters * 4 < SMALL_MODEL_BYTES:
        return Precision.FLOAT32
    faster = bfloat16_gain(size.dim, size.inner) >= PROBE_GAIN
    return Precision.BFLOAT16 if faster else Precision.FLOAT32


def bfloat16_gain(dim: int, inner: int) -> float:
    """How many times faster than in float32 a feed-forward product of this model is in bfloat16, here."""
    seconds = {dtype: _product_seconds(dim, inner, dtype) for dtype in (torch.float32, torch.bfloat16)}
    return seconds[torch.float32] / seconds[torch.bfloat16]


def _product_seconds(dim: int, inner: int, dtype: torch.dtype, repeats: int = 5) -> float:
    """Best of a few, after one to warm up: the machine may be busy."""
    left, right = torch.ones(PROBE_TOKENS, dim, dtype=dtype), torch.ones(inner, dim, dtype=dtype)
    best = float("inf")
    for _ in range(repeats + 1):
        start = time.perf_counter()
        torch.nn.functional.linear(left, right)
        best = min(best, time.perf_counter() - start)
    return best


def default_batch_size(device: torch.device) -> int:
    """Inputs of ordinary length per forward pass."""
    return BATCH_SIZES[device.type]


def available_memory(device: torch.device) -> int:
    """Bytes that can still be had on `device`; on a CPU the container's limit counts too."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = psutil.virtual_memory().available
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    try:
        return min(free, int(limit.read_text()) - int(used.read_text()))
    except (OSError, ValueError):  # no such limit here ("max"), or no Linux
        return int(free)


def warn_if_short(name: str, needed: int, device: torch.device) -> None:
    """A notice before loading, where the weights alone will hardly fit."""
    available = available_memory(device)
    if needed > available:
        notice(
            f"{name} needs about {gigabytes(needed)} for its weights and {device} has "
            f"{gigabytes(available)} free: loading may fail or swap; choose precision='bfloat16' or 'int8', "
            "or another device"
        )


def gigabytes(count: int) -> str:
    """Bytes for people, in GB of 10^9, or MB of 10^6 where that says more."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def notice(message: str) -> None:
    """Tell the caller that something was cut, mapped or replaced."""
    warnings.warn(message, EmbedderNotice, stacklevel=3)
