"""Worlds beyond two-thing scenes, as the last vision stage learns them: what to draw, and which texts fit.

Each world is a gallery of texts, whose vectors are fixed, and a way to draw pictures; a picture's target is a
distribution over the gallery, as one picture may be told in several ways: an emoji by its name and by its
keywords, a line chart with its subject and without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embedder.training import charts, emoji_pictures, groups, page_pictures, pages, sizes
from embedder.training.chart_pictures import draw as draw_chart
from embedder.training.group_pictures import draw_group_placed
from embedder.training.pictures import NOTHING, cell_labels_of
from embedder.training.renderers import Drawing

GENERAL = 0.3  # of a chart's target, on the text without its subject
TITLES = 8000  # of pages, beside each word alone
KEYWORDS = 0.4  # of an emoji's target, on the keywords it shares with at most BEARERS: what it has in common
BEARERS = 100
Target = list[tuple[int, float]]
"""Rows of the gallery and their shares, which sum to 1."""
Cells = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """One kind of pictures.

    Attributes:
        name: for the log.
        tellings: for each row of the gallery two texts that say the same: as a query, and as a passage.
        targets: for each thing that can be drawn, its rows.
        facts: for each thing, what it shows as names of classes: told apart by heads that only training has.
        draw: takes the number of a thing, the picture's side in pixels and a generator; returns the picture.
        label: takes the number of a thing, its picture and its grid of patches; says what is in each cell, or
            nothing.
        spelt: for each thing, where these are pages, the words of its title: their letters are learned too.
    """

    name: str
    tellings: list[tuple[str, str]]
    targets: list[Target]
    facts: Sequence[tuple[str, ...]]
    draw: Callable[[int, int, np.random.Generator], Drawing]
    label: Callable[[int, Drawing, tuple[int, int]], Cells] | None = None
    spelt: Sequence[pages.Title] | None = None


def all_worlds(mixed: int, seed: int) -> list[World]:
    """Counts, mixed groups, charts and sizes; emoji and pages too, where their fonts and words are installed.

    Args:
        mixed: groups of three different things in the gallery, and as many pairs of different sizes.
        seed: of which groups and pairs, and of the wordings.
    """
    rng = np.random.default_rng((seed, 13))
    found = [_counts(rng), _mixed(mixed, rng), _charts(rng)]
    if not emoji_pictures.missing():
        found.append(_emoji())
    found.append(_sizes(mixed, np.random.default_rng((seed, 15))))
    return found if missing_pages() else [*found, page_world(min(TITLES, 2 * mixed), seed)]


def missing_pages() -> str | None:
    """What pages need and is not installed, with the line to run; None where everything is there."""
    return pages.missing() or page_pictures.missing()


def _counts(rng: np.random.Generator) -> World:
    shown = groups.counted_groups()
    return _grouped("counts", shown, shown, rng)


def _mixed(count: int, rng: np.random.Generator) -> World:
    """Groups of three, and among the gallery those that are wrong by one thing."""
    shown = [groups.sample_mixed(rng) for _ in range(count)]
    wrong = [other for group in shown for other in groups.hard_negatives(group, rng).values()]
    return _grouped("mixed", shown, [*shown, *wrong], rng)


def _sizes(count: int, rng: np.random.Generator) -> World:
    """Every thing small and large, as often as pairs; in the gallery also those pairs with sizes changed."""
    single, pairs = sizes.single_sizes(), [sizes.sample_pair(rng) for _ in range(count)]
    gallery = [*single, *pairs, *(sizes.wrong_sizes(pair)["sizes"] for pair in pairs)]
    even = [*_repeated(list(range(len(single))), count), *range(len(single), len(single) + count)]

    def draw(index: int, side: int, rng: np.random.Generator) -> Drawing:
        return sizes.draw_sized_placed(gallery[even[index]], side, rng)

    def label(index: int, drawing: Drawing, grid: tuple[int, int]) -> Cells:
        return cell_labels_of(gallery[even[index]].things, drawing, grid)

    tellings = [(sizes.tell(one), sizes.tell(one, rng)) for one in gallery]
    facts = [(gallery[row].first if gallery[row].scene.second is None else "pair",) for row in even]
    return World("sizes", tellings, [[(row, 1.0)] for row in even], facts, draw, label)


def page_world(count: int, seed: int) -> World:
    """Each word as a title, and `count` titles of one to three words; facts are the words in their places."""
    words, rng = pages.vocabulary(), np.random.default_rng((seed, 16))
    titles = [(word,) for word in words] + [pages.sample_title(rng, words) for _ in range(count)]
    told = [" ".join(title) for title in titles]

    def draw(index: int, side: int, rng: np.random.Generator) -> Drawing:
        return page_pictures.draw_page(titles[index], side, rng)

    places = [(*title, "", "")[:3] for title in titles]
    return World(
        "pages",
        [(text, text.capitalize()) for text in told],
        [[(row, 1.0)] for row in range(len(titles))],
        places,
        draw,
        spelt=titles,
    )


def _grouped(
    name: str, shown: Sequence[groups.Group], gallery: Sequence[groups.Group], rng: np.random.Generator
) -> World:
    def draw(index: int, side: int, rng: np.random.Generator) -> Drawing:
        return draw_group_placed(shown[index], side, rng)

    def label(index: int, drawing: Drawing, grid: tuple[int, int]) -> Cells:
        cells = cell_labels_of(shown[index].things, drawing, grid)
        cells[:, 2] = NOTHING  # no thing of a group is the first
        return cells

    tellings = [(groups.caption(group, rng, plain=True), groups.caption(group, rng)) for group in gallery]
    facts: list[tuple[str, ...]] = [(str(len(group.things)),) if group.counted else () for group in shown]
    return World(name, tellings, [[(row, 1.0)] for row in range(len(shown))], facts, draw, label)


def _charts(rng: np.random.Generator) -> World:
    """Every combination that is not held out; lines and scatter plots also without their subject."""
    facts = [one for one in charts.all_facts() if not charts.is_held_out(one)]
    general = sorted({(one[0], one[2]) for one in facts if one[0] in ("line", "scatter")})
    tellings = [(charts.tell(*one), charts.tell(*one, rng)) for one in facts]
    tellings += [(text, text) for text in (charts.tell_in_general(*one) for one in general)]
    rows = {one: len(facts) + row for row, one in enumerate(general)}
    targets: list[Target] = []
    for row, one in enumerate(facts):
        wide = rows.get((one[0], one[2]))
        targets.append([(row, 1.0)] if wide is None else [(row, 1 - GENERAL), (wide, GENERAL)])
    kinds = {kind: [row for row, one in enumerate(facts) if one[0] == kind] for kind in charts.KINDS}

    def draw(index: int, side: int, rng: np.random.Generator) -> Drawing:
        return _plain(draw_chart(charts.make(*facts[index], rng), side, rng))

    even = [row for group in kinds.values() for row in _repeated(group, max(map(len, kinds.values())) // 2)]
    shown = [facts[row] for row in even]
    fitting = [targets[row] for row in even]
    return World("charts", tellings, fitting, shown, lambda i, *rest: draw(even[i], *rest))


def _repeated(rows: list[int], count: int) -> list[int]:
    """The rows, repeated to about `count`: kinds with few combinations are drawn as often as the others."""
    return rows * max(1, round(count / len(rows)))


def _emoji() -> World:
    """Names, and keywords that not too many of them share."""
    shown = [one for one in emoji_pictures.known() if not one.held_out]
    bearers: dict[str, list[int]] = {}
    for index, one in enumerate(shown):
        for word in dict.fromkeys(one.keywords):
            if word != one.name:
                bearers.setdefault(word, []).append(index)
    words = [word for word, those in bearers.items() if len(those) <= BEARERS]
    tellings = [(one.name, one.name) for one in shown] + [(word, word) for word in words]
    rows = {word: len(shown) + row for row, word in enumerate(words)}
    targets: list[Target] = []
    for index, one in enumerate(shown):
        own = [rows[word] for word in one.keywords if word in rows and word != one.name]
        share = KEYWORDS if own else 0.0
        targets.append([(index, 1 - share), *((row, share / len(own)) for row in own)])

    def draw(index: int, side: int, rng: np.random.Generator) -> Drawing:
        return _plain(emoji_pictures.draw_emoji(shown[index].sign, side, rng))

    return World("emoji", tellings, targets, [(one.sign,) for one in shown], draw)


def _plain(picture: Image.Image) -> Drawing:
    return Drawing(picture, ())
