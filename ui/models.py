"""The models that this process offers, each with a workbench and a page of its own; switching between them.

A model never changes under a page: its widths and adapters are in every control. To switch is to load
another model, to let it answer once, to build its page, and only then to put that page in front. What runs
on the old model ends on it; then its weights are let go. Nothing is shared between two workbenches, so that
no vector of one model can turn up beside those of another.
"""

import gc
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from embedder import Embedder
from embedder.device import available_memory, gigabytes, pick_device, pick_precision
from embedder.errors import DeviceError, EmbedderError, InputError
from embedder.loading import layer_size, weights_bytes
from embedder.locate import locate
from embedder.spec import JINA_V4, MINI
from ui import zero
from ui.limits import PUBLIC, Limits
from ui.server import Health
from ui.switchboard import Page, Switchboard, build_apart
from ui.vectors import VectorCache, Workbench

STEP_SECONDS = 0.4
"""Between two looks at how loading goes on."""
MAX_NAME = 500
KEPT_PAGES = 3
"""Pages without a model that still answer, so that what they show can be read and saved."""
ROOM = 1.15
"""Loading takes a little more than the weights."""
_LOG = logging.getLogger(__name__)


@dataclass
class Running:
    """A model that is loaded: the name it was asked by, its workbench, its page."""

    argument: str
    bench: Workbench
    page: Page | None = None


@dataclass
class Ticket:
    """A session's wish for a model; ``cancelled`` may be set while it is being loaded."""

    cancelled: bool = False


@dataclass(frozen=True)
class Stage:
    """How far a switch has come; ``ready`` is set on the last one."""

    words: str
    seconds: float
    ready: Running | None = None


class Gone:
    """What is left of a model that was let go: it is described, and encodes nothing."""

    def __init__(self, model: Any, words: str) -> None:  # noqa: ANN401
        kept = ("spec", "tasks", "device", "precision", "revision", "batch_size", "takes_pictures", "folder")
        self.__dict__.update({name: getattr(model, name) for name in kept})
        self._words = words

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("__"):
            raise AttributeError(name)
        raise InputError(self._words)


class Models:
    """What this process offers. Safe for threads; one model is loaded at a time.

    Attributes:
        named: those named at the start, the first one in front.
        device: as asked for at the start.
        precision: as asked for at the start.
        limits: what visitors may do.
        board: finds the page that a request is for.
    """

    def __init__(
        self,
        named: Sequence[str] = (MINI,),
        *,
        device: str = "auto",
        precision: str = "auto",
        limits: Limits = PUBLIC,
    ) -> None:
        self.named = tuple(dict.fromkeys(name.strip() for name in named if name.strip())) or (MINI,)
        self.device, self.precision, self.limits = device, precision, limits
        self.board = Switchboard()
        self._running: list[Running] = []
        self._retired: list[Page] = []
        self._loading = threading.Lock()
        self._build: Callable[[Workbench], gr.Blocks] | None = None
        self._warm: Callable[[Workbench, Health], object] | None = None
        self._settings: dict[str, Any] = {}

    @property
    def several(self) -> bool:
        """Whether there can ever be more than one page."""
        return len(self.named) > 1 or self.limits.load_models

    @property
    def running(self) -> tuple[Running, ...]:
        """The models that are loaded, the one in front first."""
        front = self.board.front
        return tuple(sorted(self._running, key=lambda one: one.page is not front))

    @property
    def benches(self) -> tuple[Workbench, ...]:
        """The workbenches of the models that are loaded, the one in front first."""
        return tuple(one.bench for one in self.running)

    @property
    def offered(self) -> tuple[str, ...]:
        """Names that may be asked for; with ``limits.load_models`` any hub id and folder besides."""
        own = (MINI, str(JINA_V4.repo_id)) if self.limits.load_models else ()
        return tuple(dict.fromkeys([*self.named, *(one.argument for one in self._running), *own]))

    def start(self) -> Workbench:
        """Load what was named; the first one's workbench.

        Raises:
            EmbedderError: a model cannot be loaded; the message names it.
        """
        for name in self.named:
            self._running.append(Running(name, self._bench(name)))
        return self._running[0].bench

    def _bench(self, name: str) -> Workbench:
        model = Embedder.from_pretrained(name, device=self.device, precision=self.precision)
        return Workbench(zero.lend(model), model_argument=name, limits=self.limits, models=self)

    def open(self, build: Callable[[Workbench], gr.Blocks]) -> gr.Blocks:
        """Build the first page.

        Args:
            build: makes the page of a workbench.
        """
        build_apart()
        self._build = build
        first = self._running[0]
        demo = build(first.bench)
        first.page = self.board.first(demo, *names_of(first.bench))
        return demo

    def launched(self, settings: dict[str, Any], warm: Callable[[Workbench, Health], object]) -> None:
        """The first page is served: add those of the other models that were named.

        Args:
            settings: of ``launch``, for every further page.
            warm: lets a model answer once, in the background, and sets ``warmed``.
        """
        self._settings, self._warm = settings, warm
        for one in self._running[1:]:
            self._open_page(one)
            warm(one.bench, Health())

    def _open_page(self, one: Running) -> None:
        assert self._build
        one.page = self.board.add(self._build(one.bench), self._settings, *names_of(one.bench))

    def of(self, bench: Workbench) -> Running | None:
        """The entry of a workbench, None if its model was let go."""
        return next((one for one in self._running if one.bench is bench), None)

    def bench_of(self, name: object) -> Workbench:
        """The workbench of the model of that name; the one in front for any other name."""
        found = next((one for one in self._running if name in names_of(one.bench)), None)
        return (found or self.running[0]).bench

    def check(self, name: object) -> str:
        """What a visitor asks for, if a visitor may.

        Raises:
            InputError: no name, or nothing that this host offers.
        """
        if not isinstance(name, str) or not name.strip():
            raise InputError("no model was named; choose one, or write a hub id or a folder")
        asked = name.strip()
        if len(asked) > MAX_NAME:
            raise InputError(f"the model's name has {len(asked):,} characters; at most {MAX_NAME} are read")
        if asked not in self.offered and not self.limits.load_models:
            raise InputError(
                f"the model {asked[:80]!r} is not offered here; this host offers {', '.join(self.offered)}. "
                "Its owner may name more at the start (--model, given again for each), or start it with "
                "--trusted, which lets everybody who reaches the page load any"
            )
        return asked

    def switch(self, name: object, ticket: Ticket | None = None) -> Iterator[Stage]:
        """Bring a model to the front: load it where it is not loaded, and build its page.

        Nothing changes until all of that has worked. A model that was loaded already is only pointed at:
        its page is there for whoever wants it.

        Args:
            name: "mini", a hub id or a folder.
            ticket: to cancel it by; what is being read then is read to its end, and dropped.

        Yields:
            Stages; the last one has ``ready``.

        Raises:
            EmbedderError: it is not offered, cannot be had, does not fit, or does not answer.
        """
        start = time.perf_counter()
        asked = self.check(name)
        found = next((one for one in self._running if asked in names_of(one.bench)), None)
        if found:
            yield Stage(f"{asked} is loaded", 0.0, found)
            return
        if zero.is_lent():
            raise DeviceError("on ZeroGPU only models named at the start can be lent a GPU")
        if not self._loading.acquire(blocking=False):
            raise InputError("another model is being loaded here; try again when that is done")
        said: queue.Queue[str | Running | Exception] = queue.Queue()
        thread = threading.Thread(
            target=self._work, args=(asked, said, ticket or Ticket()), name="switch", daemon=True
        )
        thread.start()
        yield from _stages(said, start)

    def _work(self, asked: str, said: "queue.Queue[str | Running | Exception]", ticket: Ticket) -> None:
        """Load and put in front; whatever happens, says so. Runs to its end, whether or not anybody waits."""
        try:
            said.put(self._bring(asked, said.put, ticket))
        except Exception as error:
            said.put(_in_words(asked, error))
        finally:
            self._loading.release()

    def _bring(self, asked: str, tell: Callable[[str], object], ticket: Ticket) -> Running:
        def say(words: str) -> None:
            if ticket.cancelled:
                raise InputError(f"Cancelled: nothing was switched, and {asked} is not kept")
            tell(words)

        say(f"Looking for {asked}")
        self._see_room(asked)
        say(f"Loading {asked}")
        one = Running(asked, self._bench(asked))
        say(f"Letting {asked} answer once")
        self._first_answer(one)
        say(f"Building the page of {asked}")
        self._open_page(one)
        if ticket.cancelled and one.page:
            self.board.close(one.page)
        say(f"Putting {asked} in front")
        self._put_in_front(one)
        return one

    def _put_in_front(self, one: Running) -> None:
        """The new model's page is what opens from now on; those it replaces are let go."""
        old = [other for other in self._running if other.argument not in self.named or len(self.named) == 1]
        self._running = [*(other for other in self._running if other not in old), one]
        self.board.front = one.page
        for other in old:
            threading.Thread(target=self._let_go, args=(other, one), daemon=True).start()

    def _see_room(self, asked: str) -> None:
        """Refuse what has no room beside the model that runs, before it is read.

        Raises:
            DeviceError: it does not fit.
        """
        place, device = locate(asked), pick_device(self.device)
        size = layer_size(place.folder)
        needed = int(ROOM * weights_bytes(size, pick_precision(self.precision, device, size)))
        free = available_memory(device)
        if needed > free:
            raise DeviceError(
                f"{asked} needs about {gigabytes(needed)} and {device} has {gigabytes(free)} free while the "
                f"model that runs stays loaded: nothing was switched. Start the program with it instead: "
                f"python app.py --model {asked}"
            )

    def _first_answer(self, one: Running) -> None:
        assert self._warm
        health = Health()
        self._warm(one.bench, health)
        one.bench.warmed.wait()
        if health.state == "failed":
            raise DeviceError(f"{one.argument} was loaded but does not answer: {health.detail}")

    def _let_go(self, old: Running, new: Running) -> None:
        """When what had begun has ended, drop the weights; the old page goes on without them."""
        waiting = _events(old)
        time.sleep(0.05)
        waiting |= _events(old)  # an event on its way from the line to its turn is in neither for a moment
        while waiting & _events(old) or old.bench.requests.now:
            time.sleep(0.05)
        spec = old.bench.model.spec
        words = (
            f"This page shows {spec.name}, which was let go when this server switched to "
            f"{new.bench.model.spec.name}. Please load the page anew; what it shows can still be saved."
        )
        old.bench.model, old.bench.cache = Gone(old.bench.model, words), VectorCache()
        if old.page:
            self._retired.append(old.page)
        while len(self._retired) > KEPT_PAGES:
            self.board.close(self._retired.pop(0))
        gc.collect()
        _empty_device_cache()


def names_of(bench: Workbench) -> tuple[str, ...]:
    """What a model may be asked for by: its own name, and what it was loaded with."""
    return tuple(dict.fromkeys([bench.model_argument, bench.model.spec.name]))


def _stages(said: "queue.Queue[str | Running | Exception]", start: float) -> Iterator[Stage]:
    words = "Beginning"
    while True:
        try:
            word = said.get(timeout=STEP_SECONDS)
        except queue.Empty:
            yield Stage(words, time.perf_counter() - start)
            continue
        if isinstance(word, Exception):
            raise word
        if isinstance(word, Running):
            yield Stage(f"{word.argument} is ready", time.perf_counter() - start, word)
            return
        words = word
        yield Stage(words, time.perf_counter() - start)


def _in_words(asked: str, error: Exception) -> Exception:
    """An error as a visitor should read it; the log has what is not foreseen."""
    if isinstance(error, EmbedderError):
        return error
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return DeviceError(
            f"there is not enough memory for {asked} beside the model that runs: nothing was switched. Start "
            f"the program with it instead: python app.py --model {asked}"
        )
    _LOG.error("switching to %s failed", asked, exc_info=error)
    return DeviceError(f"{asked} could not be loaded ({type(error).__name__}); the server's log has more")


def _events(one: Running) -> set[str]:
    """Events of its page that run or wait."""
    if one.page is None:
        return set()
    line = one.page.demo._queue
    waiting = [event for each in line.event_queue_per_concurrency_id.values() for event in list(each.queue)]
    active = [event for job in list(line.active_jobs) if job for event in job]
    return {event._id for event in [*waiting, *active]}


def _empty_device_cache() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
