"""The cache keeps what it is given, notices damage, survives kills and full disks, and forgets no setting."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from embedder.errors import EmbedderNotice, InputError
from eval.benchmarks.model import digest, stack_digests
from eval.cache import Store

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 8
KEY = {"model": "m", "task": "retrieval"}


def marks(count: int) -> np.ndarray:
    return stack_digests(digest(f"text {number}") for number in range(count))


def made(count: int, seed: int = 0, longest: int = 1) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest + 1, count)
    return [rng.standard_normal((length, WIDTH)).astype(np.float32) for length in lengths]


def filled(root: Path | None, count: int = 10, shard: int = 4, longest: int = 1) -> Store:
    """A store of `count` items, `shard` to a shard where each has one vector."""
    store = Store(root, KEY, WIDTH, shard_bytes=shard * WIDTH * 4)
    for item, row in zip(made(count, longest=longest), marks(count), strict=True):
        store.add(row[None], [item])
    store.flush()
    return store


def shards(root: Path) -> list[Path]:
    return sorted(root.rglob("*.safetensors"))


@pytest.mark.parametrize("longest", [1, 9])
def test_what_is_put_in_comes_out_in_any_order_also_later(tmp_path: Path, longest: int) -> None:
    first = filled(tmp_path, longest=longest)
    again = Store(tmp_path, KEY, WIDTH)
    order = [9, 0, 1, 2, 3, 4, 8, 8, 5]
    wanted = [made(10, longest=longest)[row] for row in order]
    for store in (first, again, filled(None, longest=longest)):
        found = store.vectors_of(marks(10)[order])
        assert found.lengths.tolist() == [len(item) for item in wanted]
        np.testing.assert_array_equal(found.matrix(), np.concatenate(wanted))
        for size in (1, 2, 3, 100):
            late = [item for block in found.late_blocks(size) for item in block]
            assert all(np.array_equal(a, b) for a, b in zip(late, wanted, strict=True))
            np.testing.assert_array_equal(np.concatenate(list(found.blocks(size))), np.concatenate(wanted))
        assert len(list(found)) == len(list(found)) == 1  # may be iterated again


def test_what_lies_in_one_piece_is_a_map_of_the_disk(tmp_path: Path) -> None:
    filled(tmp_path, count=10, shard=5)
    (block, *_rest) = Store(tmp_path, KEY, WIDTH).vectors_of(marks(10)[:5]).blocks()
    assert isinstance(block, np.memmap) and not block.flags.owndata


def test_only_what_is_missing_is_named(tmp_path: Path) -> None:
    filled(tmp_path, count=3)
    assert Store(tmp_path, KEY, WIDTH).missing(marks(6)).tolist() == [3, 4, 5]
    with pytest.raises(KeyError):
        Store(tmp_path, KEY, WIDTH).vectors_of(marks(6))


def test_nothing_is_not_a_problem(tmp_path: Path) -> None:
    store = Store(tmp_path, KEY, WIDTH)
    store.flush()
    empty = store.vectors_of(marks(0))
    assert empty.matrix().shape == (0, WIDTH) and list(empty) == [] and len(store) == 0


@pytest.mark.parametrize(
    "other", [{"model": "n"}, {"task": "code"}, {"role": "query"}, {"max_pixels": 1}, {"weights": "int8"}]
)
def test_no_part_of_the_key_is_forgotten(tmp_path: Path, other: dict[str, object]) -> None:
    filled(tmp_path)
    assert len(Store(tmp_path, {**KEY, **other}, WIDTH)) == 0
    assert len(Store(tmp_path, dict(reversed(KEY.items())), WIDTH)) == 10


def test_a_store_says_what_it_is_of(tmp_path: Path) -> None:
    filled(tmp_path)
    (said,) = tmp_path.glob("*/key.json")
    assert json.loads(said.read_text()).items() >= KEY.items()


def test_shards_are_plain_safetensors(tmp_path: Path) -> None:
    filled(tmp_path, count=4, shard=4)
    (path,) = shards(tmp_path)
    np.testing.assert_array_equal(load_file(path)["vectors"], np.concatenate(made(4)))


def test_a_shard_is_written_after_some_time_too(tmp_path: Path) -> None:
    store = Store(tmp_path, KEY, WIDTH, shard_seconds=0.0)
    store.add(marks(1), made(1))
    assert len(shards(tmp_path)) == 1


def test_vectors_of_another_width_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\(1, 3\), expected \(rows, 8\)"):
        Store(tmp_path, KEY, WIDTH).add(marks(1), [np.zeros((1, 3), np.float32)])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("flip")
    filled(root, count=10, shard=5)
    path = shards(root)[0]
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) * 8 - 1))
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)
    with pytest.warns(EmbedderNotice, match="damaged"):
        store = Store(root, KEY, WIDTH)
        missing = store.missing(marks(10))
    assert len(missing) == 5 and not path.exists()
    for row in missing:
        store.add(marks(10)[row][None], [made(10)[row]])
    store.flush()
    again = Store(root, KEY, WIDTH).vectors_of(marks(10))
    np.testing.assert_array_equal(again.matrix(), np.concatenate(made(10)))


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"short", b"\x02" + bytes(7) + b"{}"])
def test_any_other_content_is_noticed(tmp_path: Path, content: bytes) -> None:
    filled(tmp_path, count=4)
    shards(tmp_path)[0].write_bytes(content)
    with pytest.warns(EmbedderNotice, match="damaged"):
        assert len(Store(tmp_path, KEY, WIDTH)) == 0


def test_only_shards_that_are_needed_are_read_through(tmp_path: Path) -> None:
    filled(tmp_path, count=10, shard=5)
    store = Store(tmp_path, KEY, WIDTH)
    needed = next(p for p in shards(tmp_path) if np.array_equal(load_file(p)["digests"], marks(10)[:5]))
    (other,) = set(shards(tmp_path)) - {needed}
    other.write_bytes(other.read_bytes()[:-1] + b"?")
    assert store.missing(marks(5)).tolist() == []  # no notice: nobody asked for the damaged one
    with pytest.warns(EmbedderNotice, match="damaged"):
        assert store.missing(marks(10)).tolist() == [5, 6, 7, 8, 9]


def test_a_place_that_cannot_be_made_means_memory_and_a_notice(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.warns(EmbedderNotice, match="cannot be written.*--cache"):
        store = filled(tmp_path / "file" / "cache")
    np.testing.assert_array_equal(store.vectors_of(marks(10)).matrix(), np.concatenate(made(10)))


READ_ONLY_ROOT = Path("/sys/kernel")


@pytest.mark.skipif(
    os.access(READ_ONLY_ROOT / "x", os.F_OK) or not READ_ONLY_ROOT.is_dir(), reason="no sysfs"
)
def test_a_read_only_place_means_memory_and_a_notice() -> None:
    with pytest.warns(EmbedderNotice, match="cannot be written"):
        store = filled(READ_ONLY_ROOT)
    assert len(store.vectors_of(marks(10)).matrix()) == 10


def small_files() -> None:
    """From now on a file of over 4 kB cannot be written, as on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


FULL_DISK = """
import sys
from pathlib import Path
import numpy as np
from tests.eval.test_cache import KEY, WIDTH, made, marks
from eval.cache import Store
store = Store(Path(sys.argv[1]), KEY, WIDTH, shard_bytes=400 * WIDTH * 4)
for item, row in zip(made(500, longest=9), marks(500), strict=True):
    store.add(row[None], [item])
store.flush()
assert np.array_equal(store.vectors_of(marks(500)).matrix(), np.concatenate(made(500, longest=9)))
print("kept", len(Store(Path(sys.argv[1]), KEY, WIDTH)))
"""


def test_a_disk_that_fills_up_means_memory_and_a_notice(tmp_path: Path) -> None:
    store = Store(tmp_path, KEY, WIDTH, shard_bytes=20 * WIDTH * 4)
    store.add(marks(500)[:20], made(500)[:20])
    assert len(shards(tmp_path)) == 1
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=small_files,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("cannot be written (File too large)") == 1
    assert done.stdout == "kept 20\n"  # what was there before is still there, and nothing torn
    assert not list(tmp_path.rglob("*.tmp"))


def kill(folder: Path, kills: int, seed: int) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "tests/eval/kill_writers.py", str(folder), str(kills), str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_killed_writers_leave_whole_shards_only(tmp_path: Path) -> None:
    found = kill(tmp_path, kills=40, seed=0)
    assert found["kills"] == 40 and found["grown"] >= 5, found


@pytest.mark.slow
def test_five_hundred_killed_writers_leave_whole_shards_only(tmp_path: Path) -> None:
    found = kill(tmp_path, kills=500, seed=1)
    assert found["grown"] >= 50 and found["leftovers"] > 0, found


def test_two_writers_share_a_store(tmp_path: Path) -> None:
    one, two = (Store(tmp_path, KEY, WIDTH) for _ in range(2))
    one.add(marks(10)[:7], made(10)[:7])
    two.add(marks(10)[4:], made(10)[4:])
    one.flush()
    two.flush()
    found = Store(tmp_path, KEY, WIDTH).vectors_of(marks(10))
    np.testing.assert_array_equal(found.matrix(), np.concatenate(made(10)))


def test_what_a_living_process_is_writing_is_not_swept(tmp_path: Path) -> None:
    filled(tmp_path, count=1)
    folder = next(tmp_path.iterdir())
    host = os.uname().nodename
    own, dead, foreign = (
        folder / f".{name}.tmp" for name in (f"{host}.{os.getpid()}.aa", f"{host}.{2**22 + 7}.bb", "far.1.cc")
    )
    for path in (own, dead, foreign):
        path.touch()
    Store(tmp_path, KEY, WIDTH)
    assert own.exists() and foreign.exists() and not dead.exists()
    os.utime(foreign, (0, 0))
    Store(tmp_path, KEY, WIDTH)
    assert own.exists() and not foreign.exists()
