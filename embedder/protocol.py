"""What a model must be able to do to be measured: no base class to inherit, only this shape."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from embedder.spec import ModelSpec

Floats = NDArray[np.float32]


class Part(Protocol):
    """Vectors of some consecutive inputs, in their order; its length is their number."""

    @property
    def dense(self) -> Floats | None:
        """Unit rows, float32 (n, dim), or None where not asked for."""

    @property
    def late(self) -> list[Floats] | None:
        """Unit rows, float32 (tokens_i, multi_vector_dim), or None where not asked for."""

    @property
    def notices(self) -> list[str]:
        """What was cut, mapped or replaced."""

    def __len__(self) -> int: ...


@runtime_checkable
class Model(Protocol):
    """A loaded model: `Embedder`, or `SentenceModel` for those of sentence-transformers."""

    spec: ModelSpec
    """Name, widths, limits; `multi_vector_dim` is 0 where there is no late interaction."""
    folder: Path
    """Where the files are that were loaded."""

    @property
    def precision(self) -> str:
        """Number format of the weights."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""

    @property
    def revision(self) -> str | None:
        """The commit that was loaded, where it is known."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """What `iter_embed` takes as `task`."""

    @property
    def takes_pictures(self) -> bool:
        """Whether inputs may be pictures."""

    def iter_embed(self, inputs: Iterable[Any], *args: Any, **options: Any) -> Iterator[Part]:
        """Vectors of consecutive inputs, part by part, in their order.

        Args:
            inputs: texts, pictures, or mappings with "text", "image" or both.
            *args: none.
            **options: task, prompt_name ("query" or "passage"), vectors ("dense", "late"), batch_size,
                max_length (tokens), max_pixels; None leaves the choice to the model.

        Raises:
            InputError: an input or option cannot be used; an input is called "item N".
        """

    def add_adapter(self, name: str, folder: str | Path) -> None:
        """Add a LoRA of one's own, saved by PEFT, as the task `name`."""
