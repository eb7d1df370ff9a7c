"""Settings in the address: what is written is read again, and what cannot be is said, never an error."""

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui import address, links
from ui.address import Field, decode, encode

FIELDS = {
    "similarity.dim": Field("number", 128, low=1, high=128, whole=True),
    "similarity.cells": Field("choice", "everything", choices=("everything", "texts × pictures")),
    "similarity.clustered": Field("flag", True),
    "search.query": Field("text", "first", longest=50),
    "search.temperature": Field("number", 0.07, low=0.01, high=2.0),
    "lab.adapters": Field("choices", [], choices=("retrieval", "code", "text-matching")),
    "map.method": Field("choice", "PCA", choices=("PCA", "UMAP", "t-SNE")),
    "map.letters": Field("choice", "a", choices=("a", "b", "B")),
    "lab.dims": Field("choices", [8], choices=(8, 16, 32)),
}
TABS, SETS = ("embed", "similarity", "search"), ("Shapes", "Things")


def read(**parameters: str) -> address.View:
    named = {key.replace("__", "."): value for key, value in parameters.items()}
    return decode({"s": "1", **named}, FIELDS, TABS, SETS)


values = st.fixed_dictionaries(
    {},
    optional={
        "similarity.dim": st.integers(1, 128),
        "similarity.cells": st.sampled_from(["everything", "texts × pictures"]),
        "similarity.clustered": st.booleans(),
        "search.query": st.text(max_size=50),
        "search.temperature": st.sampled_from([0.01, 0.07, 0.5, 2.0]),
        "lab.adapters": st.lists(st.sampled_from(["retrieval", "code"]), unique=True),
        "lab.dims": st.lists(st.sampled_from([8, 16, 32]), unique=True),
    },
)


@given(values)
def test_what_is_written_is_read_again(chosen: dict[str, object]) -> None:
    found = decode({"s": "1", **encode(FIELDS, chosen)}, FIELDS, TABS, SETS)
    assert not found.said
    assert dict(found.values) == {key: value for key, value in chosen.items() if value != FIELDS[key].default}


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=600)))
def test_any_address_is_read_without_an_error(parameters: dict[str, str]) -> None:
    found = decode({"s": "1", **parameters}, FIELDS, TABS, SETS)
    assert set(found.values) <= set(FIELDS) and len(found.said) <= address.MAX_SAID + 1


def test_only_what_differs_is_written() -> None:
    chosen = {"similarity.dim": 128, "similarity.clustered": False, "search.query": "first", "other.x": 3}
    assert encode(FIELDS, chosen) == {"similarity.clustered": "0"}


def test_a_long_text_stays_out() -> None:
    assert encode(FIELDS, {"search.query": "x" * (address.MAX_TEXT + 1)}) == {}


def test_tab_and_example_set_are_read() -> None:
    found = read(tab="search", set="Things")
    assert (found.tab, found.example, found.said) == ("search", "Things", ())


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("similarity__dim", "129", "from 1 to 128"),
        ("similarity__dim", "2.5", "whole number"),
        ("similarity__dim", "nan", "'nan' is no whole number"),
        ("search__temperature", "1e999", "from 0.01 to 2"),
        ("similarity__cells", "nothing", "only everything, texts × pictures"),
        ("similarity__clustered", "yes", "only 0, 1"),
        ("lab__adapters", "code,prose", "'prose' is not offered"),
        ("search__query", "y" * 51, "51 characters"),
        ("search__unknown", "1", "not known here"),
        ("tab", "nowhere", "tab 'nowhere' that is not there"),
        ("set", "none", "example set 'none'"),
    ],
)
def test_what_cannot_be_is_left_out_and_said(key: str, text: str, words: str) -> None:
    found = read(**{key: text, "similarity__clustered" if "clustered" not in key else "search__query": "0"})
    assert len(found.said) == 1 and words in found.said[0]
    assert len(found.values) == 1 and not found.tab and not found.example


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("map__method", "umap", "UMAP"),
        ("map__method", "Pca", "PCA"),
        ("similarity__cells", "EVERYTHING", "everything"),
        ("lab__adapters", "Code,RETRIEVAL", ["code", "retrieval"]),
        ("map__letters", "b", "b"),  # where case tells two apart, it counts
        ("map__letters", "B", "B"),
    ],
)
def test_choices_are_taken_in_any_case(key: str, text: str, value: object) -> None:
    found = read(**{key: text})
    assert dict(found.values) == {key.replace("__", "."): value} and not found.said


def test_tab_and_example_set_are_taken_in_any_case() -> None:
    found = read(tab="Search", set="things")
    assert (found.tab, found.example, found.said) == ("search", "Things", ())
    assert decode({"tab": "SEARCH"}, FIELDS, TABS, SETS) == address.View(tab="search")


def test_the_address_of_others_is_passed_over() -> None:
    assert decode({"__theme": "dark", "tab": "theirs", "a.b": "c"}, FIELDS, TABS, SETS) == address.View()


def test_a_tab_typed_by_hand_opens_and_settings_need_the_mark() -> None:
    found = decode({"tab": "search", "search.query": "a"}, FIELDS, TABS, SETS)
    assert found == address.View(tab="search")


def test_another_version_is_named() -> None:
    found = decode({"s": "2", "tab": "search"}, FIELDS, TABS, SETS)
    assert not found.tab and "version 2" in found.said[0]


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        (gr.Radio(["a", "b"], value="b"), Field("choice", "b", ("a", "b"))),
        (gr.Radio([("A", "a")], value="a"), Field("choice", "a", ("a",))),
        (gr.Dropdown([1, 2], value=[1], multiselect=True), Field("choices", [1], (1, 2))),
        (gr.CheckboxGroup(["a"], value=[]), Field("choices", [], ("a",))),
        (gr.Slider(1, 9, value=3, step=1), Field("number", 3, low=1, high=9, whole=True)),
        (gr.Slider(0, 2, value=0.5, step=0.1), Field("number", 0.5, low=0, high=2)),
        (gr.Checkbox(True), Field("flag", True)),
        (gr.Textbox("x", max_length=20), Field("text", "x", longest=20)),
    ],
)
def test_a_component_says_what_it_takes(component: object, expected: Field) -> None:
    assert links.field_of(component) == expected


def test_a_component_that_has_no_place_in_an_address_is_refused() -> None:
    with pytest.raises(TypeError, match="Image"):
        links.field_of(gr.Image())


def test_a_width_of_vectors_that_only_this_visitor_has_is_in_no_link() -> None:
    assert encode(FIELDS, {"similarity.dim": 1000}) == {}
    assert encode(FIELDS, {"similarity.dim": 64}) == {"similarity.dim": "64"}
