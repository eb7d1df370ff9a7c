"""The reference outputs of the original code, and how far we are from them."""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file

from embedder import Embedder, EmbedderNotice, truncate
from embedder.encoder import Embeddings

FOLDER = Path(__file__).parent.parent / "golden"
CHECKPOINT = FOLDER / "checkpoint"
MANIFEST: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
CASES: list[dict[str, Any]] = MANIFEST["cases"]

# The one item where we differ on purpose: a literal <|im_start|> in a user's text.
ON_PURPOSE = ("t_special_batch", 1)

DENSE_TOLERANCE = 1e-5  # maximum absolute difference, float32
LATE_TOLERANCE = 2e-5


@dataclass(frozen=True)
class Reference:
    """One item of one case: its dense vector, cuts of it by width, and token vectors."""

    single: NDArray[np.float32]
    cuts: dict[int, NDArray[np.float32]]
    multi: NDArray[np.float32]


def reference(tensors: dict[str, torch.Tensor], case: dict[str, Any], item: int) -> Reference:
    """Read one item's outputs of the original."""
    key = f"{case['id']}/{item}"
    cuts = {d: f"{key}/trunc{d}" for d in MANIFEST["dims"]}
    return Reference(
        single=tensors[f"{key}/single"].float().numpy(),
        cuts={d: tensors[name].float().numpy() for d, name in cuts.items() if name in tensors},
        multi=tensors[f"{key}/multi"].float().numpy(),
    )


def load_outputs(name: str) -> dict[str, torch.Tensor]:
    """One of the two files of outputs."""
    return load_file(FOLDER / name)


def inputs(case: dict[str, Any]) -> list[Any]:
    """What the case hands to the model."""
    if case["kind"] == "text":
        return list(case["texts"])
    paths = [FOLDER / MANIFEST["images"][name]["file"] for name in case["images"]]
    return paths if case.get("by_path") else [Image.open(path) for path in paths]


def options(case: dict[str, Any]) -> dict[str, Any]:
    """The case's settings, in our names."""
    # With the model's `task` attribute set, the original overrode the prompt.
    prompt = "query" if "model_task" in case else case.get("prompt_name")
    settings = {"task": case["task"], "prompt_name": prompt, "batch_size": case.get("batch_size")}
    settings |= {key: case[key] for key in ("max_length", "max_pixels") if key in case}
    return {key: value for key, value in settings.items() if value is not None}


def encode(model: Embedder, case: dict[str, Any], **changes: Any) -> Embeddings:
    """Both vector types of a case, from one forward pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmbedderNotice)  # one case is about the cut
        return model.embed(inputs(case), **(options(case) | changes))


def compared(case: dict[str, Any]) -> list[int]:
    """The items of a case that must agree."""
    count = len(case.get("texts") or case["images"])
    return [item for item in range(count) if (case["id"], item) != ON_PURPOSE]


def case(name: str) -> dict[str, Any]:
    """A case by its id."""
    return next(c for c in CASES if c["id"] == name)


def worst_differences(
    model: Embedder, tensors: dict[str, torch.Tensor], one: dict[str, Any]
) -> tuple[float, float]:
    """Largest absolute difference of a case: dense (cuts included) and multi-vector."""
    return differences(encode(model, one), tensors, one)


def differences(
    ours: Embeddings, tensors: dict[str, torch.Tensor], one: dict[str, Any]
) -> tuple[float, float]:
    """The same, of vectors that are at hand."""
    assert ours.dense is not None and ours.late is not None
    dense = late = 0.0
    for item in compared(one):
        theirs = reference(tensors, one, item)
        pairs = [(ours.dense[item], theirs.single)]
        pairs += [(truncate(ours.dense[item], width), cut) for width, cut in theirs.cuts.items()]
        dense = max(dense, *(float(np.abs(a - b).max()) for a, b in pairs))
        assert ours.late[item].shape == theirs.multi.shape
        late = max(late, float(np.abs(ours.late[item] - theirs.multi).max()))
    return dense, late


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine of each row of `a` with the same row of `b`."""
    products = (a * b).sum(axis=1)
    return products / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
