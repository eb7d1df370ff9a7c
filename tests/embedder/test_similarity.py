import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from embedder import InputError, similarity
from embedder.similarity import cosine, dot, euclidean, max_sim, softmax


def some(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_hand_made_values() -> None:
    a, b = np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 2.0], [1.0, 0.0], [-3.0, -4.0]])
    np.testing.assert_allclose(cosine(a, b), [[0, 1, -0.6], [0.8, 0.6, -1]], atol=1e-7)
    np.testing.assert_allclose(dot(a, b), [[0, 1, -3], [8, 3, -25]])
    np.testing.assert_allclose(euclidean(a, b), [[5**0.5, 0, 32**0.5], [13**0.5, 20**0.5, 10]], rtol=1e-6)


@pytest.mark.parametrize("score", [cosine, dot, euclidean])
def test_shapes_and_types(score: object) -> None:
    a, b = some(0, 3, 5), some(1, 4, 5)
    assert score(a, b).shape == (3, 4)
    assert score(a[0], b).shape == (1, 4)
    assert score(a[0], b[0]).shape == (1, 1)
    assert score(a[:0], b).shape == (0, 4)
    assert score(a.astype(np.float64), b.tolist()).dtype == np.float32
    np.testing.assert_allclose(score(a, b), score(b, a).T, rtol=1e-6)


@pytest.mark.parametrize("score", [cosine, dot, euclidean])
def test_errors_name_both_widths_and_the_row(score: object) -> None:
    with pytest.raises(InputError, match="width 5 and of width 4"):
        score(some(0, 3, 5), some(0, 3, 4))
    with pytest.raises(InputError, match="a has shape \\(1, 2, 3\\)"):
        score(np.ones((1, 2, 3)), np.ones((2, 3)))
    with pytest.raises(InputError, match="b holds NaN or infinity, first in row 1"):
        score(np.ones((1, 2)), [[1, 2], [np.nan, 0]])
    with pytest.raises(InputError, match="b holds NaN or infinity, first in row 0"):
        score(np.ones((1, 2)), [[np.inf, 0], [1, 2]])
    with pytest.raises(InputError, match="a is not an array of numbers"):
        score([[1.0], [1.0, 2.0]], np.ones((2, 2)))


def test_a_zero_vector_has_cosine_zero() -> None:
    assert cosine(np.zeros((1, 3)), np.ones((2, 3))).tolist() == [[0, 0]]


def test_cosine_never_leaves_its_range_and_ignores_length() -> None:
    a = some(2, 50, 7)
    scores = cosine(a * np.float32(1e30), a * np.float32(1e-30))
    assert scores.max() <= 1
    np.testing.assert_allclose(np.diag(scores), 1, atol=1e-6)


def test_euclidean_of_near_vectors_keeps_its_digits() -> None:
    a = some(3, 1, 64) * 100
    b = a.copy()
    b[0, 0] += 1e-2
    expected = float(b[0, 0]) - float(a[0, 0])
    np.testing.assert_allclose(euclidean(a, b)[0, 0], expected, rtol=1e-4)
    assert euclidean(a, a)[0, 0] == 0
    many = np.concatenate([a, b, -a])
    differences = many[:, None].astype(np.float64) - many[None]
    np.testing.assert_allclose(euclidean(many, many), np.linalg.norm(differences, axis=2), rtol=1e-6)


def slow_max_sim(queries: list[np.ndarray], documents: list[np.ndarray]) -> np.ndarray:
    return np.array([[(q.astype(np.float64) @ d.T).max(axis=1).sum() for d in documents] for q in queries])


def test_max_sim_by_hand() -> None:
    query = [[1.0, 0.0], [0.0, 1.0]]
    near, far = [[0.5, 0.0], [0.0, 2.0], [0.1, 0.1]], [[-1.0, -3.0]]
    assert max_sim([query], [near, far]).tolist() == [[2.5, -4.0]]
    assert max_sim([near], [query]).tolist() == [[0.5 + 2.0 + np.float32(0.1)]]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.lists(st.integers(1, 9), min_size=1, max_size=8),
    st.sampled_from([1, 40, 2**22]),
)
def test_max_sim_is_the_sum_of_best_tokens(left: list[int], right: list[int], block: int) -> None:
    queries = [some(i, n, 6) for i, n in enumerate(left)]
    documents = [some(100 + i, n, 6) for i, n in enumerate(right)]
    with pytest.MonkeyPatch.context() as patch:  # small blocks cut the documents at every place
        patch.setattr(similarity, "_BLOCK", block)
        found = max_sim(queries, documents)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, slow_max_sim(queries, documents), rtol=1e-5, atol=1e-5)


def test_max_sim_does_not_care_about_token_order_and_is_not_symmetric() -> None:
    query, document = some(1, 4, 8), some(2, 9, 8)
    np.testing.assert_allclose(
        max_sim([query], [document]), max_sim([query[::-1]], [document[::-1]]), rtol=1e-5
    )
    assert abs(max_sim([query], [document]) - max_sim([document], [query])).item() > 0.1


def test_max_sim_of_nothing() -> None:
    assert max_sim([], [some(0, 2, 3)]).shape == (0, 1)
    assert max_sim([some(0, 2, 3)], []).shape == (1, 0)


def test_max_sim_errors() -> None:
    good = some(0, 2, 3)
    with pytest.raises(InputError, match="document 1 has shape \\(0, 3\\)"):
        max_sim([good], [good, good[:0]])
    with pytest.raises(InputError, match="query 1 has width 2, query 0 has 3"):
        max_sim([good, good[:, :2]], [good])
    with pytest.raises(InputError, match="queries have width 3, documents 2"):
        max_sim([good], [good[:, :2]])
    with pytest.raises(InputError, match="document 0 holds NaN or infinity, first in row 1"):
        max_sim([good], [np.array([[1, 2, 3], [np.nan, 0, 0]])])
    with pytest.raises(InputError, match="one item: give a list"):
        max_sim(good, [good])
    with pytest.raises(InputError, match="query 0 has shape \\(3,\\)"):
        max_sim([good[0]], [good])


def test_softmax_by_hand() -> None:
    np.testing.assert_allclose(softmax([0.0, np.log(3.0)], temperature=1), [0.25, 0.75], rtol=1e-6)
    np.testing.assert_allclose(softmax([0.0, 0.07]), [1 / (1 + np.e), np.e / (1 + np.e)], rtol=1e-6)
    assert softmax([[5.0, -np.inf], [-np.inf, -np.inf]]).tolist() == [[1, 0], [0.5, 0.5]]


@given(
    npst.arrays(
        np.float32, npst.array_shapes(max_dims=3, max_side=5), elements=st.floats(-1e6, 1e6, width=32)
    ),
    st.floats(1e-4, 100),
)
def test_softmax_is_a_share_in_the_same_order(scores: np.ndarray, temperature: float) -> None:
    shares = softmax(scores, temperature)
    assert shares.dtype == np.float32
    assert shares.shape == scores.shape
    np.testing.assert_allclose(shares.sum(axis=-1), 1, rtol=1e-5)
    order = np.argsort(scores, axis=-1)
    assert (np.diff(np.take_along_axis(shares, order, axis=-1), axis=-1) >= 0).all()
    np.testing.assert_allclose(softmax(scores + np.float32(0), temperature), shares)


@pytest.mark.parametrize("temperature", [0, -1, np.nan, np.inf])
def test_softmax_needs_a_temperature_above_zero(temperature: float) -> None:
    with pytest.raises(InputError, match="temperature is"):
        softmax([1.0, 2.0], temperature)


def test_softmax_errors() -> None:
    with pytest.raises(InputError, match="NaN or plus infinity"):
        softmax([1.0, np.nan])
    with pytest.raises(InputError, match="at least one axis"):
        softmax(1.0)
    assert softmax(np.zeros((3, 0))).shape == (3, 0)
