"""Intervals of many columns are those of each; a ranking of everything says so."""

import numpy as np
import pytest

from eval.ranking import Ranking
from eval.scores import filled, intervals
from eval.significance import interval


@pytest.mark.parametrize("queries", [1, 7, 400])
def test_intervals_of_a_table_are_those_of_its_columns(queries: int) -> None:
    table = np.random.default_rng(0).random((queries, 5)) ** 3
    low, high = intervals(table, seed=4)
    for column in range(5):
        alone = interval(table[:, column], seed=4)
        assert (low[column], high[column]) == pytest.approx((alone.low, alone.high), abs=2e-3)


def test_a_whole_corpus_is_marked_as_such() -> None:
    ranking = Ranking(np.array([[1, 0]]), np.array([[2.0, 1.0]], np.float32))
    assert filled(ranking, 3) is ranking
    assert filled(ranking, 2).rows.tolist() == [[1, 0, -1]]
