"""Items: what is taken, what is refused by name, and that the others survive."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from embedder import InputError
from ui import collection as c


def test_each_line_is_a_text_and_blank_lines_are_not() -> None:
    added = c.texts_from("one\n\n  two  \r\n\t\nthree\u2028four")
    assert [item.text for item in added.items] == ["one", "two", "three", "four"]
    assert added.problems == ()


def test_the_whole_box_can_be_one_text() -> None:
    added = c.texts_from("def f():\n    return 1\n", one_per_line=False)
    assert [item.text for item in added.items] == ["def f():\n    return 1"]
    assert added.items[0].label == "def f(): return 1"


@pytest.mark.parametrize("box", [3, ["a"], {"a": 1}, 2.5])
def test_a_box_that_is_no_text_is_a_problem_and_no_crash(box: object) -> None:
    added = c.texts_from(box)
    assert added.items == () and "expected text" in added.problems[0]


def test_typed_text_has_limits_of_its_own() -> None:
    over = "a" * (c.MAX_TEXT_CHARS + 1)
    added = c.texts_from(f"short\n{over}\nalso short")
    assert [item.text for item in added.items] == ["short", "also short"]
    assert "100,001" in added.problems[0] and "100,000" in added.problems[0]
    box = c.texts_from("a" * (c.MAX_BOX_CHARS + 1))
    assert box.items == () and "400,001" in box.problems[0]


def test_a_bad_picture_is_named_and_the_good_ones_stay(pictures: list[str], tmp_path: Path) -> None:
    bad = tmp_path / "page.png"
    bad.write_text("<html>not a picture</html>")
    added = c.images_from([pictures[0], str(bad), pictures[1], str(tmp_path / "gone.png")])
    assert [item.name for item in added.items] == ["picture 0.png", "picture 1.png"]
    assert len(added.problems) == 2 and "page.png" in added.problems[0] and "gone.png" in added.problems[1]


def test_a_picture_is_shown_upright(tmp_path: Path) -> None:
    """EXIF orientation 6: stored 56 x 40, seen 40 x 56."""
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (56, 40), "red").save(path, exif=exif)
    item = c.image_item(path)
    assert item.size == (40, 56)
    with Image.open(io.BytesIO(base64.b64decode(item.thumb.split(",")[1]))) as thumb:
        assert thumb.width < thumb.height


def test_a_thumbnail_is_small(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.effect_noise((1500, 900), 60).convert("RGB").save(path)
    assert len(c.image_item(path).thumb) < 12_000


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a b.png", "a b.png"),
        ("<img src=x onerror=alert(1)>.png", "_img src_x onerror_alert_1_.png"),
        ("..", "picture"),
        ("\x00\n.png", "_.png"),
        ("größe 中文.jpg", "größe 中文.jpg"),
    ],
)
def test_file_names_become_safe_base_names(name: str, safe: str) -> None:
    assert c.safe_name(name) == safe


def test_documents_pair_text_and_picture(pictures: list[str]) -> None:
    images = c.images_from(pictures).items
    added = c.documents_from(c.texts_from("first\nsecond").items, images[:2])
    assert [(item.kind, item.text, item.name) for item in added.items] == [
        ("document", "first", "picture 0.png"),
        ("document", "second", "picture 1.png"),
    ]
    assert [item.text for item in c.documents_from(c.texts_from("all").items, images).items] == ["all"] * 3


@pytest.mark.parametrize(("lines", "count"), [("a\nb", 3), ("", 2), ("a", 0), (None, 1)])
def test_documents_that_do_not_pair_up_are_refused(
    lines: str | None, count: int, pictures: list[str]
) -> None:
    added = c.documents_from(c.texts_from(lines).items, c.images_from(pictures[:count]).items)
    assert added.items == () and added.problems


def test_the_collection_takes_no_repeats_and_no_more_than_its_limit() -> None:
    start, _ = c.extend((), c.texts_from("a\nb"))
    same, said = c.extend(start, c.texts_from("b\na\nc\nc"))
    assert [item.text for item in same] == ["a", "b", "c"]
    assert "3 already" in said.notices[0]
    many = c.texts_from("\n".join(f"text {i}" for i in range(c.MAX_ITEMS + 7)))
    full, said = c.extend((), many)
    assert len(full) == c.MAX_ITEMS and "7 left out" in said.problems[0]


@pytest.mark.parametrize("index", [-1, 2, None, "0", True, 1.0])
def test_a_click_on_what_is_gone_changes_nothing(index: object) -> None:
    items = c.texts_from("a\nb").items
    assert c.without(items, index) == items


def test_a_click_removes_one() -> None:
    assert [item.text for item in c.without(c.texts_from("a\nb\nc").items, 1)] == ["a", "c"]


def test_an_expired_upload_says_so(pictures: list[str]) -> None:
    item = c.image_item(pictures[0])
    Path(pictures[0]).unlink()
    with pytest.raises(InputError, match=r"picture 0\.png.*expired"):
        item.source()


def test_labels_are_one_short_line() -> None:
    assert c.short("a\tb\n\x00c\ud800") == "a b c"
    assert len(c.short("word " * 100)) <= c.LABEL_CHARS
