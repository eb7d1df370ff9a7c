"""Bad inputs 1 to 29, one row each or more: what goes in, and what must come of it.

A rejection is an `InputError` that names the item; everything else is a result, with the
notices it must carry. Rows that need the model go through the real one.
"""

import math
import os
import random
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from embedder import Embedder, EmbedderNotice, InputError
from embedder.inputs import load_image
from tests.embedder import hostile
from tests.embedder.hostile import BLUE, FORMATS, GREEN, RED, chunk, png, sample, saved

TOO_LARGE = "pixels, the limit is 20,000,000"
UNREADABLE = "damaged, truncated or not a picture"
FOREIGN = "not a picture that can be read here"


@dataclass(frozen=True)
class Rejected:
    """The input must be refused in words that match."""

    because: str


@dataclass(frozen=True)
class Accepted:
    """The input must be taken; `size` and `pixel` (at a place) of an image, `notice` a pattern."""

    notice: str | None = None
    size: tuple[int, int] | None = None
    pixel: tuple[tuple[int, int], tuple[int, int, int]] | None = None
    check: Callable[[Image.Image], None] | None = None


@dataclass(frozen=True)
class Vector:
    """The model must return a unit vector; `check` sees the model and it."""

    notice: str | None = None
    check: Callable[[Embedder, np.ndarray], None] | None = None
    options: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True)
class Case:
    fault: int
    what: str
    make: Callable[[], object]
    then: Rejected | Accepted | Vector
    seconds: float = 5
    upright: bool = False


# ---- pictures -----------------------------------------------------------------------------------


def is_a_ramp(image: Image.Image) -> None:
    """All 16-bit values become all 8-bit values in order; a naive convert is white from 1/256 on."""
    values = np.asarray(image)
    expected = np.rint(hostile.ramp16().astype(np.float64) / 257)
    assert np.array_equal(values, np.repeat(expected[..., None], 3, axis=2))


def is_nearly_red(image: Image.Image) -> None:
    assert np.abs(np.asarray(image).astype(int) - RED).max() <= 3  # JPEG is lossy


def is_half_grey(image: Image.Image) -> None:
    assert np.array_equal(np.unique(np.asarray(image)), [0, 128, 255])


def is_sample(image: Image.Image) -> None:
    assert np.array_equal(np.asarray(image), np.asarray(Image.open(hostile.io.BytesIO(sample("PNG")))))


def floats(low: float, middle: float, high: float) -> bytes:
    return saved(Image.fromarray(np.array([[low, middle, high]] * 3, dtype=np.float32)), "TIFF")


def clear_red() -> bytes:
    image = Image.new("RGBA", (20, 10), (*RED, 0))
    image.paste((*BLUE, 255), (10, 0, 20, 10))
    return saved(image, "PNG")


def clear_palette() -> bytes:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 255, 255, 0, 0])
    return saved(image, "PNG", transparency=bytes([10, 20]))


def bad_exif() -> bytes:
    return hostile.jpeg_with_exif(b"II*\0\x08\0\0\0\xff\xff" + bytes(range(200)))


def bad_profile_png() -> bytes:
    pixel = chunk(b"IDAT", hostile.zlib.compress(b"\0" + bytes(RED)))
    return png(1, 1, chunk(b"iCCP", b"broken\0\0not deflated at all"), pixel)


def profile_of_garbage(kind: str) -> bytes:
    options = {"lossless": True} if kind == "WEBP" else {}
    return saved(Image.new("RGB", (16, 16), RED), kind, icc_profile=b"garbage" * 50, **options)


def lab() -> Image.Image:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.applyTransform(
        Image.new("RGB", (8, 8), RED), ImageCms.buildTransform(*profiles, "RGB", "LAB")
    )


def looped_tiff() -> bytes:
    """A good page whose "next page" is itself."""
    return hostile.grey_tiff(4, 4, bytes(range(0, 160, 10)), following=8)


def is_unit(model: Embedder, vector: np.ndarray) -> None:
    assert vector.shape == (model.spec.dim,)


SIGNATURES = {
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "GIF": saved(Image.new("P", (8, 8)), "GIF"),
    "AVIF": b"\0\0\0\x20ftypavif\0\0\0\0" + bytes(100),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100),
}

PICTURES = [
    Case(1, "no bytes", lambda: b"", Rejected(f"{FOREIGN}.*is empty")),
    Case(1, "text", lambda: b"just some words", Rejected(f"{FOREIGN}.*just some wo")),
    Case(1, "HTML", lambda: b"  <!DOCTYPE html><p>", Rejected(f"{FOREIGN}.*HTML")),
    Case(1, "SVG", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", Rejected(f"{FOREIGN}.*SVG")),
    *(
        Case(2, f"{kind} of {share}", lambda kind=kind, cut=cut: cut(sample(kind)), Rejected(UNREADABLE))
        for kind in FORMATS
        for share, cut in (
            ("60%", lambda data: data[: len(data) * 6 // 10]),
            ("20 bytes", lambda data: data[:20]),
        )
    ),
    *(Case(3, f"{kind} bits", lambda kind=kind: kind, Accepted()) for kind in FORMATS),
    Case(4, "PNG 30k", hostile.BOMBS["PNG 30k"], Rejected(f"30000 x 30000 = 900,000,000 {TOO_LARGE}")),
    Case(5, "PNG 177 MP", hostile.png_of_177_megapixels, Rejected(f"13300 x 13300 .*{TOO_LARGE}")),
    Case(
        6,
        "TIFF 100k",
        hostile.BOMBS["TIFF 100k"],
        Rejected(f"100000 x .*{TOO_LARGE}"),
    ),
    Case(
        6,
        "TIFF 10k",
        hostile.BOMBS["TIFF 10k"],
        Rejected(f"10000 x 10000 .*{TOO_LARGE}"),
    ),
    Case(6, "TIFF 4k", lambda: hostile.grey_tiff(4_000, 4_000, b""), Rejected(UNREADABLE)),
    Case(6, "TIFF tile", hostile.BOMBS["TIFF tile"], Rejected("tiles of 268,435,456 pixels")),
    Case(6, "TIFF tags", hostile.BOMBS["TIFF shared tags"], Rejected("bytes in its tags, the limit")),
    Case(
        6,
        "TIFF numbers",
        hostile.BOMBS["TIFF many numbers"],
        Rejected("500,000 numbers in its tags, the limit"),
    ),
    Case(6, "EXIF tags", hostile.BOMBS["JPEG EXIF"], Rejected("bytes in its tags, the limit")),
    Case(6, "WebP canvas", hostile.BOMBS["WebP 16k"], Rejected(f"16383 x 16383 .*{TOO_LARGE}")),
    Case(6, "JPEG 60k", hostile.BOMBS["JPEG 60k"], Rejected(f"60000 x 60000 .*{TOO_LARGE}")),
    Case(7, "TIFF loop", looped_tiff, Accepted(size=(4, 4), pixel=((3, 3), (150, 150, 150))), 1),
    Case(7, "LZW garbage", lambda: hostile.grey_tiff(900, 900, os.urandom(9000), 5), Rejected(UNREADABLE), 1),
    Case(8, "BMP 40k", hostile.BOMBS["BMP 40k"], Rejected(f"40000 x 40000 .*{TOO_LARGE}")),
    Case(9, "zTXt bomb", hostile.BOMBS["PNG zTXt"], Rejected("too large")),
    Case(9, "iCCP bomb", hostile.BOMBS["PNG iCCP"], Rejected("too large")),
    Case(9, "JPEG scans", hostile.BOMBS["JPEG scans"], Rejected("5,0.. scans, the limit is 100")),
    *(
        Case(10, kind, lambda data=data: data, Rejected(f"{FOREIGN}.*looks like {kind}"))
        for kind, data in SIGNATURES.items()
    ),
    Case(11, "PNG named .jpg", lambda: sample("PNG"), Accepted(size=(96, 64), check=is_sample)),
    Case(
        12, "animated WebP", lambda: hostile.frames("WEBP"), Accepted("only the first", pixel=((5, 5), RED))
    ),
    Case(12, "APNG", lambda: hostile.frames("PNG"), Accepted("only the first", pixel=((5, 5), RED))),
    Case(12, "TIFF pages", lambda: hostile.frames("TIFF"), Accepted("only the first", pixel=((5, 5), RED))),
    Case(
        13,
        "PNG",
        lambda: saved(Image.fromarray(hostile.ramp16()), "PNG"),
        Accepted("16 bits", check=is_a_ramp),
    ),
    Case(
        13,
        "TIFF",
        lambda: saved(Image.fromarray(hostile.ramp16()), "TIFF"),
        Accepted("16 bits", check=is_a_ramp),
    ),
    Case(14, "0..1", lambda: floats(0, 0.5, 1), Accepted("rescaled from 0..1 ", check=is_half_grey)),
    Case(14, "0..255", lambda: floats(0, 128, 255), Accepted("from 0..255 ", check=is_half_grey)),
    Case(14, "-3..5", lambda: floats(-3, 1.01, 5), Accepted("from -3..5 ", check=is_half_grey)),
    Case(14, "NaN", lambda: floats(0, math.nan, 1), Rejected("NaN or infinite pixels")),
    Case(15, "RGBA", clear_red, Accepted("transparency is dropped", pixel=((2, 2), RED))),
    Case(15, "palette", clear_palette, Accepted("transparency is dropped", pixel=((2, 2), RED))),
    Case(
        15,
        "opaque",
        lambda: saved(Image.new("RGBA", (9, 9), (*RED, 255)), "PNG"),
        Accepted(pixel=((2, 2), RED)),
    ),
    Case(16, "CMYK", lambda: Image.new("CMYK", (8, 8), (0, 255, 255, 0)), Accepted(pixel=((2, 2), RED))),
    Case(
        16,
        "CMYK TIFF",
        lambda: saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF"),
        Accepted(pixel=((2, 2), RED)),
    ),
    Case(
        16,
        "LA",
        lambda: saved(Image.new("LA", (8, 8), (77, 255)), "PNG"),
        Accepted(pixel=((2, 2), (77, 77, 77))),
    ),
    Case(
        16,
        "P",
        lambda: saved(Image.new("RGB", (8, 8), GREEN).convert("P"), "PNG"),
        Accepted(pixel=((2, 2), GREEN)),
    ),
    Case(
        16,
        "1-bit",
        lambda: saved(Image.new("1", (8, 8), 1), "TIFF"),
        Accepted(pixel=((2, 2), (255, 255, 255))),
    ),
    Case(16, "LAB", lab, Rejected("LAB colour space")),
    Case(16, "LAB TIFF", lambda: saved(lab(), "TIFF"), Rejected("LAB colour space")),
    *(
        case
        for kind in ("JPEG", "PNG", "WEBP")
        for case in (
            Case(17, f"{kind} stored", lambda k=kind: hostile.oriented(k, 6), Accepted(size=(40, 20))),
            Case(
                17,
                f"{kind} upright",
                lambda k=kind: hostile.oriented(k, 6),
                Accepted(size=(20, 40)),
                upright=True,
            ),
        )
    ),
    Case(
        17,
        "turned pixels",
        lambda: hostile.oriented("PNG", 6),
        Accepted(pixel=((10, 5), RED), size=(20, 40)),
        upright=True,
    ),
    Case(17, "99", lambda: hostile.oriented("JPEG", 99), Accepted(size=(40, 20)), upright=True),
    Case(17, "garbage", bad_exif, Accepted(size=(8, 8)), upright=True),
    Case(18, "PNG", bad_profile_png, Accepted(pixel=((0, 0), RED))),
    *(
        Case(18, kind, lambda k=kind: profile_of_garbage(k), Accepted(size=(16, 16)))
        for kind in ("JPEG", "TIFF", "WEBP")
    ),
    Case(19, "1x1", lambda: Image.new("RGB", (1, 1), RED), Vector(check=is_unit)),
    Case(19, "1x200", lambda: saved(Image.new("RGB", (1, 200), RED), "PNG"), Vector(check=is_unit)),
    Case(
        20, "1x201", lambda: Image.new("RGB", (1, 201)), Rejected("aspect ratio of 201.0, the limit is 200")
    ),
    Case(
        20,
        "wide PNG",
        lambda: saved(Image.new("L", (4020, 20)), "PNG"),
        Rejected("aspect ratio of 201.0, the limit"),
    ),
    *(
        Case(
            21, str(address), lambda address=address: address, Rejected("is an address .*nothing is fetched")
        )
        for address in (
            "https://example.com/a.png",
            "http://169.254.169.254/latest/meta-data/",
            "file:///etc/passwd",
            "FTP://host/a.png",
            "data:image/png;base64,iVBORw0KGgo=",
            Path("https://example.com/a.png"),
        )
    ),
]

# ---- texts --------------------------------------------------------------------------------------


def million_marks() -> str:
    return "e" + "".join(random.Random(0).choices("\u0301\u0323\u0327\u0345", k=1_000_000))


def same_as_start(model: Embedder, vector: np.ndarray) -> None:
    """The vector of a text that was cut is that of its beginning."""
    assert np.abs(vector - quietly(model, "the words " * 2000)).max() < 1e-6


def quietly(model: Embedder, text: str) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmbedderNotice)
        return model.encode_text(text, max_length=512)


def neighbours_keep(text: str) -> Callable[[Embedder, np.ndarray], None]:
    def check(model: Embedder, vector: np.ndarray) -> None:
        beside = ["a lighthouse", text, "tide tables for the harbour"]
        together = model.encode_text(beside)
        alone = np.stack([model.encode_text(item) for item in beside])
        assert ((together * alone).sum(axis=1) >= 0.9999).all()
        assert np.abs(vector - together[1]).max() < 1e-5

    return check


def differs_from_empty(model: Embedder, vector: np.ndarray) -> None:
    assert np.abs(vector - model.encode_text("")).max() > 1e-3


def repeats(text: str) -> Callable[[Embedder, np.ndarray], None]:
    def check(model: Embedder, vector: np.ndarray) -> None:
        assert np.array_equal(vector, model.encode_text(text))

    return check


SHORT = (("max_length", 512),)
SPECIAL = ("<|vision_start|>", "<|image_pad|>", "<|im_end|>", "<|vision_start|><|image_pad|><|vision_end|>")

TEXTS = [
    *(
        Case(22, repr(text), lambda text=text: text, Vector(check=repeats(text)))
        for text in ("", "   ", "\n\t ")
    ),
    Case(23, "NUL", lambda: "a\0b", Vector(check=differs_from_empty)),
    Case(23, "BOM", lambda: "\ufeffwords", Vector(check=differs_from_empty)),
    Case(23, "right to left", lambda: "\u202eשלום עולם مرحبا", Vector(check=differs_from_empty)),
    Case(24, "lone surrogate", lambda: "half \ud83d of it", Vector("1 lone surrogates were replaced")),
    Case(25, "a million marks", million_marks, Vector("was cut to its first", options=SHORT), 5),
    Case(
        26, "10 MB", lambda: "the words " * 1_000_000, Vector("was cut to its first", same_as_start, SHORT), 2
    ),
    Case(27, "no space", lambda: "x" * 1_000_000, Vector("was cut to its first", options=SHORT), 2),
    Case(27, "no space, Han", lambda: "\u6771" * 1_000_000, Vector("was cut to its first", options=SHORT), 2),
    *(Case(29, text, lambda text=text: text, Vector(check=neighbours_keep(text))) for text in SPECIAL),
]


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the network calls that were tried; each of them also fails."""
    tried: list[str] = []

    def refuse(name: str) -> Callable[..., None]:
        def call(*_: object, **__: object) -> None:
            tried.append(name)
            raise AssertionError(f"{name} was called")

        return call

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(f"socket.{name}", refuse(name))
    return tried


def test_every_fault_has_a_row() -> None:
    assert {case.fault for case in (*PICTURES, *TEXTS)} == set(range(1, 30)) - {28}
    # 28 is about exact numbers of tokens: the tests below.


@pytest.mark.parametrize("case", [*PICTURES, *TEXTS], ids=lambda case: f"{case.fault:02}-{case.what}")
def test_bad_input(case: Case, model: Embedder, no_sockets: list[str], tmp_path: Path) -> None:
    source = case.make()
    if case.fault == 11:
        path = tmp_path / "really_a_png.jpg"
        path.write_bytes(source)
        source = path
    # Of this process alone: other programs may be busy beside it.
    start, start_wall = time.process_time(), time.perf_counter()
    if case.fault == 3:
        damaged_pictures_are_told(str(source))
    elif isinstance(case.then, Vector):
        gives_a_vector(model, source, case.then)
    else:
        is_read_or_refused(source, case.then, case.upright)
    # The smaller of the two: waiting threads count in one, a busy machine in the other.
    assert min(time.process_time() - start, time.perf_counter() - start_wall) < case.seconds
    assert no_sockets == []


def is_read_or_refused(source: object, then: Rejected | Accepted, upright: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing of Pillow's may leak
        if isinstance(then, Rejected):
            with pytest.raises(InputError, match=rf"(?s)^item 7.*{then.because}"):
                load_image(source, name="item 7", upright=upright)
            return
        loaded = load_image(source, name="item 7", upright=upright)
    assert loaded.image.mode == "RGB"
    assert loaded.image.info == {}
    said = " ".join(loaded.notices)
    assert (then.notice in said and said.startswith("item 7")) if then.notice else not said
    if then.size:
        assert loaded.image.size == then.size
    if then.pixel:
        place, colour = then.pixel
        assert loaded.image.getpixel(place) == colour
    if then.check:
        then.check(loaded.image)


def gives_a_vector(model: Embedder, source: object, then: Vector) -> None:
    encode = model.encode_text if isinstance(source, str) else model.encode_image
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vector = encode(source, **dict(then.options))
    said = [str(warning.message) for warning in caught if warning.category is EmbedderNotice]
    if then.notice:
        assert any(part in text for part in then.notice.split("|") for text in said)
    else:
        assert said == []
    assert vector.dtype == np.float32
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5
    if then.check:
        then.check(model, vector)


def damaged_pictures_are_told(kind: str) -> None:
    """Some flips cannot be noticed; none may end in anything but a picture or an `InputError`."""
    refused = 0
    for seed in range(150):
        try:
            loaded = load_image(hostile.flipped(sample(kind), seed), name="item 7")
            assert loaded.image.mode == "RGB"
        except InputError as error:
            assert str(error).startswith("item 7")
            refused += 1
    # A BMP is nearly all pixels, and has no checksum.
    assert refused >= (1 if kind == "BMP" else 5)


def test_one_bad_picture_is_named_and_the_good_ones_still_work(model: Embedder) -> None:
    good = Image.new("RGB", (40, 40), RED)
    with pytest.raises(InputError, match="item 1"):
        model.encode_image([good, b"not a picture", good])
    assert model.encode_image([good, good]).shape == (2, model.spec.dim)


# ---- 28: the exact limit ------------------------------------------------------------------------


def tokens_of(model: Embedder, text: str, **options: object) -> tuple[int, list[str]]:
    embedded = model.embed([text], vectors=("dense",), **options)
    return embedded.tokens[0], list(embedded.notices)


@pytest.mark.parametrize(("extra", "cut"), [(0, False), (1, True)])
def test_28_a_limit_of_512_tokens_is_exact(model: Embedder, extra: int, cut: bool) -> None:
    limit_is_exact(model, 512, extra, cut, max_length=512)


@pytest.mark.slow
@pytest.mark.parametrize(("extra", "cut"), [(0, False), (1, True)])
def test_28_32768_tokens_are_kept_and_one_more_is_cut_with_a_notice(
    model: Embedder, extra: int, cut: bool
) -> None:
    assert model.spec.max_tokens == 32_768
    limit_is_exact(model, 32_768, extra, cut)


def limit_is_exact(model: Embedder, limit: int, extra: int, cut: bool, **options: object) -> None:
    # Each digit is one token, and so are the prefix's parts: find their number first.
    prefix = tokens_of(model, "5")[0] - 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmbedderNotice)
        tokens, notices = tokens_of(model, "5" * (limit - prefix + extra), **options)
    assert tokens == limit
    assert bool(notices) == cut
    assert all(f"{limit:,}" in notice for notice in notices)
