"""Smaller stored vectors: 4x (int8, uint8) or 32x (binary, ubinary), with ranges fitted once.

The codes are those of sentence-transformers' `quantize_embeddings`, so that indexes can be
exchanged: per dimension the range of the calibration vectors is cut into 255 steps and a
value becomes the number of whole steps above the minimum (int8: less 128); binary packs the
signs, the first dimension in the highest bit (`numpy.packbits`), and binary is ubinary less 128.
"""

import os
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from embedder.errors import EmbedderNotice, InputError
from embedder.truncation import rectangular

Matrix: TypeAlias = npt.NDArray[np.float32]
Codes: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.int8] | npt.NDArray[np.uint8]

FEW_VECTORS = 100  # below this the ranges say little about the vectors to come
_LEVELS = 255
_BLOCK_ROWS = 8192  # codes made float at a time
_MAX_FILE_BYTES = 16 * 2**20  # two float32 ranges of two million dimensions


class VectorPrecision(StrEnum):
    """Number format of stored vectors (not of the weights)."""

    FLOAT32 = "float32"
    INT8 = "int8"
    UINT8 = "uint8"
    BINARY = "binary"
    UBINARY = "ubinary"


@dataclass(frozen=True, eq=False)
class Quantizer:
    """A fitted map from float vectors to codes.

    Attributes:
        precision: number format of the codes.
        dim: width of the float vectors.
        low: smallest calibration value per dimension, float32 (dim,); None unless int8 or uint8.
        high: largest one.
    """

    precision: VectorPrecision
    dim: int
    low: Matrix | None = None
    high: Matrix | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown precision, a width that is none, and ranges missing, too wide or upside down."""
        object.__setattr__(self, "precision", _precision(self.precision))
        if isinstance(self.dim, bool) or not isinstance(self.dim, int | np.integer) or self.dim < 1:
            raise InputError(f"dim is {self.dim!r}, expected a whole number of 1 or more")
        if not self._is_scaled:
            return
        if self.low is None or self.high is None:
            raise InputError(f"{self.precision} needs the ranges low and high; use Quantizer.fit")
        if self.low.shape != (self.dim,) or self.high.shape != (self.dim,):
            raise InputError(
                f"ranges have shapes {self.low.shape}, {self.high.shape}, expected ({self.dim},)"
            )
        if not (
            np.isfinite(self.low).all() and np.isfinite(self.high).all() and (self.low <= self.high).all()
        ):
            raise InputError("ranges must be finite with low <= high in every dimension")

    @classmethod
    def fit(cls, vectors: npt.ArrayLike, precision: str) -> "Quantizer":
        """Learn what is needed from calibration vectors; quantising later never refits.

        Args:
            vectors: float (n, dim), best a thousand or more that are like those to come. Only
                the width is used for float32, binary and ubinary.
            precision: float32, int8, uint8, binary or ubinary.

        Raises:
            InputError: an unknown precision, no vector, another shape, or NaN or infinity.
        """
        chosen = _precision(precision)
        rows = _floats(vectors)
        if rows.ndim != 2 or not rows.size:
            raise InputError(
                f"calibration vectors have shape {rows.shape}, expected (n, dim), both 1 or more"
            )
        if not chosen.endswith("int8"):
            return cls(chosen, rows.shape[1])
        if len(rows) < FEW_VECTORS:
            warnings.warn(
                f"ranges are fitted on {len(rows)} vectors; {FEW_VECTORS} or more are needed to trust them",
                EmbedderNotice,
                stacklevel=2,
            )
        return cls(chosen, rows.shape[1], rows.min(axis=0), rows.max(axis=0))

    def quantize(self, vectors: npt.ArrayLike) -> Codes:
        """Codes of float vectors (dim,) or (n, dim).

        Values outside the fitted range are clipped to its ends. NaN and infinity are refused.

        Returns:
            float32, int8 or uint8 of the same shape; for binary (int8) and ubinary (uint8) the
            last axis has ceil(dim / 8) bytes, unused bits zero.
        """
        rows = _floats(vectors)
        if rows.shape[-1] != self.dim:
            raise InputError(f"vectors have width {rows.shape[-1]}, the quantizer was fitted on {self.dim}")
        if self.precision == VectorPrecision.FLOAT32:
            return rows.copy()
        if self._is_scaled:
            low, step = self._scale()
            codes = np.clip(np.floor((rows - low) / step), 0, _LEVELS)
            return codes.astype(np.uint8) if self._offset == 0 else (codes - 128).astype(np.int8)
        packed = np.packbits(rows > 0, axis=-1)
        return packed if self._offset == 0 else (packed.astype(np.int16) - 128).astype(np.int8)

    def dequantize(self, codes: npt.ArrayLike) -> Matrix:
        """Float vectors that stand for codes (width,) or (n, width): float32 (dim,) or (n, dim).

        int8 and uint8 give the middle of each step, so the error inside the range is at most
        half a step (a 510th of the range). Binary codes give unit vectors with entries
        +-1 / sqrt(dim).
        """
        values = self._codes(codes)
        if self.precision == VectorPrecision.FLOAT32:
            return values.astype(np.float32)
        if not self._is_scaled:
            return _signs(values, self.dim) / np.float32(np.sqrt(self.dim))
        low, step = self._scale()
        assert self.high is not None
        return np.minimum(low + (values.astype(np.float32) + self._offset + 0.5) * step, self.high)

    def scores(self, queries: npt.ArrayLike, codes: npt.ArrayLike) -> Matrix:
        """Inner products of float queries with the vectors that codes stand for ("asymmetric" search).

        Args:
            queries: float (dim,) or (q, dim), not quantised.
            codes: of this quantizer, (width,) or (n, width).

        Returns:
            float32 (q, n), equal to `queries @ dequantize(codes).T`, in bounded memory.
        """
        left = np.atleast_2d(_floats(queries))
        if left.shape[1] != self.dim:
            raise InputError(f"queries have width {left.shape[1]}, the quantizer was fitted on {self.dim}")
        right = self._codes(codes)
        rows = right[None] if right.ndim == 1 else right
        return _by_blocks(left, rows, lambda block: left @ self.dequantize(block).T)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write precision, width and ranges as an .npz file, whole or not at all."""
        empty = np.zeros(0, dtype=np.float32)
        with _replacing(Path(path)) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                precision=np.array(str(self.precision)),
                dim=np.array(self.dim, dtype=np.int64),
                low=empty if self.low is None else self.low,
                high=empty if self.high is None else self.high,
            )
            file.flush()
            os.fsync(file.fileno())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Quantizer":
        """Read what `save` wrote; pickled objects and files that unpack to over 16 MB are refused.

        Raises:
            InputError: the file is missing, damaged or not a quantizer.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
            if size > _MAX_FILE_BYTES:
                raise InputError(f"{path} unpacks to {size:,} bytes, the limit is {_MAX_FILE_BYTES:,}")
            with np.load(path, allow_pickle=False) as file:
                precision, dim = str(file["precision"]), int(file["dim"])
                low, high = file["low"].astype(np.float32), file["high"].astype(np.float32)
        except InputError:
            raise
        # What hostile bytes can raise in zipfile and numpy's header parser.
        except (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is not a quantizer file: {error}") from None
        chosen = _precision(precision)
        return cls(chosen, dim, low, high) if chosen.endswith("int8") else cls(chosen, dim)

    @property
    def width(self) -> int:
        """Entries of one code: dim, or ceil(dim / 8) for binary and ubinary."""
        return (self.dim + 7) // 8 if self.precision.endswith("binary") else self.dim

    @property
    def bytes_per_vector(self) -> int:
        """Bytes that one code takes."""
        return self.dim * 4 if self.precision == VectorPrecision.FLOAT32 else self.width

    @property
    def _is_scaled(self) -> bool:
        return self.precision.endswith("int8")

    @property
    def _offset(self) -> int:
        """What was subtracted to make codes signed."""
        return 128 if self.precision in (VectorPrecision.INT8, VectorPrecision.BINARY) else 0

    def _scale(self) -> tuple[Matrix, Matrix]:
        """Minimum and step per dimension; a constant dimension has step 1 and code 0."""
        assert self.low is not None
        assert self.high is not None
        step = (self.high - self.low) / np.float32(_LEVELS)
        return self.low, np.where(step == 0, np.float32(1), step)

    def _codes(self, codes: npt.ArrayLike) -> Codes:
        values: Codes = np.asarray(codes)
        signed = np.dtype(np.int8 if self._offset else np.uint8)
        expected = np.dtype(np.float32) if self.precision == VectorPrecision.FLOAT32 else signed
        if values.dtype != expected:
            raise InputError(f"codes are {values.dtype}, {self.precision} codes are {expected}")
        if values.ndim not in (1, 2) or values.shape[-1] != self.width:
            raise InputError(f"codes have shape {values.shape}, expected (n, {self.width})")
        return values


def hamming(a: npt.ArrayLike, b: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """Number of differing signs between binary codes: smaller is nearer.

    Args:
        a: int8 or uint8 codes (width,) or (n, width), of precision binary or ubinary.
        b: codes of the same kind, (width,) or (m, width).

    Returns:
        int32 (n, m) from 0 to the number of dimensions. The cosine of the sign vectors is
        `1 - 2 * hamming / dim`.
    """
    left, right = _same_codes(a, b)
    bits = left.shape[1] * 8
    signs = _signs(left, bits)
    # Products of +-1 count agreements less differences; unused bits agree. Exact in float32 below 2**24.
    products = _by_blocks(signs, right, lambda block: signs @ _signs(block, bits).T)
    return ((bits - products) / 2).astype(np.int32)


def int8_dot(a: npt.ArrayLike, b: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Exact inner products of int8 (or of uint8) codes as whole numbers.

    This is the score that indexes of int8 vectors rank by; it knows nothing of the ranges.

    Args:
        a: codes (d,) or (n, d).
        b: codes of the same type, (d,) or (m, d).

    Returns:
        int64 (n, m).
    """
    left, right = _same_codes(a, b)
    wide = left.astype(np.float64)  # whole numbers below 2**53 are exact
    rows = [wide @ right[i : i + _BLOCK_ROWS].astype(np.float64).T for i in range(0, len(right), _BLOCK_ROWS)]
    return np.concatenate(rows, axis=1).astype(np.int64) if rows else np.zeros((len(left), 0), dtype=np.int64)


def _precision(value: str) -> VectorPrecision:
    try:
        return VectorPrecision(value)
    except ValueError:
        raise InputError(f"precision is {value!r}, expected one of {', '.join(VectorPrecision)}") from None


def _floats(vectors: npt.ArrayLike) -> Matrix:
    values = rectangular(vectors)
    if values.dtype.kind != "f":
        raise InputError(f"vectors are {values.dtype}, expected floats")
    if values.ndim not in (1, 2):
        raise InputError(f"vectors have shape {values.shape}, expected (dim,) or (n, dim)")
    finite = (
        np.isfinite(values).reshape(-1, values.shape[-1]).all(axis=1) if values.size else np.ones(1, bool)
    )
    if not finite.all():
        raise InputError(f"vectors hold NaN or infinity, first in row {int(np.argmin(finite))}")
    return values.astype(np.float32)


def _signs(codes: Codes, dim: int) -> Matrix:
    """+1 and -1, float32 (..., dim), of packed codes, signed or not."""
    # Adding 128 modulo 256 flips the highest bit, which is what "less 128" did.
    packed = codes.view(np.uint8) ^ np.uint8(128) if codes.dtype == np.int8 else codes
    bits = np.unpackbits(packed.astype(np.uint8), axis=-1, count=dim)
    return bits.astype(np.float32) * 2 - 1


def _same_codes(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[Codes, Codes]:
    left, right = np.atleast_2d(np.asarray(a)), np.atleast_2d(np.asarray(b))
    if left.dtype != right.dtype or left.dtype not in (np.dtype(np.int8), np.dtype(np.uint8)):
        raise InputError(f"codes are {left.dtype} and {right.dtype}, expected int8 or uint8 on both sides")
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1]:
        raise InputError(f"codes of shapes {left.shape} and {right.shape} cannot be compared")
    return left, right


def _by_blocks(left: Matrix, right: Codes, score: Callable[[Codes], Matrix]) -> Matrix:
    """`score` of all of `right`, a block of rows at a time: float32 (len(left), len(right))."""
    scores = np.empty((len(left), len(right)), dtype=np.float32)
    for start in range(0, len(right), _BLOCK_ROWS):
        scores[:, start : start + _BLOCK_ROWS] = score(right[start : start + _BLOCK_ROWS])
    return scores


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when all went well."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
