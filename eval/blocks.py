"""A corpus of vectors, read in chunks that do not depend on how it is stored."""

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from embedder.errors import InputError

Matrix: TypeAlias = npt.NDArray[np.float32]

Corpus: TypeAlias = Matrix | Iterable[Matrix]
"""Vectors (n, d) in one array, which may be memory-mapped, or blocks of them, iterable more than once."""

CHUNK = 4096  # rows: 32 MB at a width of 2,048
_LONGEST = 1e15  # above it squares overflow in float32


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some rows of a corpus.

    Chunks begin at the same rows however the corpus is cut into blocks, so that nothing computed
    depends on the blocks.

    Attributes:
        rows: float32 (count, d).
        first: corpus row of the first.
    """

    rows: Matrix
    first: int

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.rows)


class Reader:
    """Cuts blocks of any sizes into chunks, and checks them; iterable any number of times."""

    def __init__(self, corpus: Corpus, width: int, documents: int) -> None:
        """Know what to expect.

        Args:
            corpus: the vectors.
            width: that each must have.
            documents: how many there must be.

        Raises:
            InputError: the corpus is an iterator, which can be read only once.
        """
        self.blocks: Iterable[Matrix] = [corpus] if isinstance(corpus, np.ndarray) else corpus
        self.width = width
        self.documents = documents
        self._checked = False
        if isinstance(self.blocks, Iterator):
            raise InputError(
                f"the corpus is a {type(corpus).__name__}, which can be read only once; "
                "give an array, a list of blocks, or an object whose __iter__ starts anew"
            )

    def __iter__(self) -> Iterator[Chunk]:
        first = 0
        for rows in self._runs():
            if not self._checked:  # once: a later pass reads only the rows that it needs
                check_vectors(rows, "document", first)
            yield Chunk(rows, first)
            first += len(rows)
        if first != self.documents:
            raise InputError(f"the corpus has {first:,} vectors and {self.documents:,} ids")
        self._checked = True

    def _runs(self) -> Iterator[Matrix]:
        """Runs of `CHUNK` rows, the last one shorter; a view where one block holds the whole run."""
        parts: list[Matrix] = []
        missing = CHUNK
        for block in self.blocks:
            self._check(block)
            start = 0
            while start < len(block):
                parts.append(block[start : start + missing])
                start += len(parts[-1])
                missing -= len(parts[-1])
                if not missing:
                    yield _joined(parts)
                    _release(parts)
                    parts, missing = [], CHUNK
        if parts:
            yield _joined(parts)
            _release(parts)

    def _check(self, block: Matrix) -> None:
        if block.dtype != np.float32 or block.ndim != 2 or block.shape[1] != self.width:
            raise InputError(
                f"a block of the corpus is {block.dtype} {block.shape}, "
                f"expected float32 (n, {self.width}) as wide as the queries"
            )


def check_vectors(rows: Matrix, name: str, first: int = 0) -> None:
    """Refuse vectors that hold NaN or infinity or are longer than 1e15.

    Args:
        rows: float32 (n, d).
        name: what a row is, for the message.
        first: number of the first row, for the message.

    Raises:
        InputError: with the number of the first such row.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        good = np.vecdot(rows, rows) <= _LONGEST**2
    if not good.all():
        bad = int(np.argmin(good))
        raise InputError(f"{name} {first + bad} holds NaN or infinity, or is longer than {_LONGEST:g}")


def _release(parts: list[Matrix]) -> None:
    """Let go of what was read of a file that is mapped: it would count as memory in use until it is closed.

    Only of maps that cannot be written to, whose pages the system can read again.
    """
    for part in parts:
        mapped = getattr(part, "_mmap", None)  # numpy keeps the map with every view of a memmap
        if mapped is None or getattr(part, "mode", None) != "r" or not hasattr(mapped, "madvise"):
            continue
        begin = part.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data
        start = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE
        length = begin + part.nbytes - start
        if part.flags.c_contiguous and length > 0:
            mapped.madvise(mmap.MADV_DONTNEED, start, length)


def _joined(parts: list[Matrix]) -> Matrix:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
