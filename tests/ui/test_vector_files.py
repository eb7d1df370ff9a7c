"""Vectors from files: what a header declares is believed only where the file agrees."""

import io
import json
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from embedder.errors import InputError
from ui.limits import PUBLIC
from ui.vector_files import npy_bytes, read_vectors

VECTORS = np.random.default_rng(2).normal(size=(6, 5)).astype(np.float32)


def npy(path: Path, array: Any, name: str = "v.npy") -> Any:
    path.write_bytes(array if isinstance(array, bytes) else npy_bytes(array))
    return read_vectors(path, name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "upload"


def header(shape: str, descr: str = "'<f4'") -> bytes:
    words = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    words += b" " * (-(len(words) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(words)) + words


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", "<f2", "i1", "<i8"])
def test_numbers_of_any_kind_become_float32(path: Path, kind: str) -> None:
    array = (VECTORS * 10).astype(kind)
    found = npy(path, np.asfortranarray(array) if kind == "<f8" else array)
    assert found.vectors.dtype == np.float32 and found.rows == (1, 2, 3, 4, 5, 6)
    np.testing.assert_allclose(found.vectors, array.astype(np.float32))
    # whole numbers may be a quantizer's codes, which say nothing without its ranges
    assert ("codes are taken" in " ".join(found.notices)) == (array.dtype.kind == "i")


def test_vectors_without_a_direction_are_named_and_the_others_taken(path: Path) -> None:
    array = VECTORS.astype(np.float64)
    array[1, 2], array[2, 0], array[4] = np.nan, np.inf, 0
    array[5] = 1e300
    found = npy(path, array)
    assert found.rows == (1, 4)
    np.testing.assert_allclose(found.vectors, VECTORS[[0, 3]])
    assert [fault.row for fault in found.faults] == [2, 3, 5, 6]
    assert "NaN or infinity" in found.faults[0].reason and "zero or too large" in found.faults[2].reason
    with pytest.raises(InputError, match="none of its 6 vectors"):
        npy(path, np.zeros((6, 5)))


def test_pickled_objects_are_refused(path: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    buffer = io.BytesIO()
    np.save(buffer, np.array([Evil()], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="pickled objects"):
        npy(path, buffer.getvalue())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vectors.npy", buffer.getvalue())
    with pytest.raises(InputError, match="pickled objects"):
        read_vectors(path, "v.npz")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (header("(2251799813685248, 1)"), "declares .* holds 0 bytes"),  # 8 PB
        (header("(4, 4)") + b"\0" * 10, "declares 64 bytes .* holds 10 bytes"),
        (header("(-4, 4)"), "declares -64"),
        (header("(4, 4)", "'|O'"), "pickled objects"),
        (header("(4, 4)", "'|V4'") + b"\0" * 64, "type"),
        (header("(9999999999999999999999, 0)"), "holds no numbers"),
        (b"\x93NUMPY\x01\x00\xff\xff", "header is damaged"),
        (b"\x93NUMPY\x09\x00" + b"\0" * 90, "version"),
        (b"\x93NUMPY\x01\x00" + struct.pack("<H", 20_000) + b"(" * 20_000, "header is damaged"),
    ],
)
def test_headers_that_lie(path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        npy(path, content)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(5), "of its arrays"),
        (np.zeros((3, 4, 5)), "several vectors per item"),
        (np.zeros((3, 1)), "width of 2"),
        (np.array([["a", "b"]]), "real numbers"),
        (np.zeros((2, 3), complex), "real numbers"),
        (np.zeros((0, 3)), "no numbers"),
    ],
)
def test_other_shapes_and_kinds_are_refused(path: Path, array: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        npy(path, array)


def test_npz_with_ids_labels_and_columns(path: Path) -> None:
    vectors = VECTORS.copy()
    vectors[2] = 0
    ids = np.array(list("abcdef"))
    np.savez(path.with_suffix(".npz"), embeddings=vectors, ids=ids, year=np.arange(6.0), odd=np.zeros(3))
    found = read_vectors(path.with_suffix(".npz"), "v.npz")
    assert found.columns == {"ids": tuple("abdef"), "year": (0.0, 1.0, 3.0, 4.0, 5.0)}
    assert found.rows == (1, 2, 4, 5, 6) and "odd" in found.notices[0]


def test_an_npz_that_unpacks_to_300_megabytes_is_refused_by_its_declared_size(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        shape = (75 * 2**20 // 64, 64)
        with archive.open("vectors.npy", "w") as file:
            file.write(header(str(shape)))
            for _ in range(300):
                file.write(b"\0" * 2**20)
    assert path.stat().st_size < 400_000
    tracemalloc.start()
    with pytest.raises(InputError, match=r"unpacks to 300\.0 MB; at most 256\.0 MB"):
        read_vectors(path, "v.npz")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_an_npz_that_lies_about_its_size_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("vectors.npy", npy_bytes(np.zeros((100_000, 64), np.float32)))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 64)
    path.write_bytes(bytes(data))
    with pytest.raises(InputError):
        read_vectors(path, "v.npz")


def test_an_npz_with_two_matrices_asks_which(path: Path) -> None:
    np.savez(path.with_suffix(".npz"), one=VECTORS, two=VECTORS)
    with pytest.raises(InputError, match=r"2 have two axes .*“vectors”"):
        read_vectors(path.with_suffix(".npz"), "v.npz")


def test_safetensors(path: Path) -> None:
    save_file({"embeddings": VECTORS, "year": np.arange(6, dtype=np.int64)}, path)
    found = read_vectors(path, "v.safetensors")
    np.testing.assert_array_equal(found.vectors, VECTORS)
    assert found.columns == {"year": tuple("012345")}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (struct.pack("<Q", 2**60) + b"{}", "by its own account"),
        (b"\x01", "by its own account"),
        (struct.pack("<Q", 2) + b"{x", "no JSON"),
        (struct.pack("<Q", 2) + b"[]", "no JSON object"),
    ],
)
def test_safetensors_with_a_bad_length(path: Path, content: bytes, words: str) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_vectors(path, "v.safetensors")


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 2**40]},
        {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [-2, 2], "data_offsets": [0, 8]},
        {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": "x", "data_offsets": None},
        7,
    ],
)
def test_safetensors_with_a_bad_tensor(path: Path, entry: Any) -> None:
    head = json.dumps({"vectors": entry}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"\0" * 8)
    with pytest.raises(InputError, match="tensor 'vectors'"):
        read_vectors(path, "v.safetensors")


def test_more_vectors_than_are_taken(path: Path) -> None:
    found = npy(path, np.ones((PUBLIC.table_rows + 5, 2), np.float32))
    assert len(found.vectors) == PUBLIC.table_rows and "the first 50,000 of 50,005" in found.notices[0]
