import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedder import InputError
from eval.bm25 import bm25_search, words
from eval.ranking import top_k

texts = st.lists(st.sampled_from("tide gate wall flood quay".split()), max_size=8).map(" ".join)


def plain_score(query: str, document: str, corpus: list[str], k1: float, b: float) -> float:
    """The formula, word by word."""
    mean = sum(len(text.split()) for text in corpus) / len(corpus)
    score = 0.0
    for word in query.split():
        having = sum(word in text.split() for text in corpus)
        count = document.split().count(word)
        rarity = math.log(1 + (len(corpus) - having + 0.5) / (having + 0.5))
        score += rarity * count / (count + k1 * (1 - b + b * len(document.split()) / mean)) if count else 0
    return score


def test_a_score_by_hand() -> None:
    corpus = ["tide tide gate", "gate", "wall wall wall wall wall"]  # mean length 3
    found = bm25_search(["tide"], corpus, ["a", "b", "c"], k=3, k1=1.0, b=0.5)
    assert found.rows.tolist() == [[0, -1, -1]]
    assert found.scores[0, 0] == np.float32(math.log(1 + 2.5 / 1.5) * 2 / (2 + 1))


@settings(deadline=None)
@given(
    st.lists(texts, min_size=1, max_size=12),
    st.lists(texts, min_size=1, max_size=3),
    st.sampled_from([0.0, 0.9, 1.5]),
    st.sampled_from([0.0, 0.4, 1.0]),
)
def test_scores_are_the_formulas(corpus: list[str], queries: list[str], k1: float, b: float) -> None:
    ids = [f"d{row}" for row in range(len(corpus))]
    found = bm25_search(queries, corpus, ids, k=20, k1=k1, b=b)
    scores = np.array(
        [
            [plain_score(query, text, corpus, k1, b) if any(corpus) else 0 for text in corpus]
            for query in queries
        ]
    )
    expected = top_k(scores.astype(np.float32), ids, 20).scores
    for rows, own, theirs, line in zip(found.rows, found.scores, expected, scores, strict=True):
        some = int((theirs > 0).sum())
        np.testing.assert_allclose(own[:some], theirs[:some], rtol=1e-5)
        np.testing.assert_allclose(line[rows[:some]], own[:some], rtol=1e-5)
        assert (rows[some:] == -1).all()


def test_equal_texts_have_equal_scores_and_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    kinds = [" ".join(rng.choice([f"w{n}" for n in range(50)], 20)) for _ in range(30)]
    corpus = [kinds[n % 30] for n in range(300)]
    queries = [" ".join(rng.choice([f"w{n}" for n in range(60)], 6)) for _ in range(9)]
    ids = [f"d{row}" for row in range(300)]
    whole = bm25_search(queries, corpus, ids, k=50)
    monkeypatch.setattr("eval.bm25._DOCUMENTS", 7)
    monkeypatch.setattr("eval.bm25._LINES", 2)
    cut = bm25_search(queries, corpus, ids, k=50)
    assert np.array_equal(whole.rows, cut.rows)
    assert np.array_equal(whole.scores, cut.scores)
    for rows in whole.rows:
        best = [row for row in range(300) if row % 30 == rows[0] % 30]
        assert rows[:10].tolist() == sorted(best, key=ids.__getitem__, reverse=True)


def test_words_of_any_language() -> None:
    assert words("Straße, read_csv(Path) – ГОРОД 42!") == ["strasse", "read", "csv", "path", "город", "42"]
    assert words(" _ ... ") == []


def test_nothing_to_search() -> None:
    assert bm25_search(["tide"], [], [], k=2).rows.tolist() == [[-1, -1]]
    assert bm25_search([], ["tide"], ["a"], k=2).rows.shape == (0, 2)
    assert bm25_search(["", "new"], ["", "tide"], ["a", "b"], k=2).rows.tolist() == [[-1, -1], [-1, -1]]


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="there are 2 documents and 1 ids"):
        bm25_search(["a"], ["a", "b"], ["x"])
    with pytest.raises(InputError, match="b is 2"):
        bm25_search(["a"], ["a"], ["x"], b=2)
