"""Maps of files are read chunk by chunk and let go of, without a change to what is read."""

from pathlib import Path

import numpy as np
import pytest

from eval.blocks import CHUNK, Reader

ROWS, WIDTH = 3 * CHUNK + 77, 37  # rows that begin in the middle of a page


@pytest.fixture
def table() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((ROWS, WIDTH), dtype=np.float32)


def resident(path: Path) -> int:
    """Bytes of the file that this process has mapped into memory."""
    found, lines = 0, Path("/proc/self/smaps").read_text().splitlines()
    for number, line in enumerate(lines):
        if line.endswith(str(path)):
            rss = next(part for part in lines[number:] if part.startswith("Rss:"))
            found += int(rss.split()[1]) * 1024
    return found


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_mapped_corpus_reads_the_same_twice(table: np.ndarray, tmp_path: Path, mode: str) -> None:
    path = tmp_path / "corpus.bin"
    path.write_bytes(b"head" + table.tobytes())
    mapped = np.memmap(path, np.float32, mode, offset=4, shape=table.shape)
    expected = table.copy()
    if mode == "c":
        mapped[5] = expected[5] = 1  # kept in memory alone: letting go of it would lose it
    for corpus in (mapped, [mapped[:100], mapped[100:]]):
        reader = Reader(corpus, WIDTH, ROWS)
        for _ in range(2):
            np.testing.assert_array_equal(np.concatenate([chunk.rows for chunk in reader]), expected)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="tells mapped bytes on Linux alone")
def test_what_was_read_is_let_go_of(tmp_path: Path) -> None:
    path = tmp_path / "corpus.bin"
    np.ones((10 * CHUNK, 256), np.float32).tofile(path)
    mapped = np.memmap(path, np.float32, "r", shape=(10 * CHUNK, 256))
    float(mapped[:CHUNK].sum())
    assert resident(path) >= CHUNK * 1024
    for chunk in Reader(mapped, 256, 10 * CHUNK):
        float(chunk.rows.sum())
    assert resident(path) < 3 * CHUNK * 1024
