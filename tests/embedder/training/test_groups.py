"""Groups are told in any order, drawn apart from each other, and wrong where they say they are."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from embedder.training import emoji_pictures, held_out_renderer, worlds
from embedder.training.charts import is_held_out
from embedder.training.group_pictures import draw_group_placed
from embedder.training.groups import Group, caption, counted_groups, hard_negatives, plural, sample_mixed
from embedder.training.pictures import NOTHING
from embedder.training.renderers import CLEAN
from embedder.training.scenes import COLOURS, SHAPES, THINGS, Thing

MIXED = Group((Thing("red", "circle"), Thing("blue", "square"), Thing("green", "star")))


def test_words_name_every_thing_and_the_number() -> None:
    assert caption(MIXED) == "a red circle, a blue square and a green star"
    assert caption(Group((Thing("orange", "cross"),) * 3)) == "three orange crosses"
    assert plural("blue box") == "blue boxes" and plural("red dot") == "red dots"
    rng = np.random.default_rng(0)
    told = {caption(MIXED, rng, plain=True) for _ in range(60)}
    assert len(told) == 6, "every order"
    assert all(word in text for text in told for word in ("red circle", "blue square", "green star"))
    assert len({caption(group) for group in counted_groups()}) == 3 * len(THINGS) == len(counted_groups())


@pytest.mark.parametrize("seed", range(20))
def test_each_mistake_is_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    group = sample_mixed(rng)
    for name, other in hard_negatives(group, rng).items():
        assert not other.same(group) and len(other.things) == 3
        kept = sum((Counter(group.things) & Counter(other.things)).values())
        assert kept >= (2 if name in ("colour", "shape") else 1), name
    two = Group((Thing("red", "star"),) * 2)
    wrong = hard_negatives(two, rng)
    assert len(wrong["number"].things) in (3, 4) and set(wrong["number"].things) == set(two.things)
    assert wrong["colour"].counted and wrong["colour"].things[0].colour != "red"
    assert Group(MIXED.things[::-1]).same(MIXED)


@pytest.mark.parametrize("number", range(0, 432, 43))
def test_nothing_touches_and_all_is_in_the_picture(number: int) -> None:
    drawing = draw_group_placed(counted_groups()[number], 112, np.random.default_rng(number), CLEAN)
    boxes = drawing.boxes
    assert all(-0.03 < low and high < 1.03 for box in boxes for low, high in (box[::2], box[1::2]))
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            apart = np.hypot(one[0] + one[2] - other[0] - other[2], one[1] + one[3] - other[1] - other[3]) / 2
            assert apart > min(one[2] - one[0], other[2] - other[0]) / 2


def test_the_held_out_renderer_shows_each_colour_in_a_place_of_its_own() -> None:
    rng = np.random.default_rng(3)
    picture = held_out_renderer.render_group(MIXED, 96, rng)
    pixels = np.asarray(picture, dtype=np.int64)
    assert picture.size == (96, 96)
    for thing in MIXED.things:
        wanted = [
            [int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in held_out_renderer.CSS[thing.colour]
        ]
        near = min(np.abs(pixels - colour).sum(-1).min() for colour in np.array(wanted))
        assert near == 0, thing


def test_each_picture_has_a_share_of_its_texts_and_held_out_charts_have_none() -> None:
    found = {world.name: world for world in worlds.all_worlds(5, 0)}
    assert set(found) >= {"mixed", "counts", "charts"}
    assert ("emoji" in found) == (emoji_pictures.missing() is None)
    for world in found.values():
        assert all(sum(share for _, share in target) == pytest.approx(1) for target in world.targets)
        assert max(row for target in world.targets for row, _ in target) < len(world.tellings)
        drawing = world.draw(0, 112, np.random.default_rng(0))
        assert isinstance(drawing.image, Image.Image) and drawing.image.size == (112, 112)
    held_out = {worlds.charts.tell(*one) for one in worlds.charts.all_facts() if is_held_out(one)}
    assert held_out and not held_out & {text for texts in found["charts"].tellings for text in texts}
    kinds = Counter(
        found["charts"].tellings[target[0][0]][0].split(" of ")[0] for target in found["charts"].targets
    )
    assert max(kinds.values()) < 4 * min(kinds.values()), "no kind is drawn much more often than another"


def test_cells_of_a_group_say_colour_and_shape_and_no_role() -> None:
    world = next(world for world in worlds.all_worlds(2, 0) if world.name == "mixed")
    assert world.label is not None
    cells = world.label(0, world.draw(0, 112, np.random.default_rng(0)), (8, 8))
    assert cells.shape == (16, 3) and set(cells[:, 2]) == {NOTHING}
    seen = cells[cells[:, 0] < len(COLOURS)]
    assert 3 <= len(seen) < 16 and (seen[:, 1] < len(SHAPES)).all()


def test_groups_stand_in_many_ways() -> None:
    """In rows, in corners, close together and anywhere: one rule of layout taught one layout's counts."""
    rng = np.random.default_rng(5)
    four = counted_groups()[300]
    spans, gaps = [], []
    for _ in range(120):
        boxes = np.array(draw_group_placed(four, 112, rng).boxes)
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        far = np.linalg.norm(middles[:, None] - middles[None], axis=-1)
        spans.append(far.max())
        gaps.append((far + 9 * np.eye(len(far))).min() / (boxes[:, 2:] - boxes[:, :2]).mean())
    assert min(spans) < 0.35 and max(spans) > 0.9
    assert np.mean(np.array(gaps) < 1.25) > 0.2, "close together"
    assert np.mean(np.array(gaps) > 1.8) > 0.02, "far apart, where scattered things hardly ever stand"
