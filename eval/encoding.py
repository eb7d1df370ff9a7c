"""One encode per model, task and role: everything else is slices of what is kept.

The order of work is by item, then by task, for pictures: the embedder remembers the features of
the pictures it has seen last, and no task's adapter is in them, so the vision tower runs once
per picture however many tasks there are.
"""

import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedder import EmbedderNotice, InputError, PromptName, Task
from embedder.protocol import Model, Part
from embedder.sentence_transformer import SentenceModel
from eval.benchmarks.model import Items
from eval.cache import Store, StoredVectors
from eval.progress import Progress

# Fewer than the pictures whose features the embedder remembers: about 40 of the published model's, in
# float32 at its default resolution.
PICTURES_AT_A_TIME = 32
HASHED = {".json", ".txt", ".safetensors", ".bin", ".model", ".py"}
_ITEM = re.compile(r"\bitem (\d+)\b")


@dataclass(frozen=True)
class Job:
    """A pass over some items: with which adapter, and in which role."""

    task: str
    role: str


def roles_of(task: str) -> tuple[str, str]:
    """Roles of queries and of documents; text-matching is symmetric, and so both are queries."""
    symmetric = task == Task.TEXT_MATCHING
    return str(PromptName.QUERY), str(PromptName.QUERY if symmetric else PromptName.PASSAGE)


@dataclass
class Counts:
    """What went through the model, what the cache had, and what had to be repaired.

    Attributes:
        encoded: task -> role -> items that went through the model.
        cached: task -> role -> items whose vectors were there already.
        notices: what the embedder said, a line for each benchmark, task and role.
    """

    encoded: dict[str, dict[str, int]] = field(default_factory=dict)
    cached: dict[str, dict[str, int]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def add(self, table: dict[str, dict[str, int]], job: Job, count: int) -> None:
        """Count items of a job in `encoded` or `cached`."""
        roles = table.setdefault(job.task, {})
        roles[job.role] = roles.get(job.role, 0) + count

    def credit(self, other: "Counts") -> None:
        """Take in what another process encoded: here it was found in the cache."""
        for task, roles in other.encoded.items():
            for role, count in roles.items():
                self.add(self.encoded, Job(task, role), count)
                self.add(self.cached, Job(task, role), -count)
        self.notices += other.notices


class Encoder:
    """A model with a cache: gives the vectors of items, encoding what is not there yet."""

    def __init__(
        self,
        model: Model,
        cache: Path | None,
        *,
        vectors: Sequence[str] = ("dense",),
        max_length: int | None = None,
        max_pixels: int | None = None,
        batch_size: int | None = None,
        progress: Progress | None = None,
        adapters: dict[str, str] | None = None,
    ) -> None:
        """Put together.

        Args:
            model: a loaded model.
            cache: folder of the cache; None keeps vectors in memory.
            vectors: which of "dense" and "late" are wanted.
            max_length: longest text in tokens, None for the model's own.
            max_pixels: largest picture, None for the model's own.
            batch_size: inputs per forward pass, None for the device's own.
            progress: where to say how far it is.
            adapters: fingerprints of LoRAs of one's own, by the name of their task.
        """
        self.model = model
        self.counts = Counts()
        self._cache = cache
        self._kinds = tuple(vectors)
        self._limits = {"max_length": max_length, "max_pixels": max_pixels}
        self._batch_size = batch_size
        self._progress = progress or Progress(quiet=True)
        self._adapters = adapters or {}
        self.share = (0, 1)  # of every so many items that one; several processes may fill one cache
        self._fingerprint = model_fingerprint(model)
        self._stores: dict[tuple[Job, str], Store] = {}

    @property
    def fingerprint(self) -> str:
        """What the cache knows the model by."""
        return self._fingerprint

    def encode(self, items: Items, jobs: Sequence[Job], label: str) -> dict[tuple[Job, str], StoredVectors]:
        """Vectors of all items for each job and kind; those not kept yet go through the model, once.

        Whatever stops it, an interrupt too, what has been encoded so far is written first. Of a share of the
        items nothing is returned: the rest is not there yet.

        Raises:
            InputError: an item cannot be encoded; it is named.
        """
        number, of = self.share
        pending = {job: self._pending(items, job) for job in jobs}
        for job, rows in pending.items():
            pending[job] = rows[rows % of == number]
            self.counts.add(self.counts.cached, job, len(items) - len(rows))
            self.counts.add(self.counts.encoded, job, 0)
        said: dict[Job, list[str]] = {}
        self._progress.start(f"encoding {label}", sum(map(len, pending.values())))
        try:
            for job, rows in _schedule(pending, PICTURES_AT_A_TIME if items.pictures else None):
                said.setdefault(job, []).extend(self._run(items, rows, job, label))
        finally:
            for job in jobs:
                for kind in self._kinds:
                    self._store(job, kind).flush()
        self._progress.finish()
        for job, texts in said.items():
            if texts:
                where = f"{label}, {job.task} {job.role}"
                self.counts.notices.append(f"{where}: {len(texts)} notices (first: {texts[0]})")
        if of > 1:
            return {}
        stores = {(job, kind): self._store(job, kind) for job in jobs for kind in self._kinds}
        return {name: store.vectors_of(items.digests) for name, store in stores.items()}

    def _pending(self, items: Items, job: Job) -> NDArray[np.int64]:
        """Rows that some wanted kind of vector is missing for."""
        missing = [self._store(job, kind).missing(items.digests) for kind in self._kinds]
        return np.unique(np.concatenate(missing))

    def _run(self, items: Items, rows: NDArray[np.int64], job: Job, label: str) -> list[str]:
        """Send rows through the model, and return its notices."""
        done = 0
        said: list[str] = []
        with _named(items, rows, label), warnings.catch_warnings():
            warnings.simplefilter("ignore", EmbedderNotice)  # each part carries its own
            for part in self._stream(items, rows, job):
                self._keep(items.digests[rows[done : done + len(part)]], part, job)
                done += len(part)
                said += part.notices
                self.counts.add(self.counts.encoded, job, len(part))
                self._progress.advance(len(part))
        return [_with_ids(text, items, rows) for text in said]

    def _stream(self, items: Items, rows: NDArray[np.int64], job: Job) -> Iterator[Part]:
        inputs = (items.inputs[int(row)] for row in rows)
        return self.model.iter_embed(
            inputs,
            task=job.task,
            prompt_name=job.role,
            vectors=self._kinds,
            batch_size=self._batch_size,
            **self._limits,
        )

    def _keep(self, digests: NDArray[np.uint8], part: Part, job: Job) -> None:
        if part.dense is not None:
            self._store(job, "dense").add(digests, list(part.dense[:, None]))
        if part.late is not None:
            self._store(job, "late").add(digests, part.late)

    def _store(self, job: Job, kind: str) -> Store:
        if (job, kind) not in self._stores:
            spec = self.model.spec
            width = spec.dim if kind == "dense" else spec.multi_vector_dim
            self._stores[job, kind] = Store(self._cache, self._key(job, kind), width)
        return self._stores[job, kind]

    def _key(self, job: Job, kind: str) -> dict[str, object]:
        """All that a vector depends on besides its content."""
        spec = self.model.spec
        return {
            "model": self._fingerprint,
            "weights": str(self.model.precision),
            "task": job.task,
            "adapter": self._adapters.get(job.task),
            "role": job.role,
            "kind": kind,
            "max_length": self._limits["max_length"] or spec.max_tokens,
            "max_pixels": self._limits["max_pixels"] or spec.pixels.max_pixels,
            "pixels": asdict(spec.pixels),
        }


def _schedule(
    pending: dict[Job, NDArray[np.int64]], at_a_time: int | None
) -> Iterator[tuple[Job, NDArray[np.int64]]]:
    """Which rows to run with which job: job after job, or for a few items at a time all the jobs."""
    last = max((int(rows[-1]) + 1 for rows in pending.values() if len(rows)), default=0)
    step = at_a_time or max(last, 1)
    for start in range(0, last, step):
        for job, rows in pending.items():
            here = rows[(rows >= start) & (rows < start + step)]
            if len(here):
                yield job, here


@contextmanager
def _named(items: Items, rows: NDArray[np.int64], label: str) -> Iterator[None]:
    """Errors of the embedder call an item by its place in the call: say its id instead."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{label}: {_with_ids(str(error), items, rows)}") from None


def _with_ids(text: str, items: Items, rows: NDArray[np.int64]) -> str:
    def name(match: re.Match[str]) -> str:
        place = int(match[1])
        return f"item {items.ids[int(rows[place])]!r}" if place < len(rows) else match[0]

    return _ITEM.sub(name, text, count=1)


def model_fingerprint(model: Model) -> str:
    """What identifies a model's weights and settings.

    The commit, where it is known; otherwise SHA-256 over the files that are loaded.
    """
    # The same files give other vectors when sentence-transformers runs them.
    library = "sentence-transformers:" if isinstance(model, SentenceModel) else ""
    if model.spec.revision and model.folder.resolve().name == model.spec.revision:
        return f"{library}{model.spec.repo_id or model.spec.name}@{model.spec.revision}"
    return library + folder_fingerprint(model.folder)


def folder_fingerprint(folder: Path) -> str:
    """SHA-256 over names and contents of a folder's settings, vocabularies, weights and code."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in HASHED):
        total.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return f"sha256:{total.hexdigest()}"
