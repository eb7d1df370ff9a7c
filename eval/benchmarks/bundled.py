"""The benchmarks that are made here when asked for, offline: what they are, how large, and what they need."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from eval.benchmarks.model import Benchmark

PICTURES, TEXTS = "text to image", "text to text"


@dataclass(frozen=True)
class Bundled:
    """A benchmark that is made at run time, offline.

    Attributes:
        modality: what is searched with what.
        about: one line for people.
        make: builds it from its name and a seed.
        size: number of documents and of queries.
        missing: what it needs and is not installed, with the line to run; None if nothing.
    """

    modality: str
    about: str
    make: Callable[[str, int], Benchmark]
    size: Callable[[], tuple[int, int]]
    missing: Callable[[], str | None] = lambda: None


def _call(module: str, function: str, *values: object) -> Any:  # noqa: ANN401
    """A function of a sibling module, imported when it is called: some of them read large files."""
    return getattr(import_module(f"eval.benchmarks.{module}"), function)(*values)


def _twice(module: str) -> Callable[[], tuple[int, int]]:
    """The size of drawn pairs of a right and a wrong picture, one question each."""

    def size() -> tuple[int, int]:
        asked: int = import_module(f"eval.benchmarks.{module}").ASKED
        return 2 * asked, asked

    return size


def _counted(make: Callable[[str, int], Benchmark]) -> Callable[[], tuple[int, int]]:
    """The size of what takes no longer to make than to count."""

    def size() -> tuple[int, int]:
        made = make("", 0)
        return len(made.corpus), len(made.queries)

    return size


def _charts_size() -> tuple[int, int]:
    from eval.benchmarks import charts

    return 2 * charts.ASKED, charts.ASKED + charts.GENERAL


_documentation = partial(_call, "standard_library", "documentation")
_code = partial(_call, "standard_library", "code")
_halves = partial(_call, "standard_library", "halves")
_definitions, _names = (partial(_call, "words", name) for name in ("definitions", "names"))

BUNDLED = {
    "python-docs": Bundled(
        TEXTS, "first paragraph of a docstring -> the rest of it", _documentation, _counted(_documentation)
    ),
    "python-code": Bundled("text to code", "summary of a function -> its code", _code, _counted(_code)),
    "python-halves": Bundled(
        "code to code", "first half of a function -> its second half", _halves, _counted(_halves)
    ),
    "scenes": Bundled(
        PICTURES,
        "sentence -> picture of coloured shapes",
        partial(_call, "drawn_scenes", "scenes"),
        _twice("drawn_scenes"),
    ),
    "groups": Bundled(
        PICTURES,
        "number of things, or three things -> picture",
        partial(_call, "drawn_groups", "groups"),
        _twice("drawn_groups"),
    ),
    "sizes": Bundled(
        PICTURES,
        "small or large things -> picture",
        partial(_call, "drawn_sizes", "sizes"),
        _twice("drawn_sizes"),
    ),
    "charts": Bundled(
        PICTURES,
        "what is to be seen -> drawn chart, graded",
        partial(_call, "charts", "charts"),
        _charts_size,
    ),
    "definitions": Bundled(
        TEXTS,
        "word -> its definition",
        _definitions,
        _counted(_definitions),
        missing=partial(_call, "words", "missing", "definitions"),
    ),
    "packages": Bundled(
        TEXTS,
        "one line about a program -> its description",
        partial(_call, "packages", "packages"),
        partial(_call, "packages", "size"),
        missing=partial(_call, "packages", "missing"),
    ),
    "names": Bundled(
        TEXTS,
        "name in one of 16 languages -> English name",
        _names,
        _counted(_names),
        missing=partial(_call, "words", "missing", "names"),
    ),
    "emoji": Bundled(
        PICTURES,
        "name or keyword -> emoji, graded",
        partial(_call, "emoji", "emoji"),
        partial(_call, "emoji", "size"),
        missing=partial(_call, "emoji", "missing"),
    ),
    "pages": Bundled(
        PICTURES,
        "title or a word of it -> page, graded",
        partial(_call, "titles", "pages"),
        partial(_call, "titles", "size"),
        missing=partial(_call, "titles", "missing"),
    ),
}
