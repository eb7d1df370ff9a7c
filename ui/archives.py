"""Pictures from a zip: entries are checked by what the archive declares, then unpacked one at a time."""

import posixpath
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from embedder.errors import EmbedderError, InputError
from ui.collection import Item, image_item, safe_name
from ui.faults import Fault
from ui.kept_files import keep
from ui.limits import PUBLIC, Limits

MAX_RATIO = 200
"""Unpacked to packed: pictures are packed already, so that an honest archive of them is near 1."""
RATIO_FROM = 2**20
"""Bytes from which the ratio counts; BMP drawings of one colour pack well."""
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".txt")
_JUNK = re.compile(r"(^|/)(__MACOSX/|\.[^./\\]|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
_OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)|\x00")


@dataclass(frozen=True)
class Picture:
    """A picture of an archive: its path within, and what it became."""

    path: str
    item: Item


def is_zip(start: bytes) -> bool:
    """Whether a file begins like a zip, an empty one included."""
    return start[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def pictures(path: Path, name: str, limits: Limits = PUBLIC) -> Iterator[Picture | Fault]:
    """The pictures of a zip in the order of their names, and everything else as a fault.

    Nothing is written under a name of the archive's, and nothing is opened that lies in another archive.

    Raises:
        InputError: no zip, damaged, or by its own account too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [e for e in archive.infolist() if not e.is_dir() and not _JUNK.search(e.filename)]
            _check(entries, name, limits)
            for entry in sorted(entries, key=lambda e: _natural(e.filename)):
                yield _one(archive, entry, name, limits)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: is no zip that can be read ({str(error)[:120]})") from None


def _check(entries: list[zipfile.ZipInfo], name: str, limits: Limits) -> None:
    if not entries:
        raise InputError(f"{name}: holds no file")
    if len(entries) > limits.archive_files:
        raise InputError(f"{name}: holds {len(entries):,} files; at most {limits.archive_files:,} are taken")
    declared = sum(entry.file_size for entry in entries)
    if declared > limits.archive_bytes:
        most = limits.archive_bytes // 2**20
        raise InputError(f"{name}: unpacks to {declared / 2**20:,.0f} MB; at most {most:,} MB are taken")
    packed = sum(entry.compress_size for entry in entries)
    if declared > RATIO_FROM and declared > MAX_RATIO * max(1, packed):
        raise InputError(
            f"{name}: unpacks to {declared / max(1, packed):,.0f} times its size, which pictures do not; "
            f"at most {MAX_RATIO} times are taken"
        )


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Order as people count: 2 before 10."""
    parts = re.split(r"(\d{1,15})", name)
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def _one(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, limits: Limits) -> Picture | Fault:
    label = f"{name} / {safe_name(entry.filename)}"
    reason = _unwanted(entry, limits)
    if reason:
        return Fault(label, reason, value=entry.filename)
    try:
        with archive.open(entry) as file:
            data = file.read(limits.picture_bytes + 1)
        if len(data) > limits.picture_bytes:
            return Fault(label, f"has more than {limits.picture_bytes // 2**20} MB", value=entry.filename)
        if data.startswith(b"PK\x03\x04") or data.startswith(b"\x1f\x8b"):
            return Fault(label, "is an archive within an archive, which is not opened", value=entry.filename)
        item = image_item(keep(data, posixpath.basename(entry.filename)))
    except EmbedderError as error:
        return Fault(label, _without_name(str(error)), value=entry.filename)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        return Fault(label, f"cannot be unpacked ({str(error)[:80]})", value=entry.filename)
    except Exception as error:  # each way of packing has errors of its own
        return Fault(label, f"cannot be unpacked ({type(error).__name__})", value=entry.filename)
    return Picture(entry.filename.replace("\\", "/"), item)


def _unwanted(entry: zipfile.ZipInfo, limits: Limits) -> str:
    """Why an entry is not even unpacked, "" if it may be."""
    mode = entry.external_attr >> 16
    lower = entry.filename.lower()
    if _OUTSIDE.search(entry.filename):
        return "its path leads out of the archive"
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is a link or a device, no file"
    if entry.flag_bits & 1:
        return "is locked with a password"
    if lower.endswith((".zip", ".gz", ".tar", ".7z", ".rar", ".tgz", ".xz", ".bz2")):
        return "is an archive within an archive, which is not opened"
    if lower.endswith(_TABLES):
        return "is no picture; give a table as a file of its own, beside the archive"
    if entry.file_size > limits.picture_bytes:
        most = limits.picture_bytes // 2**20
        return f"has {entry.file_size / 2**20:,.0f} MB; at most {most} MB are taken for a picture"
    return ""


def _without_name(message: str) -> str:
    """The embedder's messages begin with the name, which has a column of its own."""
    return message.split(": ", 1)[-1] if ": " in message[:120] else message
