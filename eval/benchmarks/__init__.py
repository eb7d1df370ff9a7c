"""Benchmarks: made here when asked for, folders in BEIR's layout, data sets of the hub."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from embedder.errors import InputError
from eval.benchmarks.beir import is_folder, load_folder
from eval.benchmarks.hub import load_hub, parse
from eval.benchmarks.layout import is_laid_out_in_tables
from eval.benchmarks.model import Benchmark, Input, Items, assemble, digest, has_picture
from eval.benchmarks.tables import load_tables

__all__ = [
    "BUNDLED",
    "Benchmark",
    "Bundled",
    "Input",
    "Items",
    "assemble",
    "digest",
    "expand",
    "has_picture",
    "load",
    "load_folder",
]


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


def _documentation(name: str, _seed: int = 0) -> Benchmark:
    from eval.benchmarks import standard_library

    return standard_library.documentation(name)


def _code(name: str, _seed: int = 0) -> Benchmark:
    from eval.benchmarks import standard_library

    return standard_library.code(name)


def _scenes(name: str, seed: int) -> Benchmark:
    from eval.benchmarks import drawn_scenes

    return drawn_scenes.scenes(name, seed)


def _scenes_size() -> tuple[int, int]:
    from eval.benchmarks import drawn_scenes

    return 2 * drawn_scenes.ASKED, drawn_scenes.ASKED


def _charts(name: str, seed: int) -> Benchmark:
    from eval.benchmarks import charts

    return charts.charts(name, seed)


def _charts_size() -> tuple[int, int]:
    from eval.benchmarks import charts

    return 2 * charts.ASKED, charts.ASKED + charts.GENERAL


def _emoji(name: str, _seed: int = 0) -> Benchmark:
    from eval.benchmarks import emoji

    return emoji.emoji(name)


def _emoji_size() -> tuple[int, int]:
    from eval.benchmarks import emoji

    return emoji.size()


def _emoji_missing() -> str | None:
    from eval.benchmarks import emoji

    return emoji.missing()


def _counted(make: Callable[[str], Benchmark]) -> Callable[[], tuple[int, int]]:
    """The size of what takes no longer to make than to count."""

    def size() -> tuple[int, int]:
        made = make("")
        return len(made.corpus), len(made.queries)

    return size


BUNDLED = {
    "python-docs": Bundled(
        "text to text",
        "first paragraph of a docstring -> the rest of it",
        _documentation,
        _counted(_documentation),
    ),
    "python-code": Bundled("text to code", "summary of a function -> its code", _code, _counted(_code)),
    "scenes": Bundled("text to image", "sentence -> picture of coloured shapes", _scenes, _scenes_size),
    "charts": Bundled("text to image", "what is to be seen -> drawn chart, graded", _charts, _charts_size),
    "emoji": Bundled(
        "text to image", "name or keyword -> emoji, graded", _emoji, _emoji_size, missing=_emoji_missing
    ),
}
ALL = "bundled"


def expand(names: Iterable[str]) -> tuple[str, ...]:
    """Names of benchmarks, "bundled" replaced by all of `BUNDLED` that can be made here."""
    here = [name for name, one in BUNDLED.items() if one.missing() is None]
    return tuple(dict.fromkeys(one for name in names for one in (here if name == ALL else [name])))


def load(name: str, *, seed: int = 0) -> Benchmark:
    """A benchmark by its name, from a folder, or from the hub.

    Args:
        name: a key of `BUNDLED`; the path of a folder in BEIR's layout, or in that of a data set of the
            hub; or a hub id. What is laid out as on the hub may be followed by `@REVISION`, `:SUBSET`
            and `#SPLIT`; so may `mteb:TASK`, a retrieval task of mteb, by the last two.
        seed: of benchmarks that are drawn; of the others nothing depends on it.

    Raises:
        InputError: there is no such benchmark, it cannot be had here, or it is not what it should be.
    """
    if name in BUNDLED:
        if lacking := BUNDLED[name].missing():
            raise InputError(f"benchmark {name!r}: {lacking}")
        return BUNDLED[name].make(name, seed)
    if name.startswith("mteb:"):
        from eval.benchmarks.mteb_tasks import load_mteb

        return load_mteb(name)
    address = parse(name)
    folder = Path(address.place).expanduser()
    if folder.is_dir():
        if address.subset or address.split or is_laid_out_in_tables(folder.resolve()):
            return load_tables(folder, address)
        return load_folder(folder)
    if address.is_hub_id:
        return load_hub(address)
    if is_folder(name):
        return load_folder(name)
    raise InputError(
        f"benchmark {name!r}: neither one of {', '.join(BUNDLED)} nor a folder with corpus.jsonl, "
        "queries.jsonl and qrels/test.tsv, nor a data set of the hub (OWNER/NAME), nor a task of mteb "
        "(mteb:NAME)"
    )
