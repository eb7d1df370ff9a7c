"""Texts of the page can be translated: every one of them is marked, and every mark has its English."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from embedder import Embedder
from tests.ui.conftest import GOLDEN
from ui import cards, markup, shell, texts
from ui.vectors import Workbench

MARK = re.compile(r'__i18n__\{"__type__": "translation_metadata", "key": "(xp_\w+)"\}')
NAMES = ("label", "info", "placeholder")


@pytest.fixture(scope="module")
def parts(model: Embedder) -> list[dict[str, Any]]:
    """The components of the whole page, without those of the named endpoints."""
    demo = shell.page(Workbench(model, model_argument=str(GOLDEN)))
    inputs = {i for e in demo.config["dependencies"] if e["api_visibility"] == "public" for i in e["inputs"]}
    return [part for part in demo.config["components"] if part["id"] not in inputs]


def marks(parts: list[dict[str, Any]]) -> Iterator[str]:
    for part in parts:
        for name in (*NAMES, "value"):
            value = part["props"].get(name)
            yield from MARK.findall(value) if isinstance(value, str) else ()


def test_every_mark_has_its_english_and_every_text_is_used(parts: list[dict[str, Any]]) -> None:
    used, english = set(marks(parts)), texts.translations().translations["en"]
    assert len(used) > 100
    assert used <= set(english)
    shown = {english[key] for key in used if not key.startswith("xp_html_")}
    assert {"Dimensions", "Tokens & patches", "Embed", "Example sets"} <= shown


def test_no_label_is_left_out(parts: list[dict[str, Any]]) -> None:
    seen = [part for part in parts if part["type"] not in ("html", "state") and part["props"].get("visible")]
    plain = {
        (part["type"], name, part["props"][name])
        for part in seen
        for name in NAMES
        if isinstance(part["props"].get(name), str) and part["props"][name].strip()
        if not MARK.fullmatch(part["props"][name])
    }
    assert len(seen) > 60 and not plain


def test_what_stays_as_it_is_is_marked_within_its_html() -> None:
    with gr.Blocks() as demo:
        told = cards.plain("<p class='xp-explain' title='…'>A reader&#x27;s sign &amp; more</p>")
        signs = cards.plain(cards.explain("{braces}"))
        sent = cards.plain(cards.explain("No vectors yet"))
        demo.load(lambda: "", None, sent)
    texts.mark(demo)
    assert "__i18n__" not in signs.value, "what gradio's formatter would take for its own stays English"
    assert "__i18n__" not in sent.value, "what the server sends later would be English again"
    (key,) = MARK.findall(told.value)
    assert texts.translations().translations["en"][key] == "A reader&#x27;s sign &amp; more"


def test_no_word_of_html_that_stays_is_left_out(model: Embedder) -> None:
    demo = shell.page(Workbench(model, model_argument=str(GOLDEN)))
    sent = {block for event in demo.fns.values() for block in event.outputs}
    html = [block for block in demo.blocks.values() if isinstance(block, gr.HTML)]
    own = [block.html_template for block in html if block.html_template != texts.PLAIN_TEMPLATE]
    stays = [
        block.value for block in html if block.html_template == texts.PLAIN_TEMPLATE and block not in sent
    ]
    assert len(own) > 20 and len(stays) > 40
    left = [MARK.sub("", text) for text in (*own, *stays)]
    assert [words for text in left for words in markup.words(text)] == []


def test_a_language_is_one_file_of_english_and_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: list[dict[str, Any]]
) -> None:
    (tmp_path / "de.json").write_text(json.dumps({"Dimensions": "Breite", "a < b": "b > a"}))
    monkeypatch.setattr(texts, "FOLDER", tmp_path)
    texts.languages.cache_clear()
    try:
        german = texts.translations().translations["de"]
    finally:
        texts.languages.cache_clear()
    assert german[texts.key_of("Dimensions")] == "Breite"
    assert german[texts.key_of("a < b", within_html=True)] == "b &gt; a"
    assert "Dimensions" in texts.table()


def test_every_language_translates_texts_that_there_are(parts: list[dict[str, Any]]) -> None:
    stale = {name: sorted(set(table) - set(texts.table())) for name, table in texts.languages().items()}
    assert not any(stale.values())
