"""What a picture's first bytes give away, read before Pillow sees them.

Pillow reads headers lazily, but a hostile header alone can cost it gigabytes: a WebP
canvas or a TIFF tile is allocated at the size the file claims, tags that all point at
the same bytes are copied once each, and a few bytes can ask for thousands of JPEG
scans. Everything here only indexes into the bytes; nothing is decompressed.

Sources of the layouts: PNG (W3C, 3rd edition, 11.2.1), JPEG (ITU-T T.81, annex B),
TIFF 6.0 section 2 with BigTIFF, the WebP container (RFC 9649), the BMP DIB headers.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MAX_TAGS = 4096  # per directory; cameras write about a hundred
MAX_TAG_NUMBERS = 200_000  # numbers in all tags: a strip per row and plane of a 20 MP picture fits
MAX_TAG_BYTES = 64 * 2**20  # profiles and comments in all tags
MAX_TILE_PIXELS = 20_000_000  # of a TIFF, as for a whole picture
MAX_JPEG_SCANS = 100  # progressive files have about ten; each costs a pass over the picture

ORIENTATION = 0x0112
_WIDTH, _HEIGHT, _COMPRESSION, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 259, 322, 323
_CHILDREN = (0x8769, 0x8825, 0xA005)  # EXIF, GPS, interoperability
_LZMA = 34925  # its header may ask the decoder for a dictionary of 4 GB
# Bytes per value of each TIFF field type.
_UNIT = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8}
# Signed ones are read as unsigned: a negative size then counts as too large.
_INTEGER = {1: "B", 3: "H", 4: "I", 6: "B", 8: "H", 9: "I", 13: "I", 16: "Q", 17: "Q"}
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # their sizes in bytes tell the versions apart
_BYTE_LIKE = (1, 2, 6, 7)
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"GIF8", "GIF"),
    (b"%!PS", "EPS"),
    (b"%PDF", "PDF"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\x01\0", "ICO"),
    (b"8BPS", "PSD"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML or SVG"),
    (b"<!doctype html", "HTML"),
    (b"<html", "HTML"),
)


class HeaderError(ValueError):
    """A header that claims what no honest picture needs; the text says what, and the limit."""


@dataclass(frozen=True)
class _Tag:
    kind: int
    count: int
    first: int | None  # the first value, where it is an integer kept in the directory itself

    @property
    def size(self) -> int:
        return self.count * _UNIT.get(self.kind, 0)


def sniff(data: bytes) -> str | None:
    """Name of the format that `data` begins like, or None; it need not be one we accept."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"mif1": "HEIC"}.get(data[8:12], "video")
    start = data[:64].lstrip().lower()
    for signature, found in _SIGNATURES:
        if data.startswith(signature) or (signature[:1] == b"<" and start.startswith(signature)):
            return found
    return None


def claimed_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels that the header of a picture claims, or None where it cannot be told.

    A header that is not what its format demands, by its marks and its checksum, claims nothing: it is
    damaged, and the decoder refuses it without reserving memory.

    Raises:
        HeaderError: the header asks for memory or time out of proportion.
    """
    reader = {"PNG": _png, "BMP": _bmp, "WEBP": _webp, "JPEG": _jpeg, "TIFF": _tiff}.get(sniff(data) or "")
    try:
        return reader(data) if reader else None
    except (struct.error, IndexError):
        return None  # cut off in the header: Pillow will say so


def exif_orientation(block: bytes) -> int:
    """Orientation, 1 to 8, in an EXIF block; 1 where the block is absent or garbage."""
    block = block.removeprefix(b"Exif\0\0")
    try:
        tag = _directory(block, *_first_directory(block)).get(ORIENTATION)
    except (struct.error, HeaderError):
        return 1
    value = tag.first if tag else None
    return value if value is not None and 1 <= value <= 8 else 1


def _png(data: bytes) -> tuple[int, int] | None:
    width, height = struct.unpack_from(">II", data, 16)
    checksum = struct.unpack_from(">I", data, 29)[0]
    return (width, height) if data[12:16] == b"IHDR" and zlib.crc32(data[12:29]) == checksum else None


def _bmp(data: bytes) -> tuple[int, int] | None:
    header = struct.unpack_from("<I", data, 14)[0]
    if header not in _BMP_HEADERS:
        return None
    if header == 12:  # the OS/2 header has 16-bit sides
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<Ii", data, 18)  # a negative height means top-down
    return width, abs(height)


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":  # two 24-bit sides, less one
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L" and data[20] == 0x2F:  # behind the signature, two 14-bit sides, less one
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":  # the start code of a key frame (RFC 6386, 9.1)
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    # Inside compressed data 0xFF is always followed by zero, so this can only count too many.
    scans = data.count(b"\xff\xda")
    if scans > MAX_JPEG_SCANS:
        raise HeaderError(f"has {scans:,} scans, the limit is {MAX_JPEG_SCANS}")
    size, exif = None, bytearray()
    for marker, start, length in _jpeg_segments(data):
        if marker in _FRAME_MARKERS and size is None:
            height, width = struct.unpack_from(">HH", data, start + 1)
            size = width, height
        elif marker == 0xE1 and data[start : start + 6] == b"Exif\0\0":
            exif += data[start + 6 : start + length]  # Pillow joins the blocks as well
    if exif:
        _check_exif(bytes(exif))
    return size


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and length of each segment before the first scan."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:  # junk between segments is skipped, as decoders do
            at = data.find(b"\xff", at)
            if at < 0:
                return
            continue
        marker = data[at + 1]
        if marker == 0xDA:
            return
        if marker == 0xFF:
            at += 1
        elif marker == 0 or marker in _STANDALONE:
            at += 2
        else:
            length = int.from_bytes(data[at + 2 : at + 4], "big")
            yield marker, at + 4, length - 2
            at += 2 + max(length, 2)


def _check_exif(block: bytes) -> None:
    """Refuse a bomb; garbage is left to Pillow, which ignores it."""
    try:
        _check_tree(block, *_first_directory(block))
    except struct.error:
        return


def _tiff(data: bytes) -> tuple[int, int] | None:
    tags = _check_tree(data, *_first_directory(data))
    found = {key: tag.first for key, tag in tags.items()}
    if found.get(_COMPRESSION) == _LZMA:
        raise HeaderError("is a TIFF with LZMA compression, which is not supported; save it with deflate")
    tile = (found.get(_TILE_WIDTH) or 0) * (found.get(_TILE_HEIGHT) or 0)
    if tile > MAX_TILE_PIXELS:  # a tile is decoded whole, however small the picture
        raise HeaderError(f"has tiles of {tile:,} pixels, the limit is {MAX_TILE_PIXELS:,}")
    width, height = found.get(_WIDTH), found.get(_HEIGHT)
    return (width, height) if width is not None and height is not None else None


def _first_directory(data: bytes) -> tuple[int, str, bool]:
    """Offset of the first directory, byte order, and whether it is a BigTIFF."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise struct.error("no byte order")
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    return struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0], order, big


def _check_tree(data: bytes, start: int, order: str, big: bool) -> dict[int, _Tag]:
    """The directory at `start`, after a look at the sums of it and of its child directories."""
    tags = _directory(data, start, order, big)
    numbers, size, pending, seen = 0, 0, [tags], {start}
    while pending:
        current = pending.pop()
        # Values of no known type, or longer than the data, are never read, so they cost nothing.
        real = [tag for tag in current.values() if 0 < tag.size <= len(data)]
        numbers += sum(tag.count for tag in real if tag.kind not in _BYTE_LIKE)
        size += sum(tag.size for tag in real)
        for key in _CHILDREN:
            child = current[key].first if key in current else None
            if child is not None and child not in seen and child < len(data):
                seen.add(child)
                pending.append(_directory(data, child, order, big))
    if numbers > MAX_TAG_NUMBERS:
        raise HeaderError(f"has {numbers:,} numbers in its tags, the limit is {MAX_TAG_NUMBERS:,}")
    if size > MAX_TAG_BYTES:
        raise HeaderError(f"has {size:,} bytes in its tags, the limit is {MAX_TAG_BYTES:,}")
    return tags


def _directory(data: bytes, start: int, order: str, big: bool) -> dict[int, _Tag]:
    """The tags of one directory, as many of them as the data holds."""
    if start >= len(data):
        raise struct.error("directory past the end")
    claimed = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
    entry, width, first_entry = (order + "HHQ", 20, start + 8) if big else (order + "HHI", 12, start + 2)
    count = min(claimed, (len(data) - first_entry) // width)  # garbage may claim more than there is
    if count > MAX_TAGS:
        raise HeaderError(f"has a directory of {count:,} tags, the limit is {MAX_TAGS:,}")
    tags: dict[int, _Tag] = {}
    for at in range(first_entry, first_entry + count * width, width):
        key, kind, length = struct.unpack_from(entry, data, at)
        here = at + struct.calcsize(entry)
        inline = kind in _INTEGER and 1 <= length and length * _UNIT[kind] <= at + width - here
        first = struct.unpack_from(order + _INTEGER[kind], data, here)[0] if inline else None
        known = tags.get(key)  # of a tag given twice, libraries differ in which they believe: take the larger
        if known is None or (known.first or 0) <= (first or 0):
            tags[key] = _Tag(kind, length, first)
    return tags
