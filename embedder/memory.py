"""Where the bytes are: base, adapters, activations, overhead."""

import psutil
import torch

from embedder.int8 import stored_bytes
from embedder.model import EmbeddingModel


def memory_report(network: EmbeddingModel, batch_tokens: int) -> dict[str, int]:
    """Bytes by part, for comparison with the claim of 9 GB for the published model in 16 bits.

    Args:
        network: the loaded network.
        batch_tokens: tokens of one full batch.

    Returns:
        "base" and "adapters": bytes of the stored weights. "activations": on CUDA the highest
        peak above the weights so far, elsewhere an estimate for one full batch.
        "overhead": what the process (on CUDA: the allocator) holds beyond these. "total": their sum.
    """
    parts = {"base": 0, "adapters": 0}
    for name, tensor in network.state_dict().items():
        parts["adapters" if ".lora_" in name else "base"] += stored_bytes(tensor)
    weights = sum(parts.values())
    if network.device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(network.device)
        parts["activations"] = max(0, peak - weights)
        parts["overhead"] = max(0, torch.cuda.memory_reserved(network.device) - max(peak, weights))
    else:
        parts["activations"] = activation_estimate(network, batch_tokens)
        parts["overhead"] = max(0, psutil.Process().memory_info().rss - weights)
    return parts | {"total": sum(parts.values())}


def activation_estimate(network: EmbeddingModel, tokens: int) -> int:
    """Bytes alive at the widest point of one layer: residual, its norm, gate, up and their product.

    Attention scores are not held at once (fused kernels), nor are states of earlier layers.
    """
    config = network.model.config.text_config
    width = 2 * config.hidden_size + 3 * config.intermediate_size
    return tokens * width * torch.empty((), dtype=network.dtype).element_size()
