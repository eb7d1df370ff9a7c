"""The real page with the bundled miniature, for the tests of the REST interface."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from embedder import Embedder
from tests.ui.site import Served


@pytest.fixture(scope="package")
def mini() -> Embedder:
    return Embedder.from_pretrained("mini", device="cpu", precision="float32")


@pytest.fixture(scope="package")
def site(mini: Embedder) -> Iterator[Served]:
    with closing(Served(mini, "mini")) as served:
        yield served
