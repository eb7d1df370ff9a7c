"""Pictures in: a path, bytes or a PIL image become plain RGB, or a clear refusal.

What is decided here, and the same for every caller:

* JPEG, PNG, BMP, TIFF and WebP, told by content and never by file name; up to 20
  megapixels, checked in the header before any pixel is decoded.
* Pixels are those of PIL's `convert("RGB")`, as in the original: alpha is dropped and
  not blended, colour profiles are not applied. Where that conversion would clip (16-bit,
  32-bit and floating-point grey), values are rescaled instead, and a notice says how.
* EXIF orientation is applied only on request (`upright=True`); the default is the
  picture as stored, as in the original. TIFF is the exception: Pillow turns it itself.
* Of several frames or pages the first is used.
"""

import io
import os
import re
import stat
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from embedder.errors import InputError
from embedder.headers import HeaderError, claimed_size, exif_orientation, sniff

MAX_IMAGE_PIXELS = 20_000_000
MAX_IMAGE_BYTES = 256 * 2**20  # 20 MP of uncompressed 64-bit pixels are 160 MB
MAX_ASPECT_RATIO = 200  # the original's own limit, long side over short side
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")

ImageSource: TypeAlias = Image.Image | str | os.PathLike[str] | bytes

# "https://..." loses a slash in pathlib, and "data:" and "file:" need none.
_ADDRESS = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*://|(?:https?|ftps?|file|data|blob|s3|gs):)", re.IGNORECASE)
# Pillow's own turns for each EXIF orientation (CIPA DC-008, 4.6.5).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class LoadedImage:
    """A picture that is safe to use.

    Attributes:
        image: mode RGB, of the stored size, with no metadata and no tie to its source.
        notices: what was dropped, rescaled or left out, in words for people.
    """

    image: Image.Image
    notices: tuple[str, ...] = ()


def load_image(source: ImageSource, *, name: str | None = None, upright: bool = False) -> LoadedImage:
    """Read one picture as RGB.

    Args:
        source: a PIL image, the path of a file, or the bytes of a file. Never an address:
            nothing is fetched from a network.
        name: what messages call this item, such as "image 3".
        upright: turn the picture by its EXIF orientation (garbage there is ignored).

    Returns:
        The picture with 1 to 20,000,000 pixels and a long side of at most 200 short ones.

    Raises:
        InputError: the source is of another type, not a readable picture, too large, too
            long and thin, truncated, or in a colour space that has no plain RGB.
    """
    label = name or "image"
    if isinstance(source, Image.Image):
        picture = source
    else:
        label, data = _read(source, label)
        picture = _open(data, label)
    _check_size(*picture.size, label)
    with _guard(label):
        notices = _file_notices(picture, label)
        picture.load()
        rgb = _to_rgb(picture, label, notices)
        if upright:
            rgb = _turn(rgb, picture.info.get("exif"))
    rgb.info = {}
    return LoadedImage(rgb, tuple(notices))


def _read(source: object, label: str) -> tuple[str, bytes]:
    """The bytes of a file, and the label with the file's name added."""
    if isinstance(source, bytes | bytearray | memoryview):
        if len(source) > MAX_IMAGE_BYTES:
            raise InputError(f"{label} has {len(source):,} bytes, the limit is {MAX_IMAGE_BYTES:,}")
        return label, bytes(source)
    if not isinstance(source, str | os.PathLike):
        raise InputError(f"{label} is of type {_type_name(source)}; {_type_advice(source)}")
    path = os.fspath(source)
    if not isinstance(path, str):
        raise InputError(f"{label} is a path of type {type(path).__name__}; give a str or a pathlib.Path")
    if _ADDRESS.match(path) or (os.name == "nt" and path.startswith(("\\\\", "//"))):
        raise InputError(
            f"{label} is an address ({_short(path)}): nothing is fetched here; "
            "download it, then give its path or bytes"
        )
    file_name = Path(path).name or path
    return _read_file(path, label if file_name in label else f"{label} ({_short(file_name)})")


def _read_file(path: str, label: str) -> tuple[str, bytes]:
    # O_NONBLOCK: opening a FIFO must not wait for a writer before fstat can refuse it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - pathlib has no descriptors
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InputError(f"{label} is a folder, pipe or device, expected a file: {_short(path)}")
            data = file.read(MAX_IMAGE_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"{label} does not exist: {_short(path)} (looked in {Path.cwd()})") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise InputError(f"{label} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MAX_IMAGE_BYTES:
        raise InputError(f"{label} has over {MAX_IMAGE_BYTES:,} bytes, which is the limit; shrink it first")
    return label, data


def _open(data: bytes, label: str) -> Image.Image:
    """A picture whose header has been read and found harmless; its pixels are still compressed."""
    found = sniff(data)
    if found not in FORMATS:
        what = f"looks like {found}" if found else f"begins with {data[:12]!r}" if data else "is empty"
        raise InputError(
            f"{label} is not a picture that can be read here: it {what}; convert it to PNG or JPEG"
        )
    try:
        size = claimed_size(data)
    except HeaderError as error:
        raise InputError(f"{label} {error}") from None
    if size:
        _check_size(*size, label)
    with _guard(label):
        return Image.open(io.BytesIO(data), formats=FORMATS)


def _check_size(width: int, height: int, label: str) -> None:
    pixels = width * height
    if pixels < 1:
        raise InputError(f"{label} has {width} x {height} pixels, at least 1 x 1 is needed")
    if pixels > MAX_IMAGE_PIXELS:
        raise InputError(
            f"{label} has {width} x {height} = {pixels:,} pixels, "
            f"the limit is {MAX_IMAGE_PIXELS:,}; shrink it first"
        )
    ratio = max(width, height) / min(width, height)
    if ratio > MAX_ASPECT_RATIO:
        raise InputError(
            f"{label} of {width} x {height} pixels has an aspect ratio of {ratio:.1f}, "
            f"the limit is {MAX_ASPECT_RATIO}; crop it or split it"
        )


def _file_notices(picture: Image.Image, label: str) -> list[str]:
    """What is to be said before a pixel is decoded: often nothing."""
    notices = []
    if ImageFile.LOAD_TRUNCATED_IMAGES:  # set by somebody else in this process; it is not ours to change
        notices.append(
            f"{label} may be cut off: PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on, so it cannot be told"
        )
    # How many frames there are is not asked: counting the pages of a TIFF can take long.
    if getattr(picture, "is_animated", False):
        frame = picture.tell()
        which = "the first" if frame == 0 else f"number {frame + 1}, the selected one,"
        notices.append(f"{label} has several frames or pages; only {which} is used")
    return notices


def _to_rgb(picture: Image.Image, label: str, notices: list[str]) -> Image.Image:
    if picture.mode == "LAB":
        raise InputError(
            f"{label} is in the LAB colour space, which has no plain RGB; convert it to sRGB first"
        )
    if picture.mode.startswith("I") or picture.mode == "F":
        return _rescaled(picture, label, notices).convert("RGB")
    if _is_transparent(picture):
        notices.append(
            f"{label} has transparent parts; transparency is dropped, not blended, as in the original"
        )
    return picture.convert("RGB")


def _is_transparent(picture: Image.Image) -> bool:
    bands = picture.getbands()
    if bands[-1] in ("A", "a"):
        return bool(picture.getchannel(len(bands) - 1).getextrema()[0] != 255)
    return "transparency" in picture.info


def _rescaled(picture: Image.Image, label: str, notices: list[str]) -> Image.Image:
    """Deep grey as 8 bits.

    16 bits: 0..65535 to 0..255. 32-bit integers: by the smallest of the ranges 0..255 and
    0..65535 that holds them. Floats: 0..1 as intensities, 0..255 as they are. Anything
    else from its own minimum and maximum.
    """
    values = np.asarray(picture)
    if picture.mode.startswith("I;16"):
        table = (np.arange(65536, dtype=np.uint32) * 255 + 32767) // 65535  # rounds to nearest
        notices.append(f"{label} has 16 bits per pixel, rescaled to 8")
        return Image.fromarray(table.astype(np.uint8)[values])
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise InputError(f"{label} has NaN or infinite pixels; replace them first")
    limits = (1.0, 255.0) if picture.mode == "F" else (255.0, 65535.0)
    top = next((limit for limit in limits if low >= 0 and high <= limit), None)
    start, span = (low, high - low) if top is None else (0.0, top)
    notices.append(f"{label} has 32-bit pixels, rescaled from {start:g}..{start + span:g} to 0..255")
    scaled = (values - np.float32(start)) * np.float32(255 / (span or 1))
    return Image.fromarray(np.rint(scaled).clip(0, 255).astype(np.uint8))


def _turn(image: Image.Image, exif: object) -> Image.Image:
    turn = _TURNS.get(exif_orientation(exif)) if isinstance(exif, bytes) else None
    return image if turn is None else image.transpose(turn)


@contextmanager
def _guard(label: str) -> Iterator[None]:
    """Pillow's many errors as one of ours, and its warnings about hostile files kept in."""
    with _pillow_quiet():
        try:
            yield
        except InputError:
            raise
        except Image.DecompressionBombError as error:
            digits = re.search(r"\d+", str(error))
            pixels = f"{int(digits[0]):,}" if digits else "too many"
            raise InputError(f"{label} has {pixels} pixels, the limit is {MAX_IMAGE_PIXELS:,}") from None
        except Exception as error:  # hostile bytes reach KeyError, OverflowError, struct.error and more
            bad_header = isinstance(error, UnidentifiedImageError)
            reason = "its header makes no sense" if bad_header else _short(str(error) or type(error).__name__)
            raise InputError(f"{label} is damaged, truncated or not a picture: {reason}") from error


class _SharedFilter:
    """Ignores Pillow's warnings while any thread decodes.

    Warning filters are one list per process, and `catch_warnings` by several threads at
    once restores them in the wrong order: so the first one in saves, the last one out restores.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\b")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._saved.__exit__(None, None, None)


_SHARED_FILTER = _SharedFilter()


@contextmanager
def _pillow_quiet() -> Iterator[None]:
    if getattr(sys.flags, "context_aware_warnings", False):  # Python 3.14: filters may be per thread
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\b")
            yield
    else:
        with _SHARED_FILTER:
            yield


def _type_name(value: object) -> str:
    kind = type(value)
    package = kind.__module__.split(".")[0]
    return kind.__name__ if package == "builtins" else f"{package}.{kind.__name__}"


def _type_advice(value: object) -> str:
    if isinstance(value, np.ndarray):
        return "use PIL.Image.fromarray(array) with uint8 values (height, width, 3)"
    if callable(getattr(value, "read", None)):
        return "use file.read() for its bytes, or give its path"
    if isinstance(value, list | tuple):
        return "one item is one picture: give several pictures as one flat list"
    return "expected a PIL image, a path or bytes"


def _short(text: str, limit: int = 120) -> str:
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")
