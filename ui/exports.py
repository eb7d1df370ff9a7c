"""The collection's vectors as a file: any width, any number format, five kinds of file."""

import csv
import json
import re
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from embedder import EmbedderNotice
from embedder.quantization import Quantizer
from ui.collection import Item
from ui.downloads import neutral, new_file
from ui.vector_files import npy_bytes

Array = np.ndarray[Any, np.dtype[Any]]

KINDS = ("npz", "npy", "parquet", "csv", "json")
FORMATS = ("float32", "float16", "int8", "uint8", "binary", "ubinary")
RESERVED = ("vector", "vectors", "settings", "low", "high", "arr_0", "embeddings", "embedding", "x")
"""Names that no column of metadata keeps, as they mean something else in a file."""
_UNSAFE = re.compile(r"[/\\\x00]")


@dataclass(frozen=True)
class Codes:
    """Vectors in the number format of a file.

    Attributes:
        values: (n, width), width is dim, or a byte for 8 dimensions in the binary formats.
        low: smallest value of each dimension, float32 (dim,), for int8 and uint8.
        high: largest one.
        notices: what to know about them.
    """

    values: Array
    low: Array | None = None
    high: Array | None = None
    notices: tuple[str, ...] = ()


def coded(vectors: Array, number_format: str) -> Codes:
    """Unit vectors, float32 (n, dim), in one of ``FORMATS``."""
    if number_format == "float16":
        return Codes(vectors.astype(np.float16))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", EmbedderNotice)
        fitted = Quantizer.fit(vectors, number_format)
        values = fitted.quantize(vectors)
    words = tuple(str(one.message) for one in said if issubclass(one.category, EmbedderNotice))
    return Codes(np.asarray(values), fitted.low, fitted.high, words)


def write(kind: str, items: Sequence[Item], codes: Codes, settings: dict[str, Any]) -> str:
    """Write one file.

    Args:
        kind: one of ``KINDS``.
        items: one per row.
        codes: their vectors.
        settings: model, task, role, dimensions and format, kept in npz, json and parquet.

    Returns:
        Its path.
    """
    path = new_file(f"collection.{kind}")
    {"npz": _npz, "npy": _npy, "parquet": _parquet, "csv": _csv, "json": _json}[kind](
        path, items, codes, settings
    )
    return str(path)


def _npy(path: Path, items: Sequence[Item], codes: Codes, settings: dict[str, Any]) -> None:
    np.save(path, np.ascontiguousarray(codes.values), allow_pickle=False)


def _npz(path: Path, items: Sequence[Item], codes: Codes, settings: dict[str, Any]) -> None:
    arrays = {name: np.array(values) for name, values in _columns(items).items()}
    arrays |= {"vectors": codes.values, "settings": np.array(json.dumps(settings))}
    if codes.low is not None and codes.high is not None:
        arrays |= {"low": codes.low, "high": codes.high}
    # not np.savez, whose own arguments take two names away
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{_UNSAFE.sub('_', name)}.npy", npy_bytes(array))


def _columns(items: Sequence[Item]) -> dict[str, list[Any]]:
    """What is known of the items, a list per column: id, kind, label, text, file, then their metadata."""
    known: dict[str, list[Any]] = {
        "id": [f"{row}" for row in range(1, len(items) + 1)],
        "kind": [item.kind for item in items],
        "label": [_whole(item.label) for item in items],
        "text": [_whole(item.text) for item in items],
        "file": [item.name for item in items],
    }
    for name in dict.fromkeys(name for item in items for name, _ in item.metadata):
        values = [dict(item.metadata).get(name, "") for item in items]
        plain = all(isinstance(value, float) for value in values)
        words = values if plain else [_whole(f"{v:g}" if isinstance(v, float) else v) for v in values]
        taken = name in known or name in RESERVED
        known[f"{_whole(name)} (yours)" if taken else _whole(name)] = words
    return known


def _whole(text: str) -> str:
    """Text that every format can hold: halves of surrogate pairs are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _parquet(path: Path, items: Sequence[Item], codes: Codes, settings: dict[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    flat = pa.array(np.ascontiguousarray(codes.values).reshape(-1))
    vectors = pa.FixedSizeListArray.from_arrays(flat, codes.values.shape[1])
    table = pa.table({**_columns(items), "vector": vectors})
    kept = {"settings": json.dumps({**settings, **_ranges(codes)})}
    pq.write_table(table.replace_schema_metadata(kept), path)


def _ranges(codes: Codes) -> dict[str, list[float]]:
    if codes.low is None or codes.high is None:
        return {}
    return {"low": _floats(codes.low), "high": _floats(codes.high)}


def _floats(values: Array) -> list[float]:
    """The shortest decimals that give the same float32 (or whole numbers as they are) back."""
    return [float(str(value)) for value in values]


def _csv(path: Path, items: Sequence[Item], codes: Codes, settings: dict[str, Any]) -> None:
    columns = _columns(items)
    with path.open("w", encoding="utf-8", newline="", errors="replace") as file:
        writer = csv.writer(file)
        width = codes.values.shape[1]
        writer.writerow([*(neutral(name) for name in columns), *(f"d{at}" for at in range(1, width + 1))])
        for row, vector in zip(zip(*columns.values(), strict=True), codes.values, strict=True):
            words = [neutral(cell) if isinstance(cell, str) else f"{cell:g}" for cell in row]
            writer.writerow([*words, *(str(value) for value in vector)])


def _json(path: Path, items: Sequence[Item], codes: Codes, settings: dict[str, Any]) -> None:
    columns = _columns(items)
    whole = codes.values.dtype.kind in "iu"
    rows = [
        {**dict(zip(columns, row, strict=True)), "vector": vector.tolist() if whole else _floats(vector)}
        for row, vector in zip(zip(*columns.values(), strict=True), codes.values, strict=True)
    ]
    content = json.dumps({**settings, **_ranges(codes), "items": rows}, ensure_ascii=False, allow_nan=False)
    path.write_text(content, encoding="utf-8")
