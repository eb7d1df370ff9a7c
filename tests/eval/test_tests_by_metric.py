"""Every metric is tested against the full width: the first in result.json, all in tests.parquet."""

from pathlib import Path

import numpy as np
import pytest

from embedder.errors import InputError
from eval.results import TESTS
from eval.runs import Run, load_run
from eval.series import key_of, valued
from eval.significance import MARGIN, compare, non_inferiority
from tests.eval.made_runs import TWO_METRICS, make_run, real_run, row


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A real run."""
    folder = tmp_path_factory.mktemp("made")
    return real_run(folder, benchmark=(str(folder / "words"),), metric=TWO_METRICS, baseline=())


def test_each_metric_is_a_family_of_its_own(made: Run) -> None:
    assert {one["metric"] for one in made.tests} == set(TWO_METRICS)
    assert [one for one in made.tests if one["metric"] == TWO_METRICS[0]] == made.content["tests"]
    values = {
        (one["metric"], one["dim"], one["vectors"], one["precision"]): numbers
        for one, (_, numbers) in zip(made.scores, made.per_query, strict=True)
        if one["task"] == "code"
    }
    others = {
        key[1:]: v for key, v in values.items() if key[0] == "map" and key[1:] != (256, "dense", "float32")
    }
    full = values["map", 256, "dense", "float32"]
    expected, losses = compare(full, others), non_inferiority(full, others, MARGIN)
    own = [one for one in made.tests if (one["metric"], one["task"]) == ("map", "code")]
    assert len(own) == len(others)
    for one in own:
        key = (one["dim"], one["vectors"], one["precision"])
        assert one["p_holm"] == expected[key].adjusted_p
        assert one["difference"] == pytest.approx(np.mean(others[key] - full), abs=1e-12)
        assert one["non_inferior"] == losses[key].is_shown


def test_an_older_run_has_the_tests_of_its_first_metric(made: Run, tmp_path: Path) -> None:
    old = make_run(
        tmp_path, "old", {row(): np.ones(4), row(16): np.zeros(4), row(16, metric="map"): np.ones(4)}
    )
    assert old.tests == old.content["tests"] and len(old.tests) == 1
    (old.folder / TESTS).write_text("not parquet")
    with pytest.raises(InputError, match="tests.parquet cannot be read"):
        _ = load_run(old.folder).tests


def test_what_is_worth_its_bytes_goes_by_the_metric_shown() -> None:
    costs = [
        {"dim": dim, "searched_bytes": dim, "value": 0.5, "is_worth": True, "baseline": None}
        for dim in (16, 64)
    ]
    scores = {key_of(one): {"value": value} for one, value in zip(costs, (0.9, 0.8), strict=True)}
    assert [(one["value"], one["is_worth"]) for one in valued(costs, scores)] == [(0.9, True), (0.8, False)]
    assert valued(costs, {}) == []
