"""The golden checkpoint for benchmarks."""

from tests.embedder.conftest import model

__all__ = ["model"]
