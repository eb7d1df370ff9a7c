"""Scenes, their wording, their wrong neighbours, and the pictures drawn of them."""

import numpy as np
import pytest

from embedder.training import held_out_renderer, renderers, scenes
from embedder.training.scenes import Scene, Thing

RED_CIRCLE, BLUE_SQUARE = Thing("red", "circle"), Thing("blue", "square")
SCENE = Scene(RED_CIRCLE, "above", BLUE_SQUARE)


def test_plain_caption_and_its_mirror():
    assert scenes.caption(SCENE) == "a red circle above a blue square"
    assert scenes.caption(SCENE.mirrored()) == "a blue square below a red circle"
    assert scenes.caption(Scene(Thing("orange", "oval"))) == "an orange oval"


def test_both_tellings_of_a_picture_are_one_canonical_scene():
    assert SCENE.mirrored() != SCENE
    assert SCENE.mirrored().canonical() == SCENE.canonical() == SCENE


def test_hard_negatives_are_wrong_each_in_its_own_way():
    wrong = scenes.hard_negatives(SCENE, np.random.default_rng(0))
    assert scenes.caption(wrong["relation"]) == "a red circle below a blue square"
    assert scenes.caption(wrong["colours"]) == "a blue circle above a red square"
    assert scenes.caption(wrong["shapes"]) == "a red square above a blue circle"
    assert wrong["axis"].relation == "left"
    assert len({scene.canonical() for scene in wrong.values()} | {SCENE}) == len(wrong) + 1


def test_no_hard_negative_describes_the_same_picture():
    rng = np.random.default_rng(3)
    for _ in range(500):
        scene = scenes.sample_scene(rng)
        assert all(
            other.canonical() != scene.canonical() for other in scenes.hard_negatives(scene, rng).values()
        )


def test_wordings_vary_and_name_both_colours():
    rng = np.random.default_rng(1)
    told = {scenes.caption(SCENE, rng) for _ in range(200)}
    assert len(told) > 80
    assert all("red" in text.lower() and "blue" in text.lower() for text in told)


def test_all_scenes_counts_every_picture_once():
    some = scenes.THINGS[:4]
    found = scenes.all_scenes(some)
    assert len(found) == 4 + 2 * 4 * 3 == len({scene.canonical() for scene in found})


@pytest.mark.parametrize("size", [84, 112, 336, (96, 200)])
def test_draw_has_the_size_asked_for_and_repeats_with_the_seed(size):
    one, two = (renderers.draw(SCENE, size, np.random.default_rng(5)) for _ in range(2))
    assert one.size == ((size, size) if isinstance(size, int) else size[::-1])
    assert one.mode == "RGB"
    assert np.array_equal(np.asarray(one), np.asarray(two))


def centre_of(image, colour):
    """Mean row and column, from 0 to 1, of the pixels closest to a colour."""
    pixels = np.asarray(image, dtype=float)
    near = np.linalg.norm(pixels - np.array(scenes.COLOURS[colour]), axis=2) < 95
    rows, columns = np.nonzero(near)
    assert len(rows) > 50
    return rows.mean() / image.height, columns.mean() / image.width


@pytest.mark.parametrize("relation", scenes.RELATIONS)
@pytest.mark.parametrize("painter", ["training", "held out"])
def test_things_stand_as_the_relation_says(relation, painter):
    rng = np.random.default_rng(7)
    scene = Scene(RED_CIRCLE, relation, BLUE_SQUARE)
    for _ in range(5):
        if painter == "training":
            image = renderers.draw(scene, 200, rng, renderers.CLEAN)
        else:
            image = held_out_renderer.render(scene, 200, rng)
        (red_row, red_column), (blue_row, blue_column) = centre_of(image, "red"), centre_of(image, "blue")
        gaps = {
            "above": blue_row - red_row,
            "below": red_row - blue_row,
            "left": blue_column - red_column,
            "right": red_column - blue_column,
        }
        assert gaps[relation] > 0.2


def test_boxes_lie_around_the_things():
    drawing = renderers.draw_placed(SCENE, (160, 240), np.random.default_rng(2), renderers.CLEAN)
    row, column = centre_of(drawing.image, "red")
    left, top, right, bottom = drawing.boxes[0]
    assert left < column < right and top < row < bottom
    assert all(0 <= value <= 1 for box in drawing.boxes for value in box)


def test_every_shape_covers_a_fair_part_of_its_box():
    for shape in scenes.SHAPES:
        drawing = renderers.draw_placed(
            Scene(Thing("blue", shape)), 200, np.random.default_rng(0), renderers.CLEAN
        )
        left, top, right, bottom = (round(200 * value) for value in drawing.boxes[0])
        inside = np.asarray(drawing.image, dtype=float)[top:bottom, left:right]
        share = (np.linalg.norm(inside - np.array(scenes.COLOURS["blue"]), axis=2) < 60).mean()
        assert 0.3 < share <= 1.0, shape
