"""What people really write at first, and the words that tell them what to write instead."""

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from embedder import Embedder, InputError, similarity, truncate
from embedder.images import load_image
from embedder.quantization import Quantizer, VectorPrecision
from tests.embedder.hostile import saved

JUNK = bytes(range(200, 256)) * 4


# --- options by another library's name ---


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("dim", "truncate_dim"),
        ("dimensions", "truncate_dim"),
        ("normalize_embeddings", "normalize"),
        ("convert_to_numpy", "numpy float32"),
        ("show_progress_bar", "iter_embed"),
        ("max_seq_length", "max_length"),
        ("prompt", "prompt_name"),
        ("batchsize", "batch_size"),
        ("nonsense", "truncate_dim, "),
    ],
)
def test_an_option_of_another_name_is_refused_with_ours(model: Embedder, option: str, advice: str) -> None:
    with pytest.raises(TypeError, match=f"^{option} is not an option.*{re.escape(advice)}"):
        model.encode_text("a cat", **{option: 1})


@pytest.mark.parametrize(
    ("option", "value", "advice"),
    [
        ("trust_remote_code", True, "no remote code is ever run"),
        ("torch_dtype", "bfloat16", "precision="),
        ("dtype", "bfloat16", "precision="),
        ("device_map", "auto", "device="),
        ("load_in_8bit", True, 'precision="int8"'),
        ("truncate_dim", 64, "each call"),
        ("cache_folder", "x", "cache_dir"),
        ("nonsense", 1, "device, precision"),
    ],
)
def test_a_loading_option_of_another_name_too(option: str, value: Any, advice: str) -> None:
    with pytest.raises(TypeError, match=f"^{option} is not an option.*{re.escape(advice)}"):
        Embedder.from_pretrained("mini", **{option: value})


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (None, "task is None: leave it out"),
        (5, "task is 5: one of"),
        ("separation", "task 'separation': one"),
    ],
)
def test_a_task_that_is_no_name_is_shown_as_it_is(model: Embedder, task: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"^{said}"):
        model.encode_text("a cat", task=task)


@pytest.mark.parametrize("make", [lambda: (t for t in "ab"), lambda: {"a", "b"}, lambda: iter(["a"])])
def test_inputs_that_are_no_list_are_asked_for_as_one(model: Embedder, make: Callable[[], Any]) -> None:
    for call in (model.encode_text, model.embed, model.encode_text_multi_vector, model.encode_image):
        with pytest.raises(InputError, match=r"pass a list.*list\(inputs\).*iter_embed"):
            call(make())


# --- vectors ---


@pytest.mark.parametrize(
    "use",
    [
        lambda rows: truncate(rows, 2),
        lambda rows: Quantizer.fit(rows, "int8"),
        lambda rows: similarity.cosine(rows, rows),
    ],
)
def test_rows_of_different_widths_are_named(use: Callable[[Any], Any]) -> None:
    with pytest.raises(InputError, match=r"row 0 has 3 numbers, row 2 has 2"):
        use([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0]])
    with pytest.raises(InputError, match="cannot be read as numbers"):
        use([["a", "b", "c"]])


def test_a_quantizer_is_checked_however_it_is_made() -> None:
    with pytest.raises(InputError, match="'float8'.*float32, int8"):
        Quantizer("float8", 64)  # type: ignore[arg-type]
    for dim in (0, -1, 2.5, True, "64"):
        with pytest.raises(InputError, match=r"dim is .*whole number of 1 or more"):
            Quantizer(VectorPrecision.BINARY, dim)  # type: ignore[arg-type]
    low, high = np.zeros(4, np.float32), np.ones(4, np.float32)
    by_name = Quantizer("uint8", 4, low, high)  # type: ignore[arg-type]
    assert by_name.precision is VectorPrecision.UINT8
    assert by_name.quantize(np.full(4, 0.5, np.float32)).dtype == np.uint8


# --- pictures ---


def broken_png(first: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + first + JUNK


def wrong_checksum() -> bytes:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header) ^ 1)


@pytest.mark.parametrize(
    "data",
    [
        broken_png(b""),
        broken_png(wrong_checksum()),
        b"BM" + JUNK,
        b"RIFF\xff\0\0\0WEBPVP8 " + JUNK,
        b"RIFF\xff\0\0\0WEBPVP8L" + JUNK,
    ],
    ids=["png", "png checksum", "bmp", "webp", "webp lossless"],
)
def test_a_header_of_junk_is_damage_and_not_a_size(data: bytes) -> None:
    with pytest.raises(InputError, match="damaged"):
        load_image(data)


def test_an_error_names_the_file_once(tmp_path: Path) -> None:
    bad = tmp_path / "my picture.png"
    bad.write_bytes(broken_png(b""))
    for options in ({"name": "my picture.png"}, {}):
        with pytest.raises(InputError) as caught:
            load_image(bad, **options)
        assert str(caught.value).count("my picture.png") == 1
    with pytest.raises(InputError, match=r"^item 3 \('my picture.png'\)"):
        load_image(bad, name="item 3")
    Image.open(load_and_save(tmp_path)).verify()


def load_and_save(folder: Path) -> Path:
    """A good picture still loads by its path."""
    good = folder / "good.png"
    good.write_bytes(saved(Image.new("RGB", (9, 9)), "PNG"))
    assert load_image(good).image.size == (9, 9)
    return good
