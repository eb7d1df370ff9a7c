"""Texts of templates and scripts go through one dictionary: none is written past it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ui import markup, words

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(words.SCRIPTS.glob("*.js"))

# What no visitor reads, though it looks like words.
PLUMBING = re.compile(
    r"use strict|Enter|Escape|Home|End|Python|came instead|query token,kind,counted,product,share,best match"
    r"|[.#(\[\x00].*"  # selectors, media queries, what begins with a value
    r"|(?:xp|lm)-[\w-]+(?: (?:xp|lm)-[\w-]+)*"  # classes
    r"|.*sans-serif.*"  # fonts, style sheets
    r"|!doctype html>|(?:html|meta|div|img) .*=.*|thead th|tbody tr|const f = .*"
    r"|<button [^>]*=[^>]*>\x00</button>",  # a mark, whose words are looked up
    re.DOTALL,
)
WORDS = re.compile(r"[^\W\d_]{2,}[,;:.]? [^\W\d_]{2,}|^[A-Z][a-z]{2,}")


def unspoken(script: str) -> list[tuple[int, str]]:
    """The strings of a script that a visitor would read in English whatever the language is."""
    found = [one for one in words.literals(script) if not one.is_spoken and WORDS.search(one.text)]
    return [(one.line, one.text) for one in found if not PLUMBING.fullmatch(one.text)]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_words_of_a_script_go_past_the_dictionary(script: Path) -> None:
    assert unspoken(script.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        'box.textContent = "No map yet";',
        "box.title = 'Copy';",
        "box.textContent = `Kept ${count} of them all`;",
        'make("p", "", "Nothing here", say("a text"));',
        'say("a text", { name: "Some more words" });',
        'say(`It is ${wrong ? "not so good" : "good"}`);',
    ],
)
def test_what_goes_past_it_is_found(line: str) -> None:
    assert unspoken(f'"use strict";\nconst a = 4 / 2, b = /["`]/g; // it isn\'t\n{line}')


def test_what_is_said_is_found_wherever_it_stands() -> None:
    script = """
        const divided = 6 / say("one") / 2, cut = text.replace(/"/g, "'"); /* say("not this") */
        make(on ? say("two") : `${say('three "in" one')}, ${list.map((x) => `${x} ${say("four", { x })}`)}`);
        say(count === 1 ? "{count} thing" : "{count} things", { count, other: "not this" });
    """
    found = ["one", "two", 'three "in" one', "four", "{count} thing", "{count} things"]
    assert list(words.texts_of(script)) == found


def test_every_call_names_its_text_or_has_it_told() -> None:
    """``say(name)`` finds only what Python has told with ``speak``; each such place is known."""
    dynamic = set()
    for script in SCRIPTS:
        for call in re.findall(r"\bsay(?:Html)?\(([\w.]+)[,)]", script.read_text(encoding="utf-8")):
            dynamic.add(call)
    told = {
        "spec.valueName",
        "valueName",
        "spec.xTitle",
        "token.kind",
        "token.says",
        "unit.kind",
        "unit.says",
    }
    told |= {"part.token.kind", "part.token.says", "item.kind", "stop.title", "stop.text", "name"}
    assert dynamic <= told | {"text"}


def test_words_of_markup_are_found() -> None:
    source = """<p class='a' title="Two words">Some <b>bold &amp; brave</b> text <code>not this</code>
        <i translate="no">nor <u>this</u></i><br>but
        this</p><svg><text>layers</text><text>12 layers</text></svg><td>of 128</td> 5 – ${value} and more"""
    assert list(markup.words(source)) == [
        "Two words", "Some", "bold & brave", "text", "but this", "layers",
    ]  # fmt: skip


def test_a_template_looks_its_words_up() -> None:
    made = words.template("""<button title="Don't">Save  "all" `now`</button>${value}""")
    assert made.startswith('<button title="${window.Explorer.sayHtml("Don\\u0027t")}">${window.')
    assert "('" not in made and "${value}" in made and "{{" not in made
    assert {"Don't", 'Save "all" `now`'} <= words.spoken()


def test_the_dictionary_holds_what_is_looked_up_and_no_more() -> None:
    assert words.for_page({}) == ""
    script = words.for_page({"de": {"Copy": "Kopieren </script>", "only gradio's": "nur gradio"}})
    found = json.loads(script.removeprefix("window.ExplorerWords = ").removesuffix(";"))
    assert found == {"de": {"Copy": "Kopieren </script>"}} and "</" not in script


def test_every_language_fills_in_what_the_english_does() -> None:
    gaps = re.compile(r"\{\w+\}")
    for language in ROOT.glob("ui/languages/*.json"):
        table = json.loads(language.read_text(encoding="utf-8"))
        wrong = {text for text, said in table.items() if set(gaps.findall(text)) != set(gaps.findall(said))}
        assert not wrong, language.name


def test_the_documented_command_prints_every_text() -> None:
    command = [sys.executable, "-m", "ui.texts"]
    run = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    table = json.loads(run.stdout)
    assert all(text == said for text, said in table.items())
    wanted = {
        "Dimensions",
        "Save PNG",
        "Copy link",
        "Skip the tour",
        "{count} items selected",
        "Vision tower",
    }
    assert wanted <= set(table)
