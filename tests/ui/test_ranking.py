"""The arithmetic behind the tabs, on values small enough to check by hand."""

import numpy as np
import pytest

from ui import ranking as r

# a, nearly a, across, and nothing
VECTORS = np.array([[1, 0, 0], [0.8, 0.6, 0], [0, 1, 0], [np.nan] * 3], dtype=np.float32)


def test_pairwise_cuts_and_normalises_and_marks_what_is_missing() -> None:
    full = r.pairwise(VECTORS, VECTORS, "cosine", 3)
    np.testing.assert_allclose(full[:3, :3], [[1, 0.8, 0], [0.8, 1, 0.6], [0, 0.6, 1]], atol=1e-6)
    assert np.isnan(full[3]).all() and np.isnan(full[:, 3]).all()
    cut = r.pairwise(VECTORS[:2], VECTORS[:2], "cosine", 1)
    np.testing.assert_allclose(cut, [[1, 1], [1, 1]], atol=1e-6)


def test_euclidean_follows_from_cosine_on_unit_vectors() -> None:
    cos = r.pairwise(VECTORS[:3], VECTORS[:3], "cosine", 3)
    distance = r.pairwise(VECTORS[:3], VECTORS[:3], "euclidean", 3)
    np.testing.assert_allclose(distance**2, 2 - 2 * cos, atol=1e-5)


def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(ValueError, match="manhattan"):
        r.pairwise(VECTORS, VECTORS, "manhattan", 3)


def test_the_input_is_left_alone() -> None:
    before = VECTORS.copy()
    r.pairwise(VECTORS, VECTORS, "dot", 2)
    np.testing.assert_array_equal(VECTORS, before)


def test_clustering_puts_alike_items_together() -> None:
    rng = np.random.default_rng(0)
    centres = np.eye(8, dtype=np.float32)[:3]
    labels = np.array([0, 1, 2] * 6)
    vectors = centres[labels] + rng.normal(0, 0.05, (18, 8)).astype(np.float32)
    order = r.cluster_order(vectors)
    assert sorted(order) == list(range(18))
    changes = int(np.count_nonzero(np.diff(labels[order])))
    assert changes == 2
    assert r.cluster_order(VECTORS)[-1] == 3  # what is missing comes last
    assert r.cluster_order(VECTORS[:2]) == [0, 1]


def test_colours_leave_the_diagonal_out() -> None:
    matrix = np.array([[1, 0.2], [0.3, 1]], dtype=np.float32)
    assert r.colour_limits(matrix, square=True) == pytest.approx((0.2, 0.3))
    assert r.colour_limits(matrix, square=False) == pytest.approx((0.2, 1.0))
    low, high = r.colour_limits(np.full((2, 2), 0.5, np.float32), square=True)
    assert low < 0.5 < high
    assert r.colour_limits(np.full((2, 2), np.nan, np.float32), square=True) == (0.0, 1.0)


def test_hits_rank_share_and_move() -> None:
    scores = np.array([0.1, 0.9, np.nan, 0.5], dtype=np.float32)
    found = r.hits(scores, "cosine", 0.07, reference=[3, 1, 0])
    assert [(hit.item, hit.rank, hit.moved) for hit in found] == [(1, 1, 1), (3, 2, -1), (0, 3, 0)]
    shares = np.exp(np.array([0.9, 0.5, 0.1]) / 0.07)
    np.testing.assert_allclose([hit.share for hit in found], shares / shares.sum(), rtol=1e-4)
    assert sum(hit.share for hit in found) == pytest.approx(1, abs=1e-5)


def test_for_distances_small_is_best() -> None:
    found = r.hits(np.array([1.2, 0.3, 0.8], dtype=np.float32), "euclidean", 0.5)
    assert [hit.item for hit in found] == [1, 2, 0]
    assert found[0].share > found[1].share > found[2].share


def test_ties_keep_the_input_order() -> None:
    assert r.best_first(np.array([0.5, 0.7, 0.5, 0.7], dtype=np.float32), "cosine") == [1, 3, 0, 2]


def test_no_scores_give_no_hits() -> None:
    assert r.hits(np.array([np.nan], dtype=np.float32), "cosine", 0.07) == []


def test_overlap() -> None:
    assert r.overlap([1, 2, 3, 4], [2, 1, 9, 3], 3) == 2


def test_rank_correlation() -> None:
    rising = np.array([1.0, 2, 3, 4], dtype=np.float32)
    assert r.rank_correlation(rising, rising**3) == pytest.approx(1)
    assert r.rank_correlation(rising, -rising) == pytest.approx(-1)
    # by hand: ranks 0,1,2,3 against 0, 1.5, 1.5, 3 give sqrt(0.9)
    assert r.rank_correlation(rising, np.array([1.0, 2, 2, 4])) == pytest.approx(np.sqrt(0.9))
    assert np.isnan(r.rank_correlation(rising, np.ones(4)))
    assert np.isnan(r.rank_correlation(rising[:2], rising[:2]))


def test_kept_length() -> None:
    np.testing.assert_allclose(r.kept_length(VECTORS[:3], 1), [1, 0.8, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("wanted", "nearest"), [(512, 512), (500, 512), (768, 1024), (10, 128), (9999, 2048)]
)
def test_nearest_width(wanted: int, nearest: int) -> None:
    assert r.nearest_width(wanted, (128, 256, 512, 1024, 2048)) == nearest
