"""A run on disk: `<run id>/result.json` and `per_query.parquet`, written once and never changed.

Rows of `scores` are `{model, task, benchmark, vectors, dim, precision, search, baseline, metric,
value, ci_low, ci_high, n_queries}`; values are from 0 to 1. `per_query.parquet` has the same
names, with `query_id` and `value` for each query, so that any two runs can be compared in pairs.
`tests.parquet` has the tests against the full width by every metric, result.json those by the first.
`examples.json` has a few queries of each benchmark and task to look at (`eval.examples`).
`vectors/`, on demand, has for each benchmark, task and side the full vectors (`.npy`, one row per
item or, of late interaction, per token) and the ids beside them (`.json`, with the rows of each).
"""

import json
import os
import platform
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from embedder.errors import EmbedderError, InputError
from eval.shards import sweep_folder, temporary_name

Rows = NDArray[np.int64]
Blocks = Iterable[NDArray[np.float32]]

SCHEMA = 1  # of result.json; a change of meaning raises it
RESULT = "result.json"
PER_QUERY = "per_query.parquet"
TESTS = "tests.parquet"
PACKAGES = ("torch", "transformers", "peft", "tokenizers", "numpy", "pillow", "pyarrow")


@dataclass(frozen=True)
class Row:
    """What one row of scores is about.

    Attributes:
        model: name as it was asked for.
        task: adapter.
        benchmark: name.
        vectors: "dense" or "late"; of a baseline without vectors, None.
        dim: width, or None where there is none.
        precision: of the stored vectors, or None.
        search: "exact", "funnel:64", "rescored" or "asymmetric".
        baseline: None for the model itself.
        metric: "ndcg@10" and so on.
    """

    model: str
    task: str | None
    benchmark: str
    vectors: str | None
    dim: int | None
    precision: str | None
    search: str
    baseline: str | None
    metric: str


@dataclass(frozen=True, eq=False)
class Score:
    """A metric of one setting: the mean over queries, its 95% interval, and every query's value.

    Attributes:
        row: what it is about.
        value: mean, 0 to 1.
        ci_low: lower end of the interval.
        ci_high: upper end.
        query_ids: ids, in the order of `values`.
        values: float64 (queries,).
    """

    row: Row
    value: float
    ci_low: float
    ci_high: float
    query_ids: Sequence[str]
    values: NDArray[np.float64]

    def summary(self) -> dict[str, object]:
        """The row of result.json."""
        ends = {"value": self.value, "ci_low": self.ci_low, "ci_high": self.ci_high}
        return {**asdict(self.row), **ends, "n_queries": len(self.values)}


def new_run_id(model: str, now: datetime | None = None) -> str:
    """Time in UTC, model and six random digits: sorts by age, collides with none."""
    moment = (now or datetime.now(UTC)).strftime("%Y%m%d-%H%M%S")
    return f"{moment}-{slug(model)}-{secrets.token_hex(3)}"


def slug(model: str) -> str:
    """A model's name, or the last part of its path, as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", Path(model).name or "model").strip("-.")[:40] or "model"


def write_run(
    out: Path,
    run_id: str,
    about: dict[str, object],
    scores: Sequence[Score],
    attach: Callable[[Path], None] | None = None,
) -> Path:
    """Write a run; it appears whole or not at all, and nothing that exists is touched.

    Args:
        out: folder of runs, made if needed.
        run_id: name of the run's folder.
        about: everything of result.json besides scores; what `json` can write.
        scores: at least one.
        attach: writes more files into the folder that it is given, before the run appears.

    Returns:
        The run's folder.

    Raises:
        InputError: the run exists.
        EmbedderError: the folder cannot be written.
    """
    temporary = out / temporary_name()
    try:
        temporary.mkdir(parents=True)
        pq.write_table(_table(scores), temporary / PER_QUERY, compression="zstd")
        content = {"schema": SCHEMA, "run_id": run_id, **about, "scores": [s.summary() for s in scores]}
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        (temporary / RESULT).write_text(text + "\n", encoding="utf-8")
        if attach is not None:
            attach(temporary)
        _to_disk(temporary)
        if (out / run_id).exists():
            raise InputError(f"run {run_id} exists in {out}: runs are never written over")
        temporary.rename(out / run_id)
    except OSError as error:
        raise _unwritable(out, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out / run_id


def check_writable(out: Path) -> None:
    """Make the folder of runs, and find out before hours of work that nothing can be put there.

    What killed runs left unfinished there is removed.

    Raises:
        EmbedderError: it cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out) as file:
            file.write(b"room")
        sweep_folder(out)
    except OSError as error:
        raise _unwritable(out, error) from None


def _unwritable(out: Path, error: OSError) -> EmbedderError:
    return EmbedderError(f"{out} cannot be written: {error.strerror or error}; give another --out")


def read_run(folder: Path) -> dict[str, object]:
    """A run's result.json.

    Raises:
        InputError: it is missing, cannot be read, or is of another schema.
    """
    try:
        content = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{folder / RESULT} cannot be read: {error}") from None
    found = content.get("schema") if isinstance(content, dict) else None
    if found != SCHEMA:
        raise InputError(f"{folder / RESULT} has schema {found!r}, this version reads {SCHEMA}")
    return dict(content)


def find_runs(out: Path) -> list[Path]:
    """Folders of the runs below `out`, oldest first; what else lies there is passed over."""
    return sorted(path.parent for path in out.glob(f"*/{RESULT}") if not path.parent.name.startswith("."))


def read_per_query(folder: Path) -> pa.Table:
    """Every query's values: the fields of `Row`, `query_id` and `value`."""
    return pq.read_table(folder / PER_QUERY)


def write_tests(folder: Path, rows: Sequence[dict[str, object]]) -> None:
    """Write tests by every metric into a run's folder; nothing where there are none."""
    if rows:
        pq.write_table(pa.Table.from_pylist(list(rows)), folder / TESTS, compression="zstd")


def read_tests(folder: Path) -> list[dict[str, object]] | None:
    """Tests by every metric; None where the run kept those of its first metric alone."""
    path = folder / TESTS
    return pq.read_table(path).to_pylist() if path.is_file() else None


def save_vectors(
    folder: Path, name: str, ids: Sequence[str], lengths: Rows, blocks: Blocks, width: int
) -> None:
    """Write vectors as `<name>.npy`, float32 (rows, width), and their ids as `<name>.json`.

    Args:
        folder: made if needed.
        name: such as "scenes.retrieval.passage.dense".
        ids: of the items.
        lengths: rows of each item, int64 (n,).
        blocks: the rows, in order; one block is held at a time.
        width: of a row.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shape = (int(lengths.sum()), width)
    table = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, shape)
    first = 0
    for block in blocks:
        table[first : first + len(block)] = block
        first += len(block)
    table.flush()
    about = json.dumps({"ids": list(ids), "rows": lengths.tolist()}, ensure_ascii=False)
    (folder / f"{name}.json").write_text(about, encoding="utf-8")


def environment() -> dict[str, str]:
    """Versions and machine, as far as they can change a figure."""
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def _table(scores: Sequence[Score]) -> pa.Table:
    """Long format; names repeat and so are kept as dictionaries."""
    names = [name for name in Row.__dataclass_fields__ if name != "dim"]
    lengths = [len(score.values) for score in scores]
    columns = {n: _repeated([getattr(s.row, n) for s in scores], lengths, pa.string()) for n in names}
    columns["dim"] = _repeated([score.row.dim for score in scores], lengths, pa.int32())
    ids = chain.from_iterable(score.query_ids for score in scores)
    columns["query_id"] = pa.array(ids, pa.string()).dictionary_encode()
    columns["value"] = pa.array(np.concatenate([score.values for score in scores]), pa.float64())
    return pa.table(columns)


def _repeated(values: Sequence[str | int | None], lengths: Sequence[int], kind: pa.DataType) -> pa.Array:
    """Each value as often as its score has queries."""
    places = np.repeat(np.arange(len(values)), lengths)
    column = pa.array(values, kind).take(pa.array(places))
    return column.dictionary_encode() if kind == pa.string() else column


def _to_disk(folder: Path) -> None:
    for path in (path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
