"""Files that mean harm, or look like it, made by code: nothing here is stored."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from random import Random

import numpy as np
from PIL import Image

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@cache
def sample(kind: str) -> bytes:
    """A 96 x 64 picture with something in it; compressed where the format can."""
    pixels = np.random.default_rng(5).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    pixels[16:48, 16:48] = RED
    options = {"TIFF": {"compression": "tiff_lzw"}, "WEBP": {"lossless": True}}.get(kind, {})
    return saved(Image.fromarray(pixels), kind, **options)


def flipped(data: bytes, seed: int) -> bytes:
    """One to eight bits of `data` turned over, anywhere in it."""
    chooser, damaged = Random(seed), bytearray(data)
    for _ in range(chooser.randint(1, 8)):
        damaged[chooser.randrange(len(damaged))] ^= 1 << chooser.randrange(8)
    return bytes(damaged)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *chunks: bytes, bits: int = 8, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


@cache
def zeros(count: int) -> bytes:
    """`count` zero bytes, deflated."""
    packer = zlib.compressobj(9)
    step = 2**20
    parts = [packer.compress(bytes(min(step, count - done))) for done in range(0, count, step)]
    return b"".join(parts) + packer.flush()


@cache
def png_of_177_megapixels() -> bytes:
    """One bit per pixel: 13,300 x 13,300 in about 22 kB, and honest about its size."""
    return png(13_300, 13_300, chunk(b"IDAT", zeros(13_300 * (13_300 // 8 + 2))), bits=1, colour=0)


def png_with_bomb(name: bytes) -> bytes:
    """A 1 x 1 PNG whose text or profile unpacks to 200 MB."""
    bomb = chunk(name, b"Title\0\0" + zeros(200_000_000))
    return png(1, 1, bomb, chunk(b"IDAT", zlib.compress(b"\0\1\2\3")))


def tiff(tags: list[tuple[int, int, int, int]], data: bytes = b"", following: int = 0) -> bytes:
    """A little-endian TIFF of one directory: (tag, type, count, value), then `data`."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", following) + data


def grey_tiff(width: int, height: int, data: bytes, compression: int = 1, **extra: int) -> bytes:
    """A TIFF of one strip of 8-bit grey."""
    start = 8 + 2 + 9 * 12 + 4
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 4, 1, start),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, len(data)),
    ]
    return tiff(tags, data, **extra)


def tiled_tiff(tile: int, data: bytes) -> bytes:
    """A TIFF of 100 x 100 pixels in one deflated tile of `tile` x `tile`."""
    start = 8 + 2 + 10 * 12 + 4
    tags = [
        (256, 4, 1, 100),
        (257, 4, 1, 100),
        (258, 3, 1, 8),
        (259, 3, 1, 8),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
        (322, 4, 1, tile),
        (323, 4, 1, tile),
        (324, 4, 1, start),
        (325, 4, 1, len(data)),
    ]
    return tiff(tags, data)


def tiff_of_shared_tags(count: int, size: int) -> bytes:
    """`count` tags that all point at the first `size` bytes of the file."""
    tags = [(30_000 + number, 7, size, 0) for number in range(count)]
    return tiff(tags, bytes(max(0, size - 12 * count)))


def bmp_header(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def webp_header(width: int, height: int) -> bytes:
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", len(canvas)) + canvas + b"VP8L" + struct.pack("<I", 20) + bytes(20)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_header(width: int, height: int) -> bytes:
    """A real JPEG that claims another size."""
    data = bytearray(sample("JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_of_many_scans(count: int) -> bytes:
    data = saved(Image.new("RGB", (64, 64), RED), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    length = 2 + struct.unpack_from(">H", data, last + 2)[0]
    return data[:-2] + data[last : last + length] * count + b"\xff\xd9"


def jpeg_with_exif(block: bytes) -> bytes:
    return saved(Image.new("RGB", (8, 8)), "JPEG", exif=b"Exif\0\0" + block)


def oriented(kind: str, orientation: int) -> bytes:
    """40 x 20, its left half red, with an EXIF orientation."""
    image = Image.new("RGB", (40, 20), BLUE)
    image.paste(RED, (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))


def frames(kind: str) -> bytes:
    """Three frames: red, green, blue."""
    images = [Image.new("RGB", (32, 24), colour) for colour in (RED, GREEN, BLUE)]
    options = {"lossless": True} if kind == "WEBP" else {}
    return saved(images[0], kind, save_all=True, append_images=images[1:], **options)


def ramp16() -> np.ndarray:
    """All 65,536 values once, as a 256 x 256 picture."""
    return np.arange(65_536, dtype=np.uint16).reshape(256, 256)


BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG 30k": lambda: png(30_000, 30_000, chunk(b"IDAT", zeros(1000))),
    "PNG 177 MP": png_of_177_megapixels,
    "PNG zTXt": lambda: png_with_bomb(b"zTXt"),
    "PNG iCCP": lambda: png_with_bomb(b"iCCP"),
    "TIFF 100k": lambda: grey_tiff(100_000, 100_000, bytes(8)),
    "TIFF 10k": lambda: grey_tiff(10_000, 10_000, b""),
    "TIFF tile": lambda: tiled_tiff(16_384, zeros(16_384**2)),
    "TIFF shared tags": lambda: tiff_of_shared_tags(4000, 2**20),
    "TIFF many tags": lambda: tiff([(number, 3, 1, 1) for number in range(300, 40_000)]),
    "TIFF many numbers": lambda: tiff([(258, 3, 500_000, 30)], bytes(2**20)),
    "BMP 40k": lambda: bmp_header(40_000, 40_000),
    "WebP 16k": lambda: webp_header(16_383, 16_383),
    "JPEG 60k": lambda: jpeg_header(60_000, 60_000),
    "JPEG scans": lambda: jpeg_of_many_scans(5000),
    "JPEG EXIF": lambda: jpeg_with_exif(tiff_of_shared_tags(4000, 48_000)),
}
