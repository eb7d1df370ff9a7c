"""Maps computed in a process of their own, one at a time, with progress, and results remembered."""

import contextlib
import hashlib
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from embedder.errors import InputError

Array = np.ndarray[Any, np.dtype[Any]]
Key = tuple[Any, ...]

ROOT = Path(__file__).resolve().parent.parent
CACHE_BYTES = 64 * 2**20
TICK = 0.25
"""Seconds after which a caller hears that the work is still going on, and can stop it."""


@dataclass(frozen=True)
class Step:
    """How far a job has come: share done 0 to 1, words, seconds; ``result`` is set on the last one."""

    share: float
    what: str
    seconds: float
    result: Array | None = None


def digest(vectors: Array) -> str:
    """A name for these vectors: equal content has equal names."""
    data = np.ascontiguousarray(vectors)
    return hashlib.sha256(repr((data.shape, data.dtype.str)).encode() + data.tobytes()).hexdigest()


class Remembered:
    """Results by what they were computed from; the oldest go when ``max_bytes`` is full. Safe for threads."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Key, Array] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Array | None:
        """The result, or None."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: Key, result: Array) -> None:
        """Keep a result; older ones make room."""
        with self._lock:
            self._entries[key] = result
            while sum(entry.nbytes for entry in self._entries.values()) > self._max_bytes:
                if len(self._entries) == 1:
                    return
                self._entries.popitem(last=False)


class Projector:
    """The process, started when it is first needed or by :meth:`start`, and again should it die."""

    def __init__(self) -> None:
        self.remembered = Remembered()
        self.warm_seconds: float | None = None
        self._turn = threading.Lock()
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: queue.Queue[tuple[int, str, Any]] = queue.Queue()
        self._number = 0

    def start(self) -> None:
        """Start the process if it does not run; it warms up by itself and takes jobs meanwhile."""
        with self._starting:
            if self._process is not None and self._process.poll() is None:
                return
            half = str(max(1, (os.cpu_count() or 2) // 2))
            self.warm_seconds = None
            self._messages = queue.Queue()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ui.projector_process"],
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": half},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            inbox = (self._process, self._messages)
            threading.Thread(target=self._listen, args=inbox, name="projector", daemon=True).start()

    def _listen(self, process: subprocess.Popen[bytes], messages: queue.Queue[tuple[int, str, Any]]) -> None:
        assert process.stdout is not None  # it was asked for a pipe
        try:
            while True:
                number, kind, what = pickle.load(process.stdout)
                if kind == "warm":
                    self.warm_seconds = float(what)
                messages.put((number, kind, what))
        except (EOFError, OSError, pickle.UnpicklingError):
            messages.put((-1, "gone", None))
        finally:
            process.stdout.close()

    def compute(self, name: str, vectors: Array, **options: Any) -> Iterator[Step]:
        """Run a job: "UMAP", "t-SNE" or "clusters" of :mod:`ui.projection`, or recall its result.

        A caller that stops iterating stops the job.

        Args:
            name: which.
            vectors: float32 (n, dim), unit rows.
            **options: of the function, "report" aside.

        Yields:
            Steps at least every quarter of a second; the last carries the result.

        Raises:
            InputError: the job was refused or failed, or the process has died.
        """
        key = (digest(vectors), name, *sorted(options.items()))
        known = self.remembered.get(key)
        start = time.perf_counter()
        if known is not None:
            yield Step(1.0, "remembered", 0.0, known)
            return
        while not self._turn.acquire(timeout=TICK):
            yield Step(0.0, "waiting for another map", time.perf_counter() - start)
        try:
            for step in self._ask(name, {"vectors": vectors, **options}, start):
                if step.result is not None:
                    self.remembered.put(key, step.result)
                yield step
        finally:
            self._turn.release()

    def _ask(self, name: str, options: dict[str, Any], start: float) -> Iterator[Step]:
        self.start()
        self._number += 1
        number, share, what = self._number, 0.0, "starting"
        self._send(number, name, options)
        ended = False
        try:
            while not ended:
                kind, said = self._hear(number)
                ended = kind in ("result", "error", "gone")
                if kind == "error":
                    raise InputError(f"{name}: {said}")
                if kind == "gone":
                    raise InputError(
                        f"{name}: the process that computes it has ended, perhaps for want of memory; "
                        "try again"
                    )
                if kind == "progress":
                    share, what = said
                if self.warm_seconds is None:
                    what = "getting ready, once after the start"
                yield Step(share, what, time.perf_counter() - start, said if kind == "result" else None)
        finally:
            if not ended:
                self._send(number, "stop", {})

    def _hear(self, number: int) -> tuple[str, Any]:
        """The next message about this job; "quiet" if there is none for a while."""
        deadline = time.monotonic() + TICK
        while (left := deadline - time.monotonic()) > 0:
            try:
                about, kind, what = self._messages.get(timeout=left)
            except queue.Empty:
                break
            if about == number or kind == "gone":
                return kind, what
        return "quiet", None

    def _send(self, number: int, name: str, options: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        try:
            pickle.dump((number, name, options), process.stdin, protocol=5)
            process.stdin.flush()
        except OSError:
            pass  # it has gone, which the listening thread says

    def close(self) -> None:
        """End the process."""
        with self._starting:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                if self._process.stdin is not None:
                    with contextlib.suppress(OSError):  # what was still to be sent has nobody to go to
                        self._process.stdin.close()
                self._process = None


@cache
def shared() -> Projector:
    """The one of this process: visitors share it, as they share the model."""
    return Projector()
