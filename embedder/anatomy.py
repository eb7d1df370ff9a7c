"""What a loaded model is made of: layers, widths, heads, and parameters counted one by one."""

import math
from dataclasses import dataclass

import torch

from embedder.encoder import Embedder


@dataclass(frozen=True)
class Tower:
    """A stack of transformer layers.

    Attributes:
        layers: how many.
        width: of its hidden states.
        heads: attention heads.
        inner: width between the two halves of a feed-forward layer.
        parameters: weights and biases, adapters left out.
    """

    layers: int
    width: int
    heads: int
    inner: int
    parameters: int


@dataclass(frozen=True)
class Anatomy:
    """A model's parts, counted in the network that is loaded.

    Attributes:
        text: the language model, its token table included.
        vision: the vision tower, the merger to the language model's width included.
        key_heads: heads of keys and values in the language model; several query heads share one.
        vocabulary: tokens in the table.
        table: parameters of that table, a part of ``text.parameters``.
        context: longest text in tokens.
        patch: side of a vision patch in pixels.
        merge: patches per side that become one token.
        window: side of the vision tower's attention windows in pixels.
        full_blocks: vision layers that see the whole picture.
        max_image_tokens: image tokens of a picture at the default largest size.
        dim: width of a dense vector.
        dims: widths it was trained to be cut to.
        late_dim: width of a late-interaction vector.
        projector: parameters of the multi-vector projector, adapters left out.
        adapters: parameters of each adapter, by name.
        rank: inner width of the adapters' matrices, 0 where it is not known.
    """

    text: Tower
    vision: Tower
    key_heads: int
    vocabulary: int
    table: int
    context: int
    patch: int
    merge: int
    window: int
    full_blocks: tuple[int, ...]
    max_image_tokens: int
    dim: int
    dims: tuple[int, ...]
    late_dim: int
    projector: int
    adapters: dict[str, int]
    rank: int

    @property
    def base(self) -> int:
        """Parameters without adapters."""
        return self.text.parameters + self.vision.parameters + self.projector

    @property
    def total(self) -> int:
        """Parameters with all adapters."""
        return self.base + sum(self.adapters.values())


def anatomy(model: Embedder) -> Anatomy:
    """Take a loaded model apart, without touching it."""
    network = model._runtime.network
    text, vision = network.model.config.text_config, network.model.config.vision_config
    counted = _counted(network.state_dict(), model.tasks)
    pixels = model.spec.pixels
    language = counted["text"] + counted["table"]
    return Anatomy(
        Tower(
            text.num_hidden_layers,
            text.hidden_size,
            text.num_attention_heads,
            text.intermediate_size,
            language,
        ),
        Tower(
            vision.depth,
            vision.hidden_size,
            vision.num_heads,
            vision.intermediate_size,
            counted["vision"],
        ),
        text.num_key_value_heads,
        text.vocab_size,
        counted["table"],
        model.spec.max_tokens,
        pixels.patch_size,
        pixels.merge_size,
        vision.window_size,
        tuple(vision.fullatt_block_indexes),
        pixels.max_pixels // pixels.factor**2,
        model.spec.dim,
        model.spec.matryoshka_dims,
        model.spec.multi_vector_dim,
        counted["projector"],
        {task: counted[f"adapter {task}"] for task in model.tasks},
        _rank(network.state_dict()),
    )


def _counted(tensors: dict[str, torch.Tensor], tasks: tuple[str, ...]) -> dict[str, int]:
    counted = dict.fromkeys(["text", "table", "vision", "projector", *(f"adapter {t}" for t in tasks)], 0)
    for name, tensor in tensors.items():
        counted[_part(name)] += math.prod(tensor.shape)
    return counted


def _part(name: str) -> str:
    if ".lora_" in name:
        return f"adapter {name.split('.lora_')[1].split('.')[1]}"
    if "multi_vector_projector" in name:
        return "projector"
    if ".visual." in name:
        return "vision"
    return "table" if ".embed_tokens." in name else "text"


def _rank(tensors: dict[str, torch.Tensor]) -> int:
    first = next((tensor for name, tensor in tensors.items() if ".lora_A." in name), None)
    return int(first.shape[0]) if first is not None else 0
