"""The page's texts in other languages, through gradio's own translation.

The code holds English. When a page is built, :func:`mark` goes over it and replaces every label, hint,
placeholder, button, tab and heading of a fold by a mark that gradio's page translates for the language of the
browser, and so every word of HTML that stays as it is; templates and scripts look theirs up in that same
language (:mod:`ui.words`). What a language lacks stays English. A language is one file,
``ui/languages/de.json`` say, of English texts and what stands in their place; ``python -m ui.texts`` prints
the table to fill in.

Not translated, as gradio translates what stands on the page and not what a server sends later: names that
code and links use too (tasks, measures, widths), and sentences made with a result (messages, tables).
"""

import hashlib
import html
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from ui import markup, words

FOLDER = Path(__file__).parent / "languages"
GRADIO_LACKS = {"common.complete": "Done"}
"""What gradio's own translations lack: without it a screen reader is told the key."""
ICU = set("{}<>")
"""Signs that gradio's formatter of messages takes for its own."""
PLAIN_TEMPLATE = "${value}"
"""gradio's template of HTML that has none."""

_english: dict[str, str] = dict(GRADIO_LACKS)
"""Every text marked so far, by its key: each page of this process adds its own."""


def key_of(text: str, *, within_html: bool = False) -> str:
    """The key of an English text: never a name that gradio's own translations use."""
    return ("xp_html_" if within_html else "xp_") + hashlib.sha256(text.encode()).hexdigest()[:12]


def places(demo: gr.Blocks) -> Iterator[tuple[Any, str, str]]:
    """Every text of a page that can be translated, outside HTML: (component, attribute, the text)."""
    for block in list(demo.blocks.values()):
        for name in () if isinstance(block, gr.HTML) else _attributes(block):
            text = getattr(block, name, None)
            if isinstance(text, str) and text.strip() and not text.startswith("__i18n__"):
                yield block, name, text


def _attributes(block: Any) -> tuple[str, ...]:  # noqa: ANN401
    if isinstance(block, gr.Button):
        return ("value",)
    if isinstance(block, gr.Tab | gr.Accordion | gr.DownloadButton):
        return ("label",)
    named = getattr(block, "show_label", True) and not isinstance(block, gr.State)
    return ("label", "info", "placeholder") if named else ("info", "placeholder")


def mark(demo: gr.Blocks) -> None:
    """Replace the texts of a page that is built by marks for gradio to translate."""
    for block, name, text in places(demo):
        if said := _marked(text):
            setattr(block, name, said)
    sent = {block for event in demo.fns.values() for block in event.outputs}
    for block in [block for block in demo.blocks.values() if isinstance(block, gr.HTML)]:
        if block.html_template != PLAIN_TEMPLATE:
            block.html_template = words.template(block.html_template)
        elif block not in sent and isinstance(block.value, str):
            _mark_html(block)


def _mark_html(block: gr.HTML) -> None:
    """HTML that stays: gradio knows one mark in a value, so what has more words becomes a template."""
    count = len(list(markup.words(block.value)))
    if count == 1:
        block.value = markup.rewritten(block.value, _marked_within_html)
    elif count and not words.SIGNS & set(block.value):
        block.html_template, block.value = words.template(block.value), ""


def _marked(text: str, *, within_html: bool = False) -> str | None:
    """The mark of a text; None where gradio's formatter would take a sign in it for its own."""
    if ICU & set(text):
        return None
    _english.update(_both(text, text))
    return str(gr.I18n()(key_of(text, within_html=within_html)))


def _marked_within_html(text: str) -> str | None:
    return _marked(text, within_html=True)


def _both(text: str, said: str) -> dict[str, str]:
    """What stands for a text, by its key as a label and by its key within HTML."""
    return {key_of(text): said, key_of(text, within_html=True): html.escape(said)}


@cache
def languages() -> dict[str, dict[str, str]]:
    """The tables of ``ui/languages`` by language."""
    files = sorted(FOLDER.glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def translations() -> gr.I18n:
    """What ``launch`` takes; texts that are marked later are in it too."""
    known = gr.I18n(en=_english)
    for name, table in languages().items():
        known.translations[name] = {
            key: words for text, said in table.items() for key, words in _both(text, said).items()
        }
    return known


def for_scripts() -> str:
    """The words of the page's scripts and templates in other languages, as a script; "" without any."""
    return words.for_page(languages())


def table() -> dict[str, str]:
    """The English texts of the pages built so far, each standing for itself: a language to fill in."""
    marked = {text: text for key, text in _english.items() if key == key_of(text)}
    return marked | {text: text for text in sorted(words.spoken())}


def main() -> int:
    """Print the table of the page with the bundled model."""
    from embedder import Embedder
    from ui import shell, texts  # run as a program, this file is another module than the page's
    from ui.vectors import Workbench

    shell.page(Workbench(Embedder.from_pretrained("mini"), model_argument="mini"))
    json.dump(texts.table(), sys.stdout, ensure_ascii=False, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
