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
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from embedder.errors import EmbedderNotice, InputError
from eval.benchmarks.model import Digests
from eval.shards import (
    SUFFIX,
    Floats,
    Rows,
    Shard,
    is_whole,
    map_shard,
    offsets_of,
    remove,
    replace_file,
    sweep_folder,
    write_shard,
)

FORMAT = 1  # of shards and keys; a change makes old stores invisible, never wrong
SHARD_BYTES = 32 * 2**20  # vectors per shard
SHARD_SECONDS = 30.0  # the most work that a kill can undo


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
        """Open a store, making its folder if needed. Checksums are compared when items are asked for.

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
        self._unchecked: dict[int, Path] = {}  # shards whose checksum has not been compared yet
        self._waiting: list[tuple[Digests, list[Floats]]] = []
        self._waiting_bytes = 0
        self._last_write = time.monotonic()
        if self._folder is not None:
            self._prepare(self._folder, text)

    def __len__(self) -> int:
        """Number of different items whose vectors are here."""
        return len(self._places)

    def missing(self, digests: Digests) -> Rows:
        """Which items have no vectors yet: their rows in `digests`, ascending.

        Shards that hold some of the others are checked first; what is damaged is left out with a notice.
        """
        self._check(digests)
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
                shard = map_shard(write_shard(self._folder, digests, lengths, vectors))
            except OSError as error:
                self._give_up(error)
        self._take(shard or Shard(digests, offsets_of(lengths), vectors))

    def vectors_of(self, digests: Digests) -> "StoredVectors":
        """The vectors of items, in their order.

        Raises:
            KeyError: an item has none; `missing` tells.
        """
        self._check(digests)
        places = np.array([self._places[item.tobytes()] for item in digests], np.int64).reshape(-1, 2)
        return StoredVectors(self._shards, places, self.width)

    def _prepare(self, folder: Path, key: str) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            sweep_folder(folder)
            if not (folder / "key.json").exists():
                replace_file(folder / "key.json", key.encode())
        except OSError as error:
            self._give_up(error)
        try:
            found = sorted(path for path in folder.glob(f"*{SUFFIX}"))
        except OSError:
            found = []
        for path in found:
            self._open(path)

    def _open(self, path: Path) -> None:
        try:
            shard = map_shard(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return _discard(path)
        if shard.vectors.shape[1] != self.width:
            return _discard(path)
        self._unchecked[len(self._shards)] = path
        self._take(shard)

    def _check(self, digests: Digests) -> None:
        """Compare the checksums of the shards that these items lie in, once each."""
        if not self._unchecked:
            return
        found = (self._places.get(item.tobytes()) for item in digests)
        touched = {place[0] for place in found if place}
        for number in sorted(touched & self._unchecked.keys()):
            path = self._unchecked.pop(number)
            if not is_whole(path):
                self._places = {item: place for item, place in self._places.items() if place[0] != number}
                _discard(path)

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


def _discard(path: Path) -> None:
    _notice(f"cache shard {path} is damaged (its checksum does not fit); its items are encoded again")
    remove(path)


def _notice(text: str) -> None:
    warnings.warn(text, EmbedderNotice, stacklevel=4)
