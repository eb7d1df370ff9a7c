"""The golden checkpoint and the original's outputs, for benchmarks."""

from tests.embedder.conftest import bf16_model, bf16_outputs, fp32_outputs, model

__all__ = ["bf16_model", "bf16_outputs", "fp32_outputs", "model"]
