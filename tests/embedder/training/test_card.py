"""The card's figures: measured per picture and query, with intervals, and drawn."""

from xml.etree import ElementTree

import numpy as np
import pytest

from embedder import Embedder, similarity
from embedder.spec import MINI, MINI_FOLDER
from embedder.training import card, card_curve, emoji_pictures, metrics
from embedder.training.adapters_stage import silenced
from embedder.training.data_code import CodePair
from embedder.training.data_text import TextPair
from embedder.training.evaluate import code_values, scene_values, word_values
from embedder.training.evaluate_adapters import OWN, adapter_values, differences
from embedder.training.evaluate_worlds import (
    chart_values,
    emoji_values,
    group_values,
    page_values,
    size_values,
)
from embedder.training.groups import counted_groups
from embedder.training.network import Sizes
from embedder.training.worlds import missing_pages

SIZES = Sizes(
    vocabulary=100, hidden=64, layers=1, feed_forward=8, heads=2, kv_heads=1, dims=(16, 32, 64), late=8,
    vision_width=32, vision_depth=1, vision_feed_forward=8, vision_heads=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Embedder:
    return Embedder.from_pretrained(MINI, device="cpu", precision="float32")


def test_an_interval_is_that_of_the_normal_distribution_where_values_are_many() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.2, 4000)
    mean, low, high = metrics.interval(values)
    reach = 1.96 * 0.2 / 4000**0.5
    assert (mean, low, high) == pytest.approx((values.mean(), mean - reach, mean + reach), abs=reach / 5)
    assert metrics.interval(values) == [mean, low, high], "seeded"
    assert metrics.interval(np.ones(5)) == [1, 1, 1]


def test_principal_axes_are_those_of_the_singular_values() -> None:
    rows = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32) * [9, 1, 5, 1, 1, 1]
    axes = metrics.principal_axes(rows, 2)
    whole = np.linalg.svd(metrics.unit(rows))[2][:2].T
    assert axes.shape == (6, 2) and np.abs(np.abs((axes * whole).sum(0)) - 1).max() < 1e-5


def test_scenes_are_told_from_mistakes_far_above_chance(model: Embedder) -> None:
    found = scene_values(model, count=20)
    assert {values.shape for values in found.values()} == {(20,)}
    assert set(np.concatenate(list(found.values()))) <= {0.0, 1.0}
    assert found[f"4-way@{model.spec.dim}"].mean() > 0.8 and found["4-way@late"].mean() > 0.5
    assert set(found) >= {
        f"{name}@{dim}" for name in ("4-way", "R@1", "R@10") for dim in model.spec.matryoshka_dims
    }


def test_the_same_scene_is_nearer_than_the_same_words(model: Embedder) -> None:
    found = word_values(model, count=40)
    assert {values.shape for values in found.values()} == {(40,)}
    assert found[f"told@{model.spec.dim}"].mean() > 0.97
    assert word_values(model, count=40, plain=False)[f"told@{model.spec.dim}"].mean() > 0.7


def test_worlds_are_told_apart_above_chance_where_they_were_trained(model: Embedder) -> None:
    three = group_values(model, "mixed", count=20)
    assert set(three) == {f"4-way@{dim}" for dim in model.spec.matryoshka_dims}
    assert three[f"4-way@{model.spec.dim}"].mean() > 0.6
    counts, charts = group_values(model, "counts", count=20), chart_values(model, count=20)
    assert {values.shape for values in counts.values()} == {(20,)} and counts[
        f"4-way@{model.spec.dim}"
    ].mean() > 0.3
    assert set(charts) == {
        f"{name}@{dim}" for name in ("4-way", "shape") for dim in model.spec.matryoshka_dims
    }
    assert 0 < len(charts["shape@16"]) < 20, "lines and scatter plots alone"


def test_sizes_are_told_of_things_alone(model: Embedder) -> None:
    found = size_values(model, count=20)
    assert set(found) == {
        f"{kind}@{dim}" for kind in ("alone", "pairs") for dim in model.spec.matryoshka_dims
    }
    assert {values.shape for values in found.values()} == {(20,)}
    assert found[f"alone@{model.spec.dim}"].mean() > 0.85


@pytest.mark.skipif(missing_pages() is not None, reason=f"pages: {missing_pages()}")
def test_titles_find_their_pages_far_above_chance(model: Embedder) -> None:
    found = page_values(model, count=40)
    assert {values.shape for values in found.values()} == {(40,)}
    assert found[f"R@1@{model.spec.dim}"].mean() > 0.5, "chance is 1 in 40"


@pytest.mark.skipif(emoji_pictures.missing() is not None, reason=f"emoji: {emoji_pictures.missing()}")
def test_emoji_are_ranked_among_their_own(model: Embedder) -> None:
    found = emoji_values(model, held_out=True, within=10)
    shown = [one for one in emoji_pictures.known() if one.held_out]
    assert {values.shape for values in found.values()} == {(len(shown),)} and 100 < len(shown) < 200


def test_code_is_ranked_as_by_hand(model: Embedder) -> None:
    bodies = ["return sorted(values)[len(values) // 2]", "socket.close()", "return json.loads(text)"]
    summaries = ["Return the median of the values.", "Close the connection.", "Parse a JSON document."]
    pairs = [
        CodePair(f"m{at}.py", "f", summary, "", "def f():", body)
        for at, (body, summary) in enumerate(zip(bodies, summaries, strict=True))
    ]
    found = code_values(model, pairs, "code", signature=False, late=True)
    queries = model.embed(summaries, task="code", prompt_name="query", vectors=("dense", "late"))
    passages = model.embed(bodies, task="code", prompt_name="passage", vectors=("dense", "late"))
    by_hand = {"late": similarity.max_sim(queries.late, passages.late)}
    by_hand[str(model.spec.dim)] = queries.dense @ passages.dense.T
    for kind, scores in by_hand.items():
        ranks = [1 + sum(other > row[at] for other in row) for at, row in enumerate(scores)]
        assert found[f"nDCG@10@{kind}"] == pytest.approx([1 / np.log2(1 + rank) for rank in ranks])


def test_adapters_are_compared_query_by_query_and_the_base_has_none(model: Embedder) -> None:
    words = {"dog": "a domesticated animal that barks", "king": "a male ruler", "run": "move fast on foot"}
    glosses = [TextPair(word, gloss, "") for word, gloss in words.items()]
    names = [TextPair("dog", "Hund", ""), TextPair("dog", "chien", ""), TextPair("king", "König", "")]
    steps = "\n".join(f"step{number}()" for number in range(6))
    code = [
        CodePair("m.py", "f", "Close it.", "", "def f():", "socket.close()"),
        CodePair("m.py", "g", "Step on.", "", "def g():", steps),
    ]
    found = adapter_values(model, code, glosses, names)
    assert {name: list(values) for name, values in found.items()} == {
        name: ["base", "retrieval", "text-matching", "code"]
        for name in OWN
        if name not in ("pictures", "groups")
    }
    assert [len(values["base"]) for values in found.values()] == [3, 3, 1, 2]
    texts = [*words, *words.values()]
    before = model.encode_text(texts, task="retrieval")
    with silenced(model._runtime.network):
        silent = model.encode_text(texts, task="retrieval")
        assert np.array_equal(silent, model.encode_text(texts, task="code")), (
            "without adapters no task differs"
        )
    assert np.abs(before - silent).max() > 1e-3
    assert np.array_equal(before, model.encode_text(texts, task="retrieval")), "they are back"
    gap = differences(found)["names"]["base"][0]
    assert gap == pytest.approx((found["names"]["text-matching"] - found["names"]["base"]).mean(), abs=1e-4)


@pytest.mark.skipif(emoji_pictures.missing() is not None, reason=str(emoji_pictures.missing()))
def test_names_of_emoji_ask_for_their_pictures(model: Embedder) -> None:
    gloss = [TextPair("dog", "an animal that barks", "")]
    code = [CodePair("m.py", "g", "Step on.", "", "def g():", "\n".join("abcdef"))]
    shown = emoji_pictures.known()[:7]
    found, again = (
        adapter_values(model, code, gloss, gloss, shown=shown, drawn=counted_groups()[:5], seed=1)
        for _ in "ab"
    )
    assert list(found) == list(OWN)
    for name, count in (("pictures", 7), ("groups", 5)):
        assert list(found[name]) == ["base", "retrieval", "text-matching", "code"]
        for task, values in found[name].items():
            assert len(values) == count and np.array_equal(values, again[name][task])


def scores() -> dict:
    """Figures that fall off with the width, as `evaluate` returns them."""
    at = {16: [0.5, 0.45, 0.55], 32: [0.7, 0.66, 0.74], 64: [0.8, 0.77, 0.83], "late": [0.85, 0.8, 0.9]}
    part = {
        f"{metric}@{dim}": value
        for metric in ("4-way", "R@1", "R@10", "nDCG@10", "told")
        for dim, value in at.items()
    }
    names = [f"{name}{wording}" for name in ("scenes", "words alone") for wording in ("", ", varied wording")]
    codes = [f"{view}, {task}" for view in ("body", "def line and body") for task in ("retrieval", "code")]
    gaps = [f"{name}, late less dense" for name in ("body, retrieval", "body, code")]
    found = {name: part for name in (*names, *codes)}
    found |= {name: [0.05, -0.01, 0.11] for name in ("scenes, late less dense", *gaps)}
    found["def line and body, retrieval"] = part | {"nDCG@10@pca 16": [0.4, 0.35, 0.45]}
    found["def line and body, retrieval, cut less pca"] = [0.1, 0.05, 0.15]
    found["body, retrieval, every summary"] = [0.55, 0.53, 0.57]
    translated = {f"translation R@1, {task}": [0.6, 0.5, 0.7] for task in ("retrieval", "text-matching")}
    found |= {name: part for name in ("three things", "counts")}
    others = {"base": [0.3, 0.2, 0.4], "retrieval": [0.5, 0.4, 0.6], "code": [0.5, 0.4, 0.6]}
    found["adapters"] = {name: {**others, "text-matching": [0.4, 0.3, 0.5]} for name in OWN}
    found["adapters, own less other"] = {
        name: {task: [0.02, 0.01, 0.03] for task in ("base", *OWN.values()) if task != own}
        for name, own in OWN.items()
    }
    found["charts"] = {f"{metric}@{dim}": value for metric in ("4-way", "shape") for dim, value in at.items()}
    return {**found, **translated, "code gallery": 3155, "translation names": 128}


def test_the_card_states_every_figure_with_its_interval() -> None:
    counts = {"bank": 10, "shapes": 12, "colours": 12, "languages": 17, "scenes": 300}
    text = card.card(SIZES, 1234, scores(), {"pkg": "MIT"}, counts)
    assert "| scenes: 4-way | .500 (.450 to .550) | .700 (.660 to .740) | .800 (.770 to .830) |" in text
    assert "multi-vectors of 8 per token" in text
    assert "| two to four equal things: 4-way | .500 (.450 to .550) |" in text
    assert "| emoji kept out: R@10 | not measured | not measured |" in text
    assert "| body, task code | .850 (.800 to .900) | .800 (.770 to .830) | .050 (-.010 to .110) |" in text
    assert ".400 (.350 to .450) at 16; truncation less PCA .100 (.050 to .150)" in text
    assert "retrieval .600 (.500 to .700)" in text and f"]({card_curve.FILE})" in text
    gain = ".020 (.010 to .030)"
    assert f"| text-matching | .400 (.300 to .500) | {gain} | {gain} |  | {gain} |" in text
    assert "{" not in text.replace("{licences}", "")
    found = scores()
    del found["adapters"]["pictures"]  # no font there
    less = card.card(SIZES, 1234, found, {"pkg": "MIT"}, counts)
    assert "| names of emoji find a fresh picture | retrieval | not measured |  |  |  |  |" in less


def test_the_picture_has_every_curve_at_its_height() -> None:
    found = scores()
    curves = {
        name: {dim: found[part][f"{metric}@{dim}"] for dim in SIZES.dims}
        for name, (part, metric) in card.CURVES.items()
    }
    picture = ElementTree.fromstring(card_curve.drawn(curves))
    space = "{http://www.w3.org/2000/svg}"
    lines = picture.findall(f"{space}polyline")
    assert len(lines) == len(picture.findall(f"{space}polygon")) == len(curves)
    heights = [float(point.split(",")[1]) for point in lines[0].attrib["points"].split()]
    assert heights == sorted(heights, reverse=True), "more dimensions, higher"
    labels = [element.text for element in picture.findall(f"{space}text")]
    assert set(curves) <= set(labels) and {"16", "32", "64"} <= set(labels)


def test_the_bundled_card_is_there_with_its_picture() -> None:
    text = (MINI_FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"]({card_curve.FILE})" in text and (MINI_FOLDER / card_curve.FILE).is_file()
