"""From a model's name to a folder: the bundled miniature, a local folder, or the hub's cache."""

import os
from dataclasses import dataclass
from pathlib import Path

from embedder.errors import CheckpointError
from embedder.spec import JINA_V4, MINI, MINI_FOLDER

# What is fetched: never code, never pickles.
HUB_PATTERNS = ["*.json", "*.safetensors", "*.txt", "README.md", "LICENSE*"]  # * crosses folders


@dataclass(frozen=True)
class Location:
    """A checkpoint on this disk: its folder, the name it was asked by, and its commit (None if unknown)."""

    folder: Path
    name: str
    revision: str | None


def locate(name: str, revision: str | None = None, cache_dir: Path | None = None) -> Location:
    """Find the checkpoint called `name`, fetching it from the hub where it is not here yet.

    Args:
        name: "mini", a local folder, or a hub id "owner/name".
        revision: commit, tag or branch on the hub; None is the pinned commit of a known model, else "main".
        cache_dir: the hub cache; None is the hub's own default.

    Raises:
        CheckpointError: nothing is there; the message says where was looked and how to fetch it.
    """
    if name == MINI:
        return Location(_bundled(), MINI, None)
    if "://" in name:
        raise CheckpointError(f"{name!r}: a model is a name, a hub id or a local folder, not a URL")
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Location(folder, name, _commit_of_snapshot(folder))
    if folder.is_file():
        raise CheckpointError(f"model {name!r} is a file: give the folder that holds config.json")
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise CheckpointError(
            f"model {name!r}: no such folder ({folder.resolve()}), and a hub id has the form owner/name; "
            f"known here: {MINI!r} (bundled), {JINA_V4.name!r}"
        )
    return _from_hub(name, revision, cache_dir)


def pinned_revision(name: str) -> str:
    """The revision that is loaded unless another is asked for."""
    return JINA_V4.revision if name == JINA_V4.repo_id and JINA_V4.revision else "main"


def _bundled() -> Path:
    if not (MINI_FOLDER / "config.json").is_file():
        raise CheckpointError(
            f"the bundled miniature is missing: looked in {MINI_FOLDER}; "
            "get a complete copy of this repository, or train it: python -m embedder.training mini"
        )
    return MINI_FOLDER


def _from_hub(name: str, revision: str | None, cache_dir: Path | None) -> Location:
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    wanted = revision or pinned_revision(name)
    cache = Path(cache_dir or constants.HF_HUB_CACHE)
    options = {"revision": wanted, "cache_dir": cache, "allow_patterns": HUB_PATTERNS}
    try:
        folder = Path(snapshot_download(name, local_files_only=True, **options))
        if (folder / "config.json").is_file() and not _unfinished(folder):
            return Location(folder, name, folder.name)
    except (LocalEntryNotFoundError, OSError, ValueError):
        pass  # not here yet: ask the hub
    try:
        HfApi().model_info(name, revision=wanted, timeout=10)  # one try: a download retries for half a minute
        folder = Path(snapshot_download(name, **options))
    except Exception as error:  # the client lets its HTTP library's errors through, and changed that library
        raise CheckpointError(_unreachable(name, wanted, cache, error)) from None
    return Location(folder, name, folder.name)


def _unfinished(folder: Path) -> bool:
    """Whether an earlier download of this snapshot broke off."""
    from embedder.checkpoint import NEEDED, base_entries

    if any(not (folder / name).is_file() for name in NEEDED):
        return True
    try:
        base_entries(folder)
    except CheckpointError:
        return True
    return False


def _unreachable(name: str, revision: str, cache: Path, error: Exception) -> str:
    offline = os.environ.get("HF_HUB_OFFLINE") in {"1", "true", "TRUE", "ON", "YES"}
    reason = "HF_HUB_OFFLINE is set" if offline else f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return (
        f"model {name!r} at revision {revision} is not on this machine and the hub could not be reached "
        f"({reason}). Looked in {cache}. With a network, fetch it with:\n"
        f"    hf download {name} --revision {revision}\n"
        "or pass a local folder with its files as the model."
    )


def _commit_of_snapshot(folder: Path) -> str | None:
    """The commit, where the folder is one of the hub cache's snapshots."""
    resolved = folder.resolve()
    is_snapshot = resolved.parent.name == "snapshots" and len(resolved.name) == 40
    return resolved.name if is_snapshot else None
