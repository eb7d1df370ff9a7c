import numpy as np
import pytest
from sklearn.decomposition import PCA

from embedder import InputError, similarity
from eval.baselines import principal_axes, random_axes
from eval.sweep import Setting, sweep


def skewed(count: int, dim: int = 12) -> np.ndarray:
    """Vectors with a mean, and with much variance in few hidden directions."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((count, dim)) * 0.6 ** np.arange(dim)
    mixed = hidden @ rng.standard_normal((dim, dim)) + rng.standard_normal(dim)
    return mixed.astype(np.float32)


def test_principal_axes_are_scikit_learns() -> None:
    rows = skewed(500)
    ours = principal_axes(np.array_split(rows, 7), 500, 12, 5)
    theirs = PCA(n_components=5).fit(rows.astype(np.float64))
    assert np.abs(np.sum(ours.axes * theirs.components_.T, axis=0)) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(np.abs(ours.apply(rows)), np.abs(theirs.transform(rows)), atol=1e-4)
    largest = ours.axes[np.abs(ours.axes).argmax(axis=0), np.arange(5)]
    assert (largest > 0).all()


def test_narrower_axes_are_the_first_of_wider_ones() -> None:
    rows = skewed(200)
    for make in (lambda width: principal_axes(rows, 200, 12, width), lambda width: random_axes(12, width, 3)):
        wide, narrow = make(12), make(4)
        np.testing.assert_allclose(wide.axes[:, :4], narrow.axes, atol=1e-9)
        np.testing.assert_allclose(wide.axes.T @ wide.axes, np.eye(12), atol=1e-9)


def test_a_random_rotation_keeps_angles_and_depends_on_its_seed() -> None:
    rows = skewed(60)
    turned = random_axes(12, 12, seed=1).apply(rows)
    np.testing.assert_allclose(similarity.cosine(turned, turned), similarity.cosine(rows, rows), atol=1e-5)
    assert np.array_equal(random_axes(12, 5, seed=1).axes, random_axes(12, 5, seed=1).axes)
    assert not np.allclose(random_axes(12, 5, seed=1).axes, random_axes(12, 5, seed=2).axes)
    # Evenly drawn: no axis prefers a side.
    entries = [random_axes(6, 6, seed).axes.diagonal() for seed in range(300)]
    assert np.abs(np.mean(entries, axis=0)).max() < 0.1


def test_a_sweep_over_rotated_vectors() -> None:
    rows, ids = skewed(300), [f"d{row}" for row in range(300)]
    queries, documents = rows[:8] + np.float32(0.05), rows
    rotation = principal_axes(documents, 300, 12, 6)
    found = sweep(rotation.apply(queries), rotation.over(documents), ids, [Setting(3), Setting(6)], k=10)
    again = sweep(rotation.apply(queries), rotation.over(np.array_split(rows, 9)), ids, [Setting(3)], k=10)
    assert np.array_equal(found[Setting(3)].rows, again[Setting(3)].rows)
    theirs = PCA(n_components=3).fit(rows)
    cosine = similarity.cosine(theirs.transform(queries), theirs.transform(documents))
    assert found[Setting(3)].rows.tolist() == np.argsort(-cosine, axis=1)[:, :10].tolist()


def test_bad_input_is_named() -> None:
    rows = skewed(20)
    with pytest.raises(InputError, match="width is 13, expected 1 to 12"):
        principal_axes(rows, 20, 12, 13)
    with pytest.raises(InputError, match="width is 0, expected 1 to 12"):
        random_axes(12, 0)
    with pytest.raises(InputError, match="one document or more"):
        principal_axes(rows[:0], 0, 12, 3)
    with pytest.raises(InputError, match="the corpus has 20 vectors and 21 ids"):
        principal_axes(rows, 21, 12, 3)
