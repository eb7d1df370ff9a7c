"""Late interaction against mteb's max_sim: same scores, less time."""

import numpy as np
import pytest
import torch
from mteb.similarity_functions import max_sim as max_sim_of_mteb
from threadpoolctl import threadpool_limits

from embedder.similarity import max_sim
from tests.bench.test_sweep import median_seconds

WIDTH = 128
CASES = {
    # name: queries, tokens of a query, documents, tokens of a document
    "passages": (20, (8, 24), 1000, (40, 200)),
    "pages as pictures": (20, (8, 24), 100, (700, 780)),
    "short and long together": (20, (8, 24), 300, (20, 1500)),
}


def items(rng: np.random.Generator, count: int, lengths: tuple[int, int]) -> list[np.ndarray]:
    """Unit token vectors, as many per item as the model would give."""
    found = []
    for length in rng.integers(*lengths, count):
        rows = rng.standard_normal((length, WIDTH), dtype=np.float32)
        found.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    return found


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_late_interaction_against_mteb(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    lines, ratios = [], []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for name, (asked, short, count, long) in CASES.items():
            queries, documents = items(rng, asked, short), items(rng, count, long)
            left, right = ([torch.from_numpy(rows) for rows in side] for side in (queries, documents))
            with threadpool_limits(1):
                np.testing.assert_allclose(
                    max_sim(queries, documents), max_sim_of_mteb(left, right).numpy(), atol=1e-4
                )
                seconds = median_seconds(
                    {
                        "ours": lambda queries=queries, documents=documents: max_sim(queries, documents),
                        "mteb": lambda left=left, right=right: max_sim_of_mteb(left, right),
                    }
                )
            ratios.append(seconds["mteb"] / seconds["ours"])
            lines.append(
                f"  {name:24} {asked} queries, {count} documents of {long[0]} to {long[1]} tokens: "
                f"{seconds['ours']:.3f} s against {seconds['mteb']:.3f} s: {ratios[-1]:.1f} times faster"
            )
    finally:
        torch.set_num_threads(threads)
    with capsys.disabled():
        print("\nmax_sim against mteb's, width 128; one thread, CPU time\n" + "\n".join(lines))  # noqa: T201
    assert min(ratios) > 2
