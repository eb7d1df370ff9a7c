"""int8 weights in the language model's linear layers, by torchao (an extra)."""

import torch
from torch import nn

from embedder.errors import DeviceError

INSTALL = 'pip install "torchao>=0.15"'


def quantize_language_model(network: nn.Module, layers: nn.Module) -> None:
    """Replace the base weights of every linear in `layers` by int8, activations quantised per token.

    Adapters, embeddings, the projector and the vision tower keep their precision; the
    adapters stay unmerged, since a LoRA cannot be merged into a quantised weight.

    Raises:
        DeviceError: torchao is not installed; the message has the line that installs it.
    """
    try:
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_
    except ImportError as error:
        raise DeviceError(f"precision 'int8' needs torchao ({error}); install it with: {INSTALL}") from None
    quantize_(layers, Int8DynamicActivationInt8WeightConfig(), filter_fn=_is_base_linear)
    network.requires_grad_(False)


def _is_base_linear(module: nn.Module, name: str) -> bool:
    return isinstance(module, nn.Linear) and ".lora_" not in name


def stored_bytes(tensor: torch.Tensor) -> int:
    """Bytes that a tensor really takes; a quantised one is a wrapper around codes and scales."""
    if not hasattr(tensor, "__tensor_flatten__"):
        return tensor.numel() * tensor.element_size()
    names, _context = tensor.__tensor_flatten__()
    return sum(stored_bytes(getattr(tensor, name)) for name in names)
