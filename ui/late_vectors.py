"""Token vectors for the page: late interaction's side of :mod:`ui.vectors`, kept in memory by content."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from embedder.errors import EmbedderError
from embedder.options import MAX_PIXELS
from embedder.pieces import Piece
from ui.collection import Item
from ui.vectors import Key, Known, VectorCache, Workbench, split_item

Array = np.ndarray[Any, np.dtype[Any]]

CACHE_BYTES = 192 * 2**20
GROUP = 4
"""Inputs handed over between two looks at the cancel button."""
QUERY_TOKENS = 96
"""Longest query in tokens: each is a map of its own."""
DOCUMENT_TOKENS = 512
"""Longest text that is searched, in tokens: more would not be read on a map."""
MAX_GRIDS = 64
DETAILS = {"as trained": 1, "finer": 4}
"""How many times the model's own number of patches a picture may be cut into."""


@dataclass(frozen=True)
class Late(Known):
    """Token vectors of one input: ``vector`` is float32 (tokens, multi_vector_dim), rows of length 1.

    Attributes:
        grid: (rows, columns) of its patches, None for a text.
        pieces: what each token stands for.
    """

    grid: tuple[int, int] | None = None
    pieces: tuple[Piece, ...] = ()

    def own(self) -> Array:
        """Which tokens, as bool (tokens,), are the input's own words and patches: no prompt, no template."""
        return np.array([piece.kind in ("text", "image") for piece in self.pieces], dtype=bool)


@dataclass(frozen=True)
class Side:
    """How one side of a comparison is encoded; with the content, the key of its vectors.

    Attributes:
        task: adapter.
        prompt_name: role of texts.
        max_length: tokens of a text that are kept.
        max_pixels: of a picture, None for the model's own.
    """

    task: str
    prompt_name: str
    max_length: int
    max_pixels: int | None = None

    def settings(self, item: Item) -> str:
        """Those settings that the vectors of this item depend on."""
        role = "" if item.kind == "image" else f"{self.prompt_name} {self.max_length}"
        return f"{self.task} {role} {'' if item.kind == 'text' else self.max_pixels}"


@dataclass(frozen=True)
class Encoded:
    """What came of a list of items.

    Attributes:
        late: per item, None where it failed.
        seconds: wall time.
        computed: how many went through the model.
        problems: message per item that failed.
        notices: what was cut, mapped or replaced.
    """

    late: tuple[Late | None, ...]
    seconds: float
    computed: int
    problems: dict[int, str]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """How far an encoding has come; ``result`` is set on the last one."""

    done: int
    total: int
    seconds: float
    result: Encoded | None = None


@dataclass
class LateBench:
    """The workbench with a cache of token vectors beside the one of dense vectors."""

    bench: Workbench
    cache: VectorCache = field(default_factory=lambda: VectorCache(CACHE_BYTES))
    _grids: dict[tuple[int, int], tuple[Piece, ...]] = field(default_factory=dict)

    @property
    def able(self) -> bool:
        """Whether the model has token vectors at all."""
        return self.bench.model.spec.multi_vector_dim > 0

    def pixels(self, detail: str) -> int | None:
        """The ``max_pixels`` of one of ``DETAILS``."""
        times = DETAILS[detail]
        return None if times == 1 else min(MAX_PIXELS, times * self.bench.model.spec.pixels.max_pixels)

    def known(self, item: Item, side: Side) -> Late | None:
        """Vectors that are kept, or None."""
        found = self.cache.get(self._key(item, side))
        return found if isinstance(found, Late) else None

    def _key(self, item: Item, side: Side) -> Key:
        model = self.bench.model
        return (item.digest, f"{model.spec.name} {model.revision} {model.precision}", side.settings(item))

    def encode(self, items: Sequence[Item], side: Side) -> Iterator[Step]:
        """Encode what is not known yet, a few inputs at a time, so that a caller can stop in between."""
        start = time.perf_counter()
        found = [self.known(item, side) for item in items]
        missing = [row for row, late in enumerate(found) if late is None]
        problems: dict[int, str] = {}
        yield Step(len(items) - len(missing), len(items), 0.0)
        for begin in range(0, len(missing), GROUP):
            group = missing[begin : begin + GROUP]
            for row, fresh in zip(group, self._group([items[row] for row in group], side), strict=True):
                if isinstance(fresh, str):
                    problems[row] = fresh
                else:
                    found[row] = fresh
                    self.cache.put(self._key(items[row], side), fresh)
            done = len(items) - len(missing) + begin + len(group)
            yield Step(done, len(items), time.perf_counter() - start)
        seconds = time.perf_counter() - start
        notices = [
            f"{item.label}: {said}"
            for item, late in zip(items, found, strict=True)
            if late
            for said in late.notices
        ]
        result = Encoded(tuple(found), seconds, len(missing), problems, tuple(dict.fromkeys(notices)))
        yield Step(len(items), len(items), seconds, result)

    def _group(self, items: Sequence[Item], side: Side) -> list[Late | str]:
        """A group at once; if it fails each alone, so that one bad item does not take the others with it."""
        try:
            return list(self._forward(items, side))
        except EmbedderError as error:
            if len(items) == 1:
                return [split_item(str(error))[1]]
            return [self._group([item], side)[0] for item in items]

    def _forward(self, items: Sequence[Item], side: Side) -> Iterator[Late]:
        sources = [item.source() for item in items]
        result = self.bench.model.embed(
            sources,
            task=side.task,
            prompt_name=side.prompt_name,
            max_length=side.max_length,
            max_pixels=side.max_pixels,
            vectors=("late",),
            upright=True,
        )
        said = [split_item(notice) for notice in result.notices]
        for row, (vectors, grid) in enumerate(zip(result.late, result.grids, strict=True)):
            pieces = self._pieces(sources[row], side, grid)
            own = tuple(text for index, text in said if index in (row, None))
            patches = grid[0] * grid[1] if grid else 0
            yield Late(np.ascontiguousarray(vectors), len(vectors), patches, 0.0, own, grid, pieces)

    def _pieces(self, source: Any, side: Side, grid: tuple[int, int] | None) -> tuple[Piece, ...]:  # noqa: ANN401
        model = self.bench.model
        if not grid or isinstance(source, dict):
            options = {"prompt_name": side.prompt_name, "max_length": side.max_length}
            return tuple(model.pieces(source, grid=grid, **options))
        if grid not in self._grids:  # pictures of one grid share their pieces: up to a thousand each
            if len(self._grids) > MAX_GRIDS:
                self._grids.clear()
            self._grids[grid] = tuple(model.pieces(source, grid=grid))
        return self._grids[grid]
