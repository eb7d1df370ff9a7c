import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from embedder import InputError, truncate

rows = npst.arrays(
    np.float32,
    npst.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.floats(-(2.0**100), 2.0**100, width=32),
)


def test_keeps_the_first_components_and_makes_them_unit() -> None:
    cut = truncate(np.array([[3.0, 4.0, 12.0], [0.0, -2.0, 1.0]]), 2)
    assert cut.dtype == np.float32
    np.testing.assert_allclose(cut, [[0.6, 0.8], [0, -1]], rtol=1e-6)


def test_one_vector_gives_one_vector() -> None:
    assert truncate([0.0, 5.0, 1.0], 2).tolist() == [0, 1]


@given(rows, st.data())
def test_rows_have_length_one_or_stay_zero(vectors: np.ndarray, data: st.DataObject) -> None:
    dim = data.draw(st.integers(1, vectors.shape[1]))
    cut = truncate(vectors, dim)
    assert cut.shape == (len(vectors), dim)
    for before, after in zip(vectors[:, :dim].astype(np.float64), cut.astype(np.float64), strict=True):
        length = np.linalg.norm(before)
        expected = before / length if length else before
        np.testing.assert_allclose(after, expected, atol=2e-7)


def test_zero_stays_zero_and_nan_stays_in_its_row() -> None:
    cut = truncate(np.array([[0, 0, 1], [np.nan, 1, 0], [np.inf, 1, 0], [0, 2, 0]], dtype=np.float32), 2)
    assert cut[0].tolist() == [0, 0]
    assert np.isnan(cut[1:3]).all()
    assert cut[3].tolist() == [0, 1]


def test_the_source_is_not_changed() -> None:
    vectors = np.array([[3.0, 4.0]], dtype=np.float32)
    truncate(vectors, 2)[0, 0] = 9
    assert vectors.tolist() == [[3, 4]]


@pytest.mark.parametrize("dim", [0, -1, 4, 2.0, True, None, "2"])
def test_a_dim_that_cannot_be_names_itself_and_the_width(dim: object) -> None:
    with pytest.raises(InputError, match=rf"dim is {dim!r}.* 1 to 3"):
        truncate(np.ones((2, 3)), dim)


def test_other_shapes_are_refused() -> None:
    for vectors in (np.float32(1), np.ones((2, 3, 4))):
        with pytest.raises(InputError, match="expected \\(d,\\) or \\(n, d\\)"):
            truncate(vectors, 1)
