"""What the bundled miniature costs on one core: a text, a picture, and a program that loads it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from embedder import Embedder
from embedder.spec import MINI
from embedder.training.evaluate import render, two_things

pytestmark = pytest.mark.bench
ROUNDS, TEXTS, PICTURES = 5, 200, 64


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def best(act: Callable[[], object]) -> float:
    """The quickest of some rounds, in seconds."""
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        act()
        took.append(time.perf_counter() - start)
    return min(took)


def test_a_text_and_a_picture(one_thread: None) -> None:
    model = Embedder.from_pretrained(MINI, device="cpu", precision="float32")
    texts = [f"a red circle above {n} blue squares" for n in range(TEXTS)]
    rng = np.random.default_rng(0)
    pictures = [render(scene, 224, rng) for scene in two_things(PICTURES, 0)]
    found = model.encode_text(texts), model.encode_image(pictures)  # and a first round to warm up
    each = [
        1000 * best(lambda: model.encode_text(texts)) / TEXTS,
        1000 * best(lambda: model.encode_image(pictures)) / PICTURES,
    ]
    print(f"a text {each[0]:.1f} ms, a 224-pixel picture {each[1]:.1f} ms, one thread, float32")  # noqa: T201
    assert [len(part) for part in found] == [TEXTS, PICTURES]


def test_the_load_of_a_program() -> None:
    code = (
        "import time; start = time.perf_counter(); from embedder import Embedder; import embedder.loading; "
        "there = time.perf_counter(); "
        f"Embedder.from_pretrained({MINI!r}, device='cpu').encode_text('a red circle'); "
        "print(there - start, time.perf_counter() - there)"
    )
    took = []
    for _ in range(ROUNDS):
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        took.append([float(part) for part in done.stdout.split()])
    imports, load = (min(part) for part in zip(*took, strict=True))
    print(f"imports {imports:.1f} s, load and first text {load:.2f} s")  # noqa: T201
