"""What a visitor asks a benchmark run to do: checked against the caps, and what it would take."""

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedder.errors import EmbedderError, InputError
from embedder.quantization import VectorPrecision
from eval import benchmarks
from eval.benchmarks import BUNDLED, Benchmark
from eval.config import BASELINES, VECTORS, RunConfig
from eval.encoding import model_fingerprint
from eval.estimate import Load, load_of, totals
from eval.kept import count_missing, find_store
from eval.measure import sides_of
from eval.plan import fit
from eval.progress import clock
from ui.checks import whole
from ui.limits import Limits
from ui.vectors import Workbench

MOST_WIDTHS = 24
MOST_FOLDERS = 8
MOST_SEED = 9
"""Of a visitor's runs: every seed draws new pictures, whose vectors take room on the disk."""
MOST_RUNS = 1000
"""Kept on a public host: with so many no visitor adds one."""
KEPT = 8
"""Benchmarks held in memory once they are made."""
SEARCHES = ("exact", "asymmetric", "rescored")
PRECISIONS = tuple(map(str, VectorPrecision))
IDLE = (
    "times, where some are given, are those of an idle machine: where other work runs beside it, a run takes "
    "several times as long; once it goes, the time left is reckoned from its own speed"
)


@dataclass(frozen=True)
class Wish:
    """The form's values, as a client sent them.

    Attributes:
        benchmarks: names of bundled ones.
        folders: more of them, a folder or a data set's id on each line; for trusted hosts.
        tasks: adapters.
        widths: of dense vectors, marked ones.
        more_widths: others, between commas.
        vectors: "dense", "late".
        precisions: of the stored vectors.
        searches: "exact" and so on, "funnel:WIDTH".
        baselines: "bm25", "pca", "random".
        seed: of drawn benchmarks and of the resampling.
    """

    benchmarks: object = ()
    folders: object = ""
    tasks: object = ()
    widths: object = ()
    more_widths: object = ""
    vectors: object = ("dense",)
    precisions: object = ("float32",)
    searches: object = ("exact",)
    baselines: object = ()
    seed: object = 0


def config_of(wish: Wish, bench: Workbench, limits: Limits) -> RunConfig:
    """The settings of a run, for the model that runs here.

    Raises:
        InputError: a value that the form does not offer, or that a visitor may not use here.
    """
    model = bench.model
    names = [*_some(wish.benchmarks, "benchmarks", tuple(BUNDLED), least=0), *_folders(wish, limits)]
    if not names:
        raise InputError("No benchmark is chosen: mark at least one.")
    for name in names:
        if name in BUNDLED and (lacking := BUNDLED[name].missing()):
            raise InputError(f"{name}: {lacking}")
    dims = _widths(wish, model.spec.dim)
    funnels = tuple(f"funnel:{dim}" for dim in range(1, model.spec.dim))
    config = RunConfig(
        model=bench.model_argument,
        benchmark=tuple(names),
        task=_some(wish.tasks, "adapters", tuple(map(str, model.tasks))),
        dim=dims,
        vectors=_some(wish.vectors, "vectors", VECTORS),
        precision=_some(wish.precisions, "number formats", PRECISIONS),
        search=_some(wish.searches, "searches", (*SEARCHES, *funnels)),
        baseline=_some(wish.baselines, "baselines", BASELINES, least=0),
        model_precision=str(model.precision),
        device=str(model.device),
        seed=whole(wish.seed, "seed", 0, 2**31 - 1 if limits.trusted else MOST_SEED),
    )
    fit(config, config.model, model)
    _check_searches(config)
    return config


def _check_searches(config: RunConfig) -> None:
    from eval.config import settings_of

    if "dense" in config.vectors:
        settings_of(config, config.dim)


def _some(value: object, name: str, allowed: Sequence[str], least: int = 1) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{name}: a list is expected, not {str(value)[:60]!r}")
    for one in value:
        if not isinstance(one, str) or one not in allowed:
            offered = ", ".join(allowed[:12])
            raise InputError(f"{name}: {str(one)[:60]!r} is not offered here; there are {offered}")
    if len(value) < least:
        raise InputError(f"No {name} are chosen: mark at least one.")
    return tuple(dict.fromkeys(value))


def _folders(wish: Wish, limits: Limits) -> list[str]:
    lines = [line.strip() for line in str(wish.folders or "").splitlines() if line.strip()]
    if lines and not (limits.trusted or limits.local_folders):
        raise InputError(
            "On this server only the bundled benchmarks run: folders and data sets of one's own need "
            "`python app.py --trusted`."
        )
    if len(lines) > MOST_FOLDERS:
        raise InputError(f"{len(lines)} folders are given; at most {MOST_FOLDERS} at a time")
    return lines


def _widths(wish: Wish, full: int) -> tuple[int, ...]:
    marked = [str(value) for value in wish.widths] if isinstance(wish.widths, list | tuple) else []
    words = [*marked, *re.split(r"[\s,;]+", str(wish.more_widths or "").strip())]
    dims = []
    for word in (word for word in words if word):
        if not re.fullmatch(r"\d{1,6}", word) or not 1 <= int(word) <= full:
            raise InputError(f"width {word[:20]!r}: whole numbers from 1 to {full} are needed")
        dims.append(int(word))
    found = tuple(sorted(set(dims)))
    if not found:
        raise InputError("No width is chosen: mark at least one.")
    if len(found) > MOST_WIDTHS:
        raise InputError(f"{len(found)} widths are chosen; at most {MOST_WIDTHS} in one run")
    return found


class Shelf:
    """Benchmarks that have been made or read, so that estimate, run and looking into a run share them."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, int], Benchmark] = OrderedDict()
        self._lock = threading.Lock()
        self._each: dict[tuple[str, int], threading.Lock] = {}

    def load(self, name: str, *, seed: int = 0) -> Benchmark:
        """As ``eval.benchmarks.load``; bundled ones are made once, folders are read anew: they may change.

        Raises:
            InputError: there is no such benchmark.
        """
        if name not in BUNDLED:
            return benchmarks.load(name, seed=seed)
        with self._lock:
            own = self._each.setdefault((name, seed), threading.Lock())
        with own:
            found = self.known(name, seed)
            if found is None:
                found = benchmarks.load(name, seed=seed)
                with self._lock:
                    self._kept[name, seed] = found
                    while len(self._kept) > self._most:
                        self._kept.popitem(last=False)
            return found

    def known(self, name: str, seed: int = 0) -> Benchmark | None:
        """The benchmark if it is there already."""
        with self._lock:
            if (name, seed) in self._kept:
                self._kept.move_to_end((name, seed))
            return self._kept.get((name, seed))


def check_size(config: RunConfig, shelf: Shelf, limits: Limits) -> list[Benchmark]:
    """The benchmarks of a run, if they are small enough for a visitor.

    Raises:
        InputError: together they are larger than a visitor's runs may be, or one cannot be had.
    """
    found = [shelf.load(name, seed=config.seed) for name in config.benchmark]
    items = sum(len(one.corpus) + len(one.queries) for one in found)
    if limits.benchmark_items is not None and items > limits.benchmark_items:
        raise InputError(
            f"These benchmarks have {items:,} documents and queries; a visitor's run may have "
            f"{limits.benchmark_items:,} on this server. Choose fewer, or run it where you are trusted."
        )
    return found


def check_room(kept: int, limits: Limits) -> None:
    """Refuse a visitor's run where a public host keeps very many already.

    Raises:
        InputError: there is no room.
    """
    if not limits.trusted and kept >= MOST_RUNS:
        raise InputError(
            f"This server keeps {kept:,} runs, and takes no more from visitors: its owner has to remove some."
        )


_loads: dict[tuple[str, str, object], Load] = {}
_fingerprints: dict[int, tuple[Any, str]] = {}


def estimate(config: RunConfig, bench: Workbench, shelf: Shelf, limits: Limits) -> list[str]:
    """What a run would take, in sentences: items, what is there already, tokens, disk, hours, caps.

    Raises:
        InputError: a benchmark cannot be had, or is too large.
    """
    found = check_size(config, shelf, limits)
    spec = bench.model.spec
    loads = []
    for one in found:
        key = (one.name, one.fingerprint, spec)
        if key not in _loads:
            _loads[key] = load_of(one, config, spec)
        loads.append(_loads[key])
    lines = [_shorter(line) for line in totals([(config, loads)])]
    lines.append(IDLE)
    wanted, missing = _to_encode(config, bench, found)
    lines.insert(
        0,
        f"{missing:,} of {wanted:,} passes through the model are still to be made; the vectors of the others "
        "are in the cache",
    )
    if limits.benchmark_seconds is not None:
        lines.append(f"a visitor's run may take {clock(limits.benchmark_seconds)} (minutes:seconds) here")
    return lines


def passes_left(config: RunConfig, bench: Workbench, found: Sequence[Benchmark]) -> int:
    """Passes through the model that a run still has to make."""
    return _to_encode(config, bench, found)[1]


def _shorter(line: str) -> str:
    """A part of an hour in minutes or seconds."""

    def told(match: re.Match[str]) -> str:
        seconds = float(match[1].replace(",", "")) * 3600
        if seconds >= 3600:
            return match[0]
        return f"about {seconds:.1f} seconds" if seconds < 120 else f"about {seconds / 60:.0f} minutes"

    return re.sub(r"about ([\d.,e+-]+) hours", told, line)


def _to_encode(config: RunConfig, bench: Workbench, found: Sequence[Benchmark]) -> tuple[int, int]:
    """Passes of a run in all, and those whose vectors are not in the cache."""
    spec = bench.model.spec
    about = {
        "fingerprint": _fingerprint(bench.model), "precision": str(bench.model.precision),
        "max_length": spec.max_tokens, "max_pixels": spec.pixels.max_pixels,
        "dim": spec.dim, "multi_vector_dim": spec.multi_vector_dim,
    }  # fmt: skip
    wanted = missing = 0
    for asked, answers in sides_of(config.task).values():
        for one in found:
            for job, items in ((asked, one.queries), (answers, one.corpus)):
                wanted += len(items)
                stores = [
                    find_store([config.cache_folder], about, job.task, job.role, kind)
                    for kind in config.vectors
                ]
                missing += max(count_missing(store, items) for store in stores)
    return wanted, missing


def _fingerprint(model: Any) -> str:  # noqa: ANN401
    """Of the model's files; reading gigabytes takes a while, so once."""
    if id(model) not in _fingerprints:
        _fingerprints.clear()
        _fingerprints[id(model)] = (model, model_fingerprint(model))
    return _fingerprints[id(model)][1]


def benchmark_of(name: str, settings: dict[str, Any], shelf: Shelf) -> Benchmark:
    """A benchmark by its name in a run: bundled, or one of the folders that the run was given.

    Nothing is fetched from another host.

    Raises:
        InputError: it is not here, or cannot be read.
    """
    seed = settings.get("seed") or 0
    if name in BUNDLED:
        if lacking := BUNDLED[name].missing():
            raise InputError(f"{name}: {lacking}")
        return shelf.load(name, seed=int(seed))
    for entry in settings.get("benchmark") or []:
        folder = Path(str(entry)).expanduser()
        if folder.name == name and folder.is_dir():
            try:
                return shelf.load(str(entry))
            except (EmbedderError, OSError) as error:
                raise InputError(f"{name} cannot be read any more: {error}") from None
    raise InputError(f"the texts and pictures of {name} are not on this machine")
