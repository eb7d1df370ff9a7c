import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedder import InputError, similarity
from embedder.errors import EmbedderNotice
from eval.late import late_search, late_sweep
from eval.ranking import top_k
from eval.sweep import Setting


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


FORMATS = ("float32", "int8", "uint8", "binary", "ubinary")
EVERY = [
    Setting(6, precision, search)
    for search in ("exact", "asymmetric", "rescored")
    for precision in FORMATS
    if search == "exact" or precision != "float32"
]


def by_hand(queries: list[np.ndarray], documents: list[np.ndarray], setting: Setting) -> np.ndarray:
    """Scores of a search without rescoring, from the definitions: float64 (queries, documents)."""
    stacked = np.concatenate(documents)
    low, high = stacked.min(0), stacked.max(0)
    step = (high - low) / np.float32(255)

    def coded(item: np.ndarray) -> np.ndarray:
        if setting.precision == "float32":
            return item.astype(np.float64)
        if setting.precision.endswith("int8"):
            steps = np.clip(np.floor((item - low) / step), 0, 255)
            return np.minimum(low + (steps + 0.5) * step.astype(np.float64), high)
        return np.where(item > 0, 1, -1) / np.sqrt(item.shape[1])

    asked = queries if setting.search == "asymmetric" else [coded(query) for query in queries]
    return np.array([[(q @ coded(d).T).max(axis=1).sum() for d in documents] for q in asked])


def blocks_of(documents: list[np.ndarray], size: int) -> list[list[np.ndarray]]:
    return [documents[start : start + size] for start in range(0, len(documents), size)]


@pytest.mark.parametrize("setting", [s for s in EVERY if s.search != "rescored"], ids=str)
def test_each_format_scores_as_by_hand(setting: Setting) -> None:
    rng = np.random.default_rng(3)
    queries, documents = tokens(rng, 5, 7), tokens(rng, 40, 12)
    ids = [f"d{i:02}" for i in range(40)]
    for size in (1, 7, 40):
        parts = blocks_of(documents, size)
        found = late_sweep(queries, lambda parts=parts: parts, ids, [setting], k=40)[setting]
        exact = by_hand(queries, documents, setting)
        scores = np.take_along_axis(exact, found.rows, axis=1)
        np.testing.assert_allclose(found.scores, scores, rtol=1e-5, atol=1e-5)
        assert np.array_equal(np.sort(found.rows), np.tile(np.arange(40), (5, 1)))


def test_binary_by_hand_in_small() -> None:
    query = np.array([[2, -1, 3], [-1, -1, -1]], np.float32)
    document = np.array([[1, 1, 1], [-5, 0, 4]], np.float32)  # 0 counts as below zero
    plain, asymmetric = Setting(3, "binary"), Setting(3, "ubinary", "asymmetric")
    found = late_sweep([query], lambda: [[document]], ["a"], [plain, asymmetric], k=1)
    # The first token agrees with the documents' in 2 of 3 signs and in 2 of 3, the second in 0 and in 2.
    assert found[plain].scores[0, 0] == pytest.approx(1 / 3 + 1 / 3)
    assert found[asymmetric].scores[0, 0] == pytest.approx((max(4, 2) + max(-3, 1)) / np.sqrt(3))


def test_equal_signs_are_ordered_by_id() -> None:
    rng = np.random.default_rng(0)
    signs = rng.choice(np.float32([-1, 1]), (9, 6))
    documents = [signs * rng.uniform(0.1, 2, signs.shape).astype(np.float32) for _ in range(30)]
    ids = [f"{i:02}" for i in rng.permutation(30)]
    setting = Setting(6, "binary")
    found = late_sweep(tokens(rng, 4, 9), lambda: blocks_of(documents, 4), ids, [setting], k=30)[setting]
    assert [[ids[row] for row in line] for line in found.rows] == [sorted(ids, reverse=True)] * 4


def test_int8_is_float32_within_its_steps() -> None:
    rng = np.random.default_rng(1)
    documents = tokens(rng, 60, 20)
    queries = [document[:5] for document in documents[:8]]  # inside the ranges
    ids = [f"d{i:02}" for i in range(60)]
    exact, *coded = (Setting(6, name) for name in ("float32", "int8", "uint8"))
    found = late_sweep(queries, lambda: [documents], ids, [exact, *coded], k=60)
    order = np.argsort(found[exact].rows, axis=1)
    wanted = np.take_along_axis(found[exact].scores, order, axis=1)
    spread = np.ptp(np.concatenate(documents), axis=0)
    # Each number is off by at most half a step on each side.
    longest = np.abs(np.concatenate(documents)).max(axis=0) + spread / 510
    bound = max(map(len, queries)) * float((spread / 510 * 2 * longest).sum())
    for setting in coded:
        again = np.argsort(found[setting].rows, axis=1)
        scores = np.take_along_axis(found[setting].scores, again, axis=1)
        assert 0 < np.abs(scores - wanted).max() < bound
    assert np.array_equal(found[coded[0]].rows, found[coded[1]].rows)
    assert np.array_equal(found[coded[0]].scores, found[coded[1]].scores)


@pytest.mark.parametrize("precision", FORMATS[1:])
def test_rescored_is_float32_among_the_candidates(precision: str) -> None:
    rng = np.random.default_rng(5)
    queries, documents = tokens(rng, 6, 6), tokens(rng, 50, 9)
    ids = [f"d{i:02}" for i in range(50)]
    coarse, anew, exact = Setting(6, precision), Setting(6, precision, "rescored"), Setting(6)
    every = [coarse, anew, exact]
    found = late_sweep(queries, lambda: blocks_of(documents, 8), ids, every, k=4, oversample=3)
    candidates = late_sweep(queries, lambda: [documents], ids, [coarse], k=12)[coarse].rows
    scores = by_hand(queries, documents, exact)
    for line, rows in enumerate(candidates):
        best = sorted(rows.tolist(), key=lambda row, line=line: -scores[line, row])[:4]
        assert found[anew].rows[line].tolist() == best
        np.testing.assert_allclose(found[anew].scores[line], scores[line, best], rtol=1e-6)
    assert np.array_equal(found[coarse].rows, candidates[:, :4])
    all_of_them = late_sweep(queries, lambda: blocks_of(documents, 8), ids, every, k=20, oversample=3)
    assert np.array_equal(all_of_them[anew].rows, all_of_them[exact].rows)


def test_a_search_does_not_depend_on_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    queries, documents = tokens(rng, 9, 9), tokens(rng, 70, 12)
    ids = [str(i) for i in range(70)]
    parts = blocks_of(documents, 16)
    together = late_sweep(queries, lambda: parts, ids, EVERY, k=10)
    assert list(together) == EVERY
    plain = late_search(queries, parts, ids, k=10)
    for setting in EVERY:
        alone = late_sweep(queries, lambda: parts, ids, [setting], k=10)[setting]
        assert np.array_equal(alone.rows, together[setting].rows)
        assert np.array_equal(alone.scores, together[setting].scores)
    assert np.array_equal(plain.scores, together[Setting(6)].scores)
    monkeypatch.setattr("eval.late._TOKENS", 20)
    for setting, ranking in late_sweep(queries, lambda: parts, ids, EVERY, k=10).items():
        np.testing.assert_allclose(ranking.scores, together[setting].scores, rtol=1e-5, atol=1e-5)


def test_bad_settings_and_vectors_are_named() -> None:
    one, nan = [np.ones((200, 3), np.float32)], [np.full((1, 3), np.nan, np.float32)]
    short = Setting(3, "int8")
    for settings_, match in (
        ([Setting(3), Setting(2)], "dims are 3 and 2: token vectors are not cut"),
        ([Setting(3, "int8", "funnel:2")], "search is 'funnel:2', expected exact, asymmetric or rescored"),
        ([Setting(4)], r"query 0 has shape \(200, 3\), expected \(tokens, 4\)"),
    ):
        with pytest.raises(InputError, match=match):
            late_sweep(one, lambda: [one], ["a"], settings_)
    for documents, match in (
        ([*one, np.ones((2, 4), np.float32)], r"document 1 has shape \(2, 4\), expected \(tokens, 3\)"),
        ([*one, np.ones((0, 3), np.float32)], r"document 1 has shape \(0, 3\)"),
        ([*one, *nan], "document 1 holds NaN or infinity"),
    ):
        with pytest.raises(InputError, match=match):
            late_sweep(one, lambda documents=documents: [documents], ["a", "b"], [short])
    with pytest.raises(InputError, match="query 0 holds NaN"):
        late_sweep(nan, lambda: [one], ["a"], [short])
    with pytest.raises(InputError, match="oversample is 0"):
        late_sweep(one, lambda: [one], ["a"], [short], oversample=0)
    with pytest.warns(EmbedderNotice, match="fitted on 6 token vectors"):
        late_sweep(one, lambda: [[np.ones((6, 3), np.float32)]], ["a"], [short])
    assert late_sweep(one, lambda: [one], ["a"], []) == {}
    assert late_sweep([], lambda: [one], ["a"], [short], k=3)[short].rows.shape == (0, 3)
