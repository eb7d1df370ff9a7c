"""Results for other programs: one flat table as CSV or Parquet, or mteb's own JSON, written by mteb."""

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from embedder.errors import EmbedderError, InputError
from eval.benchmarks import BUNDLED
from eval.benchmarks.mteb_tasks import INSTALL, VERSION
from eval.cells import neutral_table
from eval.runs import ROW_FIELDS, SETTING_FIELDS, Record, Run, short_name

FORMATS = ("mteb", "csv", "parquet")
MTEB = VERSION  # whose files were read back in the tests
MTEB_MISSING = f"--format mteb needs mteb: {INSTALL}"
_NUMBERS = {"value", "ci_low", "ci_high", "seconds"}
_COUNTS = {"dim", "n_queries", "documents", "queries", "queries_left_out", "seed", "depth"}
_UNDETERMINED = "und-Zyyy"  # ISO 639-3 and 15924 for a language and a script that are not known
_RUN_LENGTH = 40  # characters of a fingerprint in a folder's name


def export(runs: Sequence[Run], kind: str, out: Path) -> list[Path]:
    """Write all rows of scores of some runs.

    Args:
        runs: at least one.
        kind: "csv" or "parquet" for one table with provenance in columns, or "mteb".
        out: folder, made if needed; what lies there under the same names is replaced.

    Returns:
        The files with scores that were written.

    Raises:
        InputError: no such format, no runs, mteb is not installed, or (mteb) two runs have different data
            under one name.
        EmbedderError: the folder cannot be written.
    """
    if kind not in FORMATS:
        raise InputError(f"--format {kind!r}: one of {', '.join(FORMATS)}")
    if not runs:
        raise InputError("no run to export")
    try:
        out.mkdir(parents=True, exist_ok=True)
        return _to_mteb(runs, out) if kind == "mteb" else [_to_table(runs, kind, out)]
    except OSError as error:
        raise EmbedderError(
            f"{out} cannot be written: {error.strerror or error}; give another --out"
        ) from None


def score_table(runs: Sequence[Run]) -> pa.Table:
    """Every row of scores of some runs, oldest first, with what it takes to trust it.

    Returns:
        Columns: those of a row of result.json (values from 0 to 1), then run, time, command, seconds, the
        model's revision, fingerprint, number format and device, the data's fingerprint, source and sizes,
        seed, depth, tie policy, and the versions that can change a figure, as `version_<package>`.
    """
    rows = [_flat(run, row) for run in runs for row in run.scores]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([row.get(name) for row in rows], _type_of(name)) for name in names})


def _flat(run: Run, row: Record) -> Record:
    model, data = run.model_of(row), run.benchmarks.get(row["benchmark"], {})
    method = run.content.get("method", {})
    return {
        **row,
        "run_id": run.run_id,
        **{name: run.content.get(name) for name in ("created", "command", "seconds")},
        **{f"model_{name}": model.get(name) for name in ("revision", "fingerprint", "precision", "device")},
        **{f"benchmark_{name}": data.get(name) for name in ("fingerprint", "modality", "source")},
        **{name: data.get(name) for name in ("documents", "queries", "queries_left_out")},
        **{name: method.get(name) for name in ("seed", "depth", "ties")},
        **{f"version_{name}": version for name, version in run.content.get("versions", {}).items()},
    }


def _type_of(name: str) -> pa.DataType:
    if name in _NUMBERS:
        return pa.float64()
    return pa.int64() if name in _COUNTS else pa.string()


def _to_table(runs: Sequence[Run], kind: str, out: Path) -> Path:
    table, target = score_table(runs), out / f"scores.{kind}"

    def write(path: Path) -> None:
        if kind == "csv":
            pyarrow.csv.write_csv(neutral_table(table), path)
        else:
            pq.write_table(table, path, compression="zstd")

    return _replace(target, write)


def _replace(target: Path, write: Callable[[Path], None]) -> Path:
    """Write beside the target, then rename: a reader sees the old file or the new one."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _to_mteb(runs: Sequence[Run], out: Path) -> list[Path]:
    """One of mteb's results per setting and benchmark: a setting is an experiment of its model there."""
    _check_one_data_set(runs)
    mteb = _mteb()
    cache, written = mteb.cache.ResultCache(out), []
    for run in runs:
        for rows in _by_setting(run):
            result, meta = _task_result(mteb, run, rows), _model_meta(mteb, run, rows[0])
            cache.save_to_cache(result, meta, encode_kwargs={"command": run.content.get("command")})
            written.append(Path(cache.get_task_result_path(result.task_name, meta)))
    return list(dict.fromkeys(written))


def _check_one_data_set(runs: Sequence[Run]) -> None:
    """Mteb knows a task by its name alone: two data sets of one name would become one result."""
    seen: dict[str, tuple[str, str]] = {}
    for run in runs:
        for name, data in run.benchmarks.items():
            mark = str(data.get("fingerprint"))
            before = seen.setdefault(name, (mark, run.run_id))
            if before[0] != mark:
                raise InputError(
                    f"{name} is not the same data in {before[1]} and {run.run_id} (fingerprint "
                    f"{before[0][:12]} against {mark[:12]}): export one of them at a time"
                )


def _mteb() -> Any:  # noqa: ANN401 - mteb is optional, its import takes seconds
    try:
        mteb = importlib.import_module("mteb")
        for part in ("cache", "models.model_meta", "results"):
            importlib.import_module(f"mteb.{part}")
    except ImportError as error:
        raise InputError(f"{MTEB_MISSING} ({error})") from None
    return mteb


def _by_setting(run: Run) -> Iterator[list[Record]]:
    """Rows of one search of one benchmark: its metrics."""
    found: dict[tuple[Any, ...], list[Record]] = {}
    for row in run.scores:
        key = tuple(row[name] for name in ROW_FIELDS if name != "metric")
        found.setdefault(key, []).append(row)
    yield from found.values()


def _task_result(mteb: Any, run: Run, rows: Sequence[Record]) -> Any:  # noqa: ANN401
    name = rows[0]["benchmark"].removeprefix("mteb:")
    data = run.benchmarks.get(rows[0]["benchmark"], {})
    depth = run.content.get("method", {}).get("depth", 0)
    scores = {_mteb_name(row["metric"], depth): row["value"] for row in rows}
    main = scores.get("ndcg_at_10", rows[0]["value"])
    entry = {**scores, "main_score": main, "hf_subset": "default", "languages": _languages(mteb, name)}
    created = run.content.get("created")
    return mteb.results.TaskResult(
        task_name=name,
        dataset_revision=str(data.get("revision") or data.get("fingerprint") or "unknown"),
        mteb_version=mteb.__version__,
        scores={"test": [entry]},
        evaluation_time=None,  # a run is timed as a whole: no task has a time of its own
        date=datetime.fromisoformat(created) if created else None,
    )


def _mteb_name(metric: str, depth: int) -> str:
    """Mteb's name of a metric; our map looks as deep as the search did."""
    name, _, cut = metric.partition("@")
    return f"{name}_at_{cut or depth}"


def _languages(mteb: Any, task: str) -> list[str]:  # noqa: ANN401
    """Of mteb's own tasks what mteb says; the bundled benchmarks are in English, of others nobody knows."""
    if task in BUNDLED:
        return ["eng-Latn"]
    try:
        subsets = mteb.get_task(task).metadata.hf_subsets_to_langscripts
    except (KeyError, ValueError):
        return [_UNDETERMINED]
    return sorted({code for codes in subsets.values() for code in codes}) or [_UNDETERMINED]


def _model_meta(mteb: Any, run: Run, row: Record) -> Any:  # noqa: ANN401
    """The model as mteb describes one; what is not known stays empty."""
    about = run.model_of(row)
    own = row["task"] is not None
    mark = about.get("revision") or str(about.get("fingerprint", "")).removeprefix("sha256:")[:_RUN_LENGTH]
    fields = {
        "name": short_name(row["model"]) if own else row["baseline"],
        "revision": (mark.split("@")[-1] or None) if own else "no_revision_available",
        "experiment_kwargs": {name: row[name] for name in SETTING_FIELDS if row[name] is not None},
    }
    if own:
        fields |= {"max_tokens": about.get("max_length"), "embed_dim": row["dim"]}
        fields |= {"model_type": ["late-interaction" if row["vectors"] == "late" else "dense"]}
    return mteb.models.model_meta.ModelMeta.create_empty(overwrites=fields)
