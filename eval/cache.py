"""Vectors on disk, at full width, so that nothing is encoded twice and nothing is lost to a crash.

A store holds one kind of vectors (dense or late) of one model, adapter, role and
preprocessing; within it an item is known by the SHA-256 of its content. Widths are no part
of a key: they are slices of what is kept.

A store is a folder of shards. A shard is a safetensors file whose name is the SHA-256 of its
bytes: written beside its place, flushed to the disk and renamed, so that after a kill at any
moment a shard is there whole or not at all, and a later change of one bit is noticed. Several
processes may fill one store; none waits for another.
"""

import hashlib
import json
import os
import secrets
import socket
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from embedder.errors import EmbedderNotice, InputError
from eval.benchmarks.model import DIGEST_BYTES, Digests

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

FORMAT = 1  # of shards and keys; a change makes old stores invisible, never wrong
SHARD_BYTES = 32 * 2**20  # vectors per shard
SHARD_SECONDS = 30.0  # the most work that a kill can undo
STALE_SECONDS = 24 * 3600  # after so long an unfinished file of another machine is given up
_SUFFIX = ".safetensors"
_TEMPORARY = ".tmp"


@dataclass(frozen=True, eq=False)
class Shard:
    """Vectors of some items.

    Attributes:
        digests: of the items' contents, uint8 (n, 32).
        offsets: int64 (n + 1,): rows offsets[i] to offsets[i + 1] of `vectors` are item i's.
        vectors: float32 (rows, width), mapped from the disk or in memory.
    """

    digests: Digests
    offsets: Rows
    vectors: Floats


class Store:
    """The vectors of one kind, model, adapter, role and preprocessing."""

    def __init__(
        self,
        root: Path | None,
        key: Mapping[str, object],
        width: int,
        *,
        shard_bytes: int = SHARD_BYTES,
        shard_seconds: float = SHARD_SECONDS,
    ) -> None:
        """Open a store, making its folder if needed; what is damaged is left out with a notice.

        Args:
            root: the cache's folder, or None to keep everything in memory.
            key: all that vectors depend on besides the content; what `json` can write.
            width: of a vector.
            shard_bytes: bytes of vectors after which a shard is written.
            shard_seconds: time after which it is written anyway.
        """
        self.width = width
        text = json.dumps({"format": FORMAT, **key}, sort_keys=True)
        self._folder = root / hashlib.sha256(text.encode()).hexdigest()[:32] if root else None
        self._limits = (shard_bytes, shard_seconds)
        self._shards: list[Shard] = []
        self._places: dict[bytes, tuple[int, int]] = {}  # content -> shard, item in it
        self._waiting: list[tuple[Digests, list[Floats]]] = []
        self._waiting_bytes = 0
        self._last_write = time.monotonic()
        if self._folder is not None:
            self._prepare(self._folder, text)

    def __len__(self) -> int:
        """Number of different items whose vectors are here."""
        return len(self._places)

    def missing(self, digests: Digests) -> Rows:
        """Which items have no vectors yet: their rows in `digests`, ascending."""
        absent = [row for row, item in enumerate(digests) if item.tobytes() not in self._places]
        return np.array(absent, np.int64)

    def add(self, digests: Digests, vectors: Sequence[Floats]) -> None:
        """Take in vectors, float32 (rows_i, width) for each item; written a shard at a time.

        Raises:
            InputError: a vector has another width.
        """
        for item in vectors:
            if item.ndim != 2 or item.shape[1] != self.width:
                raise InputError(f"vectors of shape {item.shape}, expected (rows, {self.width})")
        self._waiting.append((digests, list(vectors)))
        self._waiting_bytes += sum(item.nbytes for item in vectors)
        most, longest = self._limits
        if self._waiting_bytes >= most or time.monotonic() - self._last_write >= longest:
            self.flush()

    def flush(self) -> None:
        """Write what has been taken in since the last shard."""
        if not self._waiting:
            return
        digests = np.concatenate([part for part, _ in self._waiting])
        items = [item for _, part in self._waiting for item in part]
        lengths = np.array([len(item) for item in items], np.int64)
        vectors = np.concatenate(items).astype(np.float32, copy=False)
        self._waiting, self._waiting_bytes, self._last_write = [], 0, time.monotonic()
        shard = None
        if self._folder is not None:
            try:
                shard = _map(_write(self._folder, digests, lengths, vectors))
            except OSError as error:
                self._give_up(error)
        self._take(shard or Shard(digests, _offsets(lengths), vectors))

    def vectors_of(self, digests: Digests) -> "StoredVectors":
        """The vectors of items, in their order.

        Raises:
            KeyError: an item has none; `missing` tells.
        """
        places = np.array([self._places[item.tobytes()] for item in digests], np.int64).reshape(-1, 2)
        return StoredVectors(self._shards, places, self.width)

    def _prepare(self, folder: Path, key: str) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _sweep(folder)
            if not (folder / "key.json").exists():
                _replace(folder / "key.json", key.encode())
        except OSError as error:
            self._give_up(error)
        try:
            found = sorted(path for path in folder.glob(f"*{_SUFFIX}"))
        except OSError:
            found = []
        for path in found:
            self._open(path)

    def _open(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest() == path.stem
            shard = _map(path) if whole else None
        except (OSError, ValueError, KeyError, TypeError):
            shard = None
        if shard is None or shard.vectors.shape[1] != self.width:
            _notice(f"cache shard {path} is damaged (its checksum does not fit); its items are encoded again")
            _remove(path)
        else:
            self._take(shard)

    def _take(self, shard: Shard) -> None:
        number = len(self._shards)
        self._shards.append(shard)
        self._places |= {item.tobytes(): (number, row) for row, item in enumerate(shard.digests)}

    def _give_up(self, error: OSError) -> None:
        _notice(
            f"the cache {self._folder} cannot be written ({error.strerror or error}): vectors are kept in "
            "memory and lost at the end; make room, or choose another folder with --cache"
        )
        self._folder = None


class StoredVectors:
    """Vectors of a list of items, read from the disk as they are asked for."""

    def __init__(self, shards: Sequence[Shard], places: Rows, width: int) -> None:
        """Made by `Store.vectors_of`; `places` is int64 (n, 2): shard and item in it."""
        self._shards = shards
        self._places = places
        self.width = width

    def __len__(self) -> int:
        """Number of items."""
        return len(self._places)

    @property
    def lengths(self) -> Rows:
        """Vectors of each item, int64 (n,): all 1 where they are dense."""
        found = np.zeros(len(self), np.int64)
        for number, shard in enumerate(self._shards):
            here = self._places[:, 0] == number
            items = self._places[here, 1]
            found[here] = shard.offsets[items + 1] - shard.offsets[items]
        return found

    def __iter__(self) -> Iterator[Floats]:
        """Blocks of up to 8,192 items, float32 (rows, width), in order; may be iterated again."""
        return self.blocks()

    def blocks(self, items: int = 8192) -> Iterator[Floats]:
        """The vectors of `items` items at a time; a map of the disk where they lie in one piece there."""
        for start in range(0, len(self), items):
            yield self._rows(start, min(start + items, len(self)))

    def late_blocks(self, items: int = 256) -> Iterator[list[Floats]]:
        """The same, cut into one array (rows_i, width) per item."""
        lengths = self.lengths
        for start, block in zip(range(0, len(self), items), self.blocks(items), strict=True):
            yield np.split(block, np.cumsum(lengths[start : start + items])[:-1])

    def matrix(self) -> Floats:
        """All of them at once, float32 (rows, width)."""
        return self._rows(0, len(self)) if len(self) else np.zeros((0, self.width), np.float32)

    def _rows(self, start: int, stop: int) -> Floats:
        places = self._places[start:stop]
        follows = (places[1:, 0] == places[:-1, 0]) & (places[1:, 1] == places[:-1, 1] + 1)
        cuts = [0, *(np.flatnonzero(~follows) + 1).tolist(), len(places)]
        runs = [places[a:b] for a, b in pairwise(cuts)]
        parts = [self._run(int(run[0, 0]), int(run[0, 1]), int(run[-1, 1]) + 1) for run in runs]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _run(self, number: int, first: int, end: int) -> Floats:
        shard = self._shards[number]
        return shard.vectors[shard.offsets[first] : shard.offsets[end]]


def _write(folder: Path, digests: Digests, lengths: Rows, vectors: Floats) -> Path:
    content = save({"digests": digests, "lengths": lengths, "vectors": vectors})
    path = folder / f"{hashlib.sha256(content).hexdigest()}{_SUFFIX}"
    _replace(path, content)
    return path


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a loss of power.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    name = f".{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}{_TEMPORARY}"
    temporary = path.parent / name
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        _remove(temporary)
        raise
    if os.name == "posix":  # the new name itself must reach the disk too
        with suppress(OSError):  # some network file systems have no such call
            descriptor = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _map(path: Path) -> Shard:
    """A shard whose vectors stay on the disk; the layout is safetensors' (8 bytes, header, data)."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header: dict[str, dict[str, Any]] = json.loads(file.read(length))
        first = 8 + length

        def read(name: str, dtype: str) -> NDArray[Any]:
            start, end = header[name]["data_offsets"]
            file.seek(first + start)
            return np.frombuffer(file.read(end - start), dtype).reshape(header[name]["shape"])

        digests = read("digests", "u1").reshape(-1, DIGEST_BYTES)
        offsets = _offsets(read("lengths", "<i8"))
    rows, width = header["vectors"]["shape"]
    if not rows * width:  # an empty map is refused by the system
        return Shard(digests, offsets, np.zeros((rows, width), np.float32))
    place = first + header["vectors"]["data_offsets"][0]
    return Shard(digests, offsets, np.memmap(path, np.float32, "r", offset=place, shape=(rows, width)))


def _offsets(lengths: Rows) -> Rows:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def _sweep(folder: Path) -> None:
    """Remove what killed processes left unfinished; what a living one is writing stays."""
    for path in folder.glob(f".*{_TEMPORARY}"):
        host, _, rest = path.name[1:].rpartition(_TEMPORARY)[0].rpartition(".")[0].rpartition(".")
        if host == socket.gethostname() and os.name == "posix":
            stale = not _is_alive(rest)
        else:
            stale = time.time() - path.stat().st_mtime > STALE_SECONDS
        if stale:
            _remove(path)


def _is_alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except OSError:
        return True  # somebody else's
    return True


def _remove(path: Path) -> None:
    with suppress(OSError):  # in a read-only cache the file stays, and is passed over each time
        path.unlink(missing_ok=True)


def _notice(text: str) -> None:
    warnings.warn(text, EmbedderNotice, stacklevel=4)
