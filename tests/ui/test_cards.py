"""HTML: nothing that came from outside is markup."""

import pytest

from ui import cards
from ui.collection import Item, texts_from
from ui.ranking import Hit

EVIL = "<img src=x onerror=alert(1)>'\"&"


def rendered() -> list[str]:
    item = texts_from(EVIL).items[0]
    picture = Item("image", EVIL, name=EVIL, thumb='data:image/png;base64,AA"onload="x', size=(1, 2))
    hit = Hit(0, 1, 0.5, 0.5, moved=2)
    return [
        cards.note(EVIL),
        cards.notes([EVIL], [EVIL]),
        cards.empty(EVIL, EVIL),
        cards.stats([(EVIL, EVIL)]),
        cards.collection_list([item, picture]),
        cards.results([cards.Column(EVIL, EVIL, [hit])], [item], "cosine"),
        cards.results([cards.Column("t", "d", [hit])], [picture], "cosine"),
        cards.pair(item, picture, [(EVIL, EVIL)], EVIL),
        cards.table([EVIL], []),
        cards.explain(EVIL),
        cards.progress(1, 2, 0.5, EVIL),
    ]


@pytest.mark.parametrize("at", range(11))
def test_hostile_text_is_escaped_everywhere(at: int) -> None:
    html = rendered()[at]
    assert "<img src=x" not in html and 'onload="x' not in html
    assert "onerror=alert(1)" in html or "onload" in html  # it is still there, as text
    assert html.count("<img") == html.count("<img class=")


def test_a_long_list_of_messages_is_cut_with_its_count() -> None:
    html = cards.notes([f"problem {i}" for i in range(10)])
    assert html.count("xp-error") == 6 and "and 4 more" in html


def test_errors_are_announced_at_once_and_hints_when_there_is_time() -> None:
    assert 'role="alert"' in cards.note("a", "error") and 'role="status"' in cards.note("a")


def test_bars_run_from_worst_to_best_for_distances_too() -> None:
    items = texts_from("a\nb").items
    near, far = Hit(0, 1, 0.2, 0.9), Hit(1, 2, 1.4, 0.1)
    html = cards.results([cards.Column("t", "d", [near, far])], items, "euclidean")
    assert html.index("width:100.0%") < html.index("width:4.0%")


@pytest.mark.parametrize(("share", "words"), [(0.5, "50.0 %"), (0.00001, "< 0.1 %"), (1.0, "100.0 %")])
def test_shares(share: float, words: str) -> None:
    assert cards.percent(share) == words


def test_the_collection_says_what_it_holds() -> None:
    html = cards.collection_list(
        [*texts_from("a\nb").items, Item("image", "p", thumb="data:image/png;base64,AA")]
    )
    assert "2 texts, 1 picture" in html and html.count("data-event='remove'") == 3
    assert "Nothing here yet" in cards.collection_list([])
