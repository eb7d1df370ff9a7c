"""Parquet as rows, a few at a time: what a file declares is checked before anything is unpacked."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from embedder.errors import InputError
from ui.collection import safe_name
from ui.json_rows import cell_of
from ui.limits import PUBLIC, Limits
from ui.tables import MAX_RECORD, Bad, Cell, Keep, Table, gathered, unique_names

BATCH_ROWS = 64
BATCH_ROWS_OF_BYTES = 4
MAX_UNPACKED = 512 * 2**20
"""Bytes that the columns may declare, unpacked."""
MAX_WIDTH = 100_000
"""Numbers in one vector."""
_THRIFT = 16 * 2**20


def read(path: Path, name: str, keep: Keep | None = None, limits: Limits = PUBLIC) -> Table:
    """A Parquet file as a table: texts, numbers, lists of numbers (vectors), and pictures as bytes.

    Args:
        path: the file.
        name: what messages call it.
        keep: where pictures go: columns of bytes, or the ``{bytes, path}`` of the hub's image columns.
        limits: how many rows and columns are read.

    Raises:
        InputError: damaged, or too large once unpacked.
    """
    try:
        file = pq.ParquetFile(
            path, memory_map=False, thrift_string_size_limit=_THRIFT, thrift_container_size_limit=1_000_000
        )
        _check(file, name, limits)
        texts = _texts(file.schema_arrow)
        if texts:  # kept as dictionaries, a text repeated a million times takes no room
            file = pq.ParquetFile(path, memory_map=False, read_dictionary=texts)
        columns = unique_names(file.schema_arrow.names)
        notices = [f"{name}: rows and columns are those of Parquet"] if len(columns) == 0 else []
        return gathered(name, columns, _rows(file, name, keep), notices, limits)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        first = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise InputError(f"{name}: cannot be read as Parquet ({first})") from None


def _check(file: pq.ParquetFile, name: str, limits: Limits) -> None:
    meta = file.metadata
    if meta.num_columns > limits.table_columns:
        raise InputError(
            f"{name}: has {meta.num_columns:,} columns; at most {limits.table_columns:,} are taken"
        )
    groups = [meta.row_group(at) for at in range(min(meta.num_row_groups, 10_000))]
    unpacked = sum(group.total_byte_size for group in groups)
    values = sum(group.column(at).num_values for group in groups for at in range(group.num_columns))
    declared = max(unpacked, 4 * values)
    if declared > MAX_UNPACKED or meta.num_row_groups > 10_000:
        raise InputError(
            f"{name}: unpacks to {declared / 2**20:,.0f} MB; at most {MAX_UNPACKED // 2**20} MB are taken"
        )


def _texts(schema: pa.Schema) -> list[str]:
    kinds = (pa.types.is_string, pa.types.is_binary, pa.types.is_large_string, pa.types.is_large_binary)
    return [field.name for field in schema if any(kind(field.type) for kind in kinds)]


def _rows(file: pq.ParquetFile, name: str, keep: Keep | None) -> Iterator[tuple[int, list[Cell]] | Bad]:
    heavy = any(pa.types.is_struct(field.type) for field in file.schema_arrow)
    size = BATCH_ROWS_OF_BYTES if heavy else BATCH_ROWS
    number = 0
    batches = file.iter_batches(batch_size=size)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError, ValueError) as error:
            first = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            yield Bad(0, f"nothing from here on can be read: {first}")
            return
        if batch is None:
            return
        for at in range(batch.num_rows):
            number += 1
            yield _row(batch, at, number, keep)


def _row(batch: pa.RecordBatch, at: int, number: int, keep: Keep | None) -> tuple[int, list[Cell]] | Bad:
    cells: list[Cell] = []
    for column, values in zip(batch.schema.names, batch.columns, strict=True):
        try:
            cells.append(_cell(values[at], f"{column}-{number}", keep))
        except (ValueError, pa.ArrowException, OverflowError) as error:
            return Bad(0, str(error)[:200], column)
    return 0, cells


def _cell(scalar: pa.Scalar, name: str, keep: Keep | None) -> Cell:
    """One value; a long one is refused before it becomes a Python object.

    Raises:
        ValueError: too long, or no text.
    """
    if pa.types.is_dictionary(scalar.type):
        scalar = scalar.value
    if not scalar.is_valid:
        return None
    kind = scalar.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        if scalar.as_buffer().size > 4 * MAX_RECORD:
            raise ValueError(f"a text of {scalar.as_buffer().size:,} bytes; at most {MAX_RECORD:,} are taken")
        return str(scalar.as_py())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _bytes(scalar.as_buffer(), name, keep)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _vector(scalar.values)
    if pa.types.is_struct(kind):
        return _picture(scalar, name, keep)
    value = scalar.as_py()
    return cell_of(value) if isinstance(value, bool | int | float | str) else str(value)


def _bytes(buffer: pa.Buffer, name: str, keep: Keep | None) -> Cell:
    return keep(buffer.to_pybytes(), safe_name(name)) if keep and buffer.size else f"{buffer.size:,} bytes"


def _picture(scalar: Any, name: str, keep: Keep | None) -> Cell:  # noqa: ANN401 - arrow's scalars
    """The hub's image columns: the bytes of a file, and what it was called."""
    fields: Sequence[str] = [field.name for field in scalar.type]
    if "bytes" not in fields:
        return str(scalar.as_py())[:MAX_RECORD]
    called = scalar["path"].as_py() if "path" in fields else None
    content = scalar["bytes"]
    if pa.types.is_dictionary(content.type):
        content = content.value
    if not content.is_valid:
        return str(called) if called else None
    return _bytes(content.as_buffer(), str(called or name), keep)


def _vector(values: pa.Array) -> Cell:
    if values is None:
        return None
    if len(values) > MAX_WIDTH:
        raise ValueError(f"a list of {len(values):,} entries; at most {MAX_WIDTH:,} are taken")
    number = pa.types.is_floating(values.type) or pa.types.is_integer(values.type)
    if not number or len(values) < 2 or values.null_count:
        return str(values.to_pylist())[:MAX_RECORD]
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float32)
