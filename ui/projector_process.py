"""The process behind :mod:`ui.projector`: reads jobs from its input, writes progress and results.

Run as ``python -m ui.projector_process``. A process of its own because UMAP is compiled when it is first
used, which would hold up the page for many seconds, and because a map of many points takes minutes.
"""

import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from ui import projection

NICENESS = 5
"""The page and the model come first."""
REPORT_SECONDS = 0.1
WARM_POINTS = 40


class Stopped(Exception):
    """The job at hand is not wanted any more."""


class Station:
    """Jobs one after another; the reading thread only takes them in and notes what was stopped."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self.source, self.sink = source, sink
        self.jobs: queue.Queue[tuple[int, str, dict[str, Any]]] = queue.Queue()
        self.stopped: set[int] = set()

    def read(self) -> None:
        """Until the other side has gone: then this process has no business any more."""
        try:
            while True:
                number, name, options = pickle.load(self.source)
                if name == "stop":
                    self.stopped.add(number)
                else:
                    self.jobs.put((number, name, options))
        except (EOFError, OSError, pickle.UnpicklingError):
            os._exit(0)

    def say(self, number: int, kind: str, what: object) -> None:
        """One message: "progress" with (share, words), "result" with an array, "error" with words, "warm"."""
        pickle.dump((number, kind, what), self.sink, protocol=5)
        self.sink.flush()

    def reporter(self, number: int) -> projection.Report:
        """Tells the other side now and then; raises :class:`Stopped` when it is to end."""
        last = 0.0

        def report(share: float, what: str) -> None:
            nonlocal last
            if number in self.stopped:
                raise Stopped
            if time.monotonic() - last >= REPORT_SECONDS:
                last = time.monotonic()
                self.say(number, "progress", (share, what))

        return report

    def work(self) -> None:
        """One job; whatever goes wrong with it is said, and the next one comes."""
        number, name, options = self.jobs.get()
        try:
            result = JOBS[name](report=self.reporter(number), **options)
        except Stopped:
            self.say(number, "stopped", None)
        except ValueError as error:
            self.say(number, "error", str(error))
        except Exception as error:
            traceback.print_exc()
            self.say(number, "error", f"it failed with {type(error).__name__}: {error}")
        else:
            self.say(number, "result", result)


JOBS: dict[str, Callable[..., Any]] = {
    "UMAP": projection.umap,
    "t-SNE": projection.tsne,
    "clusters": projection.clusters,
}


def warm_up() -> float:
    """Use each thing once, so that libraries are loaded and UMAP is compiled. Returns seconds."""
    start = time.perf_counter()
    rng = np.random.default_rng(projection.SEED)
    vectors = rng.standard_normal((WARM_POINTS, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    projection.umap(vectors, 2)
    projection.tsne(vectors, 2)
    projection.clusters(vectors, "k-means", 2)
    return time.perf_counter() - start


def main() -> None:
    """Serve until the input ends."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the app, whose end is this one's too
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the messages
    station = Station(sys.stdin.buffer, sink)
    threading.Thread(target=station.read, daemon=True).start()
    station.say(0, "warm", warm_up())
    while True:
        station.work()


if __name__ == "__main__":
    main()
