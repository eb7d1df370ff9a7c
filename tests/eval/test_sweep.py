import functools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedder import EmbedderNotice, InputError, similarity, truncate
from embedder.quantization import Quantizer, VectorPrecision, hamming
from eval import blocks
from eval.ranking import Ranking
from eval.sweep import Setting, sweep

pytestmark = pytest.mark.filterwarnings("ignore:.*ranges are fitted:embedder.errors.EmbedderNotice")

CODED = [precision for precision in VectorPrecision if precision != "float32"]


def unit(seed: int, count: int, dim: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def ids_of(count: int) -> list[str]:
    return [f"d{row}" for row in range(count)]


def cosine64(queries: np.ndarray, documents: np.ndarray) -> np.ndarray:
    left, right = queries.astype(np.float64), documents.astype(np.float64)
    lengths = np.linalg.norm(left, axis=1)[:, None] * np.linalg.norm(right, axis=1)
    return left @ right.T / np.where(lengths == 0, 1, lengths)


def exact_scores(queries: np.ndarray, documents: np.ndarray, setting: Setting) -> np.ndarray:
    """What a search through everything scores by, one width at a time, in float64."""
    left, right = queries[:, : setting.dim], documents[:, : setting.dim]
    if setting.precision == "float32":
        return cosine64(left, right)
    if "binary" in setting.precision:
        signs = np.where(left > 0, 1, -1) if setting.search == "exact" else left
        return cosine64(signs, np.where(right > 0, 1, -1))
    left, right = truncate(left, setting.dim), truncate(right, setting.dim)
    quantizer = Quantizer.fit(right, setting.precision)
    if setting.search == "exact":
        left = quantizer.dequantize(quantizer.quantize(left))
    return left.astype(np.float64) @ quantizer.dequantize(quantizer.quantize(right)).astype(np.float64).T


def check_search(found: Ranking, scores: np.ndarray, ids: list[str], k: int) -> None:
    """The ranking is that of exact scores, rounded to float32, the larger id first among equals."""
    rounded = scores.astype(np.float32) + np.float32(0)
    for rows, own, line in zip(found.rows, found.scores, rounded, strict=True):
        best = sorted(range(len(ids)), key=lambda row: (line[row], ids[row]), reverse=True)[:k]
        missing = k - len(best)
        assert rows.tolist() == best + [-1] * missing
        np.testing.assert_allclose(own, [*line[best], *[-np.inf] * missing], atol=1e-6)


@pytest.mark.parametrize("precision", list(VectorPrecision))
@pytest.mark.parametrize("search", ["exact", "asymmetric"])
def test_every_width_is_what_a_search_of_its_own_finds(precision: str, search: str) -> None:
    if (precision, search) == ("float32", "asymmetric"):
        with pytest.raises(InputError, match="'asymmetric' needs a precision other than float32"):
            Setting(8, precision, search)
        return
    queries, documents = unit(0, 9, 48), unit(1, 300, 48)
    wanted = [Setting(dim, precision, search) for dim in (48, 7, 16, 1, 33)]
    found = sweep(queries, documents, ids_of(300), wanted, k=20)
    assert list(found) == wanted
    for setting in wanted:
        check_search(found[setting], exact_scores(queries, documents, setting), ids_of(300), 20)


def test_scores_are_those_of_similarity() -> None:
    queries, documents = unit(0, 3, 32) * 5, unit(1, 40, 32) * np.float32(0.1)
    found = sweep(queries, documents, ids_of(40), [Setting(8), Setting(8, "binary")], k=40)
    cosine = similarity.cosine(truncate(queries, 8), truncate(documents, 8))
    ranking = found[Setting(8)]
    np.testing.assert_allclose(
        ranking.scores, np.take_along_axis(cosine, ranking.rows, 1), rtol=1e-5, atol=1e-6
    )
    codes = Quantizer(VectorPrecision.BINARY, 8)
    near = 1 - 2 * hamming(codes.quantize(queries[:, :8]), codes.quantize(documents[:, :8])) / 8
    ranking = found[Setting(8, "binary")]
    np.testing.assert_allclose(ranking.scores, np.take_along_axis(near, ranking.rows, 1), atol=1e-6)


@functools.cache
def everything() -> list[Setting]:
    """Each kind of search at three widths."""
    found = [Setting(dim, precision) for dim in (5, 12, 20) for precision in VectorPrecision]
    found += [
        Setting(dim, p, search) for dim in (5, 20) for p in CODED for search in ("asymmetric", "rescored")
    ]
    found += [Setting(20, precision, "funnel:5") for precision in VectorPrecision]
    return found


@pytest.mark.parametrize("size", [1, 7, 64, 100, 1000])
def test_blocks_of_any_size_give_the_same_to_the_last_bit(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "CHUNK", 128)
    queries, documents = unit(0, 5, 20), unit(1, 403, 20)
    whole = sweep(queries, documents, ids_of(403), everything(), k=10)
    parts = [documents[start : start + size] for start in range(0, 403, size)]
    cut = sweep(queries, parts, ids_of(403), everything(), k=10)
    assert list(cut) == everything()
    for setting in everything():
        assert np.array_equal(whole[setting].rows, cut[setting].rows), setting
        assert np.array_equal(whole[setting].scores, cut[setting].scores), setting


@pytest.mark.parametrize("chunk", [64, 192, 4096])
def test_equal_documents_have_equal_scores_and_the_larger_id_first(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "CHUNK", chunk)
    # 40 different documents, each some ten times, at odd places.
    copies = np.random.default_rng(2).permutation(np.arange(417) % 40)
    queries, documents, ids = unit(0, 11, 20), unit(1, 40, 20)[copies], ids_of(417)
    # Fewer places than there are copies of the best: the larger ids have them.
    for setting, ranking in sweep(queries, documents, ids, everything(), k=7).items():
        if not setting.is_refined:
            check_search(ranking, exact_scores(queries, documents, setting), ids, 7)
    for setting, ranking in sweep(queries, documents, ids, everything(), k=40).items():
        for rows, scores in zip(ranking.rows, ranking.scores, strict=True):
            of_same = [
                [(scores[i], ids[rows[i]]) for i in range(40) if copies[rows[i]] == original]
                for original in set(copies[rows[:-1]])
            ]
            for group in of_same:
                assert len({score for score, _ in group}) == 1, setting
                assert group == sorted(group, reverse=True), setting


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_corpus(data: st.DataObject) -> None:
    """Small whole numbers: zero vectors, equal and parallel ones, and ties of all kinds."""
    dim = data.draw(st.integers(1, 9))
    queries, documents = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 40))
    seed = data.draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    left = rng.integers(-2, 3, (queries, dim)).astype(np.float32)
    right = rng.integers(-2, 3, (documents, dim)).astype(np.float32)
    ids = [str(name) for name in rng.permutation(documents)]
    size, k = data.draw(st.integers(1, documents)), data.draw(st.integers(1, 45))
    choice = st.builds(Setting, st.integers(1, dim), st.sampled_from(list(VectorPrecision)))
    coded = st.builds(Setting, st.integers(1, dim), st.sampled_from(CODED), st.just("asymmetric"))
    wanted = data.draw(st.lists(choice | coded, min_size=1, max_size=4))
    parts = [right[start : start + size] for start in range(0, documents, size)]
    found = sweep(left, parts, ids, wanted, k=k)
    for setting in wanted:
        check_search(found[setting], exact_scores(left, right, setting), ids, k)


@pytest.mark.parametrize("precision", CODED)
def test_rescoring_orders_the_candidates_by_their_float_vectors(precision: str) -> None:
    queries, documents, ids = unit(0, 6, 32), unit(1, 500, 32), ids_of(500)
    coarse, fine = Setting(16, precision), Setting(16, precision, "rescored")
    found = sweep(queries, documents, ids, [fine], k=5, oversample=3)[fine]
    candidates = sweep(queries, documents, ids, [coarse], k=15)[coarse]
    exact = similarity.cosine(truncate(queries, 16), truncate(documents, 16))
    for rows, own, pool, line in zip(found.rows, found.scores, candidates.rows, exact, strict=True):
        assert rows.tolist() == sorted(pool, key=lambda row: -line[row])[:5]
        np.testing.assert_allclose(own, line[rows], atol=1e-6)


def test_a_funnel_finds_what_two_searches_find() -> None:
    queries, documents, ids = unit(0, 6, 32), unit(1, 500, 32), ids_of(500)
    wanted = [Setting(32, "float32", "funnel:4"), Setting(32), Setting(4), Setting(32, "binary", "funnel:16")]
    found = sweep(queries, documents, ids, wanted, k=5, oversample=4)
    narrow = sweep(queries, documents, ids, [Setting(4), Setting(16, "binary")], k=20)
    exact = similarity.cosine(queries, documents)
    for setting, first in [(wanted[0], Setting(4)), (wanted[3], Setting(16, "binary"))]:
        for rows, pool, line in zip(found[setting].rows, narrow[first].rows, exact, strict=True):
            assert rows.tolist() == sorted(pool, key=lambda row: -line[row])[:5]
    # All of the corpus as candidates is the full search.
    wide = sweep(queries, documents, ids, [wanted[0]], k=5, oversample=100)[wanted[0]]
    assert np.array_equal(wide.rows, found[Setting(32)].rows)


def test_a_search_without_settings_or_queries_or_documents() -> None:
    queries, documents = unit(0, 2, 8), unit(1, 5, 8)
    assert sweep(queries, documents, ids_of(5), []) == {}
    assert sweep(queries[:0], documents, ids_of(5), [Setting(4)])[Setting(4)].rows.shape == (0, 100)
    nothing = sweep(queries, documents[:0], [], [Setting(4), Setting(8, "binary", "rescored")])
    assert all((ranking.rows == -1).all() for ranking in nothing.values())


def test_few_vectors_for_ranges_are_said() -> None:
    with pytest.warns(EmbedderNotice, match="int8 ranges are fitted on 5 vectors; 100 or more"):
        sweep(unit(0, 1, 8), unit(1, 5, 8), ids_of(5), [Setting(4, "uint8")])


class Counted:
    """Blocks that count how often they are read."""

    def __init__(self, documents: np.ndarray) -> None:
        self.documents = documents
        self.passes = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        self.passes += 1
        yield from np.array_split(self.documents, 5)


def test_the_corpus_is_not_read_anew_for_each_width() -> None:
    queries, documents = unit(0, 3, 16), unit(1, 200, 16)
    corpus = Counted(documents)
    several = [Setting(d, p) for d in (1, 2, 4, 8, 16) for p in ("float32", "binary", "ubinary")]
    sweep(queries, corpus, ids_of(200), several)
    assert corpus.passes == 2  # search; near ties
    corpus.passes = 0
    sweep(queries, corpus, ids_of(200), [*several, Setting(8, "int8"), Setting(8, "int8", "rescored")])
    assert corpus.passes == 4  # ranges, search, near ties, rescoring


def test_bad_vectors_are_named() -> None:
    queries, documents, ids = unit(0, 2, 8), unit(1, 300, 8), ids_of(300)
    for value in (np.nan, np.inf, -np.inf, 1e30):
        spoiled = documents.copy()
        spoiled[257, 3] = value
        with pytest.raises(InputError, match="document 257 holds NaN or infinity, or is longer"):
            sweep(queries, np.array_split(spoiled, 7), ids, [Setting(2)])
    with pytest.raises(InputError, match="query 1 holds NaN"):
        sweep(np.array([[1], [np.nan]], dtype=np.float32), documents[:, :1], ids, [Setting(1)])
    with pytest.raises(InputError, match="the corpus has 300 vectors and 299 ids"):
        sweep(queries, documents, ids[:-1], [Setting(2)])
    with pytest.raises(InputError, match=r"is float64 \(300, 8\), expected float32 \(n, 8\)"):
        sweep(queries, documents.astype(np.float64), ids, [Setting(2)])
    with pytest.raises(InputError, match=r"is float32 \(300, 7\), expected float32 \(n, 8\)"):
        sweep(queries, [documents[:, :7]], ids, [Setting(2)])
    with pytest.raises(InputError, match="dim is 9, the vectors have a width of 8"):
        sweep(queries, documents, ids, [Setting(9)])
    with pytest.raises(InputError, match="generator, which can be read only once"):
        sweep(queries, (part for part in [documents]), ids, [Setting(2)])
    with pytest.raises(InputError, match="queries are float64"):
        sweep(queries.astype(np.float64), documents, ids, [Setting(2)])
    with pytest.raises(InputError, match="oversample is 0"):
        sweep(queries, documents, ids, [Setting(2)], oversample=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "dim is 0"),
        ((True,), "dim is True"),
        ((8, "int4"), "precision is 'int4', expected one of float32, int8"),
        ((8, "int8", "fuzzy"), "search is 'fuzzy', expected exact, asymmetric, rescored or funnel:DIM"),
        ((8, "float32", "rescored"), "'rescored' needs a precision other than float32"),
        ((8, "float32", "funnel:8"), "'funnel:8', expected a width from 1 to 7"),
        ((8, "float32", "funnel:x"), "'funnel:x', expected a whole number"),
        ((8, "float32", "funnel:04"), "'funnel:04', expected a whole number"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Setting(*arguments)


def test_a_setting_knows_its_precision() -> None:
    assert Setting(8, "int8") == Setting(8, VectorPrecision.INT8)
    assert Setting(8, "int8").precision is VectorPrecision.INT8
    assert hash(Setting(8, "int8")) == hash(Setting(8, VectorPrecision.INT8))
