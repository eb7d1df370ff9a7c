import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedder import InputError, similarity
from eval.late import late_search
from eval.ranking import top_k


def tokens(rng: np.random.Generator, count: int, longest: int, dim: int = 6) -> list[np.ndarray]:
    return [
        rng.standard_normal((int(n), dim)).astype(np.float32) for n in rng.integers(1, longest + 1, count)
    ]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 40), st.integers(1, 41))
def test_any_blocks_rank_as_max_sim_does(seed: int, queries: int, documents: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    left, right = tokens(rng, queries, 7), tokens(rng, documents, 30)
    ids = [str(name) for name in rng.permutation(documents)]
    parts = (right[start : start + size] for start in range(0, documents, size))
    found = late_search(left, parts, ids, k=10)
    exact = np.array(
        [[(q.astype(np.float64) @ d.T.astype(np.float64)).max(1).sum() for d in right] for q in left]
    )
    expected = top_k(exact.astype(np.float32), ids, 10)
    assert np.array_equal(found.rows, expected.rows)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5, atol=1e-5)


def test_queries_in_groups_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    left, right = tokens(rng, 20, 9), tokens(rng, 50, 30)
    whole = late_search(left, [right], [str(i) for i in range(50)], k=50)
    monkeypatch.setattr("eval.late._TOKENS", 12)
    cut = late_search(left, [right], [str(i) for i in range(50)], k=50)
    assert np.array_equal(whole.rows, cut.rows)
    scores = np.take_along_axis(similarity.max_sim(left, right), cut.rows, axis=1)
    np.testing.assert_allclose(cut.scores, scores, rtol=1e-6)


def test_bad_input_is_named() -> None:
    one = [np.ones((2, 3), dtype=np.float32)]
    with pytest.raises(InputError, match="the corpus has 1 documents and 2 ids"):
        late_search(one, [one], ["a", "b"])
    with pytest.raises(InputError, match="more than 1 documents"):
        late_search(one, [one, one], ["a"])
    with pytest.raises(InputError, match="document 0 has shape"):
        late_search(one, [[np.ones((0, 3), dtype=np.float32)]], ["a"])
    with pytest.raises(InputError, match="queries have width 3, documents 4"):
        late_search(one, [[np.ones((2, 4), dtype=np.float32)]], ["a"])
    assert late_search([], [one], ["a"], k=3).rows.shape == (0, 3)
