"""Which items answer which."""

import pytest

from embedder.errors import InputError
from ui import examples
from ui.collection import text_item
from ui.relevance import Relevance

ITEMS = [text_item(text) for text in ("question", "answer", "other", "again")]


def test_pairs_hold_when_the_collection_is_cut_or_turned_round():
    known = Relevance.between(ITEMS, [(0, 1, 1), (0, 2, 3)], "mine")
    judged = known.judged(ITEMS)
    assert judged is not None
    assert judged.queries == (0,) and judged.documents == (1, 2, 3)
    assert judged.gains == {0: {0: 1, 1: 3}} and judged.own() == {}
    backwards = known.judged(ITEMS[::-1])
    assert backwards is not None
    assert backwards.queries == (3,) and backwards.documents == (0, 1, 2)
    assert backwards.gains == {0: {1: 3, 2: 1}}
    fewer = known.judged(ITEMS[:2])
    assert fewer is not None and fewer.gains == {0: {0: 1}}
    assert known.judged(ITEMS[1:]) is None


def test_an_item_that_asks_and_answers_leaves_itself_out():
    judged = Relevance.between(ITEMS, [(0, 1, 1), (1, 0, 1)]).judged(ITEMS)
    assert judged is not None
    assert judged.documents == (0, 1, 2, 3) and judged.own() == {0: 0, 1: 1}


def test_turned_pairs_ask_the_other_way():
    judged = Relevance.between(ITEMS, [(0, 1, 2)]).turned().judged(ITEMS)
    assert judged is not None
    assert judged.queries == (1,) and judged.gains == {0: {0: 2}}


@pytest.mark.parametrize(
    ("row", "words"),
    [((0, 9, 1), "names item 10"), ((0, 0, 1), "answers itself"), ((0, 1, 0), "gain of 0")],
)
def test_what_cannot_be_meant_is_refused_in_words(row: tuple[int, int, int], words: str):
    with pytest.raises(InputError, match=words):
        Relevance.between(ITEMS, [row])


def test_every_example_set_knows_its_pairs():
    for entry in examples.examples().values():
        judged = examples.relevance().judged(entry.items)
        assert judged is not None and len(judged.queries) >= 4
        asked = {entry.items[row].text for row in judged.queries}
        assert "" not in asked  # texts ask
