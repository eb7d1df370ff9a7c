"""Runs to take away: reports, archives and tables, by routes of their own.

Nothing of the disk is opened to the browser: a name in an address is looked up among the runs that are there,
and what is sent is made from them.
"""

import csv
import io
import tempfile
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from embedder.errors import EmbedderError, InputError
from eval.export import score_table
from eval.report import report
from eval.results import read_per_query
from eval.runs import Run
from ui.downloads import neutral
from ui.run_index import FILTERS, RunIndex, chosen

BASE = "explorer/runs"
"""Where the routes are, as the page links to them: from the page's own folder, wherever it is mounted."""
PARTS = ("scores", "per_query", "tests", "neighbours", "costs")
KINDS = ("csv", "parquet")
MOST_RUNS = 20
"""Runs of one report."""
PLACES = 2
"""Reports, archives and tables made at the same time."""
KEPT_REPORTS = 4
SHOWN = ("model", "benchmark", "task", "vectors", "dim", "precision", "search", "baseline", "metric", "value",
         "ci_low", "ci_high", "n_queries", "run", "created")  # fmt: skip
_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}

Make = Callable[[Request], Response]


class RunFiles:
    """Makes the files."""

    def __init__(self, index: RunIndex) -> None:
        self._index = index
        self._places = threading.BoundedSemaphore(PLACES)
        self._reports: OrderedDict[tuple[str, ...], str] = OrderedDict()

    def routes(self) -> list[Route]:
        """For ``launch(app_kwargs={"routes": ...})``."""
        ways: list[tuple[str, Make]] = [
            ("report", self.report),
            ("leaderboard.{kind}", self.leaderboard),
            ("{run}.zip", self.archive),
            ("{run}/{part}.{kind}", self.table),
        ]
        return [Route(f"/{BASE}/{path}", self._guarded(make), methods=["GET"]) for path, make in ways]

    def _guarded(self, make: Make) -> Callable[[Request], Awaitable[Response]]:
        def work(request: Request) -> Response:
            with self._places:
                return make(request)

        async def answer(request: Request) -> Response:
            try:
                return await run_in_threadpool(work, request)
            except InputError as error:
                return PlainTextResponse(f"{error}\n", status_code=404)
            except (EmbedderError, OSError) as error:
                return PlainTextResponse(f"This cannot be made: {error}\n", status_code=500)

        return answer

    def report(self, request: Request) -> Response:
        """The HTML report of some runs: ``?runs=A,B``."""
        names = tuple(name for name in request.query_params.get("runs", "").split(",") if name)
        if not 1 <= len(names) <= MOST_RUNS:
            raise InputError(f"{len(names)} runs are named; a report is of 1 to {MOST_RUNS}")
        if names not in self._reports:
            runs = sorted((self._index.open(name) for name in dict.fromkeys(names)), key=_age)
            self._reports[names] = report(runs)
            while len(self._reports) > KEPT_REPORTS:
                self._reports.popitem(last=False)
        return HTMLResponse(self._reports[names], headers={"cache-control": "no-store"})

    def leaderboard(self, request: Request) -> Response:
        """The rows that the page shows: a filter's values between commas, ``newest=0`` for all runs."""
        kind = _kind(request)
        asked = request.query_params
        wanted = {name: [v for v in asked.get(name, "").split(",") if v] for name in FILTERS if name in asked}
        rows = chosen(
            self._index.table(),
            wanted,
            sort=asked.get("sort", "value"),
            descending=asked.get("down", "1") != "0",
            newest=asked.get("newest", "1") != "0",
        )
        return _sent(rows.select(list(SHOWN)), kind, "leaderboard")

    def archive(self, request: Request) -> Response:
        """Everything that a run has left, as a zip."""
        run = self._index.open(request.path_params["run"])
        with tempfile.NamedTemporaryFile(suffix=".zip", delete=False) as file:
            target = Path(file.name)
            try:
                _pack(run.folder, file)
            except BaseException:
                target.unlink(missing_ok=True)
                raise
        return FileResponse(
            target, media_type="application/zip", filename=f"{run.run_id}.zip",
            background=BackgroundTask(target.unlink, missing_ok=True),
        )  # fmt: skip

    def table(self, request: Request) -> Response:
        """One table of a run: scores with their provenance, values per query, tests, and so on."""
        kind, part = _kind(request), request.path_params["part"]
        run = self._index.open(request.path_params["run"])
        return _sent(table_of(run, part), kind, f"{run.run_id}-{part}")


def table_of(run: Run, part: str) -> pa.Table:
    """One of the tables of a run.

    Raises:
        InputError: no such table, or it cannot be read.
    """
    if part not in PARTS:
        raise InputError(f"there is no table {part[:40]!r}; there are {', '.join(PARTS)}")
    if part == "scores":
        return score_table([run])
    if part == "per_query":
        try:
            return read_per_query(run.folder)
        except (OSError, ValueError) as error:
            raise InputError(f"{run.run_id}: its values per query cannot be read: {error}") from None
    rows = run.rows_of(part)
    if not rows:
        raise InputError(f"run {run.run_id} has no {part}")
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})


def _age(run: Run) -> tuple[str, str]:
    return str(run.content.get("created", "")), run.run_id


def _kind(request: Request) -> str:
    kind = str(request.path_params["kind"])
    if kind not in KINDS:
        raise InputError(f"tables are written as {' or '.join(KINDS)}, not {kind[:20]!r}")
    return kind


def _pack(folder: Path, target: Any) -> None:  # noqa: ANN401 - a file, whose type has no public name
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
            archive.write(path, f"{folder.name}/{path.relative_to(folder).as_posix()}")


def _sent(table: pa.Table, kind: str, name: str) -> Response:
    body = as_csv(table) if kind == "csv" else _parquet(table)
    held = {"content-disposition": f'attachment; filename="{name}.{kind}"', "cache-control": "no-store"}
    return Response(body, media_type=_TYPES[kind], headers=held)


def as_csv(table: pa.Table) -> bytes:
    """A table as CSV in UTF-8, in which no spreadsheet finds a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(table.column_names)
    for batch in table.to_batches(max_chunksize=10_000):
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            writer.writerow([neutral(cell) if isinstance(cell, str) else cell for cell in row])
    return buffer.getvalue().encode("utf-8", "replace")


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def board_query(wanted: Mapping[str, Sequence[str]], sort: str, descending: bool, newest: bool) -> str:
    """The query of an address that gives the same rows as a file."""
    parts = {name: ",".join(values) for name, values in wanted.items() if values}
    return urlencode({**parts, "sort": sort, "down": int(descending), "newest": int(newest)})
