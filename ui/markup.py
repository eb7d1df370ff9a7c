"""Words within HTML: which texts and attributes of a piece of markup a visitor reads or is told."""

import html
import re
from collections.abc import Callable, Iterator

SAID = ("aria-label", "title", "placeholder", "alt")
"""Attributes that are words."""
_UNREAD = {"script", "style", "code", "pre"}
_COUNTED = {"svg", "td"}
"""Within these a text with a digit is made of a model's own numbers."""
_ONES = {"br", "hr", "img", "input", "wbr"}
_TAG = re.compile(r"(<[^<>]*>)")
_NAME = re.compile(r"</?([\w-]+)")
_ATTRIBUTE = re.compile(rf"""(\s(?:{"|".join(SAID)})=)(["'])(.*?)\2""", re.DOTALL)


def rewritten(markup: str, change: Callable[[str], str | None]) -> str:
    """Markup with its words replaced.

    What is within ``translate="no"``, code, or holds a placeholder of a template is left alone.

    Args:
        markup: well-formed HTML, without ``<`` and ``>`` in its texts and attributes.
        change: takes a text, unescaped and on one line; returns what takes its place, as HTML, or None.
    """
    parts, around = [], list[str]()
    for part in _TAG.split(markup):
        if part.startswith("<"):
            parts.append(part if _skipped(around) else _ATTRIBUTE.sub(lambda m: _attribute(m, change), part))
            _enter(part, around)
        else:
            said = None if _skipped(around) or not _is_words(part, around) else change(_plain(part))
            left, right = part[: len(part) - len(part.lstrip())], part[len(part.rstrip()) :]
            parts.append(part if said is None else f"{left}{said}{right}")
    return "".join(parts)


def words(markup: str) -> Iterator[str]:
    """The texts that :func:`rewritten` would change."""
    found: list[str] = []
    rewritten(markup, lambda text: found.append(text))
    yield from found


def _attribute(match: re.Match[str], change: Callable[[str], str | None]) -> str:
    said = change(_plain(match[3])) if _is_words(match[3], []) else None
    return match[0] if said is None else f'{match[1]}"{said}"'


def _is_words(text: str, around: list[str]) -> bool:
    if "${" in text or not re.search(r"[^\W\d_]{2}", html.unescape(text)):
        return False
    return not (_COUNTED & set(around) and re.search(r"\d", text))


def _plain(text: str) -> str:
    return " ".join(html.unescape(text).split())


def _skipped(around: list[str]) -> bool:
    return bool(_UNREAD & set(around)) or "translate=no" in around


def _enter(tag: str, around: list[str]) -> None:
    """Note the elements that the text after a tag stands in."""
    found = _NAME.match(tag)
    if found is None or found[1] in _ONES or tag.endswith("/>"):
        return
    if tag.startswith("</"):
        while around and around.pop() not in (found[1], "translate=no"):
            pass
        return
    around.append("translate=no" if re.search(r"""\stranslate=["']no["']""", tag) else found[1])
