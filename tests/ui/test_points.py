"""Points of a map: what is taken, what is refused, and how they travel to the page."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from gradio.utils import deep_hash

from embedder.errors import InputError
from ui import points
from ui.collection import Item, text_item
from ui.points import Points


def items(count: int) -> list[Item]:
    return [text_item(f"text number {at}") for at in range(count)]


def codes(field: dict) -> list[int]:
    return list(base64.b64decode(field["codes"]))


def test_metadata_become_columns_with_numbers_and_categories_told_apart() -> None:
    metadata = [{"place": "here" if at % 3 else "there", "price": at / 2, "odd": None} for at in range(20)]
    made = Points.gather(items(20), np.eye(20), metadata)
    spec = points.base_spec(made)
    fields = {field["name"]: field for field in spec["fields"]}
    assert fields["place"]["names"] == ["here", "there"] and sum(codes(fields["place"])) == 7
    assert fields["price"]["kind"] == "number"
    assert (fields["price"]["low"], fields["price"]["high"]) == (0.0, 9.5)
    assert np.allclose(np.frombuffer(base64.b64decode(fields["price"]["values"]), "<f4"), np.arange(20) / 2)
    assert fields["odd"]["names"] == ["none"]
    assert "kind" not in fields  # all are texts: nothing to tell


def test_the_items_own_columns_tell_kinds_and_scripts() -> None:
    mixed = [
        text_item("a word"),
        text_item("слово"),
        text_item("言葉です"),
        Item("image", "x", thumb="data:,"),
    ]
    spec = points.base_spec(Points.gather(mixed))
    fields = {field["name"]: field for field in spec["fields"]}
    assert fields["kind"]["names"] == ["text", "picture"]
    assert {"Latin", "Cyrillic"} < set(fields["script"]["names"])
    assert spec["thumbs"] == {"3": "data:,"}


def test_many_categories_end_in_one_of_others() -> None:
    words = tuple(f"w{at % 50}" if at < 100 else "w0" for at in range(120))
    field = points.field("word", words)
    assert len(field["names"]) == points.MAX_CATEGORIES
    assert field["names"][0] == "w0" and field["names"][-1] == points.OTHER
    assert max(codes(field)) == points.MAX_CATEGORIES - 1


def test_few_different_numbers_are_categories() -> None:
    field = points.field("stars", tuple(float(at % 5) for at in range(40)))
    assert field["kind"] == "category" and field["names"] == ["0", "1", "2", "3", "4"]


def test_texts_travel_as_lines_whatever_is_in_them() -> None:
    odd = ["two\nlines", "a\u2028b", "</script><img>", "\ud800 half", "", "x" * 5000]
    made = Points.gather([Item("text", text or "(blank)", text=text) for text in odd])
    sent = points.packed(points.base_spec(made))
    assert "<" not in sent
    lines = json.loads(sent)["texts"].split("\n")
    assert len(lines) == len(odd)
    assert lines[0] == "two lines" and lines[1] == "a b" and lines[4] == "(blank)"
    assert len(lines[5]) == points.MAX_TEXT and lines[5].endswith("…")
    sent.encode("utf-8")


def first(count: int, **columns: list[object]) -> str:
    metadata = [{name: values[at % len(values)] for name, values in columns.items()} for at in range(count)]
    lengths = [
        text_item("x" * (1 + at % 4)) for at in range(count)
    ]  # few lengths: "characters" is a category
    return points.base_spec(Points.gather(lengths, metadata=metadata if columns else None))["first"]


def test_a_map_is_first_coloured_by_a_column_of_the_visitor_s_with_few_values() -> None:
    assert first(12) == "characters"
    assert first(12, topic=["fruit", "tool", "animal"]) == "topic"
    assert (
        first(12, name=[f"n{at}" for at in range(12)], topic=["a", "b"]) == "topic"
    )  # a name for each tells nothing
    assert first(40, price=[at / 7 for at in range(40)], stars=[1, 2, 3]) == "stars"
    assert first(80, word=[f"w{at}" for at in range(70)]) == "characters"
    assert first(12, all_alike=["same"]) == "characters"
    assert points.first_colour([], 5) == ""


def test_too_many_pictures_send_no_thumbnails() -> None:
    many = [Item("image", str(at), thumb="data:,") for at in range(points.MAX_THUMBS + 1)]
    assert points.base_spec(Points.gather(many))["thumbs"] == {}
    assert len(points.base_spec(Points.gather(many[:-1]))["thumbs"]) == points.MAX_THUMBS


def test_a_name_stands_for_items_and_columns() -> None:
    first, again = Points.gather(items(5)), Points.gather(items(5))
    assert first.base == again.base
    assert first.base != first.only([0, 1, 2, 3]).base
    assert first.base != Points.gather(items(5), metadata=[{"a": at} for at in range(5)]).base


def test_gradio_can_tell_whether_points_have_changed() -> None:
    vectors = np.eye(2, dtype=np.float32)
    one, same = (Points.gather(items(2), vectors, [{"a": 1}, {"a": 2}]) for _ in range(2))
    assert deep_hash(one) == deep_hash(same) != deep_hash(Points.gather(items(1), vectors[:1]))


def test_points_are_cut_to_rows_with_all_that_belongs_to_them() -> None:
    made = Points.gather(items(4), np.eye(4), [{"n": at} for at in range(4)])
    part = made.only([3, 1])
    assert [item.text for item in part.items] == ["text number 3", "text number 1"]
    assert part.vectors is not None and part.vectors[0, 3] == 1 and part.columns == {"n": (3.0, 1.0)}


@pytest.mark.parametrize(
    ("vectors", "says"),
    [
        (np.eye(4), r"3 items need vectors of shape \(3, dim\), these have \(4, 4\)"),
        (np.zeros((3, 2)), "vector 0 has no direction"),
        (np.array([[1, 0], [np.nan, 1], [0, 1]]), "vector 1 has no direction"),
        (np.zeros((3, 0)), "3 items need vectors"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(vectors: np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Points.gather(items(3), vectors)


def test_metadata_and_numbers_of_points_have_limits() -> None:
    with pytest.raises(InputError, match="3 items and metadata of 2"):
        Points.gather(items(3), metadata=[{}, {}])
    one = items(1)[0]
    with pytest.raises(InputError, match="50,000 points, there are 50,001"):
        Points.gather([one] * (points.MAX_POINTS + 1))
    wide = [{f"c{at}": at for at in range(100)}, {}]
    assert len(Points.gather(items(2), metadata=wide).columns or {}) == points.MAX_COLUMNS


def test_clusters_become_a_column_with_those_in_none_last() -> None:
    field = points.group_field(np.array([0, 1, -1, 0], dtype=np.int32), ["a", "b"])
    assert field["names"] == ["a", "b", "in no cluster"] and codes(field) == [0, 1, 2, 0]
    assert points.group_field(np.array([0, 0]), ["a"])["names"] == ["a"]


def test_what_items_carry_themselves_colours_them() -> None:
    carried = tuple(replace(item, metadata=(("topic", f"t{at % 2}"),)) for at, item in enumerate(items(4)))
    found = Points.gather(carried)
    assert (found.columns or {})["topic"] == ("t0", "t1", "t0", "t1")
    assert found.base != Points.gather(items(4)).base
