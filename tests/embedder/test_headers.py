"""What is read from the first bytes of a picture, against what Pillow says."""

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from embedder.headers import HeaderError, claimed_size, exif_orientation, sniff
from tests.embedder import hostile
from tests.embedder.hostile import FORMATS, sample, saved

OPTIONS = {
    "JPEG": [{}, {"progressive": True}, {"comment": b"\xff\xda" * 30}],
    "PNG": [{}, {"bits": 8}],
    "BMP": [{}],
    "TIFF": [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}, {"big_tiff": True}],
    "WEBP": [{}, {"lossless": True}, {"icc_profile": b"x" * 200}],
}


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    ("kind", "options"), [(kind, options) for kind in FORMATS for options in OPTIONS[kind]]
)
def test_the_claimed_size_is_the_size(kind: str, options: dict[str, object], mode: str) -> None:
    for size in ((1, 1), (300, 7), (33, 1000)):
        data = saved(Image.new(mode, size), kind, **options)
        assert sniff(data) == kind
        assert claimed_size(data) == size


def test_headers_that_pillow_does_not_write() -> None:
    old_bmp = b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 30_000, 40_000, 1, 24)
    assert claimed_size(old_bmp) == (30_000, 40_000)
    top_down = b"BM" + bytes(12) + struct.pack("<IiiHH", 40, 20, -30, 1, 24)
    assert claimed_size(top_down) == (20, 30)
    motorola = b"MM\0*" + struct.pack(">IH", 8, 2) + struct.pack(">HHIHH", 256, 3, 1, 77, 0)
    motorola += struct.pack(">HHII", 257, 4, 1, 88)
    assert claimed_size(motorola) == (77, 88)
    assert claimed_size(b"RIFF\0\0\0\0WEBPJUNK" + bytes(40)) is None


def test_of_a_size_given_twice_the_larger_counts() -> None:
    tags = [(256, 4, 1, 50_000), (256, 4, 1, 10), (257, 4, 1, 50_000), (257, 4, 1, 10)]
    assert claimed_size(hostile.tiff(tags)) == (50_000, 50_000)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_header_cut_off_anywhere_is_no_error_here(kind: str) -> None:
    data = sample(kind)
    for length in range(0, 200):
        size = claimed_size(data[:length])
        assert size is None or size == (96, 64)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FORMATS), st.integers(0, 2**32), st.binary(max_size=64))
def test_garbage_never_ends_in_another_error(kind: str, seed: int, tail: bytes) -> None:
    data = hostile.flipped(sample(kind)[:400], seed) + tail
    data = data[: random.Random(seed).randrange(len(data))]
    try:
        claimed_size(data)
    except HeaderError:
        pass
    assert 1 <= exif_orientation(tail) <= 8


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(10))
def test_orientation_of_a_block(order: str, orientation: int) -> None:
    mark = {"<": b"II", ">": b"MM"}[order]
    block = (
        mark
        + struct.pack(order + "HIH", 42, 8, 1)
        + struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    )
    expected = orientation if 1 <= orientation <= 8 else 1
    assert exif_orientation(block) == expected
    assert exif_orientation(b"Exif\0\0" + block) == expected


@pytest.mark.parametrize(
    "block", [b"", b"Exif\0\0", b"II*\0", b"II*\0\xff\xff\xff\xff", b"XX", b"MM\0*" + bytes(4)]
)
def test_no_orientation_is_upright(block: bytes) -> None:
    assert exif_orientation(block) == 1
