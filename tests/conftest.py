"""Rules for all tests."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out, with the reason, the tests for a CUDA device where there is none."""
    asking = [item for item in items if item.get_closest_marker("gpu")]
    if not asking:
        return
    # torch takes seconds to import: only when a test asks for it.
    import torch

    if not torch.cuda.is_available():
        for item in asking:
            item.add_marker(pytest.mark.skip(reason="no CUDA device here"))
