"""Intervals of many columns are those of each."""

import numpy as np
import pytest

from eval.scores import intervals
from eval.significance import interval


@pytest.mark.parametrize("queries", [1, 7, 400])
def test_intervals_of_a_table_are_those_of_its_columns(queries: int) -> None:
    table = np.random.default_rng(0).random((queries, 5)) ** 3
    low, high = intervals(table, seed=4)
    for column in range(5):
        alone = interval(table[:, column], seed=4)
        assert (low[column], high[column]) == pytest.approx((alone.low, alone.high))
