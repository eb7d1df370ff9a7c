import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from embedder import InputError
from eval.significance import (
    compare,
    detectable_difference,
    holm,
    interval,
    non_inferiority,
    randomisation_p,
)


def normal(seed: int, count: int, mean: float = 0, spread: float = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, spread, count)


def test_an_interval_is_scipys() -> None:
    values = np.random.default_rng(0).beta(0.4, 0.6, 80)  # like nDCG: much at both ends
    ours = interval(values, resamples=40_000)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours.mean == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.002)
    assert ours.high == pytest.approx(theirs.high, abs=0.002)
    assert interval(values, 0.5).high < interval(values, 0.9).high


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    found = [interval(normal(seed, 60, 0.3), resamples=800) for seed in range(400)]
    held = np.mean([one.low <= 0.3 <= one.high for one in found])
    assert 0.91 < held < 0.98


def test_few_values_are_tried_in_every_way() -> None:
    differences = normal(3, 9, 0.4)
    theirs = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    ).pvalue
    exact = randomisation_p(differences)
    assert exact == pytest.approx(theirs)
    assert randomisation_p([1, 1, 1]) == 0.25
    assert randomisation_p([0.1, 0.2, -0.3]) == 1  # the sum is 0 but for rounding
    drawn = randomisation_p(differences, resamples=500)
    assert drawn == pytest.approx(exact, abs=0.05)
    assert drawn != exact


def test_chance_alone_is_significant_as_often_as_alpha_says() -> None:
    p_values = np.array([randomisation_p(normal(seed, 40), resamples=400) for seed in range(600)])
    assert 0.025 < (p_values <= 0.05).mean() < 0.075
    assert 0.43 < (p_values <= 0.5).mean() < 0.57


def test_no_p_is_0_and_no_difference_has_p_1() -> None:
    assert randomisation_p(np.ones(100), resamples=99) == 0.01
    assert randomisation_p(np.zeros(100), resamples=99) == 1


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1, "b": 1}
    assert holm({}) == {}


@given(st.dictionaries(st.integers(), st.floats(0, 1), min_size=1, max_size=9))
def test_holm_keeps_the_order_and_makes_nothing_smaller(p_values: dict[int, float]) -> None:
    adjusted = holm(p_values)
    assert list(adjusted) == list(p_values)
    order = sorted(p_values, key=p_values.__getitem__)
    assert [adjusted[key] for key in order] == sorted(adjusted.values())
    assert all(p <= adjusted[key] <= min(1, p * len(p_values)) + 1e-12 for key, p in p_values.items())


def test_what_is_detectable_is_detected_four_times_in_five() -> None:
    spread, count = 0.3, 50
    least = detectable_difference(normal(0, 100_000, 0, spread)) * math.sqrt(100_000 / count)
    assert least == pytest.approx(2.8016 * spread / math.sqrt(count), rel=0.01)
    found = [
        randomisation_p(normal(seed, count, least, spread), resamples=400) <= 0.05 for seed in range(300)
    ]
    assert 0.72 < np.mean(found) < 0.88


def test_a_single_query_detects_nothing() -> None:
    assert detectable_difference([0.5]) == math.inf
    assert interval([0.5]) == interval([0.5], seed=1)
    assert not non_inferiority([0.5], {0: [0.5]})[0].is_shown


def test_settings_are_compared_query_by_query() -> None:
    full = np.random.default_rng(0).uniform(0.2, 0.8, 300)
    others = {"worse": full - 0.05 + normal(1, 300, 0, 0.1), "same": full + normal(2, 300, 0, 0.1)}
    found = compare(full, others)
    worse = found["worse"]
    assert worse.interval.mean == pytest.approx((others["worse"] - full).mean())
    assert worse.interval.high < 0 < found["same"].interval.high
    assert worse.p_value < 0.001
    assert worse.adjusted_p == 2 * worse.p_value
    assert found["same"].adjusted_p == found["same"].p_value > 0.05
    alone = interval(others["worse"] - full)
    assert (worse.interval.low, worse.interval.high) == pytest.approx((alone.low, alone.high))
    assert found == compare(full, others)
    assert found != compare(full, others, seed=1)


def test_non_inferiority() -> None:
    full = np.random.default_rng(0).uniform(0.2, 0.8, 1000)
    others = {
        "tiny loss": full - 0.002 + normal(1, 1000, 0, 0.05),
        "large loss": full - 0.03 + normal(2, 1000, 0, 0.05),
        "noise": full + normal(3, 1000, 0, 1),
    }
    found = non_inferiority(full, others)
    assert [one.is_shown for one in found.values()] == [True, False, False]
    assert [one.is_refuted for one in found.values()] == [False, True, False]
    assert all(one.lower < one.difference for one in found.values())
    assert found["tiny loss"].lower > -0.01
    assert found["tiny loss"].detectable < 0.01 < found["noise"].detectable
    assert found["tiny loss"].adjusted_p == 3 * found["tiny loss"].p_value
    assert found["large loss"].p_value > 0.99
    assert non_inferiority(full, others, margin=0.05)["large loss"].is_shown
    assert non_inferiority(full, {"itself": full})["itself"].is_shown
    assert non_inferiority(full, {}) == compare(full, {}) == {}


def test_a_loss_of_the_margin_is_rarely_called_non_inferior() -> None:
    full = np.zeros(80)
    wrong = [
        non_inferiority(full, {0: normal(seed, 80, -0.01, 0.05)}, resamples=500)[0].is_shown
        for seed in range(400)
    ]
    assert 0.02 < np.mean(wrong) < 0.09


def test_a_loss_of_the_margin_is_rarely_called_a_larger_one() -> None:
    full = np.zeros(80)
    wrong = [
        non_inferiority(full, {0: normal(seed, 80, -0.01, 0.05)}, resamples=500)[0].is_refuted
        for seed in range(400)
    ]
    assert 0.02 < np.mean(wrong) < 0.09
    assert not non_inferiority([0.9], {0: [0.1]})[0].is_refuted  # one query shows nothing


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match=r"values have shape \(0,\)"):
        interval([])
    with pytest.raises(InputError, match="differences hold NaN or infinity, first at 1"):
        randomisation_p([0, math.nan])
    with pytest.raises(InputError, match="2 values and 3 reference values cannot be paired"):
        compare([1, 2, 3], {"x": [1, 2]})
    with pytest.raises(InputError, match="margin is 0"):
        non_inferiority([1], {}, margin=0)
    with pytest.raises(InputError, match="confidence is 95"):
        interval([1], confidence=95)
    with pytest.raises(InputError, match="resamples is 0"):
        interval([1], resamples=0)
    with pytest.raises(InputError, match="sides is 3"):
        detectable_difference([1, 2], sides=3)
