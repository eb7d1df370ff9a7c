"""Any retrieval task of mteb as a benchmark: `mteb:NFCorpus`, `mteb:MIRACLRetrieval:de#dev`.

What a document or a query is to the model is what mteb makes of it: title and text, a query followed
by its instruction, of a picture and its text those that the task's category names. Documents with
the id of the query are left out of its ranking where the task says so (ArguAna, Quora), and
judgements of documents that are not in the corpus are dropped and counted.
"""

import contextlib
import hashlib
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from embedder.errors import InputError
from eval.benchmarks.checks import kind_of, notices_of
from eval.benchmarks.model import Benchmark, Input, Items, assemble
from eval.benchmarks.tables import Found

PREFIX = "mteb:"
VERSION = "2.26.24"  # exactly: its classes and its scores change between versions
INSTALL = f'pip install ".[mteb]"    (in the explorer\'s folder; elsewhere: pip install mteb=={VERSION})'
QUERY, DOCUMENT = "query", "document"
_NAMED = 12

Library = Any  # mteb, imported when it is asked for: that takes seconds
Task = Any  # its AbsTaskRetrieval
Table = Any  # datasets.Dataset
Row = dict[str, Any]


def library(module: str = "mteb") -> Library:
    """mteb, or a module of it.

    Raises:
        InputError: it is not installed; the message has the line that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"mteb cannot be imported ({error}); install it with:\n    {INSTALL}") from None


def load_mteb(name: str) -> Benchmark:
    """A task by its name, data fetched by mteb where they are not here yet.

    Args:
        name: `NAME`, `NAME:SUBSET`, `NAME#SPLIT` or `NAME:SUBSET#SPLIT`; "mteb:" in front is passed over.

    Raises:
        InputError: mteb is not installed, has no such task, subset or split, the task is none of
            retrieval, or its data cannot be had.
    """
    mteb = library()
    rest, _, split = name.removeprefix(PREFIX).partition("#")
    task_name, _, subset = rest.partition(":")
    try:
        task = mteb.get_task(task_name)
    except KeyError as error:
        raise InputError(
            f"benchmark {PREFIX}{task_name}: {str(error.args[0]).removeprefix('KeyError: ')}"
        ) from None
    return from_task(task, subset or None, split or None)


def from_task(task: Task, subset: str | None = None, split: str | None = None) -> Benchmark:
    """A task of mteb that is at hand, such as one of your own.

    Args:
        task: an instance of mteb's AbsTaskRetrieval.
        subset: a language, say; may be left out where there is one alone.
        split: may be left out where there is one alone, or one called "test".

    Raises:
        InputError: as `load_mteb`.
    """
    name = f"{PREFIX}{task.metadata.name}"
    _check_kind(task, name)
    subsets, splits = list(task.hf_subsets), list(task.eval_splits)
    chosen = _choose(name, "subset", subset, subsets, ":")
    part = _choose(name, "split", split, splits, "#")
    data = _fetch(task, name, chosen, part)
    label = name + (f":{chosen}" if len(subsets) > 1 else "") + (f"#{part}" if len(splits) > 1 else "")
    return _benchmark(task, label, data, f"mteb {VERSION}, {_place(task)}, {chosen}, {part}")


def items_of(table: Table, role: str, metadata: Any, where: str) -> tuple[Items, set[str], list[str]]:  # noqa: ANN401
    """Documents or queries of a task: the items, ids of those left out, and notices.

    Args:
        table: a `datasets.Dataset` with `id` and what the modality needs of text, title, instruction, image.
        role: "query" or "document".
        metadata: the task's.
        where: what messages call the table.

    Raises:
        InputError: an id occurs twice, or an item is neither text nor picture.
    """
    rows = Rows(table, role, metadata.get_modalities(_role(role)), where)
    found = Found()
    for number, key in enumerate(rows.ids):
        if key in found.rows or key in found.broken:
            raise InputError(f"{where} row {number}: id {key!r} occurs twice")
        found.take(key, number, rows[number], where)
    if not found.rows:
        raise InputError(f"{where}: holds nothing that can be used")
    kept = list(found.rows.values())
    inputs = rows if len(kept) == len(rows) else rows.take(kept)
    items = Items(list(found.rows), inputs, found.stacked(), found.pictures)
    return items, set(found.broken), notices_of(found.empty, found.broken, where)


class Rows(Sequence[Input]):
    """What the embedder takes, of each row of a table of mteb; read when asked for."""

    def __init__(
        self,
        table: Table,
        role: str,
        modalities: Sequence[str],
        where: str,
        rows: Sequence[int] | None = None,
    ) -> None:
        """Of the rows numbered in `rows`, or of all; pictures stay in their files' bytes."""
        strange = sorted(set(modalities) - {"text", "image"})
        if strange:
            raise InputError(f"{where}: {', '.join(strange)} cannot be encoded; text and image can")
        self._original, self._role, self._modalities, self._where = table, role, tuple(modalities), where
        self._rows = rows

    @cached_property
    def _table(self) -> Table:
        from datasets import Image

        table = self._original
        wanted = {"id", *self._modalities} | ({"title"} if self._role == DOCUMENT else {"instruction"})
        table = table.select_columns([name for name in table.column_names if name in wanted])
        if isinstance(table.features.get("image"), Image):
            table = table.cast_column("image", Image(decode=False))
        return table

    @property
    def ids(self) -> list[str]:
        """Id of each row."""
        every = [str(key) for key in self._table["id"]]
        return every if self._rows is None else [every[row] for row in self._rows]

    def take(self, rows: Sequence[int]) -> "Rows":
        """Some of the rows."""
        return Rows(self._original, self._role, self._modalities, self._where, rows)

    def __len__(self) -> int:
        return len(self._table) if self._rows is None else len(self._rows)

    def __iter__(self) -> Iterator[Input]:
        return (self[row] for row in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Input: ...
    @overload
    def __getitem__(self, index: slice) -> list[Input]: ...
    def __getitem__(self, index: int | slice) -> Input:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        row = index if self._rows is None else self._rows[index]
        return self._input(self._table[row], f"{self._where} row {row}")

    def _input(self, row: Row, where: str) -> Input:
        picture = _picture(row.get("image"), where) if "image" in self._modalities else None
        words = _words(row, self._role, where) if "text" in self._modalities else None
        if picture is None and words is None:
            raise InputError(
                f"{where}: has neither text nor image, the task asks for {', '.join(self._modalities)}"
            )
        if picture is None:
            return words
        return {"image": picture, "text": words} if words else {"image": picture}


def _words(row: Row, role: str, where: str) -> str | None:
    text = row.get("text")
    if text is None:
        return None
    if not isinstance(text, str):
        raise InputError(
            f"{where}: the text is a {type(text).__name__}; tasks of conversations are not supported"
        )
    if role == DOCUMENT:
        return f"{row.get('title') or ''} {text}".strip()
    return text if row.get("instruction") is None else f"{text} {row['instruction']}"


def _picture(stored: Any, where: str) -> bytes | None:  # noqa: ANN401 - whatever the table holds
    if stored is None or isinstance(stored, bytes):
        return stored
    if isinstance(stored, dict) and stored.get("bytes") is not None:
        return bytes(stored["bytes"])
    if isinstance(stored, dict) and stored.get("path"):
        return Path(stored["path"]).read_bytes()
    raise InputError(f"{where}: the picture is a {type(stored).__name__}, expected the bytes of its file")


def _benchmark(task: Task, name: str, data: Row, source: str) -> Benchmark:
    corpus, broken, notices = items_of(data["corpus"], DOCUMENT, task.metadata, f"{name}, corpus")
    queries, unusable, said = items_of(data["queries"], QUERY, task.metadata, f"{name}, queries")
    present, asked = set(corpus.ids) | broken, set(queries.ids)
    judgements: dict[str, dict[str, int]] = {}
    absent: set[str] = set()
    for query, gains in data["relevant_docs"].items():
        if str(query) in asked and str(query) not in unusable:
            judgements[str(query)] = {str(document): int(gain) for document, gain in gains.items()}
            absent |= judgements[str(query)].keys() - present
    if absent:
        notices.append(f"{name}: {len(absent)} judged documents are not in the corpus")
    found = assemble(
        name, f"{kind_of(queries)} to {kind_of(corpus)}", corpus, queries, judgements,
        notices=[*notices, *said], source=source, dropped=frozenset(broken | absent),
    )  # fmt: skip
    found = replace(found, revision=task.metadata.dataset.get("revision"))
    return _without_identical(found) if task.ignore_identical_ids else found


def _without_identical(found: Benchmark) -> Benchmark:
    rows = {key: row for row, key in enumerate(found.corpus.ids)}
    excluded = {query: rows[key] for query, key in enumerate(found.queries.ids) if key in rows}
    mark = hashlib.sha256(f"{found.fingerprint} {sorted(excluded.items())}".encode()).hexdigest()
    return replace(found, excluded=excluded, fingerprint=mark)


def _role(role: str) -> Any:  # noqa: ANN401 - mteb's own enum
    return library("mteb.types").PromptType(role)


def _check_kind(task: Task, name: str) -> None:
    base = library("mteb.abstasks").AbsTaskRetrieval
    if not isinstance(task, base):
        raise InputError(f"benchmark {name}: a task of type {task.metadata.type}, expected one of retrieval")
    if task.skip_first_result:
        raise InputError(f"benchmark {name}: leaves out what is found first, which is not supported")


def _choose(name: str, what: str, asked: str | None, there: Sequence[str], sign: str) -> str:
    if asked in there:
        return str(asked)
    if asked is None and (len(there) == 1 or (what == "split" and "test" in there)):
        return there[0] if len(there) == 1 else "test"
    shown = ", ".join(f"{name}{sign}{part}" for part in there[:_NAMED])
    more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
    lead = f"has no {what} {asked!r}" if asked else f"has {len(there)} {what}s, each a benchmark of its own"
    raise InputError(f"benchmark {name}: {lead}; ask for {shown}{more}")


def _fetch(task: Task, name: str, subset: str, split: str) -> Row:
    """The subset's tables, fetched alone."""
    if not task.data_loaded and len(task.hf_subsets) > 1:
        task = task.filter_languages(None, hf_subsets=[subset])
    if not task.data_loaded and len(task.eval_splits) > 1:
        task = task.filter_eval_splits(eval_splits=[split])
    try:
        with contextlib.redirect_stdout(None):  # progress bars of a library
            if not task.data_loaded:
                task.load_data()
            task.convert_v1_dataset_format_to_v2(num_proc=None)
        data: Row = task.dataset[subset][split]
    except Exception as error:  # whatever the hub's client, `datasets` or a task's own code raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"benchmark {name}: its data are not on this machine and could not be fetched ({reason}). With a "
            f"network, fetch them with:\n    hf download {task.metadata.dataset['path']} --repo-type dataset "
            f"--revision {task.metadata.dataset['revision']}"
        ) from None
    if data.get("top_ranked"):
        raise InputError(
            f"benchmark {name}: a task of reranking what others found, expected one of retrieval"
        )
    return data


def _place(task: Task) -> str:
    where = task.metadata.dataset
    return f"data set {where.get('path')} at {where.get('revision')}"
