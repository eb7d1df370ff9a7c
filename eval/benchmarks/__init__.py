"""Benchmarks: those that are made here when asked for, and folders in BEIR's layout."""

from collections.abc import Callable
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
        size: number of documents and of queries, without drawing a picture.
    """

    modality: str
    about: str
    make: Callable[[str, int], Benchmark]
    size: Callable[[], tuple[int, int]]


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
}


def load(name: str, *, seed: int = 0) -> Benchmark:
    """A benchmark by its name, from a folder, or from the hub.

    Args:
        name: a key of `BUNDLED`; the path of a folder in BEIR's layout, or in that of a data set of the
            hub; or a hub id. What is laid out as on the hub may be followed by `@REVISION`, `:SUBSET`
            and `#SPLIT`.
        seed: of benchmarks that are drawn; of the others nothing depends on it.

    Raises:
        InputError: there is no such benchmark, it cannot be had here, or it is not what it should be.
    """
    if name in BUNDLED:
        return BUNDLED[name].make(name, seed)
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
        "queries.jsonl and qrels/test.tsv, nor a data set of the hub (OWNER/NAME)"
    )
