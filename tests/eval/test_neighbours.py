import numpy as np
import pytest
from scipy.stats import spearmanr

from embedder import InputError, similarity, truncate
from eval.neighbours import overlap, rank_correlation, score_correlation
from eval.ranking import Ranking, top_k


def ranking(rows: list[list[int]]) -> Ranking:
    return Ranking(np.array(rows, dtype=np.int64), np.zeros(np.shape(rows), dtype=np.float32))


def test_overlap_by_hand() -> None:
    full = ranking([[1, 2, 3, 4], [1, 2, 3, 4], [5, -1, -1, -1], [-1, -1, -1, -1]])
    other = ranking([[2, 1, 9, 3], [7, 8, 9, 0], [5, 1, 2, 3], [1, -1, -1, -1]])
    assert overlap(full, other, 2).tolist() == [1, 0, 1, 1]
    assert overlap(full, other, 3).tolist() == [2 / 3, 0, 1, 1]
    assert overlap(full, full, 4).tolist() == [1, 1, 1, 1]


def test_correlations_are_scipys() -> None:
    rng = np.random.default_rng(0)
    queries, documents = (rng.standard_normal((n, 16)).astype(np.float32) for n in (5, 80))
    documents[7] = documents[3]  # a shared rank
    found = rank_correlation(queries, documents, [1, 4, 16])
    full = similarity.cosine(queries, documents)
    for dim in (1, 4):
        cut = similarity.cosine(truncate(queries, dim), truncate(documents, dim))
        theirs = [spearmanr(a, b).statistic for a, b in zip(full, cut, strict=True)]
        np.testing.assert_allclose(found[dim], theirs, atol=1e-12)
    np.testing.assert_allclose(found[16], 1)
    assert found[4].mean() > found[1].mean()


def test_a_query_that_has_no_order() -> None:
    documents = np.eye(4, dtype=np.float32)
    assert rank_correlation(np.zeros((1, 4), dtype=np.float32), documents, [2])[2].tolist() == [0]


def test_bad_input_is_named() -> None:
    one = top_k(np.ones((1, 3), dtype=np.float32), ["a", "b", "c"], 2)
    with pytest.raises(InputError, match="rankings of 1 and 2 queries"):
        overlap(one, ranking([[1], [1]]), 1)
    with pytest.raises(InputError, match="k is 3, expected 1 to 2"):
        overlap(one, one, 3)
    with pytest.raises(InputError, match="2 documents or more, there are 1"):
        rank_correlation(np.ones((1, 3), dtype=np.float32), np.ones((1, 3), dtype=np.float32), [1])
    with pytest.raises(InputError, match=r"\(1, 3\) and \(1, 4\) cannot be compared"):
        score_correlation(np.ones((1, 3), dtype=np.float32), np.ones((1, 4), dtype=np.float32))
