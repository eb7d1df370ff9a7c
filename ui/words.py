"""What the page's own scripts and templates say, in other languages.

gradio translates labels, hints and the values of components; it knows nothing of the templates of
``gr.HTML`` and of scripts. Their texts are looked up by ``Explorer.say`` (``assets/ui/words.js``) in one
dictionary, which comes with the page: of each language of ``ui/languages`` what these texts are called there.
English costs nothing, as its texts are their own keys.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ui import markup

SCRIPTS = Path(__file__).resolve().parent.parent / "assets" / "ui"
SIGNS = set("`\\{$")
"""What would mean something else in a template of gradio's."""
_spoken: set[str] = set()
"""Texts of templates, and those that reach a script as data."""


def speak(*texts: str) -> None:
    """These texts reach ``Explorer.say`` as data, not written out in a script."""
    _spoken.update(texts)


def template(source: str) -> str:
    """A template of ``gr.HTML`` whose words are looked up when the page draws it."""

    def looked_up(text: str) -> str:
        speak(text)
        return f"${{window.Explorer.sayHtml({_quoted(text)})}}"

    return markup.rewritten(source, looked_up)


def _quoted(text: str) -> str:
    """A string for JavaScript within an attribute, which no quote may end and no brace confuse."""
    shown = json.dumps(text, ensure_ascii=False)
    return (
        shown.replace("'", "\\u0027").replace("`", "\\u0060").replace("{", "\\u007b").replace("}", "\\u007d")
    )


def spoken() -> set[str]:
    """Every text that is looked up: of the templates so far, of the data told of, and of the scripts."""
    files = sorted(SCRIPTS.glob("*.js"))
    found = (text for file in files for text in texts_of(file.read_text(encoding="utf-8")))
    return _spoken | set(found)


def for_page(languages: Mapping[str, Mapping[str, str]]) -> str:
    """The dictionary as a script, "" where English is all there is.

    Args:
        languages: language -> English text -> what stands in its place.
    """
    if not languages:
        return ""
    known = spoken()
    tables = {
        name: {text: said for text, said in table.items() if text in known}
        for name, table in languages.items()
    }
    return f"window.ExplorerWords = {_within_script(tables)};"


def _within_script(content: object) -> str:
    return json.dumps(content, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")


@dataclass(frozen=True)
class Literal:
    """A string in a script.

    Attributes:
        text: what is between its quotes, escapes resolved; of a template literal its fixed part.
        line: from 1.
        is_spoken: it is the text that ``say`` or ``sayHtml`` is called with.
    """

    text: str
    line: int
    is_spoken: bool


def texts_of(script: str) -> Iterator[str]:
    """The texts that a script looks up."""
    yield from (found.text for found in literals(script) if found.is_spoken)


_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<name>[A-Za-z_$][\w$]*)|(?P<number>\d[\w.]*)
    |(?P<pattern>/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_BEFORE_PATTERN = set("(,=:[!&|?{};+-*<>") | {"return", "typeof", ""}
"""What a regular expression may follow; after anything else a slash divides."""


def literals(script: str) -> list[Literal]:
    """Every string and template literal of a script, those within templates' braces too."""
    found: list[Literal] = []
    _read(script, 0, found)
    return found


def _read(script: str, at: int, found: list[Literal]) -> int:
    """Collect the literals up to the code's end, or to a brace that was open before ``at``; where that is."""
    before, calls = "", list[tuple[str, int]]()  # of each open bracket: the name before it, the argument
    while at < len(script):
        token = _TOKEN.match(script, at)
        assert token is not None  # its last alternative takes any sign
        kind, text = token.lastgroup, token[0]
        if kind == "pattern" and before not in _BEFORE_PATTERN:
            kind, text = "sign", "/"
        if text == "}" and not calls:
            return at
        if text == "`" or kind == "string":
            place, is_spoken = len(found), bool(calls) and calls[-1] in (("say", 0), ("sayHtml", 0))
            if text == "`":
                end, fixed = _template(script, at, found)
            else:
                end, fixed = token.end(), _unescaped(text[1:-1])
            found.insert(place, Literal(fixed, script.count("\n", 0, at) + 1, is_spoken))
            at, before = end, text
            continue
        if kind == "sign":
            _count(text, before, calls)
        at += len(text)
        before = before if kind == "space" else text
    return at


def _count(sign: str, before: str, calls: list[tuple[str, int]]) -> None:
    if sign in "([{":
        calls.append((before if sign == "(" else "", 0))
    elif sign in ")]}" and calls:
        calls.pop()
    elif sign == "," and calls:
        calls[-1] = (calls[-1][0], 1)


def _template(script: str, at: int, found: list[Literal]) -> tuple[int, str]:
    """(where a template literal ends, its fixed text with a gap for each expression)."""
    fixed, at = "", at + 1
    while script[at] != "`":
        if script[at] == "\\":
            fixed, at = fixed + script[at : at + 2], at + 2
        elif script.startswith("${", at):
            fixed, at = f"{fixed}\x00", _read(script, at + 2, found) + 1
        else:
            fixed, at = fixed + script[at], at + 1
    return at + 1, fixed


def _unescaped(text: str) -> str:
    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", lambda m: chr(int(m[1][1:], 16)) if len(m[1]) > 1 else m[1], text)
