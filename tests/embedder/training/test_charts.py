"""Charts show what they say, words tell it, and pictures repeat with the seed."""

import numpy as np
import pytest

from embedder.training import chart_pictures
from embedder.training.charts import (
    KINDS,
    RELATIONS,
    TRENDS,
    Chart,
    all_facts,
    caption,
    hard_negatives,
    is_held_out,
    make,
    sample_facts,
    tell,
    tell_in_general,
)


@pytest.fixture(scope="module")
def every() -> list[Chart]:
    """One chart of each combination."""
    rng = np.random.default_rng(0)
    return [make(*facts, rng) for facts in all_facts()]


def slope(values: tuple[float, ...]) -> float:
    """Of the straight line through the values, per step."""
    return float(np.polyfit(np.arange(len(values)), values, 1)[0])


def shown(chart: Chart) -> str:
    """The feature, found from the numbers alone."""
    if chart.kind in ("bar", "pie"):
        first, second = sorted(chart.values)[:-3:-1]
        assert first - second >= 0.19 * first
        return chart.labels[int(np.argmax(chart.values))]
    if chart.kind == "scatter":
        together = np.corrcoef(chart.across, chart.values)[0, 1]
        return "together" if together > 0.8 else "opposite" if together < -0.8 else "unrelated"
    half = len(chart.values) // 2
    before, after = slope(chart.values[: half + 1]), slope(chart.values[-half - 1 :])
    if max(chart.values) - min(chart.values) < 0.2:
        return "stays"
    if before > 0:
        return "rises" if after > 0 else "peaks"
    return "dips" if after > 0 else "falls"


def test_the_numbers_show_what_the_words_say(every: list[Chart]) -> None:
    assert {chart.kind for chart in every} == set(KINDS) and len(every) == len(set(all_facts()))
    for chart in every:
        assert shown(chart) == chart.feature, chart
        assert all(0 <= value <= 1 for value in (*chart.values, *chart.across))


def test_words_tell_every_chart_apart(every: list[Chart]) -> None:
    assert len({caption(chart) for chart in every}) == len(every)
    assert tell("bar", "rainfall", "March") == "a bar chart of rainfall in which March is largest"
    assert tell("pie", "harvest", "pears") == "a pie chart of harvest in which pears are largest"
    assert tell("line", "wages", "rises") == "a line chart of wages that rises"
    assert tell_in_general("line", "rises") == "a line that rises"
    with pytest.raises(ValueError, match="'pie'"):
        tell_in_general("pie", "March")


def test_wordings_vary_and_keep_the_facts() -> None:
    rng = np.random.default_rng(3)
    told = {tell("bar", "rainfall", "March", rng) for _ in range(200)}
    assert len(told) > 10
    assert all("rainfall" in text and "March" in text for text in told)
    seen = {**TRENDS, **RELATIONS}
    for kind, subject, feature in (("line", "wages", "peaks"), ("scatter", "size and cost", "together")):
        for _ in range(50):
            told_once = tell(kind, subject, feature, rng)
            assert subject in told_once and any(words in told_once for words in seen[feature])


def test_hard_negatives_are_wrong_by_one_thing() -> None:
    rng = np.random.default_rng(0)
    for facts in all_facts()[::7]:
        wrong = hard_negatives(facts, rng)
        assert {"feature", "subject"} <= wrong.keys() and ("kind" in wrong) == (facts[0] in ("bar", "pie"))
        places = {"kind": 0, "subject": 1, "feature": 2}
        for name, other in wrong.items():
            assert [a != b for a, b in zip(facts, other, strict=True)] == [
                i == places[name] for i in range(3)
            ]
            assert other in all_facts()


def test_training_and_test_share_no_combination() -> None:
    rng = np.random.default_rng(0)
    learned = {sample_facts(rng) for _ in range(500)}
    asked = {sample_facts(rng, held_out=True) for _ in range(500)}
    assert not learned & asked
    assert {facts[0] for facts in learned} == {facts[0] for facts in asked} == set(KINDS)
    assert 0.2 < np.mean([is_held_out(facts) for facts in all_facts()]) < 0.45


def test_what_no_chart_shows_is_refused() -> None:
    with pytest.raises(ValueError, match="'bar', 'rainfall', 'Friday'"):
        make("bar", "rainfall", "Friday", np.random.default_rng(0))


@pytest.mark.parametrize(
    "facts",
    [
        ("bar", "rainfall", "March"),
        ("line", "wages", "falls"),
        ("pie", "pets", "cats"),
        ("scatter", "size and cost", "opposite"),
    ],
)
def test_pictures_repeat_with_the_seed_and_differ_with_it(facts: tuple[str, str, str]) -> None:
    def pixels(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return np.asarray(chart_pictures.draw(make(*facts, rng), 160, rng))

    assert pixels(1).shape == (160, 160, 3)
    np.testing.assert_array_equal(pixels(1), pixels(1))
    assert (pixels(1) != pixels(2)).any()


def test_the_largest_bar_is_drawn_largest() -> None:
    style = chart_pictures.Style(one_colour=True, grid=False)
    for seed in range(10):
        chart = make("bar", "rainfall", "March", np.random.default_rng(seed))
        pixels = np.asarray(chart_pictures.draw(chart, 224, np.random.default_rng(0), style)).astype(int)
        inked = (np.abs(pixels - style.palette[0]).sum(2) < 30).sum(0)  # pixels of a bar in each column
        edges = np.flatnonzero(np.diff((inked > 5).astype(int), prepend=0, append=0)).reshape(-1, 2)
        heights = [inked[a:b].max() for a, b in edges]
        assert len(heights) == len(chart.labels)
        assert chart.labels[int(np.argmax(heights))] == "March"


def test_a_rising_line_is_drawn_rising() -> None:
    style = chart_pictures.Style(grid=False)
    for trend, sign in (("rises", -1), ("falls", 1)):
        chart = make("line", "wages", trend, np.random.default_rng(1))
        pixels = np.asarray(chart_pictures.draw(chart, 224, np.random.default_rng(0), style)).astype(int)
        rows, columns = np.nonzero(np.abs(pixels - style.palette[0]).sum(2) < 30)
        assert sign * np.corrcoef(columns, rows)[0, 1] > 0.9


def test_titles_are_drawn() -> None:
    style = chart_pictures.Style(grid=False)
    chart = make("line", "wages", "rises", np.random.default_rng(1))
    top = np.asarray(chart_pictures.draw(chart, 224, np.random.default_rng(0), style))[:28]
    other = Chart("line", "downloads", *(chart.feature, chart.labels, chart.values))
    again = np.asarray(chart_pictures.draw(other, 224, np.random.default_rng(0), style))[:28]
    assert (top < 128).any() and (top != again).any()
