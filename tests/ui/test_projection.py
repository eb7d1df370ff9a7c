"""Projections, their alignment and the measures that judge them."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from ui import projection


def unit(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    rows = rng.standard_normal((count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def grouped(count: int = 120, dim: int = 24, groups: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around a few directions, and which each belongs to."""
    rng = np.random.default_rng(3)
    group = np.arange(count) % groups
    rows = rng.standard_normal((groups, dim))[group] + 0.25 * rng.standard_normal((count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), group


@pytest.mark.parametrize(("count", "dim"), [(700, 40), (200, 600), (700, 600)])
def test_pca_is_that_of_the_library_but_for_signs(count: int, dim: int) -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((count, dim)) / np.sqrt(1 + np.arange(dim))).astype(np.float32)
    layout, shares = projection.pca(vectors, 3)
    reference = PCA(3, svd_solver="full")
    expected = reference.fit_transform(vectors.astype(np.float64))
    signs = np.sign((layout * expected).sum(axis=0))
    assert np.allclose(layout * signs, expected, atol=0.02 * np.abs(expected).max())
    assert np.allclose(shares, reference.explained_variance_ratio_, atol=1e-3)


def test_pca_of_fewer_directions_than_axes_is_zero_there() -> None:
    layout, shares = projection.pca(np.array([[1, 0], [-1, 0]], dtype=np.float32), 3)
    assert layout.shape == (2, 3) and np.allclose(layout[:, 1:], 0) and np.allclose(shares, [1, 0, 0])
    same, none = projection.pca(np.ones((4, 5), dtype=np.float32), 2)
    assert not same.any() and not none.any()


def test_neighbours_start_with_the_point_itself_even_among_twins() -> None:
    vectors = unit(np.random.default_rng(1), 1500, 16)  # more than one block
    vectors[7] = vectors[1400]
    rows, distances = projection.neighbours(vectors, 6)
    assert (rows[:, 0] == np.arange(1500)).all() and rows[7, 1] == 1400
    assert (np.diff(distances, axis=1) >= 0).all() and (distances[:, 0] == 0).all()
    expected = np.argsort(-(vectors[900] @ vectors.T), kind="stable")[:6]
    assert set(rows[900]) == set(expected)


@pytest.mark.parametrize("method", ["umap", "tsne"])
def test_umap_and_tsne_keep_groups_together_and_repeat_themselves(method: str) -> None:
    vectors, group = grouped()
    told: list[tuple[float, str]] = []
    project = getattr(projection, method)
    layout = project(vectors, 2, lambda share, what: told.append((share, what)))
    assert layout.shape == (120, 2) and layout.dtype == np.float32 and np.isfinite(layout).all()
    assert np.array_equal(layout, project(vectors, 2))
    middles = np.array([layout[group == g].mean(axis=0) for g in range(3)])
    nearest = np.argmin(np.linalg.norm(layout[:, None] - middles[None], axis=2), axis=1)
    assert (nearest == group).mean() > 0.97
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and shares[0] == 0 and len(shares) > 2


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("count", [12, 20, 60, 199])
def test_tsne_of_few_items_is_far_from_chance(count: int, axes: int) -> None:
    vectors, _ = grouped(count)
    trust = projection.quality(vectors, projection.tsne(vectors, axes))[0]
    assert trust > 0.82  # 0.5 is chance


@pytest.mark.parametrize("method", ["umap", "tsne"])
def test_what_the_report_raises_ends_the_work(method: str) -> None:
    vectors, _ = grouped(60)

    def report(share: float, what: str) -> None:
        if share > 0.05:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        getattr(projection, method)(vectors, 2, report)


def test_the_smallest_collections_have_maps_too() -> None:
    vectors = unit(np.random.default_rng(2), 5, 8)
    assert projection.umap(vectors, 3).shape == projection.tsne(vectors, 3).shape == (5, 3)


def test_alignment_undoes_turning_mirroring_moving_and_sizing() -> None:
    rng = np.random.default_rng(4)
    reference = projection.normalised(rng.standard_normal((50, 2)).astype(np.float32))
    angle = 2.1
    turn = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])  # turned and mirrored
    moved = (7 * reference @ turn + [3, -9]).astype(np.float32)
    placed, differs = projection.aligned(moved, reference)
    assert np.allclose(placed, reference, atol=1e-4) and differs < 1e-4
    other, apart = projection.aligned(rng.standard_normal((50, 2)).astype(np.float32), reference)
    assert apart > 0.5
    assert np.sqrt(np.square(other).sum(axis=1).mean()) == pytest.approx(1.0, abs=1e-3)  # not shrunk
    deep, _ = projection.aligned(np.c_[moved, np.zeros(50)].astype(np.float32), reference)
    assert deep.shape == (50, 3)


def test_trustworthiness_is_the_librarys_when_all_points_are_judged() -> None:
    vectors = unit(np.random.default_rng(5), 300, 20)
    layout, _ = projection.pca(vectors, 2)
    ours, kept = projection.quality(vectors, layout, near=10)
    assert ours == pytest.approx(trustworthiness(vectors, layout, n_neighbors=10, metric="cosine"), abs=1e-6)
    truth = np.argsort(-(vectors @ vectors.T - 3 * np.eye(300)), axis=1)[:, :10]
    apart = np.linalg.norm(layout[:, None] - layout[None], axis=2) + 1e9 * np.eye(300)
    shown = np.argsort(apart, axis=1)[:, :10]
    expected = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(truth, shown, strict=True)])
    assert kept == pytest.approx(expected, abs=1e-6)


def test_trustworthiness_of_a_sample_is_near_and_of_no_points_is_unknown() -> None:
    vectors, _ = grouped(3000, 16, 8)
    layout, _ = projection.pca(vectors, 2)
    sampled, _ = projection.quality(vectors, layout)
    assert sampled == pytest.approx(
        trustworthiness(vectors, layout, n_neighbors=10, metric="cosine"), abs=0.02
    )
    assert np.isnan(projection.quality(vectors[:3], layout[:3])).all()
    flawless = projection.quality(vectors[:40], vectors[:40])
    assert flawless == pytest.approx((1.0, 1.0))


@pytest.mark.parametrize(("method", "count"), [("k-means", 3), ("HDBSCAN", 8)])
def test_clusters_are_the_groups_numbered_from_the_largest(method: str, count: int) -> None:
    vectors, group = grouped(120)
    vectors, group = vectors[:110], group[:110]
    found = projection.clusters(vectors, method, count)
    kept = found != projection.NOISE
    assert kept.mean() > 0.8
    for number in range(3):
        assert len(set(group[found == number])) == 1
    sizes = [int((found == number).sum()) for number in range(3)]
    assert sizes == sorted(sizes, reverse=True)
    middle = list(projection.central(vectors, found))
    assert [found[row] for row in middle] == [0, 1, 2]


def test_clusters_refuse_what_they_cannot_do() -> None:
    vectors = unit(np.random.default_rng(6), projection.MOST_DENSITY + 1, 2)
    with pytest.raises(ValueError, match=r"5,000 .* 5,001"):
        projection.clusters(vectors, "HDBSCAN", 5)
    with pytest.raises(ValueError, match="k-means"):
        projection.clusters(vectors, "ward", 5)
    assert projection.clusters(vectors[:3], "k-means", 9).max() == 2  # no more groups than points
