"""Measure an exported miniature on groups, counts, sizes, charts, emoji and pages drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from embedder import Embedder
from embedder.training import charts, emoji_pictures, groups, metrics, pages, sizes
from embedder.training.chart_pictures import draw as draw_chart
from embedder.training.held_out_renderer import render_group, render_page, render_sized
from embedder.training.worlds import TITLES, missing_pages, page_world

SIDE = 224  # pixels
WRONG = {"mixed": ("colours", "colour", "shape"), "counts": ("number", "colour", "shape")}
"""The mistakes among four captions."""
MISTAKEN = ("sizes", "colour", "shape")
"""The same for small and large things."""


def group_values(
    model: Embedder, kind: str, *, count: int = 300, seed: int = 0, task: str = "retrieval"
) -> dict[str, metrics.Values]:
    """Pictures of the held-out renderer against the right caption and three that are wrong by one thing.

    Args:
        model: to measure.
        kind: "mixed", three things different in colour and shape, or "counts", two to four equal ones.
        count: pictures.
        seed: of groups, pictures and mistakes.
        task: adapter for both sides.

    Returns:
        "4-way@W" for each Matryoshka width: (count,) zeros and ones.
    """
    rng = np.random.default_rng((seed, 21))
    shown = [_three_unlike(rng) if kind == "mixed" else _counted(rng) for _ in range(count)]
    pictures = [render_group(group, SIDE, rng) for group in shown]
    told = []
    for group in shown:
        wrong = groups.hard_negatives(group, rng)
        told.append([groups.caption(one) for one in (group, *(wrong[name] for name in WRONG[kind]))])
    return choose(model, pictures, told, task)


def _three_unlike(rng: np.random.Generator) -> groups.Group:
    while True:
        group = groups.sample_mixed(rng)
        if len({thing.colour for thing in group.things}) == len({thing.shape for thing in group.things}) == 3:
            return group


def _counted(rng: np.random.Generator) -> groups.Group:
    every = groups.counted_groups()
    return every[int(rng.integers(len(every)))]


def size_values(
    model: Embedder, *, count: int = 300, seed: int = 0, task: str = "retrieval"
) -> dict[str, metrics.Values]:
    """Small and large things, by the held-out renderer: alone, and a small and a large one in relation.

    The right caption stands against the other sizes, another colour and another shape.

    Args:
        model: to measure.
        count: pictures of either kind.
        seed: of things, pictures and mistakes.
        task: adapter for both sides.

    Returns:
        "alone@W" and "pairs@W" for each Matryoshka width: (count,) zeros and ones.
    """
    rng = np.random.default_rng((seed, 24))
    single = sizes.single_sizes()
    kinds = {
        "alone": [single[int(rng.integers(len(single)))] for _ in range(count)],
        "pairs": [_pair_unlike(rng) for _ in range(count)],
    }
    found: dict[str, metrics.Values] = {}
    for kind, shown in kinds.items():
        pictures = [render_sized(one, SIDE, rng) for one in shown]
        told = []
        for one in shown:
            wrong = sizes.wrong_sizes(one, rng)
            told.append([sizes.tell(each) for each in (one, *(wrong[name] for name in MISTAKEN))])
        chosen = choose(model, pictures, told, task)
        found |= {name.replace("4-way", kind): values for name, values in chosen.items()}
    return found


def _pair_unlike(rng: np.random.Generator) -> sizes.Sized:
    while True:
        sized = sizes.sample_pair(rng)
        first, second = sized.things
        if first.colour != second.colour and first.shape != second.shape:
            return sized


def page_values(
    model: Embedder, *, count: int = 300, seed: int = 0, task: str = "retrieval"
) -> dict[str, metrics.Values]:
    """Titles find their pages, drawn in a face that training never saw.

    Args:
        model: to measure.
        count: different titles of one to three words; those of two and three are none of training's.
        seed: of titles and pictures.
        task: adapter for both sides.

    Returns:
        "R@1@W" and "R@10@W" for each Matryoshka width: (count,) zeros and ones.
    """
    rng = np.random.default_rng((seed, 25))
    known = {title for title in page_world(TITLES, 0).spelt or () if len(title) > 1}
    shown: dict[pages.Title, None] = {}
    while len(shown) < count:
        title = pages.sample_title(rng)
        if title not in known:
            shown[title] = None
    images = model.encode_image([render_page(title, SIDE, rng) for title in shown], task=task)
    asked = model.encode_text([" ".join(title) for title in shown], task=task, prompt_name="query")
    found: dict[str, metrics.Values] = {}
    for dim in model.spec.matryoshka_dims:
        rank = metrics.ranks(metrics.unit(asked, dim), metrics.unit(images, dim), np.arange(count))
        found |= {f"R@{k}@{dim}": (rank <= k).astype(np.float64) for k in (1, 10)}
    return found


def chart_values(
    model: Embedder, *, count: int = 300, seed: int = 0, task: str = "retrieval"
) -> dict[str, metrics.Values]:
    """Charts of held-out combinations against captions wrong in what is seen, in the subject or in the kind.

    Returns:
        as :func:`group_values`, and of lines and scatter plots alone ("shape@W") whether what is seen is
        right among everything that such a chart can show, told without the subject.
    """
    rng = np.random.default_rng((seed, 22))
    facts = [charts.sample_facts(rng, held_out=True) for _ in range(count)]
    pictures = [draw_chart(charts.make(*one, rng), SIDE, rng) for one in facts]
    told = [
        [charts.tell(*one), *(charts.tell(*w) for w in charts.hard_negatives(one, rng).values())]
        for one in facts
    ]
    found = choose(model, pictures, told, task)
    curves = [row for row, one in enumerate(facts) if one[0] in ("line", "scatter")]
    shapes = [_shapes(*facts[row][::2]) for row in curves]
    general = choose(model, [pictures[row] for row in curves], shapes, task)
    return found | {name.replace("4-way", "shape"): values for name, values in general.items()}


def _shapes(kind: str, feature: str) -> list[str]:
    """What is seen, first as it is, then everything else such a chart may show."""
    every = charts.TRENDS if kind == "line" else charts.RELATIONS
    return [
        charts.tell_in_general(kind, one)
        for one in (feature, *(other for other in every if other != feature))
    ]


def choose(
    model: Embedder, pictures: Sequence[Image.Image], told: Sequence[Sequence[str]], task: str
) -> dict[str, metrics.Values]:
    """Whether each picture is nearer to the first of its texts than to the others: "4-way@W" per width."""
    images = model.encode_image(list(pictures), task=task)
    texts = [text for some in told for text in some]
    captions = model.encode_text(texts, task=task, prompt_name="query")
    ends = np.cumsum([0, *map(len, told)])
    found = {}
    for dim in model.spec.matryoshka_dims:
        left, right = metrics.unit(images, dim), metrics.unit(captions, dim)
        best = [int((right[ends[i] : ends[i + 1]] @ left[i]).argmax()) for i in range(len(images))]
        found[f"4-way@{dim}"] = (np.array(best) == 0).astype(np.float64)
    return found


def emoji_values(
    model: Embedder, *, held_out: bool, within: int, seed: int = 0, task: str = "retrieval"
) -> dict[str, metrics.Values]:
    """English names against fresh pictures: turned, scaled, on grounds of any colour.

    Args:
        model: to measure.
        held_out: the emoji that training left out, or those that it saw; only those are the gallery.
        within: the name's picture must be among so many.
        seed: of the pictures.
        task: adapter for both sides.

    Returns:
        "R@{within}@W" for each Matryoshka width: one per emoji, zero or one.
    """
    rng = np.random.default_rng((seed, 23))
    shown = [one for one in emoji_pictures.known() if one.held_out == held_out]
    images = model.encode_image([emoji_pictures.draw_emoji(one.sign, SIDE, rng) for one in shown], task=task)
    names = model.encode_text([one.name for one in shown], task=task, prompt_name="query")
    own = np.arange(len(shown))

    def values(dim: int) -> metrics.Values:
        rank = metrics.ranks(metrics.unit(names, dim), metrics.unit(images, dim), own)
        return (rank <= within).astype(np.float64)

    return {f"R@{within}@{dim}": values(dim) for dim in model.spec.matryoshka_dims}


def world_values(model: Embedder, seed: int) -> dict[str, dict[str, metrics.Values]]:
    """All of this module's figures; emoji and pages only where their fonts and words are installed."""
    made: dict[str, Callable[[], dict[str, metrics.Values]]] = {
        "three things": lambda: group_values(model, "mixed", seed=seed),
        "counts": lambda: group_values(model, "counts", seed=seed),
        "sizes": lambda: size_values(model, seed=seed),
        "charts": lambda: chart_values(model, seed=seed),
    }
    if missing_pages() is None:
        made["pages"] = lambda: page_values(model, seed=seed)
    if emoji_pictures.missing() is None:
        made["emoji, trained"] = lambda: emoji_values(model, held_out=False, within=1, seed=seed)
        made["emoji, unseen"] = lambda: emoji_values(model, held_out=True, within=10, seed=seed)
    return {name: measure() for name, measure in made.items()}
