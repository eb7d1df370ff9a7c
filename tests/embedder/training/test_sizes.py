"""Sizes are told of each thing, drawn as told, and wrong where they say they are."""

import numpy as np
import pytest

from embedder.training import held_out_renderer, sizes, worlds
from embedder.training.renderers import CLEAN
from embedder.training.scenes import THINGS, Scene, Thing
from embedder.training.sizes import LARGE, SMALL, Sized

PAIR = Sized(Scene(Thing("red", "circle"), "above", Thing("blue", "square")), SMALL)


def test_words_name_each_size_from_either_side() -> None:
    assert sizes.tell(PAIR) == "a small red circle above a large blue square"
    assert sizes.tell(PAIR.mirrored()) == "a large blue square below a small red circle"
    assert sizes.tell(Sized(Scene(Thing("orange", "cross")), LARGE)) == "a large orange cross"
    rng = np.random.default_rng(0)
    told = " / ".join(sizes.tell(PAIR, rng) for _ in range(200))
    assert all(word in told for words in sizes.SIZE_WORDS.values() for word in words)
    assert len({sizes.tell(one) for one in sizes.single_sizes()}) == 2 * len(THINGS)


def test_each_mistake_is_one() -> None:
    wrong = sizes.wrong_sizes(PAIR, np.random.default_rng(0))
    assert sizes.tell(wrong["sizes"]) == "a large red circle above a small blue square"
    assert all(one.first == PAIR.first for name, one in wrong.items() if name != "sizes")
    texts = {min(sizes.tell(one), sizes.tell(one.mirrored())) for one in (PAIR, *wrong.values())}
    assert len(texts) == len(wrong) + 1


@pytest.mark.parametrize("relation", ["above", "below", "left", "right"])
@pytest.mark.parametrize("first", [SMALL, LARGE])
def test_what_is_small_is_small_and_stands_where_it_should(relation: str, first: str) -> None:
    scene = Scene(Thing("red", "square"), relation, Thing("blue", "circle"))
    for seed in range(20):
        drawing = sizes.draw_sized_placed(Sized(scene, first), 112, np.random.default_rng(seed), CLEAN)
        boxes = np.array(drawing.boxes)
        assert boxes.min() >= 0 and boxes.max() <= 1
        one, other = boxes[:, 2] - boxes[:, 0]
        assert (one < 0.75 * other) if first == SMALL else (other < 0.75 * one)
        x, y = (boxes[0, :2] + boxes[0, 2:] - boxes[1, :2] - boxes[1, 2:]) / 2
        assert {"above": y < 0, "below": y > 0, "left": x < 0, "right": x > 0}[relation]


def test_the_held_out_renderer_draws_sizes_too() -> None:
    rng = np.random.default_rng(0)

    def share(size: str) -> float:
        picture = held_out_renderer.render_sized(Sized(Scene(Thing("red", "square")), size), 96, rng)
        red, green, _ = np.asarray(picture, dtype=np.int64).transpose(2, 0, 1)
        return float(((red > 200) & (green < 40)).mean())

    small, large = ([share(size) for _ in range(5)] for size in (SMALL, LARGE))
    assert 0.005 < min(small) and max(small) < 0.05 and min(large) > 0.2


def test_the_world_shows_things_alone_as_often_as_pairs() -> None:
    world = next(world for world in worlds.all_worlds(300, 0) if world.name == "sizes")
    assert world.label is not None
    kinds = [fact for (fact,) in world.facts]
    assert {kinds.count(kind) for kind in (SMALL, LARGE)} == {144} and kinds.count("pair") == 300
    told = [world.tellings[target[0][0]][0] for target in world.targets]
    assert all(
        (" large " in text and " small " in text) == (kind == "pair")
        for text, kind in zip(told, kinds, strict=True)
    )
    at = kinds.index(LARGE)
    drawing = world.draw(at, 112, np.random.default_rng(0))
    cells = world.label(at, drawing, (8, 8))
    assert cells.shape == (16, 3) and (cells[:, 1] < 12).sum() >= 4, "a large thing fills several tokens"
