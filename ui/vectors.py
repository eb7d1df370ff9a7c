"""Encoding for the page: full-width vectors, kept in memory by content, computed batch by batch."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from embedder.errors import EmbedderError
from embedder.stop import stoppable
from ui.collection import Item
from ui.limits import PUBLIC, Limits

Array = np.ndarray[Any, np.dtype[Any]]
Key = tuple[str, str, str]

CACHE_BYTES = 256 * 2**20
WARM_UP_SECONDS = 30
GROUP = 8
"""Inputs handed over between two looks at the cancel button."""


@dataclass(frozen=True)
class Known:
    """A vector that has been computed: float32 (dim,), tokens, patches, share of the time, what was said."""

    vector: Array
    tokens: int
    patches: int = 0
    seconds: float = 0.0
    notices: tuple[str, ...] = ()


class VectorCache:
    """Vectors by content, task and role; the oldest go when ``max_bytes`` is full. Safe for threads.

    Keys are digests of the content: one visitor's vector is found by another only who holds the same input.
    """

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[Key, Known] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Known | None:
        """The vector of this content, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def put(self, key: Key, entry: Known) -> None:
        """Keep a vector; older ones make room."""
        with self._lock:
            previous = self._entries.pop(key, None)
            self._bytes += entry.vector.nbytes - (previous.vector.nbytes if previous else 0)
            self._entries[key] = entry
            while self._bytes > self._max_bytes and len(self._entries) > 1:
                _, oldest = self._entries.popitem(last=False)
                self._bytes -= oldest.vector.nbytes


@dataclass(frozen=True)
class Embedded:
    """What came of a list of items.

    Attributes:
        vectors: float32 (n, dim), full width, length 1; a row of NaN where an item failed.
        tokens: length of each item in tokens, prompt and template included.
        patches: image tokens of each item (each covers 28 x 28 resized pixels), 0 for a text.
        each: seconds per item when it was encoded (its share of the batch).
        seconds: wall time of this encoding.
        computed: how many items went through the model; the others were known already.
        problems: message per item that failed.
        notices: what was cut, mapped or replaced.
    """

    vectors: Array
    tokens: tuple[int, ...]
    patches: tuple[int, ...]
    each: tuple[float, ...]
    seconds: float
    computed: int
    problems: dict[int, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Progress:
    """How far an encoding has come; ``result`` is set on the last one."""

    done: int
    total: int
    seconds: float
    result: Embedded | None = None


def _never() -> bool:
    return False


class Count:
    """How many are inside: ``with count: ...``. Safe for threads."""

    def __init__(self) -> None:
        self.now = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.now += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


@dataclass
class Workbench:
    """The model of this process with its cache: what every tab is given.

    Attributes:
        model: an ``Embedder``.
        model_argument: what ``Embedder.from_pretrained`` was given, for the code that repeats a result.
        quick: the model is fast enough to compute before anyone asks (decided by the warm-up).
        warmed: set when the warm-up has come to an end.
        cache: vectors that are known already.
        limits: what a visitor may ask for.
        models: the models that this process offers (:class:`ui.models.Models`), None where it is only this.
        requests: what came past the page's queue, over REST, and is not answered yet.
    """

    model: Any
    model_argument: str = "mini"
    quick: bool = True
    cache: VectorCache = field(default_factory=VectorCache)
    warmed: threading.Event = field(default_factory=threading.Event)
    limits: Limits = PUBLIC
    models: Any = None
    requests: Count = field(default_factory=Count)

    def eager(self) -> bool:
        """Whether to compute before anyone asks; waits for a warm-up that is still running."""
        self.warmed.wait(WARM_UP_SECONDS)
        return self.quick

    def load_code(self) -> str:
        """The Python that loads the same model with the same number format."""
        return f"Embedder.from_pretrained({self.model_argument!r}, precision={str(self.model.precision)!r})"

    def encode(
        self,
        items: Sequence[Item],
        task: str,
        prompt_name: str,
        batch_size: int | None = None,
        is_over: Callable[[], bool] = _never,
    ) -> Iterator[Progress]:
        """Encode what is not known yet, a few inputs at a time, so that a caller can stop in between.

        Args:
            items: what to encode.
            task: one of the model's adapters.
            prompt_name: "query" or "passage"; pictures carry no prompt.
            batch_size: inputs per batch, None for the device's default.
            is_over: asked within a group as well, where a long text takes seconds.

        Yields:
            Progress after every group; the last carries the result.

        Raises:
            Stopped: ``is_over()`` was true.
        """
        start = time.perf_counter()
        keys = [_key(item, task, prompt_name) for item in items]
        known, problems = self._brought(items, keys)
        known |= {key: found for key in keys if (found := self.cache.get(key)) is not None}
        wrong = {key for key in keys if key[0] in problems}
        missing = _first_of_each(keys, known.keys() | wrong)
        yield Progress(len(items) - len(missing), len(items), 0.0)
        for begin in range(0, len(missing), batch_size or GROUP):
            group = missing[begin : begin + (batch_size or GROUP)]
            with stoppable(is_over):
                fresh = self._encode_group([items[i] for i in group], task, prompt_name, batch_size)
            for i, entry in zip(group, fresh, strict=True):
                if isinstance(entry, str):
                    problems[items[i].digest] = entry
                else:
                    known[keys[i]] = entry
                    self.cache.put(keys[i], entry)
            done = len(items) - len(missing) + begin + len(group)
            yield Progress(done, len(items), time.perf_counter() - start)
        seconds = time.perf_counter() - start
        result = self._assemble(items, keys, known, problems, seconds, len(missing))
        yield Progress(len(items), len(items), seconds, result)

    def run(
        self, items: Sequence[Item], task: str, prompt_name: str, batch_size: int | None = None
    ) -> Embedded:
        """Encode in one go: for a warm-up or a test."""
        *_, last = self.encode(items, task, prompt_name, batch_size)
        assert last.result is not None  # the generator's last word always carries it
        return last.result

    def _brought(self, items: Sequence[Item], keys: Sequence[Key]) -> tuple[dict[Key, Known], dict[str, str]]:
        """Vectors that items carry themselves, cut to length 1; a message for those of another width."""
        known: dict[Key, Known] = {}
        problems: dict[str, str] = {}
        for item, key in zip(items, keys, strict=True):
            if not item.vector:
                continue
            vector = np.frombuffer(item.vector, dtype="<f4")
            if len(vector) == self.model.spec.dim:
                known[key] = Known(vector / np.linalg.norm(vector), 0)
            else:
                widths = f"{len(vector)} dimensions, the model's have {self.model.spec.dim}"
                problems[item.digest] = f"came with a vector of {widths}: only the Map can show it"
        return known, problems

    def _encode_group(
        self, items: Sequence[Item], task: str, prompt_name: str, batch_size: int | None
    ) -> list[Known | str]:
        """Encode a group; if it fails, each alone, so that one bad item does not take the others with it."""
        try:
            sources = [item.source() for item in items]
            return list(self._forward(sources, task, prompt_name, batch_size))
        except EmbedderError as error:
            if len(items) == 1:
                return [split_item(str(error))[1]]
            return [self._encode_group([item], task, prompt_name, batch_size)[0] for item in items]

    def _forward(
        self, sources: list[Any], task: str, prompt_name: str, batch_size: int | None
    ) -> Iterator[Known]:
        start = time.perf_counter()
        result = self.model.embed(
            sources,
            task=task,
            prompt_name=prompt_name,
            batch_size=batch_size,
            vectors=("dense",),
            upright=True,
        )
        share = (time.perf_counter() - start) / len(sources)
        said = [split_item(notice) for notice in result.notices]
        for row, (vector, tokens) in enumerate(zip(result.dense, result.tokens, strict=True)):
            own = tuple(text for index, text in said if index in (row, None))
            grid = result.grids[row]
            patches = grid[0] * grid[1] if grid else 0
            yield Known(np.ascontiguousarray(vector, dtype=np.float32), int(tokens), patches, share, own)

    def _assemble(
        self,
        items: Sequence[Item],
        keys: Sequence[Key],
        known: dict[Key, Known],
        problems: dict[str, str],
        seconds: float,
        computed: int,
    ) -> Embedded:
        vectors = np.full((len(items), self.model.spec.dim), np.nan, dtype=np.float32)
        entries = [known.get(key) for key in keys]
        notices: list[str] = []
        for row, entry in enumerate(entries):
            if entry:
                vectors[row] = entry.vector
                notices += [f"{items[row].label}: {notice}" for notice in entry.notices]
        failed = {row: problems[item.digest] for row, item in enumerate(items) if item.digest in problems}
        return Embedded(
            vectors,
            tuple(entry.tokens if entry else 0 for entry in entries),
            tuple(entry.patches if entry else 0 for entry in entries),
            tuple(entry.seconds if entry else 0.0 for entry in entries),
            seconds,
            computed,
            failed,
            tuple(dict.fromkeys(notices)),
        )


def split_item(message: str) -> tuple[int | None, str]:
    """The embedder counts the items of one call ("item 3: ..."); here they are told apart by name instead."""
    found = re.match(r"item (\d+)(?: \('[^']*'\))?:? (.*)", message, re.DOTALL)  # with or without the file
    return (int(found[1]), found[2]) if found else (None, message)


def _key(item: Item, task: str, prompt_name: str) -> Key:
    return (item.digest, task, "" if item.kind == "image" else prompt_name)


def _first_of_each(keys: Sequence[Key], known: Set[Key]) -> list[int]:
    """Positions that must be computed, each distinct content once."""
    seen: set[Key] = set()
    rows = []
    for row, key in enumerate(keys):
        if key not in known and key not in seen:
            seen.add(key)
            rows.append(row)
    return rows
