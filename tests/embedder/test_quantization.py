import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from embedder import EmbedderNotice, InputError
from embedder.quantization import Quantizer, VectorPrecision, hamming, int8_dot

pytestmark = pytest.mark.filterwarnings("ignore:ranges are fitted:embedder.errors.EmbedderNotice")

SCALED = ("int8", "uint8")
PACKED = ("binary", "ubinary")
rows = npst.arrays(
    np.float32, st.tuples(st.integers(2, 9), st.integers(1, 20)), elements=st.floats(-9, 9, width=32)
)


def some(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_scaled_codes_by_hand() -> None:
    calibration = np.array([[0.0, -510.0], [255.0, 0.0]], dtype=np.float32)  # steps of 1 and of 2
    values = np.array([[0.0, -510.0], [254.9, -255.0], [255.0, 0.0], [-7.0, 9.0]], dtype=np.float32)
    uint8 = Quantizer.fit(calibration, "uint8").quantize(values)
    assert uint8.dtype == np.uint8
    assert uint8.tolist() == [[0, 0], [254, 127], [255, 255], [0, 255]]
    int8 = Quantizer.fit(calibration, "int8")
    assert int8.quantize(values).dtype == np.int8
    assert int8.quantize(values).tolist() == [[-128, -128], [126, -1], [127, 127], [-128, 127]]
    assert int8.dequantize(np.array([[-128, -1]], dtype=np.int8)).tolist() == [[0.5, -255.0]]


def test_packed_codes_by_hand() -> None:
    values = np.array([[1, -1, 0, 2, -3, 4, 5, 6, 7, -8]], dtype=np.float32)
    assert Quantizer.fit(values, "ubinary").quantize(values).tolist() == [[0b10010111, 0b10000000]]
    signed = Quantizer.fit(values, "binary").quantize(values)
    assert signed.dtype == np.int8
    assert signed.tolist() == [[0b10010111 - 128, 0]]


@pytest.mark.parametrize("precision", ["float32", *SCALED, *PACKED])
def test_codes_are_those_of_sentence_transformers(precision: str) -> None:
    module = pytest.importorskip("sentence_transformers.util.quantization")
    calibration, vectors = some(0, 500, 24), some(1, 40, 24) * 2
    theirs = module.quantize_embeddings(vectors, precision, calibration_embeddings=calibration)
    ours = Quantizer.fit(calibration, precision).quantize(vectors)
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, theirs)


@given(rows, st.sampled_from(SCALED))
def test_an_error_is_at_most_half_a_step_inside_the_range(vectors: np.ndarray, precision: str) -> None:
    quantizer = Quantizer.fit(vectors, precision)
    back = quantizer.dequantize(quantizer.quantize(vectors))
    step = (vectors.max(axis=0).astype(np.float64) - vectors.min(axis=0)) / 255
    assert (np.abs(back - vectors) <= step * 0.51 + 1e-5).all()


@given(rows, st.sampled_from([*SCALED, *PACKED]))
def test_codes_of_codes_are_the_same_codes(vectors: np.ndarray, precision: str) -> None:
    quantizer = Quantizer.fit(vectors, precision)
    codes = quantizer.quantize(vectors)
    if precision in PACKED or (vectors.max(axis=0) - vectors.min(axis=0) > 1e-3).all():
        assert np.array_equal(quantizer.quantize(quantizer.dequantize(codes)), codes)


def test_ranges_are_fitted_once() -> None:
    quantizer = Quantizer.fit(some(0, 1000, 8), "int8")
    one, many = some(1, 1, 8), some(2, 30, 8) * 5
    together = quantizer.quantize(np.concatenate([one, many]))
    assert np.array_equal(quantizer.quantize(one)[0], together[0])
    assert np.array_equal(quantizer.quantize(one[0]), together[0])


def test_a_constant_dimension_comes_back_exactly() -> None:
    calibration = np.array([[0.25, 1.0], [0.25, 2.0]], dtype=np.float32)
    quantizer = Quantizer.fit(calibration, "uint8")
    back = quantizer.dequantize(quantizer.quantize(calibration))
    assert back[:, 0].tolist() == [0.25, 0.25]


def test_float32_is_a_copy() -> None:
    vectors = some(0, 3, 4)
    quantizer = Quantizer.fit(vectors, "float32")
    codes = quantizer.quantize(vectors)
    assert np.array_equal(codes, vectors)
    codes[0, 0] = 9
    assert vectors[0, 0] != 9
    assert np.array_equal(quantizer.dequantize(vectors), vectors)


@pytest.mark.parametrize("precision", list(VectorPrecision))
@pytest.mark.parametrize("dim", [8, 13])
def test_scores_are_products_with_the_dequantised(
    precision: str, dim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedder.quantization._BLOCK_ROWS", 7)
    documents, queries = unit(some(0, 60, dim)), unit(some(1, 5, dim))
    quantizer = Quantizer.fit(documents, precision)
    codes = quantizer.quantize(documents)
    expected = queries @ quantizer.dequantize(codes).T
    np.testing.assert_allclose(quantizer.scores(queries, codes), expected, atol=1e-6)
    assert quantizer.scores(queries[0], codes[0]).shape == (1, 1)
    assert codes.nbytes == len(documents) * quantizer.bytes_per_vector


def test_how_near_each_precision_comes() -> None:
    documents, queries = unit(some(0, 400, 256)), unit(some(1, 50, 256))
    exact = queries @ documents.T
    worst = {}
    for precision in VectorPrecision:
        quantizer = Quantizer.fit(documents, precision)
        scores = quantizer.scores(queries, quantizer.quantize(documents))
        worst[str(precision)] = float(np.corrcoef(scores.ravel(), exact.ravel())[0, 1])
    assert worst["int8"] == worst["uint8"] > 0.9999
    assert worst["binary"] == worst["ubinary"]
    # The sign of a Gaussian keeps sqrt(2 / pi) of it.
    assert abs(worst["binary"] - np.sqrt(2 / np.pi)) < 0.02


@settings(deadline=None)
@given(st.integers(1, 70), st.sampled_from(PACKED), st.integers(0, 99))
def test_hamming_counts_differing_signs(dim: int, precision: str, seed: int) -> None:
    a, b = some(seed, 4, dim), some(seed + 1000, 6, dim)
    quantizer = Quantizer.fit(a, precision)
    expected = ((a > 0)[:, None] != (b > 0)[None]).sum(axis=-1)
    assert np.array_equal(hamming(quantizer.quantize(a), quantizer.quantize(b)), expected)
    unit_signs = [quantizer.dequantize(quantizer.quantize(side)) for side in (a, b)]
    np.testing.assert_allclose(1 - 2 * expected / dim, unit_signs[0] @ unit_signs[1].T, atol=1e-5)


def test_int8_products_are_exact_where_float32_is_not() -> None:
    codes = np.full((1, 2048), -128, dtype=np.int8)
    other = codes.copy()
    other[0, 0] = 1
    assert int8_dot(codes, codes).tolist() == [[2048 * 128 * 128]]
    assert int8_dot(codes, other).tolist() == [[2047 * 128 * 128 - 128]]
    random = np.random.default_rng(0).integers(-128, 128, (5, 33)).astype(np.int8)
    assert np.array_equal(int8_dot(random, random), random.astype(int) @ random.astype(int).T)
    assert int8_dot(random, random[:0]).shape == (5, 0)


@pytest.mark.parametrize("precision", list(VectorPrecision))
def test_a_saved_quantizer_is_the_same_quantizer(precision: str, tmp_path: Path) -> None:
    vectors = some(3, 200, 11)
    quantizer = Quantizer.fit(vectors, precision)
    path = tmp_path / "ranges.npz"
    quantizer.save(path)
    again = Quantizer.load(path)
    assert (again.precision, again.dim) == (quantizer.precision, 11)
    assert np.array_equal(again.quantize(vectors), quantizer.quantize(vectors))
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ranges.npz"
    Quantizer.fit(some(0, 200, 3), "int8").save(path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        Quantizer.fit(some(1, 200, 3), "int8").save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def bomb(path: Path) -> None:
    np.savez_compressed(
        path, precision=np.array("int8"), dim=np.array(2), low=np.zeros(10**7), high=np.zeros(10**7)
    )


def pickled(path: Path) -> None:
    np.savez(path, precision=np.array("int8"), dim=np.array(2), low=np.array([{}]), high=np.zeros(2))


def claiming(path: Path) -> None:
    header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2000000000000000,), }"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("precision.npy", header.ljust(128) + b"\n")


def upside_down(path: Path) -> None:
    np.savez(path, precision=np.array("int8"), dim=np.array(2), low=np.ones(2), high=np.zeros(2))


def narrow(path: Path) -> None:
    np.savez(path, precision=np.array("int8"), dim=np.array(3), low=np.zeros(2), high=np.ones(2))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"not a zip"), "not a quantizer file"),
        (lambda path: None, "not a quantizer file.*No such file"),
        (lambda path: np.savez(path, other=np.zeros(2)), "not a quantizer file"),
        (bomb, "unpacks to 160,00.,... bytes, the limit is 16,777,216"),
        (pickled, "allow_pickle=False"),
        (claiming, "not a quantizer file"),
        (upside_down, "low <= high"),
        (narrow, r"\(2,\), \(2,\), expected \(3,\)"),
    ],
)
def test_a_file_that_is_none_is_refused(make: object, said: str, tmp_path: Path) -> None:
    path = tmp_path / "ranges.npz"
    make(path)
    with pytest.raises(InputError, match=f"(?s){said}"):
        Quantizer.load(path)


def test_errors_name_what_was_given() -> None:
    vectors = some(0, 200, 9)
    with pytest.raises(InputError, match="'int4', expected one of float32, int8, uint8, binary, ubinary"):
        Quantizer.fit(vectors, "int4")
    with pytest.raises(InputError, match=r"shape \(9,\), expected \(n, dim\)"):
        Quantizer.fit(vectors[0], "int8")
    with pytest.raises(InputError, match=r"shape \(0, 9\)"):
        Quantizer.fit(vectors[:0], "int8")
    with pytest.raises(InputError, match="first in row 1"):
        Quantizer.fit(np.array([[0.0], [np.nan]]), "int8")
    quantizer = Quantizer.fit(vectors, "binary")
    with pytest.raises(InputError, match="width 8, the quantizer was fitted on 9"):
        quantizer.quantize(vectors[:, :8])
    with pytest.raises(InputError, match="codes are uint8, binary codes are int8"):
        quantizer.dequantize(np.zeros((1, 2), dtype=np.uint8))
    with pytest.raises(InputError, match=r"shape \(1, 3\), expected \(n, 2\)"):
        quantizer.dequantize(np.zeros((1, 3), dtype=np.int8))
    with pytest.raises(InputError, match="expected floats"):
        quantizer.quantize(np.zeros((1, 9), dtype=np.int8))
    with pytest.raises(InputError, match="int8 and uint8"):
        hamming(np.zeros((1, 2), dtype=np.int8), np.zeros((1, 2), dtype=np.uint8))
    with pytest.raises(InputError, match="needs the ranges"):
        Quantizer(VectorPrecision.INT8, 4)


def test_few_calibration_vectors_are_said(recwarn: pytest.WarningsRecorder) -> None:
    with pytest.warns(EmbedderNotice, match="fitted on 99 vectors; 100 or more"):
        Quantizer.fit(some(0, 99, 4), "int8")
    recwarn.clear()
    Quantizer.fit(some(0, 100, 4), "int8")
    Quantizer.fit(some(0, 3, 4), "binary")
    assert len(recwarn) == 0
