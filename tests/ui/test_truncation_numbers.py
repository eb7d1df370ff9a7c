"""The lab's numbers against the plain way to compute them."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from embedder import similarity
from embedder.quantization import Quantizer
from embedder.truncation import truncate
from eval.neighbours import rank_correlation, score_correlation
from ui.collection import text_item
from ui.relevance import Relevance
from ui.truncation_numbers import (
    FORMATS,
    MEASURES,
    Neighbourhood,
    Subject,
    bytes_per_vector,
    curve_widths,
    measured,
    quality_sides,
    scores,
)

FULL = 24


def vectors(count: int = 30, dim: int = FULL, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((5, dim))[np.arange(count) % 5] + 0.7 * rng.standard_normal((count, dim))
    return truncate(rows.astype(np.float32), dim)


def nearest(table: np.ndarray, near: int) -> list[set[int]]:
    """The plain way: sort each row, leave the item itself out."""
    return [
        set([int(j) for j in np.argsort(-row) if j != i][:near]) for i, row in enumerate(table.astype(float))
    ]


@pytest.mark.parametrize("dim", [3, 8, 17, FULL])
def test_neighbours_and_order_are_the_plain_ones(dim: int):
    rows, near = vectors(), 4
    [(_, found)] = Neighbourhood.of(rows, near).kept("float32", [dim])
    cut = truncate(rows, dim)
    full, now = similarity.cosine(rows, rows), similarity.cosine(cut, cut)
    kept = [len(a & b) / near for a, b in zip(nearest(full, near), nearest(now, near), strict=True)]
    np.testing.assert_allclose(found[MEASURES[0]], kept)
    others = ~np.eye(len(rows), dtype=bool)
    shape = (len(rows), len(rows) - 1)
    plain = score_correlation(full[others].reshape(shape), now[others].reshape(shape))
    np.testing.assert_allclose(found[MEASURES[1]], plain, atol=2e-3)
    if dim == FULL:
        assert (found[MEASURES[0]] == 1).all() and np.allclose(found[MEASURES[1]], 1)
    else:
        assert found[MEASURES[1]].mean() < 0.999


def test_scores_of_each_format_are_what_its_codes_stand_for():
    rows = vectors()
    sides = Neighbourhood.of(rows, 3).sides
    for form, precision in (("int8", "int8"), ("binary", "binary")):
        for dim, table in scores(sides, form, [8, 16]):
            cut = truncate(rows, dim)
            codec = Quantizer(precision, dim, cut.min(axis=0), cut.max(axis=0))
            stood = codec.dequantize(codec.quantize(cut))
            np.testing.assert_allclose(table, stood @ stood.T, atol=1e-5)


@pytest.mark.parametrize("count", [12, 40])  # fewer items than dimensions, and more
def test_the_control_is_principal_components(count: int):
    rows = vectors(count)
    for dim, table in scores(Neighbourhood.of(rows, 3).sides, "PCA", [2, 5, FULL]):
        axes = min(dim, count - 1)
        theirs = PCA(min(count, FULL)).fit_transform(rows.astype(np.float64))[:, :axes]
        plain = similarity.cosine(theirs.astype(np.float32), theirs.astype(np.float32))
        np.testing.assert_allclose(table, plain, atol=1e-4)


def test_quality_finds_what_is_relevant_and_leaves_the_asker_out():
    rows = vectors(10)
    items = [text_item(f"item {at}") for at in range(10)]
    # the same kind is five rows further on: relevant both ways
    pairs = [(at, (at + 5) % 10, 1) for at in range(10)]
    judged = Relevance.between(items, pairs).judged(items)
    assert judged is not None and judged.documents == tuple(range(10))
    subject = Subject("mine", Neighbourhood.of(rows, 2), quality_sides(rows, rows, judged))
    found = measured([(subject, "float32")], [FULL], "recall@1")[("mine", "float32", FULL)]
    table = similarity.cosine(rows, rows)
    np.fill_diagonal(table, -2)
    right = np.mean(table.argmax(axis=1) == (np.arange(10) + 5) % 10)
    assert found.measures[MEASURES[2]].mean == pytest.approx(right)
    assert 0 < right


def test_everything_is_measured_with_intervals_around_its_mean():
    subject = Subject("mine", Neighbourhood.of(vectors(), 3))
    dims = curve_widths(FULL, [6, FULL])
    assert dims == [4, 6, 8, 12, 16, 24]
    found = measured([(subject, form) for form in FORMATS], dims, "ndcg@10")
    assert set(found) == {("mine", form, dim) for form in FORMATS for dim in dims}
    for one in found.values():
        assert set(one.measures) == set(MEASURES[:2])
        for mean in one.measures.values():
            assert mean.low <= mean.mean <= mean.high
    assert found[("mine", "float32", FULL)].measures[MEASURES[0]].low == 1
    assert found[("mine", "float32", 4)].measures[MEASURES[0]].high < 1


@pytest.mark.parametrize(("form", "size"), [("float32", 80), ("PCA", 80), ("int8", 20), ("binary", 3)])
def test_bytes_per_vector(form: str, size: int):
    assert bytes_per_vector(form, 20) == size


def test_the_mean_correlation_agrees_with_the_benchmarks_but_for_the_item_itself():
    rows = vectors(60)
    [(_, found)] = Neighbourhood.of(rows, 3).kept("float32", [12])
    theirs = rank_correlation(rows, rows, [12])[12]
    assert found[MEASURES[1]].mean() == pytest.approx(theirs.mean(), abs=0.05)
