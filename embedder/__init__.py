"""Jina Embeddings v4 on stock transformers: the model, and nothing but the model.

from embedder import Embedder
model = Embedder.from_pretrained("mini")
vectors = model.encode_text(["a red circle above a blue square"])
"""

import logging
from typing import TYPE_CHECKING

from embedder import similarity
from embedder.errors import CheckpointError, DeviceError, EmbedderError, EmbedderNotice, InputError
from embedder.spec import ModelSpec, Precision, PromptName, Task
from embedder.truncation import truncate

if TYPE_CHECKING:
    from embedder.encoder import Embedder, Embeddings

# torchao, where installed, reports on import each optional kernel it lacks.
for _noisy in ("torchao", "torch.utils._pytree"):
    logging.getLogger(_noisy).setLevel(logging.ERROR)

__all__ = [
    "CheckpointError",
    "DeviceError",
    "Embedder",
    "EmbedderError",
    "EmbedderNotice",
    "Embeddings",
    "InputError",
    "ModelSpec",
    "Precision",
    "PromptName",
    "Task",
    "similarity",
    "truncate",
]


def __getattr__(name: str) -> object:
    """Import torch and transformers only when the model itself is asked for."""
    if name in {"Embedder", "Embeddings"}:
        from embedder import encoder

        return getattr(encoder, name)
    raise AttributeError(f"module 'embedder' has no attribute {name!r}")
