"""Vectors from files: npy, npz and safetensors, by what their headers declare; nothing in them is run."""

import io
import json
import math
import struct
import tokenize
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from embedder.errors import InputError
from ui.faults import Fault, Faults
from ui.limits import PUBLIC, Limits

Array = np.ndarray[Any, np.dtype[Any]]

MAX_BYTES = 256 * 2**20
"""Of one array, and of all arrays of one file, unpacked."""
MAX_WIDTH = 65_536
NAMES = ("vectors", "embeddings", "embedding", "arr_0", "x")
"""What the array of vectors may be called; else it is the only one with two axes."""
IDS = ("ids", "id", "keys", "names")
LABELS = ("labels", "label", "texts", "text", "titles")
BLOCK = 4096
_HEADER = 1 << 16
_TOKENS = tokenize.TokenError
"""numpy takes a header apart as Python source."""
_TENSORS = {"F32": "<f4", "F64": "<f8", "F16": "<f2", "I8": "i1", "U8": "u1", "I32": "<i4", "I64": "<i8"}


@dataclass(frozen=True)
class VectorSet:
    """Vectors with what stood beside them.

    Attributes:
        name: safe base name of the file.
        vectors: float32 (n, width), finite, none of them zero.
        rows: number of each in the file, from 1.
        columns: one value per vector, by name: ids, labels, anything of one axis.
        faults: vectors that were left out.
        notices: how the file was understood.
    """

    name: str
    vectors: Array
    rows: tuple[int, ...]
    columns: Mapping[str, tuple[str | float, ...]]
    faults: tuple[Fault, ...] = ()
    notices: tuple[str, ...] = ()


def is_vector_file(start: bytes, name: str) -> bool:
    """Whether a file is for :func:`read_vectors`, by its first bytes and, for two kinds, its ending."""
    return start.startswith(b"\x93NUMPY") or name.lower().endswith((".npy", ".npz", ".safetensors"))


def read_vectors(path: Path, name: str, limits: Limits = PUBLIC) -> VectorSet:
    """Vectors of a file.

    Rows that are not finite or all zero are left out and named.

    Raises:
        InputError: damaged, pickled, too large, or of another shape; the message has both values.
    """
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"\x93NUMPY"):
        arrays, notices = {"vectors": _npy_file(path, name)}, []
    elif start.startswith(b"PK"):
        arrays, notices = _npz(path, name)
    elif name.lower().endswith(".safetensors"):
        arrays, notices = _safetensors(path, name), []
    else:
        raise InputError(f"{name}: is neither npy nor npz: it begins with {start!r}")
    key = _main(arrays, name)
    return _checked(name, arrays.pop(key), arrays, notices, limits)


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type that an npy stream declares; the stream then stands at its data."""
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise InputError(f"{name}: is npy of version {version}, 1.0 and 2.0 are read")
        shape, fortran, dtype = read(file, max_header_size=_HEADER)
    except InputError:
        raise
    except (ValueError, SyntaxError, TypeError, EOFError, MemoryError, RecursionError, _TOKENS) as error:
        first = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(f"{name}: its npy header is damaged ({first})") from None
    if dtype.hasobject:
        raise InputError(f"{name}: holds pickled objects, which could run code; save numbers instead")
    return shape, fortran, dtype


def _fits(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], there: int) -> int:
    """Bytes that an array needs, checked against those that are there and the limit."""
    size = math.prod(shape) * dtype.itemsize
    if size != there:
        raise InputError(f"{name}: declares {_size(size)} of numbers in shape {shape}, holds {_size(there)}")
    if size > MAX_BYTES:
        raise InputError(f"{name}: holds {_size(size)}; at most {_size(MAX_BYTES)} are taken")
    return size


def _size(count: int) -> str:
    return f"{count / 2**20:,.1f} MB" if count >= 2**20 else f"{count:,} bytes"


def _npy_file(path: Path, name: str) -> Array:
    with path.open("rb") as file:
        shape, fortran, dtype = _header(file, name)
        offset = file.tell()
        size = _fits(name, shape, dtype, path.stat().st_size - offset)
    if not size:
        raise InputError(f"{name}: holds no numbers, its shape is {shape}")
    # mapped, not read: only what is used below takes memory
    return np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")


def _npz(path: Path, name: str) -> tuple[dict[str, Array], list[str]]:
    """All arrays of an archive; sizes are checked before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            declared = sum(info.file_size for info in members)
            if declared > MAX_BYTES:
                raise InputError(
                    f"{name}: unpacks to {_size(declared)}; at most {_size(MAX_BYTES)} are taken"
                )
            if not 1 <= len(members) <= 100:
                raise InputError(f"{name}: holds {len(members)} arrays; 1 to 100 are taken")
            return {info.filename[:-4][:60]: _member(archive, info, name) for info in members}, []
    except InputError:
        raise
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{name}: cannot be unpacked ({str(error)[:120]})") from None
    except Exception as error:  # the decompressors have errors of their own
        raise InputError(f"{name}: cannot be unpacked ({type(error).__name__})") from None


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Array:
    label = f"{name}, array {info.filename[:-4][:60]!r}"
    with archive.open(info) as file:
        shape, fortran, dtype = _header(file, label)
        header = file.tell()
        _fits(label, shape, dtype, info.file_size - header)
        data = file.read(info.file_size)
    if not data:
        raise InputError(f"{label}: holds no numbers, its shape is {shape}")
    if len(data) != info.file_size - header:
        raise InputError(f"{label}: is cut short")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _safetensors(path: Path, name: str) -> dict[str, Array]:
    """Tensors of a safetensors file: eight bytes of length, a JSON header, the numbers."""
    whole = path.stat().st_size
    with path.open("rb") as file:
        length = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))[0]
        if not 2 <= length <= min(whole - 8, 2**20):
            raise InputError(
                f"{name}: its header has {length:,} bytes by its own account, the file {whole:,}"
            )
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError):
            raise InputError(f"{name}: its header is no JSON") from None
    if not isinstance(header, dict):
        raise InputError(f"{name}: its header is no JSON object")
    found = {key[:60]: value for key, value in header.items() if key != "__metadata__"}
    return {key: _tensor(path, value, 8 + length, f"{name}, tensor {key!r}") for key, value in found.items()}


def _tensor(path: Path, entry: Any, base: int, label: str) -> Array:  # noqa: ANN401 - as it was sent
    entry = entry if isinstance(entry, dict) else {}
    shape, offsets, kind = entry.get("shape"), entry.get("data_offsets"), entry.get("dtype")
    if kind not in _TENSORS:
        raise InputError(f"{label}: numbers of kind {str(kind)[:20]}; one of {', '.join(_TENSORS)} is needed")
    if not _numbers(shape) or not _numbers(offsets) or len(offsets) != 2:
        raise InputError(f"{label}: has no proper shape and place")
    begin, end = offsets
    if not begin <= end <= path.stat().st_size - base:
        raise InputError(f"{label}: lies at bytes {begin:,} to {end:,}, beyond the end of the file")
    dtype = np.dtype(_TENSORS[kind])
    size = _fits(label, tuple(shape), dtype, end - begin)
    if not size:
        raise InputError(f"{label}: holds no numbers, its shape is {shape}")
    with path.open("rb") as file:
        file.seek(base + begin)
        return np.frombuffer(file.read(size), dtype).reshape(shape)


def _numbers(value: object) -> bool:
    return isinstance(value, list) and all(type(entry) is int and 0 <= entry < 2**62 for entry in value)


def _main(arrays: Mapping[str, Array], name: str) -> str:
    """Which array holds the vectors."""
    named = [key for wanted in NAMES for key in arrays if key.lower() == wanted and arrays[key].ndim == 2]
    flat = [key for key, array in arrays.items() if array.ndim == 2]
    if named or len(flat) == 1:
        return (named or flat)[0]
    shapes = ", ".join(f"{key} {array.shape}" for key, array in list(arrays.items())[:6])
    if len(arrays) == 1 and next(iter(arrays.values())).ndim == 3:
        raise InputError(
            f"{name}: holds {shapes}: several vectors per item; one each is taken, (items, width)"
        )
    what = "none" if not flat else f"{len(flat)}"
    raise InputError(
        f"{name}: of its arrays ({shapes}) {what} have two axes (items, width); call the one of vectors "
        f"“{NAMES[0]}”"
    )


def _checked(
    name: str, array: Array, others: Mapping[str, Array], notices: list[str], limits: Limits
) -> VectorSet:
    count, width = array.shape
    if array.dtype.kind not in "fiu" or not count or not 2 <= width <= MAX_WIDTH:
        raise InputError(
            f"{name}: has vectors of shape {array.shape} and type {array.dtype}; expected real numbers, "
            f"(items, width) with 1 item or more and a width of 2 to {MAX_WIDTH:,}"
        )
    if count > limits.table_rows:
        notices = [*notices, f"{name}: the first {limits.table_rows:,} of {count:,} vectors are taken"]
    taken = min(count, limits.table_rows)
    if 4 * taken * width > MAX_BYTES:
        raise InputError(f"{name}: needs {_size(4 * taken * width)}; at most {_size(MAX_BYTES)} are taken")
    vectors = np.empty((taken, width), np.float32)
    with np.errstate(over="ignore"):
        for begin in range(0, taken, BLOCK):
            vectors[begin : begin + BLOCK] = array[begin : min(taken, begin + BLOCK)]
    if array.dtype.kind in "iu":
        codes = f"{name}: holds {array.dtype}: its codes are taken for the vectors"
        notices = [*notices, f"{codes}; if they were quantized, bring float32 or float16 instead"]
    good, faults = _usable(vectors, name)
    columns = {}
    for key, values in others.items():
        if values.ndim == 1 and len(values) == count and values.dtype.kind in "fiuUSb":
            columns[key] = tuple(_plain(values[row]) for row in good)
        else:
            notices = [*notices, f"{name}: the array {key!r} of shape {values.shape} does not go with them"]
    if not len(good):
        raise InputError(f"{name}: none of its {count:,} vectors can be used: {faults.kept[0].reason}")
    kept = vectors if len(good) == taken else vectors[good]
    return VectorSet(name, kept, tuple(int(row) + 1 for row in good), columns, tuple(faults), tuple(notices))


def _usable(vectors: Array, name: str) -> tuple[Array, Faults]:
    """Rows with a direction, and what is wrong with the others."""
    faults = Faults()
    finite = np.isfinite(vectors).all(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.linalg.norm(np.where(finite[:, None], vectors, 0), axis=1)
    good = finite & (norms > 0) & np.isfinite(norms)
    for row in np.flatnonzero(~good):
        reason = "is zero or too large, so it has no direction" if finite[row] else "holds NaN or infinity"
        beginning = ", ".join(f"{value:g}" for value in vectors[row, :4])
        faults.add(Fault(name, reason, int(row) + 1, value=beginning))
    return np.flatnonzero(good), faults


def _plain(value: Any) -> str | float:  # noqa: ANN401 - numpy's scalars
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return float(value) if isinstance(value, np.floating) else str(value)


def npy_bytes(array: Array) -> bytes:
    """An array as the bytes of an npy file, which holds no objects."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
