"""Benchmarks: made here when asked for, folders in BEIR's layout, data sets of the hub."""

from collections.abc import Iterable
from pathlib import Path

from embedder.errors import InputError
from eval.benchmarks.beir import is_folder, load_folder
from eval.benchmarks.bundled import BUNDLED, Bundled
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
