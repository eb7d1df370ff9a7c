"""What every loader of data sets checks: paths, pictures, ids; and how it counts what it had to mend."""

import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedder.errors import InputError
from embedder.images import MAX_IMAGE_BYTES
from embedder.inputs import load_image
from eval.benchmarks.model import Items

ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*:", re.IGNORECASE)
NAMED = 5  # ids and names that a message gives at most


def inside(root: Path, name: str, what: str = "") -> Path:
    """The plain file `name` of a folder, symbolic links followed, and refused where they lead out.

    Args:
        root: the folder, resolved.
        name: a relative path with forward slashes.
        what: put before the name in messages.

    Raises:
        InputError: the path is absolute or an address, leads out, or is no plain file that can be read.
    """
    label = f"{what}{name!r}"
    if ADDRESS.match(name) or Path(name).is_absolute() or "\0" in name or "\\" in name:
        raise InputError(f"{label}: give a path relative to {root.name}/, with forward slashes")
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise InputError(f"{label} leads outside the benchmark's folder {root.name}/; refused")
    try:
        mode = path.stat().st_mode
    except OSError as error:
        near = sorted(p.name for p in path.parent.glob("*"))[:NAMED] if path.parent.is_dir() else []
        there = f" ({path.parent.name}/ has {', '.join(near)})" if near else ""
        raise InputError(f"{label} cannot be read in {root}: {error.strerror}{there}") from None
    if not stat.S_ISREG(mode):
        raise InputError(f"{label} in {root} is a folder, pipe or device, expected a plain file")
    return path


def fault_of_picture(data: bytes, label: str) -> str | None:
    """Why a picture cannot be used, if so; decoded once so that encoding will not stumble."""
    if len(data) > MAX_IMAGE_BYTES:
        return f"{label} has over {MAX_IMAGE_BYTES:,} bytes"
    try:
        load_image(data, name=label)
    except InputError as error:
        return str(error)
    return None


def notices_of(empty: Sequence[str], broken: Mapping[str, str], where: str) -> list[str]:
    """What was mended, in words: ids of empty texts, and ids of broken pictures with the reasons."""
    said = []
    if empty:
        said.append(f"{where}: {len(empty)} empty texts, kept ({', '.join(map(repr, empty[:NAMED]))})")
    if broken:
        first = next(iter(broken.values()))
        said.append(f"{where}: {len(broken)} pictures cannot be used and were left out (first: {first})")
    return said


def kind_of(items: Items) -> str:
    """Whether items are texts, images or both, as a modality names them."""
    if not items.pictures:
        return "text"
    return "image" if items.pictures == len(items) else "text and image"
