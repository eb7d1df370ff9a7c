"""Data sets of the Hugging Face hub, by id or from a local folder of the same layout.

A name is `OWNER/NAME` or a folder, followed by what it needs of `@REVISION`, `:SUBSET` (a language,
say) and `#SPLIT`: `vidore/vidore_v3_hr:english`, `mteb/nfcorpus@ec0fa4f...#dev`.
"""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from embedder.errors import InputError
from eval.benchmarks.model import Benchmark

# What is fetched: tables and the card that says what they are; never code, never other documents.
PATTERNS = ["*.parquet", "*.jsonl", "*.json", "*.csv", "*.tsv", "*.png", "*.jpg", "*.jpeg", "README.md"]
_NAME = re.compile(r"(?P<place>[^@:#]+)(?:@(?P<revision>[^:#]+))?(?::(?P<subset>[^#]+))?(?:#(?P<split>.+))?")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Address:
    """Where a data set is and which part of it is meant.

    Attributes:
        place: hub id or folder.
        revision: commit, tag or branch on the hub; None is "main".
        subset: a configuration, or a language of queries.
        split: of the judgements; None is "test", or the only one there is.
    """

    place: str
    revision: str | None = None
    subset: str | None = None
    split: str | None = None

    @property
    def is_hub_id(self) -> bool:
        """Whether the place has the form of a hub id."""
        return bool(_HUB_ID.fullmatch(self.place))

    @property
    def name(self) -> str:
        """What the benchmark is called: the last part of the place, and what is meant of it."""
        last = Path(self.place).expanduser().resolve().name if not self.is_hub_id else self.place
        return "-".join(part for part in (last.rpartition("/")[2], self.subset, self.split) if part)


def parse(name: str) -> Address:
    """Take a name apart; a folder whose own name has one of the signs is taken as it is."""
    if Path(name).expanduser().is_dir():
        return Address(name)
    found = _NAME.fullmatch(name)
    return Address(**found.groupdict()) if found else Address(name)


def load_hub(address: Address) -> Benchmark:
    """A data set of the hub, from the hub's cache where it is there; fetched otherwise.

    Raises:
        InputError: it is neither in the cache nor to be had, with the command that fetches it; or it
            cannot be used.
    """
    from eval.benchmarks.tables import load_tables

    folder = _snapshot(address)
    found = load_tables(folder, address, source=f"Hugging Face data set {address.place} at {folder.name}")
    notices = found.notices
    if not _COMMIT.fullmatch(address.revision or ""):
        exact = f"{address.place}@{folder.name}"
        notices = (*notices, f"{address.place} was found at revision {folder.name}; to keep to it: {exact}")
    return replace(found, notices=notices, revision=folder.name)


def _snapshot(address: Address) -> Path:
    """The folder of a data set's files in the hub's cache."""
    from huggingface_hub import HfApi, constants, snapshot_download

    wanted = address.revision or "main"
    try:  # the hub's answer is wanted even if something is cached: a fetch may have been broken off
        if not _is_offline():
            HfApi().dataset_info(address.place, revision=wanted, timeout=10)
        return Path(
            snapshot_download(
                address.place, repo_type="dataset", revision=wanted, allow_patterns=PATTERNS,
                local_files_only=_is_offline(),
            )
        )  # fmt: skip
    except Exception as error:  # the client lets its HTTP library's errors through
        try:
            options = {"repo_type": "dataset", "revision": wanted, "local_files_only": True}
            return Path(snapshot_download(address.place, **options))
        except Exception:
            raise InputError(_unreachable(address, wanted, constants.HF_HUB_CACHE, error)) from None


def _is_offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _unreachable(address: Address, revision: str, cache: str | Path, error: Exception) -> str:
    reason = "HF_HUB_OFFLINE is set" if _is_offline() else f"{type(error).__name__}: {_first_line(error)}"
    return (
        f"benchmark {address.place!r} is no folder here ({Path(address.place).resolve()}), and as a data set "
        f"of the hub it is not on this machine at revision {revision} and could not be fetched ({reason}). "
        f"Looked in {os.fspath(cache)}. With a network, fetch it with:\n"
        f"    hf download {address.place} --repo-type dataset --revision {revision}\n"
        "or pass a local folder with its files."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
