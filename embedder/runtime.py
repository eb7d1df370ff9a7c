"""One loaded network, used by many threads: adapters switched under a lock, picture features kept."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from embedder import adapters, pooling, stop
from embedder.batching import with_retry
from embedder.errors import DeviceError
from embedder.model import EmbeddingModel
from embedder.prepare import Prepared
from embedder.preprocess import Segment

# Enough for about 80 pictures of the published model at its default resolution.
VISION_CACHE_BYTES = 256 * 1024**2


@dataclass(frozen=True)
class Vectors:
    """What the network says of one input, in float32.

    Attributes:
        dense: (dim,), not normalised.
        late: (tokens, multi_vector_dim), unit rows.
    """

    dense: NDArray[np.float32] | None
    late: NDArray[np.float32] | None


class VisionCache:
    """Features of pictures seen lately, by content; without adapters in them they serve every task."""

    def __init__(self, capacity: int = VISION_CACHE_BYTES) -> None:
        """Hold at most `capacity` bytes."""
        self._capacity = capacity
        self._kept: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._bytes = 0

    def get(self, digest: str | None) -> torch.Tensor | None:
        """Features of a picture, or None."""
        if digest is None or digest not in self._kept:
            return None
        self._kept.move_to_end(digest)
        return self._kept[digest]

    def put(self, digest: str | None, features: torch.Tensor) -> None:
        """Keep features, letting go of those used longest ago."""
        size = features.numel() * features.element_size()
        if digest is None or digest in self._kept or size > self._capacity:
            return
        self._kept[digest] = features.clone()  # a slice would keep its whole batch alive
        self._bytes += size
        while self._bytes > self._capacity:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.numel() * dropped.element_size()

    def clear(self) -> None:
        """Let everything go."""
        self._kept.clear()
        self._bytes = 0


class Runtime:
    """The network behind an `Embedder`.

    One lock spans the switch of adapters and the forward pass, so a vector comes from
    exactly one adapter however many threads ask at once.
    """

    def __init__(self, network: EmbeddingModel, tasks: tuple[str, ...]) -> None:
        """Take over a loaded network and the names of its adapters."""
        self.network = network
        self.tasks = tasks
        self.vision_runs = 0  # pictures that went through the vision tower
        self._layers = adapters.lora_layers(network)
        self._active: str | None = None
        self._vision = VisionCache()
        self._lock = threading.Lock()

    def run(self, task: str, items: Sequence[Prepared], *, dense: bool, late: bool) -> list[Vectors]:
        """Vectors of `items` by the adapter `task`; halves the batch when memory runs out.

        Raises:
            DeviceError: one input alone does not fit, or a vector is not finite.
            Stopped: the work is over, as :func:`embedder.stop.stoppable` was told.
        """
        with self._lock, torch.inference_mode():
            stop.check()  # it may have waited for its turn
            self._activate(task)
            return with_retry(lambda part: self._forward(part, dense=dense, late=late), items, self._free)

    def activate(self, task: str) -> None:
        """Make `task` the active adapter for somebody who calls the network itself, as training does."""
        with self._lock:
            self._activate(task)

    def add_adapter(self, name: str, folder: Path) -> None:
        """Add a LoRA of one's own under `name`."""
        with self._lock:
            self._active = None  # injecting and removing both change what PEFT holds active
            adapters.load_own(self.network, name, folder, self.tasks)
            adapters.cast_adapter(self.network, name, self.network.dtype)
            self.network.to(self.network.device).eval()
            self._layers = adapters.lora_layers(self.network)
            self.tasks = (*self.tasks, name)

    def _activate(self, task: str) -> None:
        if self._active != task:
            self._active = None  # stays so if the switch breaks off half way
            adapters.switch(self._layers, task)
            self._active = task

    def _forward(self, items: Sequence[Prepared], *, dense: bool, late: bool) -> list[Vectors]:
        segments = [segment for item in items for segment in item.segments]
        states = self.network(segments, self._pictures(segments))
        means = pooling.dense(states.hidden, segments).cpu() if dense else None  # (segments, dim)
        projector = self.network.multi_vector_projector
        tokens = pooling.multi_vector(states.hidden, projector).cpu().split(states.lengths) if late else None
        results, first = [], 0
        for item in items:
            last = first + len(item.segments)
            single = None if means is None else fuse(means[first:last]).numpy()
            multi = None if tokens is None else torch.cat(tokens[first:last]).numpy()
            _check_finite(item, single, multi, self.network.dtype)
            results.append(Vectors(single, multi))
            first = last
        return results

    def _pictures(self, segments: Sequence[Segment]) -> list[torch.Tensor | None]:
        """Features for each segment that is a picture, from the cache where it was seen lately."""
        found = {s.digest: self._vision.get(s.digest) for s in segments if s.patches is not None}
        new = {s.digest: s for s in segments if s.patches is not None and found[s.digest] is None}
        if new:
            for digest, features in zip(new, self.network.vision(list(new.values())), strict=True):
                found[digest] = features
                self._vision.put(digest, features)
            self.vision_runs += len(new)
        return [found[s.digest] if s.patches is not None else None for s in segments]

    def _free(self) -> None:
        self._vision.clear()
        if self.network.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.network.device.type == "mps":
            torch.mps.empty_cache()


def fuse(means: torch.Tensor) -> torch.Tensor:
    """One vector for an input: its own mean, or for a document the mean of its parts' unit vectors.

    The original has no documents of text and picture together; this is ours. Each part
    is encoded as the model was trained to, and both weigh the same whatever their length.
    """
    return means[0] if len(means) == 1 else functional.normalize(means, dim=-1).mean(dim=0)


def _check_finite(
    item: Prepared,
    single: NDArray[np.float32] | None,
    multi: NDArray[np.float32] | None,
    dtype: torch.dtype,
) -> None:
    finite = all(np.isfinite(vector).all() for vector in (single, multi) if vector is not None)
    if not finite:
        raise DeviceError(
            f"item {item.index}: the vector holds NaN or infinity in {dtype}; "
            "load the model with precision='bfloat16' or 'float32'"
        )
