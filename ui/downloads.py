"""Vectors as files: npy, json, csv, in a temporary folder of this process that is swept as it grows old."""

import atexit
import csv
import io
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from eval.cells import neutral
from ui.collection import Item

Array = np.ndarray[Any, np.dtype[Any]]

KEEP_SECONDS = 3600


def as_csv(items: Sequence[Item], vectors: Array) -> str:
    """One row per item: kind, label, then the numbers (repr of float32, so nothing is lost)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["kind", "label", *(f"d{i + 1}" for i in range(vectors.shape[1]))])
    for item, vector in zip(items, vectors, strict=True):
        writer.writerow([item.kind, neutral(item.text or item.label), *(str(value) for value in vector)])
    return buffer.getvalue()


def as_json(items: Sequence[Item], vectors: Array, settings: dict[str, Any]) -> str:
    """The settings and, per item, its kind, text, picture name and vector; a missing vector is null."""
    rows = [
        {"kind": item.kind, "text": item.text or None, "image": item.name or None, "vector": _numbers(vector)}
        for item, vector in zip(items, vectors, strict=True)
    ]
    return json.dumps({**settings, "items": rows}, ensure_ascii=False, allow_nan=False)


def _numbers(vector: Array) -> list[float] | None:
    return [float(str(value)) for value in vector] if np.isfinite(vector).all() else None


def write_files(items: Sequence[Item], vectors: Array, settings: dict[str, Any]) -> dict[str, str]:
    """Write the three files.

    Args:
        items: one per row.
        vectors: float32 (n, dim).
        settings: what produced them, kept in the JSON.

    Returns:
        Path by ending: "npy", "json", "csv".
    """
    folder = Path(tempfile.mkdtemp(dir=_root()))
    paths = {ending: folder / f"embeddings.{ending}" for ending in ("npy", "json", "csv")}
    np.save(paths["npy"], np.ascontiguousarray(vectors, dtype=np.float32), allow_pickle=False)
    paths["json"].write_text(as_json(items, vectors, settings), encoding="utf-8", errors="replace")
    paths["csv"].write_text(as_csv(items, vectors), encoding="utf-8", errors="replace", newline="")
    return {ending: str(path) for ending, path in paths.items()}


def new_file(name: str) -> Path:
    """A path in a folder of its own among the downloads; ``name`` is one of ours."""
    return Path(tempfile.mkdtemp(dir=_root())) / name


def write_text(name: str, text: str) -> str:
    """Write a text file to download; returns its path."""
    path = new_file(name)
    path.write_text(text, encoding="utf-8", errors="replace", newline="")
    return str(path)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="explorer-downloads-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _root() -> Path:
    """The process's download folder, with old results swept out."""
    root = _folder()
    for old in root.iterdir():
        if time.time() - old.stat().st_mtime > KEEP_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    return root
