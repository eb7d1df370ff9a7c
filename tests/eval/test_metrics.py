import math

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from embedder import InputError
from eval.metrics import average_precision, evaluate, metric, mrr, ndcg, precision, recall
from eval.ranking import Ranking, top_k

THEIRS = {
    "ndcg@1": "ndcg_cut_1",
    "ndcg@10": "ndcg_cut_10",
    "recall@3": "recall_3",
    "recall@10": "recall_10",
    "precision@3": "P_3",
    "precision@10": "P_10",
    "map@5": "map_cut_5",
    "map": "map",
    "mrr@30": "recip_rank",
}


def test_metrics_by_hand() -> None:
    ranked, judged = [0, 2, 0, 1], [1, 2, 1, 0]
    best = 2 + 1 / math.log2(3) + 1 / 2
    assert ndcg(ranked, judged, 4) == pytest.approx((2 / math.log2(3) + 1 / math.log2(5)) / best)
    assert ndcg(ranked, judged, 1) == 0
    assert ndcg([2, 1, 1], judged, 3) == 1
    assert recall(ranked, judged, 4) == pytest.approx(2 / 3)
    assert precision(ranked, judged, 4) == 0.5
    assert precision(ranked, judged, 8) == 0.25
    assert mrr(ranked, judged, 4) == 0.5
    assert mrr(ranked, judged, 1) == 0
    assert average_precision(ranked, judged) == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert average_precision(ranked, judged, 3) == pytest.approx((1 / 2) / 3)


@pytest.mark.parametrize("name", ["ndcg@3", "recall@3", "precision@3", "mrr@3", "map"])
def test_nothing_found_or_nothing_relevant_is_0(name: str) -> None:
    assert metric(name)([], [1, 2]) == 0
    assert metric(name)([0, 0], [0, -1]) == 0


@settings(deadline=None)
@given(st.data())
def test_all_are_those_of_trec_eval(data: st.DataObject) -> None:
    """Graded and negative gains, ids of odd order, and few different scores, so that most are ties."""
    documents = data.draw(st.integers(1, 30))
    ids = [str(number) for number in data.draw(st.permutations(range(documents)))]
    levels = st.sampled_from([-0.5, 0.0, 1.0, 1.0 + 1e-9, 1e6])
    scores = np.array([data.draw(st.lists(levels, min_size=documents, max_size=documents)) for _ in range(3)])
    rows = st.integers(0, documents - 1)
    gains = [data.draw(st.dictionaries(rows, st.integers(-1, 4), max_size=8)) for _ in range(3)]
    gains[0] = {**gains[0], 0: 1}
    found = evaluate(top_k(scores.astype(np.float32), ids, 30), dict(enumerate(gains)), THEIRS)
    oracle = pytrec_eval.RelevanceEvaluator(
        {
            str(q): {ids[row]: gain for row, gain in judged.items()}
            for q, judged in enumerate(gains)
            if judged
        },
        {"ndcg_cut.1,10", "recall.3,10", "P.3,10", "map_cut.5", "map", "recip_rank"},
    )
    run = {str(q): dict(zip(ids, map(float, line), strict=True)) for q, line in enumerate(scores)}
    theirs = oracle.evaluate(run)
    relevant = [q for q in range(3) if any(gain > 0 for gain in gains[q].values())]
    assert found.queries.tolist() == relevant
    assert found.left_out == 3 - len(relevant)
    for name, other in THEIRS.items():
        assert found.values[name] == pytest.approx([theirs[str(q)][other] for q in relevant], abs=1e-6), name


def test_a_cut_needs_as_many_documents() -> None:
    scores = np.arange(12, dtype=np.float32).reshape(1, 12)
    ids = [f"{number:02}" for number in range(12)]
    short = top_k(scores, ids, 5)
    with pytest.raises(InputError, match="recall@10 needs 10 documents per query, the ranking has 5"):
        evaluate(short, {0: {1: 1}}, ["recall@10"])
    # Where the corpus has no more, nothing is missing.
    whole = top_k(scores, ids, 13)
    assert evaluate(whole, {0: {1: 1}}, ["recall@100"]).values["recall@100"].tolist() == [1.0]


def test_queries_without_a_relevant_document_are_left_out_and_counted() -> None:
    ranking = Ranking(np.array([[0], [1], [0], [1]]), np.ones((4, 1), dtype=np.float32))
    found = evaluate(ranking, {3: {1: 2}, 1: {0: 0}, 2: {}}, ["ndcg@1", "map"])
    assert found.queries.tolist() == [3]
    assert found.left_out == 3
    assert {name: values.tolist() for name, values in found.values.items()} == {"ndcg@1": [1.0], "map": [1.0]}
    with pytest.raises(InputError, match="judgements of query 4, the ranking has 4 queries"):
        evaluate(ranking, {4: {0: 1}}, ["map"])


@pytest.mark.parametrize("name", ["ndcg", "ndcg@0", "recall@x", "f1@3", "map@", "NDCG@10", "mrr@-1", "p@3 "])
def test_an_unknown_metric_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="expected ndcg@K, recall@K"):
        metric(name)
