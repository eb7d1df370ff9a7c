"""Benchmark runs in the background: one at a time for everybody, watched, stopped, gone on with.

A run belongs to the process and not to a page: whoever comes back, or comes later, sees how far it is. Its
vectors are kept as they are made, so that a run that was stopped goes on from there when it is started again.
"""

import contextvars
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from embedder.errors import EmbedderError, InputError
from embedder.protocol import Model
from eval.benchmarks import Benchmark
from eval.config import RunConfig
from eval.progress import Progress, clock
from eval.run import Host, run

_LOG = logging.getLogger(__name__)
LINES = 12
"""Of what a run says on its way, those that are shown."""


class Stopped(Exception):
    """Somebody pressed Cancel."""


@dataclass(frozen=True)
class Report:
    """How far a run is.

    Attributes:
        state: "idle", "running", "stopping", "done", "stopped" or "failed".
        what: the benchmarks, in words.
        owner: who started it: a session.
        stage: what it is at.
        done: items of this stage that are done.
        total: items of this stage.
        seconds: since the run began.
        stage_seconds: since the stage began.
        said: lines on the way.
        folder: of the result, when done.
        why: it failed, in words.
        number: counts the runs of this process.
        passes: inputs that have to go through the model in the whole run; 0 where that is not known.
        encoded: those that have.
        encoding_seconds: that they took.
    """

    state: str = "idle"
    what: str = ""
    owner: str = ""
    stage: str = ""
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    stage_seconds: float = 0.0
    said: tuple[str, ...] = ()
    folder: Path | None = None
    why: str = ""
    number: int = 0
    passes: int = 0
    encoded: int = 0
    encoding_seconds: float = 0.0

    @property
    def is_going(self) -> bool:
        """Whether there is something to wait for."""
        return self.state in ("running", "stopping")

    def rate(self) -> str:
        """Items per second and the time that is left of this stage."""
        if not self.total:
            return ""
        per_second = self.done / max(self.stage_seconds, 1e-6)
        left = clock((self.total - self.done) / per_second) if self.done else "unknown time"
        return f"{self.done:,} of {self.total:,}, {per_second:.1f} items/s, {left} left of this step"

    def whole(self) -> str:
        """The time that is left of all encoding at the speed measured so far, "" where it cannot be told."""
        if not self.encoded or self.passes <= self.encoded:
            return ""
        left = (self.passes - self.encoded) * self.encoding_seconds / self.encoded
        return f"whole run: about {clock(left)} of encoding left at the speed measured so far"


class Watched(Progress):
    """A run's progress as something to look at; it ends the run where that is asked for."""

    def __init__(self, told: Callable[[dict[str, object]], None], check: Callable[[], None]) -> None:
        super().__init__(quiet=True)
        self._told = told
        self._check = check
        self._count = self._encoded = 0
        self._seconds = self._mark = 0.0

    def start(self, label: str, total: int) -> None:
        """A stage begins."""
        self._check()
        self._count, self._mark = 0, time.monotonic()
        self._told({"stage": label, "done": 0, "total": total, "stage_began": time.monotonic()})

    def advance(self, count: int) -> None:
        """Some more items are done."""
        now = time.monotonic()
        self._seconds, self._mark = self._seconds + now - self._mark, now
        self._count, self._encoded = self._count + count, self._encoded + count
        self._told({"done": self._count, "encoded": self._encoded, "encoding_seconds": self._seconds})
        self._check()

    def finish(self) -> None:
        """The stage has come to its end."""

    def say(self, text: str) -> None:
        """A line; searching says one for each adapter, and so can be stopped there."""
        self._check()
        changes: dict[str, object] = {"line": text}
        if text.startswith("searching "):
            changes |= {"stage": text, "done": 0, "total": 0, "stage_began": time.monotonic()}
        self._told(changes)


@dataclass
class Runner:
    """The one place of a process where benchmarks run.

    Attributes:
        load: gives a benchmark by name and seed.
    """

    load: Callable[..., Benchmark]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _report: Report = field(default_factory=Report)
    _began: float = 0.0
    _stage_began: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    def start(
        self, config: RunConfig, model: Model, owner: str, seconds: float | None = None, passes: int = 0
    ) -> Report:
        """Begin a run; it goes on whatever becomes of the page.

        Args:
            config: of one model.
            model: that model, loaded.
            owner: who may stop it.
            seconds: after which it is stopped; None for no limit.
            passes: inputs that have to go through the model; 0 if that is not known.

        Raises:
            InputError: another one is going on; the message says how far it is.
        """
        with self._lock:
            if self._report.is_going:
                raise InputError(_busy(self._timed()))
            self._began = self._stage_began = time.monotonic()
            number = self._report.number + 1
            what = ", ".join(config.benchmark)
            self._report = Report("running", what, owner, "getting ready", number=number, passes=passes)
            self._stop, self._ended = threading.Event(), threading.Event()
            until = self._began + seconds if seconds else None
            begun = self._timed()
        work = (config, model, self._stop, until, self._ended)
        here = contextvars.copy_context()  # on a Space with lent GPUs: in whose name they are asked for
        threading.Thread(target=here.run, args=(self._work, *work), name="benchmark", daemon=True).start()
        return begun

    def stop(self, owner: str, *, anybody: bool = False) -> Report:
        """Ask a run to stop; what it has encoded stays.

        Args:
            owner: who asks.
            anybody: it need not be the one who started it.

        Raises:
            InputError: the run is somebody else's.
        """
        with self._lock:
            if self._report.state == "running":
                if not anybody and owner != self._report.owner:
                    raise InputError("This run was started by another visitor, who alone can cancel it.")
                self._stop.set()
                self._report = replace(self._report, state="stopping")
            return self._timed()

    def report(self) -> Report:
        """How far it is now."""
        with self._lock:
            return self._timed()

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the run that is going on; whether it has come."""
        return not self.report().is_going or self._ended.wait(seconds)

    def _timed(self) -> Report:
        if not self._report.is_going:
            return self._report
        now = time.monotonic()
        return replace(self._report, seconds=now - self._began, stage_seconds=now - self._stage_began)

    def _tell(self, changes: dict[str, object]) -> None:
        with self._lock:
            began = changes.pop("stage_began", None)
            self._stage_began = float(str(began)) if began is not None else self._stage_began
            line = changes.pop("line", None)
            said = (*self._report.said, str(line))[-LINES:] if line else self._report.said
            self._report = replace(self._report, said=said, **changes)  # type: ignore[arg-type]

    def _end(self, state: str, **changes: object) -> None:
        with self._lock:
            self._report = replace(self._timed(), state=state, **changes)  # type: ignore[arg-type]

    def _work(
        self, config: RunConfig, model: Model, stop: threading.Event, until: float | None,
        ended: threading.Event,
    ) -> None:  # fmt: skip
        def check() -> None:
            if stop.is_set():
                raise Stopped
            if until is not None and time.monotonic() > until:
                raise InputError(
                    "The run took longer than a visitor's runs may on this server; what was encoded is "
                    "kept, and the same run goes on from there."
                )

        try:
            host = Host({config.model: model}, self.load, Watched(self._tell, check))
            folder, _ = run(config, quiet=True, host=host)
        except Stopped:
            self._end("stopped")
        except EmbedderError as error:
            self._end("failed", why=str(error))
        except Exception:
            _LOG.exception("a benchmark run failed")
            self._end("failed", why="Something went wrong on the server, which has the details in its log.")
        else:
            self._end("done", folder=folder)
        finally:
            ended.set()


def _busy(report: Report) -> str:
    how_far = report.rate() or f"{clock(report.seconds)} so far"
    return (
        f"A run is going on: {report.what} ({report.stage}, {how_far}). One runs at a time here, so that "
        "everybody's pages stay quick: please press the button again when it has ended."
    )
