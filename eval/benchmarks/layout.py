"""Which files of a data-set folder hold which table: by the card's `configs`, or by where they lie.

The card is README.md as the hub writes it, with a list of configurations (`corpus`, `queries`, `qrels`
or `default`), their splits and the files of each. Without one the folders' and files' names say the
same: `corpus/test-00000-of-00001.parquet`, `queries.jsonl`, `data/test.parquet`. Nothing outside the
folder is read, and nothing is fetched whatever a card says.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedder.errors import InputError
from eval.benchmarks.checks import ADDRESS, NAMED, inside

FORMATS = {".parquet": "parquet", ".jsonl": "json", ".json": "json", ".csv": "csv", ".tsv": "csv"}
Layout = dict[str, dict[str, list[Path]]]  # configuration -> split -> files

TABLES = ("corpus", "queries", "qrels")
_CARD = "README.md"
_CARD_BYTES = 2**20
_SHARD = re.compile(r"[-_.]\d+[-_]of[-_]\d+.*")


def read_layout(root: Path) -> Layout:
    """Configurations, splits and files of a data-set folder.

    Args:
        root: the folder, resolved.

    Raises:
        InputError: the card cannot be read or names files outside the folder; a file leads out of it.
    """
    by_card = _by_card(root)
    found = {name: splits for name, splits in _by_place(root).items() if name not in by_card} | by_card
    return {
        name: {split: [_checked(root, path) for path in files] for split, files in splits.items()}
        for name, splits in found.items()
    }


def is_laid_out_in_tables(root: Path) -> bool:
    """Whether a folder is laid out as the hub lays data sets out, rather than as BEIR does."""
    if (root / "corpus.jsonl").is_file() and any(root.glob("qrels/*.tsv")):
        return root.parent.name == "snapshots"  # whose files are links that BEIR's loader refuses
    return bool(_configs(root)) or any(root.rglob("*.parquet")) or any(root.glob("qrels*/**/*.jsonl"))


def _configs(root: Path) -> list[dict[str, Any]]:
    """The card's list of configurations, empty where there is no card or no list."""
    path = root / _CARD
    if not path.is_file():
        return []
    _checked(root, path)
    if path.stat().st_size > _CARD_BYTES:
        raise InputError(f"{_CARD} in {root.name} has over {_CARD_BYTES:,} bytes, the limit")
    from huggingface_hub.repocard import metadata_load

    try:
        listed = (metadata_load(path) or {}).get("configs", [])
    except Exception as error:  # YAML's and Unicode's own
        raise InputError(f"{_CARD} in {root.name}: its YAML cannot be read: {error}") from None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise InputError(f"{_CARD} in {root.name}: `configs` is no list of mappings")
    return listed


def _by_card(root: Path) -> Layout:
    found: Layout = {}
    for config in _configs(root):
        name = str(config.get("config_name", "default"))
        for split, pattern in _patterns(config.get("data_files", [])):
            files = _matching(root, pattern, f"{_CARD}, configuration {name!r}")
            found.setdefault(name, {}).setdefault(split, []).extend(files)
    return found


def _patterns(data_files: object) -> Iterator[tuple[str, str]]:
    """Split and pattern of each entry; what names no split is the split train, as on the hub."""
    for entry in data_files if isinstance(data_files, list) else [data_files]:
        split, paths = "train", entry
        if isinstance(entry, dict):
            split, paths = entry.get("split", "train"), entry.get("path")
        for path in paths if isinstance(paths, list) else [paths]:
            yield str(split), str(path)


def _matching(root: Path, pattern: str, where: str) -> list[Path]:
    if ADDRESS.match(pattern) or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise InputError(f"{where}: {pattern!r} leads outside the folder {root.name}/; nothing is fetched")
    files = [path for path in sorted(root.glob(pattern)) if path.suffix in FORMATS]
    if not files:
        raise InputError(
            f"{where}: no file matches {pattern!r} in {root}; fetch the data set again, or take the files of "
            f"these kinds: {', '.join(FORMATS)}"
        )
    return files


def _by_place(root: Path) -> Layout:
    """Configurations as folders' and files' names tell them; a subset is a folder around its tables."""
    found: Layout = {}
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if path.suffix not in FORMATS or any(part.startswith(".") for part in parts):
            continue
        split = _SHARD.sub("", path.stem)
        folders = [part for part in parts[:-1] if part != "data"]
        if folders and folders[-1] == "default":
            folders[-1] = "qrels"
        if not folders or folders[-1] not in TABLES:
            folders.append(split if split in TABLES else "default")
        found.setdefault("/".join(folders), {}).setdefault(split, []).append(path)
    return found


def _checked(root: Path, path: Path) -> Path:
    """The path, if it is a plain file within the folder, or in the hub's cache that the folder is part of."""
    in_cache = root.parent.name == "snapshots"
    boundary = root.parent.parent if in_cache else root
    inside(boundary, path.relative_to(boundary).as_posix())
    return path


def choose(layout: Layout, table: str, subset: str | None) -> str | None:
    """The configuration that holds a table, or None; `default` may be the judgements'."""
    names = [table, "query"] if table == "queries" else [table]
    if subset:
        names = [f"{subset}{sign}{name}" for name in names for sign in ("-", "/")]
    elif table == "qrels":
        names.append("default")
    return next((name for name in names if name in layout), None)


def choose_split(splits: dict[str, list[Path]], wanted: str | None, table: str, where: str) -> str:
    """The split to read: the one wanted, else test, else the one named as the table, else the only one.

    Raises:
        InputError: none of these is there.
    """
    for name in (wanted, "test", table):
        if name in splits:
            return str(name)
        if name == wanted and wanted and table == "qrels":
            break
    if len(splits) == 1 and (table != "qrels" or not wanted):
        return next(iter(splits))
    names = ", ".join(sorted(splits)[: 4 * NAMED])
    raise InputError(
        f"{where}: no split {wanted or 'test'!r} of the {table}; there are {names}: add #SPLIT to its name"
    )
