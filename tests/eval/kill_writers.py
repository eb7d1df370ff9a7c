"""Kill processes that fill a store, many times, and check what they leave behind.

Called as: kill_writers.py FOLDER KILLS SEED. Needs numpy only, so that a child is there in a millisecond.
"""

import json
import os
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from eval.cache import Store

WIDTH = 64
ITEMS = 8_000
KEY = {"of": "the test"}


def digests(rows: np.ndarray) -> np.ndarray:
    """A digest for each row number."""
    table = np.zeros((len(rows), 32), np.uint8)
    table[:, :8] = rows.astype("<u8").view(np.uint8).reshape(-1, 8)
    return table


def vectors(rows: np.ndarray) -> np.ndarray:
    """What must be stored for each row number: float32 (n, WIDTH)."""
    return (rows[:, None] * 7 + np.arange(WIDTH)).astype(np.float32)


def fill(folder: Path) -> None:
    """Write shard after shard until killed, going on where the last one stopped."""
    store = Store(folder, KEY, WIDTH, shard_bytes=200 * WIDTH * 4)
    every = np.arange(ITEMS)
    for start in range(0, ITEMS, 50):
        rows = every[start : start + 50]
        rows = rows[store.missing(digests(rows))]
        if len(rows):
            store.add(digests(rows), list(vectors(rows)[:, None]))


def check(folder: Path) -> int:
    """Number of items kept; every one of them is right."""
    store = Store(folder, KEY, WIDTH)
    every = np.arange(ITEMS)
    absent = store.missing(digests(every))
    kept = np.setdiff1d(every, absent)
    np.testing.assert_array_equal(store.vectors_of(digests(kept)).matrix(), vectors(kept))
    return len(kept)


def main(folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill `kills` children at random moments of their first 40 ms of writing."""
    warnings.simplefilter("error")  # a torn shard would be a notice
    rng = np.random.default_rng(seed)
    kept = grown = leftovers = written = 0
    for _ in range(kills):
        child = os.fork()
        if not child:
            try:
                fill(folder)
            finally:
                os._exit(0)
        time.sleep(float(rng.uniform(0.002, 0.04)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        leftovers += len(list(folder.rglob("*.tmp")))
        before, kept = kept, check(folder)  # opening it sweeps
        assert kept >= before, "something that was written is gone"
        assert not list(folder.rglob("*.tmp")), "unfinished files are left"
        grown += kept > before
        written += kept - before
        if kept > ITEMS // 2:  # begin anew, or there will be nothing left to write
            shutil.rmtree(folder)
            kept = 0
    return {"kills": kills, "written": written, "grown": grown, "leftovers": leftovers}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
