import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedder import InputError
from eval.ranking import Ranking, TieOrder, TopK, top_k


def naive(scores: np.ndarray, ids: list[str], k: int) -> list[list[int]]:
    """By plain sorting: score descending, then id descending."""
    rows = range(len(ids))
    return [sorted(rows, key=lambda row: (line[row], ids[row]), reverse=True)[:k] for line in scores]


def test_a_ranking_by_hand() -> None:
    scores = np.array([[0.5, 0.9, 0.5, -1.0, 0.5]], dtype=np.float32)
    found = top_k(scores, ["2", "7", "10", "3", "9"], 4)
    assert found.rows.tolist() == [[1, 4, 0, 2]]  # "9" > "2" > "10" as strings
    assert found.scores.tolist() == [[np.float32(0.9), 0.5, 0.5, 0.5]]
    assert found.rows.dtype == np.int64
    assert found.scores.dtype == np.float32


# Few different values, so that most are ties; both zeros, which are equal.
values = st.sampled_from([-1.5, -1e-30, -0.0, 0.0, 1e-30, 0.25, 3.0])


@given(st.data())
def test_blocks_of_any_size_give_what_sorting_gives(data: st.DataObject) -> None:
    queries, documents = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 30))
    k = data.draw(st.integers(1, 35))
    ids = data.draw(st.lists(st.text(max_size=3), min_size=documents, max_size=documents, unique=True))
    cells = data.draw(st.lists(values, min_size=queries * documents, max_size=queries * documents))
    scores = np.array(cells, dtype=np.float32).reshape(queries, documents)
    best = TopK(queries, k, TieOrder(ids))
    starts = list(range(0, documents, data.draw(st.integers(1, documents))))
    size = starts[1] if len(starts) > 1 else documents
    for start in data.draw(st.permutations(starts)):
        middle = data.draw(st.integers(0, queries))
        best.add(scores[:middle, start : start + size], start)
        best.add(scores[middle:, start : start + size], start, first_query=middle)
    found = best.ranking()
    kept = min(k, documents)
    assert found.rows[:, :kept].tolist() == naive(scores, ids, k)
    assert np.array_equal(found.scores[:, :kept], np.take_along_axis(scores, found.rows[:, :kept], axis=1))
    assert (found.rows[:, kept:] == -1).all()
    shallow = found.top(1)
    assert shallow.rows.tolist() == naive(scores, ids, 1)


def test_what_is_missing_is_marked() -> None:
    best = TopK(2, 3, TieOrder(["a", "b", "c"]))
    best.add(np.array([[1.0, 2.0]], dtype=np.float32), 0, first_query=1)
    found = best.ranking()
    assert found.rows.tolist() == [[-1, -1, -1], [1, 0, -1]]
    assert found.scores.tolist() == [[-np.inf] * 3, [2.0, 1.0, -np.inf]]


def test_no_queries_and_no_documents() -> None:
    assert top_k(np.zeros((0, 3), dtype=np.float32), ["a", "b", "c"], 2).rows.shape == (0, 2)
    assert top_k(np.zeros((2, 0), dtype=np.float32), [], 2).rows.tolist() == [[-1, -1]] * 2


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="'b' occurs twice, in rows 1 and 3"):
        TieOrder(["a", "b", "c", "b"])
    with pytest.raises(InputError, match="k is 0, expected 1 or more"):
        TopK(1, 0, TieOrder(["a"]))
    rows, scores = np.zeros((1, 2), dtype=np.int64), np.zeros((1, 2), dtype=np.float32)
    with pytest.raises(InputError, match=r"rows have shape \(1, 2\) and scores \(1, 1\)"):
        Ranking(rows, scores[:, :1])
    with pytest.raises(InputError, match="scores float64"):
        Ranking(rows, scores.astype(np.float64))
    with pytest.raises(InputError, match="k is 3, expected 1 to 2"):
        Ranking(rows, scores).top(3)
