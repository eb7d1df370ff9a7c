"""What the Map tab does, with the real model and the real process that computes maps."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from embedder.errors import InputError
from ui import map_code, map_groups, map_view, neighbourhood, projection
from ui.collection import image_item, text_item
from ui.map_view import MapState, View
from ui.points import Points
from ui.projector import Projector
from ui.vectors import Workbench

ROOT = Path(__file__).parents[2]
TEXTS = tuple(
    text_item(text) for text in ("a red circle", "a blue square", "rain", "snow and ice", "bread", "wine")
)
LOOK = ("PCA", "2D", 16)


@pytest.fixture(scope="module")
def maker() -> Iterator[Projector]:
    projector = Projector()
    yield projector
    projector.close()


def drawn(
    bench: Workbench, view: View, *look: object, task: str = "retrieval", before: object = None
) -> tuple:
    *_, last = map_view.run(bench, view, before, None, TEXTS, task, "query", *(look or LOOK))
    return last


def positions(layout: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(layout["positions"]), "<f4").reshape(-1, layout["axes"])


def patch(update: dict) -> dict:
    return json.loads(update["patch"])


def brought(count: int = 60, dim: int = 20) -> Points:
    rng = np.random.default_rng(9)
    rows = rng.standard_normal((4, dim))[np.arange(count) % 4] + 0.2 * rng.standard_normal((count, dim))
    items = [text_item(f"item {at}") for at in range(count)]
    return Points.gather(items, rows.astype(np.float32), [{"group": at % 4} for at in range(count)])


def given(points: Points, view: View, bench: Workbench, *look: object) -> tuple:
    *_, last = map_view.run(bench, view, None, points, (), "retrieval", "query", *(look or ("PCA", "2D", 20)))
    return last


def test_the_collection_is_encoded_and_its_pca_drawn(bench: Workbench) -> None:
    status, state, figure, measures, code = drawn(bench, View())
    spec = json.loads(figure["value"])
    assert spec["count"] == 6 and spec["texts"].split("\n")[2] == "rain"
    layout = spec["layout"]
    assert layout["method"] == "PCA" and positions(layout).shape == (6, 2)
    size = np.sqrt(np.square(positions(layout)).sum(axis=1).mean())
    assert size == pytest.approx(1.0, abs=1e-3)
    assert isinstance(state, MapState) and state.vectors.shape == (6, bench.model.spec.dim)
    assert "Trustworthiness" in measures and "of the spread" in measures
    assert "pca(vectors, 2)" in code and "Encoded" in status


def test_pca_stands_there_at_once_whatever_was_asked_for(bench: Workbench) -> None:
    _, _, figure, _, code = drawn(bench, View(), "UMAP", "3D", 16)
    layout = json.loads(figure["value"])["layout"]
    assert layout["method"] == "PCA" and layout["axes"] == 3
    assert "umap(vectors, 3)" in code


def test_another_adapter_sends_positions_only_turned_onto_the_first(bench: Workbench) -> None:
    view = View()
    state = drawn(bench, view)[1]
    other = next(str(task) for task in bench.model.tasks if str(task) != "retrieval")
    _, after, figure, measures, _ = drawn(bench, view, task=other, before=state)
    assert "value" not in figure
    layout = patch(figure)
    assert layout["base"] == state.base and layout["task"] == other
    assert after.frame is state.frame and "Differs from the first PCA" in measures
    assert "Differs" not in drawn(bench, View())[3], "the first map has none to differ from"
    assert not np.array_equal(after.vectors, state.vectors)


def test_a_step_of_the_width_needs_no_model_and_no_waiting(bench: Workbench, maker: Projector) -> None:
    view = View()
    state = drawn(bench, view)[1]
    figure, measures, code = map_view.glance(bench, maker, view, state, "PCA", "2D", 4)
    assert patch(figure)["width"] == 4 and "truncate_dim=4" in code and "Neighbours kept" in measures
    unknown = map_view.glance(bench, maker, view, state, "UMAP", "2D", 4)
    assert "patch" not in unknown[0]  # it takes a while: what is there stays


def test_umap_comes_with_progress_and_is_remembered(bench: Workbench, maker: Projector) -> None:
    view, points = View(), brought()
    state = given(points, view, bench, "UMAP", "2D", 20)[1]
    steps = list(map_view.refine(maker, view, state))
    assert any("progressbar" in str(step[0]) for step in steps[:-1])
    layout = patch(steps[-1][2])
    assert layout["method"] == "UMAP" and "UMAP in" in steps[-1][0]
    found = positions(layout)
    groups = np.arange(60) % 4
    middles = np.array([found[groups == g].mean(axis=0) for g in range(4)])
    assert (np.linalg.norm(found[:, None] - middles[None], axis=2).argmin(axis=1) == groups).mean() > 0.95
    again = map_view.glance(bench, maker, view, state, "UMAP", "2D", 20)
    assert np.array_equal(positions(patch(again[0])), found)


def test_a_map_that_is_not_wanted_any_more_is_given_up(bench: Workbench, maker: Projector) -> None:
    view, points = View(), brought(4000)
    state = given(points, view, bench, "UMAP", "2D", 20)[1]
    steps = map_view.refine(maker, view, state)
    next(steps)
    map_view.glance(bench, maker, view, state, "PCA", "2D", 20)
    rest = list(steps)
    assert not any("patch" in step[2] for step in rest)
    assert (
        list(maker.compute("clusters", state.vectors[:50], method="k-means", count=2))[-1].result is not None
    )


def test_too_few_and_too_many_items_are_said_in_words(bench: Workbench, maker: Projector) -> None:
    view = View()
    state = given(brought(4), view, bench, "UMAP", "2D", 20)[1]
    (told,) = map_view.refine(maker, view, state)
    assert "at least 5 items, there are 4" in told[0] and "PCA is shown" in told[0]
    state = given(brought(5001), view, bench, "t-SNE", "2D", 20)[1]
    (told,) = map_view.refine(maker, view, state)
    assert "5,001" in told[0] and "at most 5,000" in told[0]
    (none,) = map_view.run(bench, View(), None, None, TEXTS[:1], "retrieval", "query", *LOOK)
    assert "at least two items" in none[0] and none[1] is None


def test_items_that_fail_are_left_out_and_named(bench: Workbench, pictures: list[str]) -> None:
    gone = image_item(pictures[0])
    Path(pictures[0]).unlink()
    items = (*TEXTS[:3], gone, image_item(pictures[1]))
    *_, last = map_view.run(bench, View(), None, None, items, "retrieval", "query", *LOOK)
    assert json.loads(last[2]["value"])["count"] == 4
    assert "expired" in last[0] and "picture 0.png" in last[0]


def test_clusters_become_a_column_named_by_their_middle(bench: Workbench, maker: Projector) -> None:
    view, points = View(), brought()
    state = given(points, view, bench)[1]
    *_, last = map_groups.group(maker, view, state, "k-means", 4)
    field = json.loads(last[2]["groups"])["field"]
    assert len(field["names"]) == 4 and field["names"][0].startswith("1: item ")
    found = np.frombuffer(base64.b64decode(field["codes"]), "u1")
    for number in range(4):
        assert len(set(np.arange(60)[found == number] % 4)) == 1
    (none,) = map_groups.group(maker, view, state, "none", 4)
    assert json.loads(none[2]["groups"])["field"] is None


def test_clusters_follow_the_vectors_and_are_found_once_for_each(bench: Workbench, maker: Projector) -> None:
    view = View()
    other = next(str(task) for task in bench.model.tasks if str(task) != "retrieval")

    def sent(state: MapState, again: bool = True) -> dict | None:
        act = map_groups.group_again if again else map_groups.group
        *_, last = act(maker, view, state, "k-means", 2)
        return json.loads(last[2]["groups"]) if "groups" in last[2] else None

    state = drawn(bench, view)[1]
    opened = sent(state)  # as a link does: chosen before anything was drawn
    assert opened is not None and opened["again"] and opened["field"] and sent(state) is None
    asked = sent(state, again=False)
    assert asked is not None and asked != opened and not asked["again"], "the page hears of it a second time"
    moved = drawn(bench, view, task=other, before=state)[1]
    assert sent(moved) is not None and sent(moved) is None
    new = given(brought(), view, bench)[1]
    found = sent(new)
    assert found is not None and found["base"] == new.base
    (none,) = map_groups.group_again(maker, view, moved, "none", 2)
    assert "groups" not in none[2]


def test_words_about_the_clusters_stay_while_they_do(bench: Workbench, maker: Projector) -> None:
    view = View()
    state = given(brought(), view, bench, "PCA", "2D", 20)[1]
    *_, (said, *_) = map_groups.group(maker, view, state, "k-means", 4)
    assert "Clusters" in said
    *_, (again, *_) = map_view.run(bench, view, state, brought(), (), "retrieval", "query", "UMAP", "2D", 20)
    assert "Clusters" in again and "4" in again
    *_, (umap, *_) = map_view.refine(maker, view, state)
    assert "UMAP in" in umap and "Clusters" in umap
    list(map_groups.group(maker, view, state, "none", 4))
    *_, (none, *_) = map_view.run(bench, view, state, brought(), (), "retrieval", "query", "PCA", "2D", 20)
    assert "Clusters" not in none


def test_a_click_shows_neighbours_at_both_widths(bench: Workbench) -> None:
    view = View()
    state = drawn(bench, view)[1]
    figure, panel = map_view.near(view, state, 2, 1)
    mark = json.loads(figure["near"])
    scores = state.vectors @ state.vectors[1]
    expected = [int(row) for row in np.argsort(-scores, kind="stable") if row != 1]
    assert mark["full"] == expected and set(mark["cut"]) == set(expected)
    assert "a blue square" in panel and f"{scores[expected[0]]:.3f}" in panel and "Cut: 2 dimensions" in panel
    assert json.loads(map_view.near_again(view, state, 16)[0]["near"])["item"] == 1
    for stale in (99, -1, "1", None, True):
        assert "No item chosen" in map_view.near(view, state, 2, stale)[1]
    assert view.item is None


def test_places_of_neighbours_are_those_of_the_whole_ranking() -> None:
    rng = np.random.default_rng(8)
    rows = rng.standard_normal((40, 12))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    near = neighbourhood.nearest(vectors, 3, 12, count=10)
    order = [int(row) for row in np.argsort(-(vectors @ vectors[3]), kind="stable") if row != 3]
    assert list(near.rows) == order[:10]
    assert [neighbourhood.place(vectors, 3, row, 12) for row in order] == list(range(1, 40))
    assert len(neighbourhood.nearest(vectors[:1], 0, 12).rows) == 0


@pytest.mark.parametrize(
    "look", [("ICA", "2D", 8), ("PCA", "4D", 8), ("PCA", "2D", 0), ("PCA", "2D", 2.5), (None, None, None)]
)
def test_values_that_no_control_offers_are_refused(bench: Workbench, look: tuple) -> None:
    with pytest.raises(InputError, match="choose one of|needed"):
        drawn(bench, View(), *look)


def test_the_process_that_died_is_said_and_comes_back() -> None:
    projector, vectors = Projector(), brought(300).vectors
    assert vectors is not None
    try:
        steps = projector.compute("clusters", vectors, method="k-means", count=3)
        next(steps)
        projector.close()
        with pytest.raises(InputError, match="has ended"):
            list(steps)
        assert list(projector.compute("clusters", vectors, method="k-means", count=3))[-1].result is not None
        with pytest.raises(InputError, match="choose one of"):
            list(projector.compute("clusters", vectors, method="ward", count=3))
    finally:
        projector.close()


@pytest.mark.slow
def test_the_code_draws_the_map_of_the_page(bench: Workbench, maker: Projector, tmp_path: Path) -> None:
    view, items = View(), tuple(text_item(f"item {at} of {at % 3}") for at in range(12))
    *_, first = map_view.run(bench, view, None, None, items, "retrieval", "query", *LOOK)
    texts, shown = [], []
    for method in projection.METHODS:
        figure, _, code = map_view.glance(bench, maker, view, first[1], method, "2D", 16)
        steps = list(map_view.refine(maker, view, first[1]))
        shown.append(positions(patch(figure if method == "PCA" else steps[-1][2])))
        texts.append(f"{code}np.save({method!r}, layout)\n")
    script = "\n".join(["import numpy as np", *texts])  # each is complete; one process for all
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("(12, 2)\n") == 3
    for method, page in zip(projection.METHODS, shown, strict=True):
        found = projection.aligned(np.load(tmp_path / f"{method}.npy"), page)[0]
        assert np.abs(found - projection.normalised(page)).max() < 1e-3, method


def test_the_code_for_vectors_of_ones_own_runs(tmp_path: Path) -> None:
    np.save(tmp_path / map_code.OWN, brought(12).vectors)
    items = brought(12).items
    text = map_code.code(items, load="", task=None, prompt_name="query", dim=5, method="PCA", count=3)
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", text]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "(12, 3)\n", done.stderr
