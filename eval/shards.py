"""One shard of the cache as a file: whole or not there, and known by its checksum."""

import hashlib
import json
import os
import secrets
import shutil
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from eval.benchmarks.model import DIGEST_BYTES, Digests

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

SUFFIX = ".safetensors"
STALE_SECONDS = 24 * 3600  # after so long an unfinished file of another machine is given up
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


def write_shard(folder: Path, digests: Digests, lengths: Rows, vectors: Floats) -> Path:
    """Write a shard, and return where it is.

    Raises:
        OSError: it cannot be written.
    """
    content = save({"digests": digests, "lengths": lengths, "vectors": vectors})
    path = folder / f"{hashlib.sha256(content).hexdigest()}{SUFFIX}"
    replace_file(path, content)
    return path


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a loss of power.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    temporary = path.parent / temporary_name()
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        remove(temporary)
        raise
    if os.name == "posix":  # the new name itself must reach the disk too
        with suppress(OSError):  # some network file systems have no such call
            descriptor = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def map_shard(path: Path) -> Shard:
    """A shard whose vectors stay on the disk; the layout is safetensors' (8 bytes, header, data).

    Raises:
        ValueError, KeyError, TypeError, AttributeError: the header makes no sense.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        first = 8 + int.from_bytes(file.read(8), "little")
        if first > size:
            raise ValueError(f"a header of {first} bytes in a file of {size}")
        header: dict[str, dict[str, Any]] = json.loads(file.read(first - 8))
        digests = _read(file, header, first, "digests", "u1").reshape(-1, DIGEST_BYTES)
        offsets = offsets_of(_read(file, header, first, "lengths", "<i8"))
    rows, width = header["vectors"]["shape"]
    start, end = header["vectors"]["data_offsets"]
    if len(offsets) != len(digests) + 1 or offsets[-1] != rows or end - start != rows * width * 4:
        raise ValueError("digests, lengths and vectors do not fit together")
    if not rows * width:  # an empty map is refused by the system
        return Shard(digests, offsets, np.zeros((rows, width), np.float32))
    vectors = np.memmap(path, np.float32, "r", offset=first + start, shape=(rows, width))
    return Shard(digests, offsets, vectors)


def _read(
    file: BinaryIO, header: dict[str, dict[str, Any]], first: int, name: str, dtype: str
) -> NDArray[Any]:
    start, end = header[name]["data_offsets"]
    file.seek(first + start)
    return np.frombuffer(file.read(end - start), dtype).reshape(header[name]["shape"])


def is_whole(path: Path) -> bool:
    """Whether a shard's bytes are those that its name is the checksum of."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == path.stem
    except OSError:
        return False


def offsets_of(lengths: Rows) -> Rows:
    """Where each item's vectors begin, and where the last ones end: int64 (n + 1,)."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def temporary_name() -> str:
    """A name that says whose it is, so that :func:`sweep_folder` can tell what was left behind."""
    return f".{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}{_TEMPORARY}"


def sweep_folder(folder: Path) -> None:
    """Remove what killed processes left unfinished; what a living one is writing stays."""
    for path in folder.glob(f".*{_TEMPORARY}"):
        host, _, rest = path.name[1:].rpartition(_TEMPORARY)[0].rpartition(".")[0].rpartition(".")
        if host == socket.gethostname() and os.name == "posix":
            stale = not _is_alive(rest)
        else:
            stale = time.time() - path.stat().st_mtime > STALE_SECONDS
        if stale and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif stale:
            remove(path)


def _is_alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except OSError:
        return True  # somebody else's
    return True


def remove(path: Path) -> None:
    """Remove a file if it can be removed."""
    with suppress(OSError):  # in a read-only cache the file stays, and is passed over each time
        path.unlink(missing_ok=True)
