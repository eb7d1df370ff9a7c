"""What a picture may come as, what comes of it, and what it may cost."""

import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from embedder.errors import InputError
from embedder.inputs import MAX_IMAGE_PIXELS, load_image
from tests.embedder import golden, hostile
from tests.embedder.hostile import BLUE, FORMATS, RED, sample, saved


@pytest.mark.parametrize("path", sorted((golden.FOLDER / "images").glob("*.png")), ids=lambda path: path.stem)
def test_pixels_are_those_of_a_plain_convert(path: Path) -> None:
    expected = np.asarray(Image.open(path).convert("RGB"))
    for source in (path, str(path), path.read_bytes(), Image.open(path)):
        assert np.array_equal(np.asarray(load_image(source).image), expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"])
def test_every_8_bit_mode_converts_as_pil_does(mode: str) -> None:
    colours = Image.open(hostile.io.BytesIO(sample("PNG")))
    image = colours.convert("P").convert("PA") if mode == "PA" else colours.convert(mode)
    assert np.array_equal(np.asarray(load_image(image).image), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read_from_bytes_and_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(sample(kind))
    expected = np.asarray(Image.open(path).convert("RGB"))
    for source in (path, sample(kind), bytearray(sample(kind))):
        loaded = load_image(source)
        assert loaded.notices == ()
        assert np.array_equal(np.asarray(loaded.image), expected)


def test_twenty_megapixels_are_taken_and_one_row_more_is_not() -> None:
    assert load_image(Image.new("L", (5000, 4000))).image.size == (5000, 4000)
    assert MAX_IMAGE_PIXELS == 5000 * 4000
    with pytest.raises(InputError, match=r"picture 4 has 5000 x 4001 = 20,005,000 pixels.*20,000,000"):
        load_image(Image.new("L", (5000, 4001)), name="picture 4")
    with pytest.raises(InputError, match="at least 1 x 1"):
        load_image(Image.new("RGB", (0, 5)))


def test_the_result_is_a_copy_and_the_source_is_untouched() -> None:
    source = Image.new("P", (4, 4), 1)
    source.putpalette([0, 0, 255, 255, 0, 0])
    source.info["transparency"] = bytes([1, 2])
    image = load_image(source).image
    image.paste(BLUE, (0, 0, 4, 4))
    assert source.mode == "P"
    assert source.info["transparency"] == bytes([1, 2])
    assert source.convert("RGBA").getpixel((0, 0)) == (*RED, 2)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (np.zeros((4, 4, 3), dtype=np.uint8), "numpy.ndarray.*Image.fromarray"),
        (None, "NoneType"),
        (7, "int; expected a PIL image"),
        ([b""], "list; one item is one picture"),
        (os.fsencode("a.png"), "begins with b'a.png'"),
        ("", "cannot be read|does not exist"),
        ("no/such/picture.png", "picture.png.*does not exist"),
        ("with\0nul.png", "cannot be read"),
        ("x" * 5000, "cannot be read"),
    ],
)
def test_what_is_not_a_picture_is_named(source: object, said: str) -> None:
    with pytest.raises(InputError, match=f"(?s)^item 2.*{said}") as caught:
        load_image(source, name="item 2")
    assert len(str(caught.value)) < 600


def test_an_open_file_is_answered_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(sample("PNG"))
    with path.open("rb") as file, pytest.raises(InputError, match=r"file\.read\(\)"):
        load_image(file)


def test_folders_devices_and_pipes_are_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, Path("/dev/zero")):
        with pytest.raises(InputError, match="folder, pipe or device|Is a directory"):
            load_image(path)


def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    path = tmp_path / "closed.png"
    path.write_bytes(sample("PNG"))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(InputError, match="Permission denied"):
        load_image(path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_turns_as_pillow_does(orientation: int) -> None:
    data = hostile.oriented("PNG", orientation)
    expected = ImageOps.exif_transpose(Image.open(hostile.io.BytesIO(data)))
    assert np.array_equal(np.asarray(load_image(data, upright=True).image), np.asarray(expected))
    assert load_image(data).image.size == (40, 20)


def test_big_endian_and_signed_deep_grey() -> None:
    ramp = hostile.ramp16()
    big = Image.frombytes("I;16B", (256, 256), ramp.astype(">u2").tobytes())
    little = Image.fromarray(ramp)
    assert np.array_equal(np.asarray(load_image(big).image), np.asarray(load_image(little).image))
    wide = Image.fromarray(np.array([[0, 32_768, 65_535]], dtype=np.int32))
    assert np.asarray(load_image(wide).image)[0, :, 0].tolist() == [0, 128, 255]
    narrow = Image.fromarray(np.array([[0, 128, 255]], dtype=np.int32))
    assert np.asarray(load_image(narrow).image)[0, :, 0].tolist() == [0, 128, 255]
    flat = Image.fromarray(np.full((2, 2), -5.0, dtype=np.float32))
    assert np.asarray(load_image(flat).image).max() == 0


def test_the_selected_frame_of_an_opened_picture_is_used() -> None:
    picture = Image.open(hostile.io.BytesIO(hostile.frames("TIFF")))
    picture.seek(2)
    loaded = load_image(picture, name="item 0")
    assert loaded.image.getpixel((3, 3)) == BLUE
    assert loaded.notices == ("item 0 has several frames or pages; only number 3, the selected one, is used",)


def test_a_closed_picture_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(sample("PNG"))
    picture = Image.open(path)
    picture.close()
    with pytest.raises(InputError, match="item 0 is damaged"):
        load_image(picture, name="item 0")


def test_pillows_own_switches_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    for data in (sample("PNG"), hostile.png_of_177_megapixels(), sample("JPEG")[:500]):
        try:
            load_image(data)
        except InputError:
            pass
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == before == (before[0], False)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # by another library
    cut = load_image(sample("JPEG")[:-500], name="item 0")
    assert "LOAD_TRUNCATED_IMAGES" in cut.notices[0]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # a stricter limit of another library holds as well
    with pytest.raises(InputError, match="6,144 pixels"):
        load_image(sample("PNG"))


def test_warning_filters_survive_many_threads() -> None:
    before = list(warnings.filters)
    apng = hostile.frames("PNG")
    barrier = threading.Barrier(8)

    def work(_: int) -> None:
        barrier.wait()
        for _ in range(20):
            load_image(apng)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert list(warnings.filters) == before


MEASURE = """
import resource, sys, warnings
warnings.simplefilter("error")
from embedder.inputs import load_image
from embedder.errors import InputError
from tests.embedder import hostile

data = hostile.BOMBS[sys.argv[1]]()
load_image(hostile.sample("PNG"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_image(data)
    sys.exit("was accepted")
except InputError:
    pass
sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


@pytest.mark.parametrize("name", hostile.BOMBS)
def test_a_bomb_takes_less_than_its_own_picture_would(name: str) -> None:
    """ru_maxrss is in kB on Linux; 100 MB is a seventh of what the mildest of them would take."""
    if sys.platform != "linux":
        pytest.skip("ru_maxrss has other units here")
    run = subprocess.run([sys.executable, "-c", MEASURE, name], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 100_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_two_thousand_damaged_files_end_in_a_picture_or_an_error(kind: str) -> None:
    for seed in range(2000):
        try:
            assert load_image(hostile.flipped(sample(kind), seed), upright=True).image.mode == "RGB"
        except InputError:
            pass


def test_saved_helpers_make_what_they_say() -> None:
    """The hostile files are only proof if the harmless ones of the same makers are read."""
    grey = load_image(hostile.grey_tiff(4, 2, bytes(range(8)))).image
    assert np.asarray(grey)[..., 0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert load_image(hostile.tiled_tiff(112, hostile.zeros(112**2))).image.size == (100, 100)
    assert load_image(hostile.jpeg_of_many_scans(20)).image.size == (64, 64)
    few = saved(Image.new("RGB", (8, 8)), "JPEG", exif=b"Exif\0\0" + hostile.tiff_of_shared_tags(20, 500))
    assert load_image(few).image.size == (8, 8)
