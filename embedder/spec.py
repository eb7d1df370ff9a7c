"""What is known about a model before any weight is read: names, sizes, prompts, licence."""

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from embedder.errors import CheckpointError

# The commit that mteb's model metadata names for jinaai/jina-embeddings-v4.
V4_REVISION = "4a58ca57710c49f51896e4bc820e202fbf64904b"

# CLIP's channel statistics, as in the published preprocessor_config.json.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class Task(StrEnum):
    """The adapters of the published checkpoint, by its own names."""

    RETRIEVAL = "retrieval"
    TEXT_MATCHING = "text-matching"
    CODE = "code"


class PromptName(StrEnum):
    """The role of a text: what is asked, or what may answer."""

    QUERY = "query"
    PASSAGE = "passage"

    @property
    def prefix(self) -> str:
        """The words put in front of the text, counted in its length."""
        return {"query": "Query: ", "passage": "Passage: "}[self.value]


class Precision(StrEnum):
    """Number format of the weights."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    INT8 = "int8"


@dataclass(frozen=True)
class PixelSettings:
    """How a picture becomes patches.

    Attributes:
        min_pixels: pictures with fewer pixels are enlarged to at least this area.
        max_pixels: pictures with more pixels are shrunk to at most this area.
        patch_size: side of one vision patch in pixels.
        merge_size: patches per side that are merged into one token.
        temporal_patch_size: frames per patch; a still picture is repeated that often.
        mean: per-channel mean on the scale 0 to 1.
        std: per-channel standard deviation on the scale 0 to 1.
    """

    min_pixels: int = 3136
    max_pixels: int = 602_112
    patch_size: int = 14
    merge_size: int = 2
    temporal_patch_size: int = 2
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD

    @property
    def factor(self) -> int:
        """Side in pixels of one image token; both sides of a resized picture are multiples of it."""
        return self.patch_size * self.merge_size


@dataclass(frozen=True)
class ModelSpec:
    """One model: what it is called, what it takes and what it returns.

    Attributes:
        name: hub id or short name.
        repo_id: hub repository, or None for a model that is bundled or local.
        revision: commit that is loaded by default, or None where there is none to pin.
        dim: width of a full dense vector.
        multi_vector_dim: width of a late-interaction token vector.
        matryoshka_dims: widths the model was trained to be cut to, ascending.
        tasks: names of the adapters in the checkpoint.
        max_tokens: longest text in tokens, its prompt prefix included.
        pixels: default picture settings.
        licence: licence of the weights as its owner names it.
        licence_notice: what a user must be told before use, or None.
        minimum_memory: bytes below which loading in 16 bits is hopeless (0 where it does not matter).
    """

    name: str
    repo_id: str | None
    revision: str | None
    dim: int
    multi_vector_dim: int
    matryoshka_dims: tuple[int, ...]
    tasks: tuple[str, ...]
    max_tokens: int = 32_768
    pixels: PixelSettings = PixelSettings()
    licence: str = "unknown"
    licence_notice: str | None = None
    minimum_memory: int = 0

    def __post_init__(self) -> None:
        """Refuse a description that contradicts itself."""
        if not self.tasks:
            raise CheckpointError(f"{self.name}: task_names is empty; at least one adapter is needed")
        if list(self.matryoshka_dims) != sorted(set(self.matryoshka_dims)):
            raise CheckpointError(f"{self.name}: matryoshka_dims {self.matryoshka_dims} must ascend")
        if not self.matryoshka_dims or self.matryoshka_dims[-1] > self.dim:
            raise CheckpointError(
                f"{self.name}: matryoshka_dims {self.matryoshka_dims} must be within the width {self.dim}"
            )


JINA_V4 = ModelSpec(
    name="jinaai/jina-embeddings-v4",
    repo_id="jinaai/jina-embeddings-v4",
    revision=V4_REVISION,
    dim=2048,
    multi_vector_dim=128,
    matryoshka_dims=(128, 256, 512, 1024, 2048),
    tasks=tuple(Task),
    licence="Qwen Research License",
    licence_notice=(
        "jinaai/jina-embeddings-v4 is under the Qwen Research License: research and evaluation only, "
        "no commercial use without the owners' permission."
    ),
    minimum_memory=8_000_000_000,  # the architecture note's minimum
)

# The bundled miniature; its sizes are read from its own config.json.
MINI = "mini"
MINI_FOLDER = Path(__file__).parent.parent / "assets" / "mini"


def pixel_settings(preprocessor: dict[str, Any]) -> PixelSettings:
    """Read a `preprocessor_config.json`; min_pixels and max_pixels win over `size`, as in the original."""
    size = preprocessor.get("size") or {}
    default = PixelSettings()
    return PixelSettings(
        min_pixels=int(preprocessor.get("min_pixels") or size.get("shortest_edge") or default.min_pixels),
        max_pixels=int(preprocessor.get("max_pixels") or size.get("longest_edge") or default.max_pixels),
        patch_size=int(preprocessor.get("patch_size", default.patch_size)),
        merge_size=int(preprocessor.get("merge_size", default.merge_size)),
        temporal_patch_size=int(preprocessor.get("temporal_patch_size", default.temporal_patch_size)),
        mean=tuple(preprocessor.get("image_mean", default.mean)),
        std=tuple(preprocessor.get("image_std", default.std)),
    )


def spec_from_folder(folder: Path, *, name: str, revision: str | None) -> ModelSpec:
    """Describe the checkpoint in `folder` by its own configuration files.

    Raises:
        CheckpointError: a needed file or key is missing or contradicts another.
    """
    config = read_json(folder / "config.json")
    text = config.get("text_config") or config
    try:
        dim, tasks = int(text["hidden_size"]), tuple(config["task_names"])
        dims, late = tuple(config["matryoshka_dims"]), int(config["multi_vector_projector_dim"])
    except KeyError as missing:
        raise CheckpointError(
            f"{folder / 'config.json'} has no {missing}: this is not a Jina Embeddings v4 layout"
        ) from None
    found = ModelSpec(
        name=name,
        repo_id=None,
        revision=revision,
        dim=dim,
        multi_vector_dim=late,
        matryoshka_dims=dims,
        tasks=tasks,
        max_tokens=min(32_768, int(text.get("max_position_embeddings", 32_768))),
        pixels=pixel_settings(read_json(folder / "preprocessor_config.json")),
        licence=_licence_of_card(folder / "README.md"),
    )
    if _is_v4(config, found):
        return replace(JINA_V4, name=name, revision=revision, pixels=found.pixels)
    return found


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, with an error that names the file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path.name} is missing in {path.parent}") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} holds a {type(value).__name__}, expected an object")
    return value


def _is_v4(config: dict[str, Any], found: ModelSpec) -> bool:
    layers = (config.get("text_config") or config).get("num_hidden_layers")
    same = (found.dim, found.multi_vector_dim, found.tasks, layers)
    return same == (JINA_V4.dim, JINA_V4.multi_vector_dim, JINA_V4.tasks, 36)


def _licence_of_card(card: Path) -> str:
    """The `license:` line of a model card's front matter, or "unknown"."""
    if not card.is_file():
        return "unknown"
    head = card.read_text(encoding="utf-8", errors="replace")[:4000].split("---")
    lines = head[1].splitlines() if len(head) > 2 else []
    values = [line.split(":", 1)[1].strip() for line in lines if line.startswith("license:")]
    return values[0] if values else "unknown"
