"""What is said in words is what the tests say in numbers."""

from typing import Any

import pytest

from eval.verdicts import at_a_quarter, by_pair, lines, verdict


def row_of_tests(benchmark: str = "docs", dim: int = 64, **changes: Any) -> dict[str, Any]:
    """A row of tests, as result.json has them."""
    return {
        "model": "mini", "task": "retrieval", "benchmark": benchmark, "vectors": "dense", "dim": dim,
        "precision": "float32", "search": "exact", "baseline": None, "metric": "ndcg@10", "margin": 0.01,
        "reference_dim": 256, "reference_value": 0.6, "difference": -0.002, "ci_low": -0.006,
        "ci_high": 0.002, "non_inferior": True, "inferior": False, "detectable_margin": 0.005,
    } | changes  # fmt: skip


LOST = {"difference": -0.05, "ci_high": -0.03, "non_inferior": False, "inferior": True}
UNSURE = {"difference": -0.004, "non_inferior": False, "detectable_margin": 0.0213}


@pytest.mark.parametrize(
    ("changes", "said"),
    [({}, "yes"), (LOST, "no"), (UNSURE, "cannot tell")],
)
def test_there_are_three_answers(changes: dict[str, Any], said: str) -> None:
    assert verdict(row_of_tests(**changes)) == said


def test_older_runs_are_judged_by_their_interval() -> None:
    row = row_of_tests(**LOST)
    row.pop("inferior")
    assert verdict(row) == "no"
    assert verdict(row | {"ci_high": -0.009}) == "cannot tell"


def test_a_quarter_is_told_in_words() -> None:
    found = lines([
        row_of_tests("a"), row_of_tests("b", **LOST), row_of_tests("c", **UNSURE), row_of_tests("c", 128),
        row_of_tests("a", precision="int8", **LOST), row_of_tests("a", baseline="pca", **LOST),
    ])  # fmt: skip
    (said,) = at_a_quarter(found, "nDCG@10")
    assert said == (
        "Cut to a quarter of its width (64 of 256 numbers, float32), mini is shown to lose less than one "
        "point of nDCG@10 in 1 of 3 pairs of benchmark and adapter, and shown to lose more in 1; in 1 the "
        "queries cannot tell. Mean differences: −5.0 to −0.2 points. Where they cannot tell, 2.1 points is "
        "the smallest margin that so many queries show four times in five if nothing is lost at all."
    )
    assert by_pair(found) == [
        ("a, retrieval", "loses 0.2 points: shown to lose less than one"),
        ("b, retrieval", "loses 5.0 points: shown to lose more than one"),
        ("c, retrieval", "loses 0.4 points: whether less than one is lost cannot be told"),
    ]
    gain = lines([row_of_tests(difference=0.003)])
    assert by_pair(gain) == [("docs, retrieval", "gains 0.3 points: shown to lose less than one")]


def test_no_loss_is_written_without_a_sign() -> None:
    (said,) = by_pair(lines([row_of_tests(difference=1e-9)]))
    assert said[1].startswith("loses 0.0 points")


def test_where_nothing_is_found_nothing_is_said_of_the_width() -> None:
    found = lines([row_of_tests("a"), row_of_tests("b", reference_value=0.012)])
    assert "finds hardly anything even at full width (0.012)" in by_pair(found)[1][1]
    assert by_pair(found)[0][1] == "loses 0.2 points: shown to lose less than one"
    (said,) = at_a_quarter(found, "nDCG@10")
    assert "less than one point of nDCG@10 in the one pair of benchmark and adapter" in said
    assert "1 more finds hardly anything even at full width (below 0.05)" in said and "not counted" in said
    assert [line.is_empty for line in found] == [False, True]
    (said,) = at_a_quarter(lines([row_of_tests(reference_value=0.012)]), "nDCG@10")
    assert said == (
        "mini finds hardly anything even at full width (below 0.05) in the one pair of benchmark and "
        "adapter: of a quarter of its width (64 of 256 numbers) that says nothing."
    )


def test_a_quarter_that_was_not_measured_is_said() -> None:
    found = lines([row_of_tests(dim=128)])
    assert at_a_quarter(found, "nDCG@10") == [
        "A quarter of the width of mini was not measured: add --dim 64 to the run."
    ]
    assert by_pair(found) == []
    assert at_a_quarter([], "nDCG@10") == []


def test_every_model_has_a_paragraph_and_every_pair_a_line() -> None:
    found = lines(
        [row_of_tests(), row_of_tests(model="other"), row_of_tests(task="code"), row_of_tests(dim=16)]
    )
    assert len(at_a_quarter(found, "nDCG@10")) == 2
    assert [(line.model, line.task, list(line.cells)) for line in found] == [
        ("mini", "retrieval", [16, 64]), ("other", "retrieval", [64]), ("mini", "code", [64])
    ]  # fmt: skip
