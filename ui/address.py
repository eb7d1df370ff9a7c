"""The page's state as an address: settings as query parameters, checked on the way in. No gradio here.

An address reads ``?s=1&tab=similarity&set=Colours&similarity.dim=64``: the version, the open tab, the example
set in the collection, and settings by tab and name. What differs from a first value is written.
``assets/ui/address.js`` writes the same in the browser, where a slider step costs no round trip.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ui.collection import short

VERSION = "1"
MAX_TEXT = 400
"""Characters of a typed text that an address carries; a longer one stays out."""
MAX_SAID = 5
MARK, TAB, SET = "s", "tab", "set"
SEPARATOR = ","
"""Between several choices; a choice that has one in its name is not written."""


@dataclass(frozen=True)
class Field:
    """What a setting may be.

    Attributes:
        kind: one of a list, several of a list, a number, yes or no, words.
        default: its first value, which no address carries.
        choices: of the first two kinds.
        low: the least number, None without one.
        high: the largest number, None without one.
        whole: only whole numbers.
        longest: characters of words.
    """

    kind: Literal["choice", "choices", "number", "flag", "text"]
    default: Any = None
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    whole: bool = False
    longest: int = MAX_TEXT


@dataclass(frozen=True)
class View:
    """What an address asks for: settings by "tab.name", and in words what was left out."""

    tab: str = ""
    example: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()


def encode(fields: Mapping[str, Field], values: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of settings that differ from their first values, without the version.

    Args:
        fields: what there is, by "tab.name".
        values: any part of it.
    """
    written = {key: _written(fields[key], value) for key, value in values.items() if key in fields}
    return {key: text for key, text in written.items() if text is not None}


def _written(known: Field, value: object) -> str | None:
    if value is None or value == known.default or (value == [] and not known.default):
        return None
    if known.kind == "flag":
        return "1" if value else "0"
    if known.kind == "number":
        if known.high is not None and isinstance(value, int | float) and value > known.high:
            return None  # a width of vectors that only this visitor has
        return f"{value:g}" if isinstance(value, float) else str(value)
    if known.kind == "choices":
        parts = [str(part) for part in value] if isinstance(value, list | tuple) else []
        return None if any(SEPARATOR in part for part in parts) else SEPARATOR.join(parts)
    text = str(value)
    return text if len(text) <= MAX_TEXT else None


def decode(
    parameters: Mapping[str, str], fields: Mapping[str, Field], tabs: Sequence[str], sets: Sequence[str]
) -> View:
    """Read an address. What is unknown or out of range is left out, and said; nothing is ever an error.

    Args:
        parameters: of the address; those of others (the theme, say) are passed over.
        fields: what there is, by "tab.name".
        tabs: ids of the tabs.
        sets: names of the example sets.
    """
    version = parameters.get(MARK)
    tab, example = _named(parameters.get(TAB, ""), tabs), _named(parameters.get(SET, ""), sets)
    if version is None:  # typed by hand: settings may be anybody's, a tab or a set of these names is meant
        return View(tab if tab in tabs else "", example if example in sets else "", {}, ())
    if version != VERSION:
        words = (
            f"This link is of version {short(version, 20)}, which is not known here: nothing was restored."
        )
        return View(said=(words,))
    values: dict[str, Any] = {}
    said: list[str] = []
    for key in parameters:
        if "." not in key:
            continue
        try:
            values[key] = _read(fields, key, parameters[key])
        except ValueError as error:
            said.append(str(error))
    if tab and tab not in tabs:
        said.append(f"The link names a tab {short(tab, 40)!r} that is not there.")
    if example and example not in sets:
        said.append(f"The link names an example set {short(example, 40)!r} that is not there.")
    if len(said) > MAX_SAID:
        said[MAX_SAID:] = [f"And {len(said) - MAX_SAID} more settings of the link were left out."]
    return View(tab if tab in tabs else "", example if example in sets else "", values, tuple(said))


def _read(fields: Mapping[str, Field], key: str, text: str) -> Any:  # noqa: ANN401
    """A setting's value.

    Raises:
        ValueError: it is unknown or cannot be; the message is for the visitor.
    """
    known = fields.get(key)
    if known is None:
        raise ValueError(f"The link has a setting {short(key, 40)!r} that is not known here.")
    if known.kind == "text":
        if len(text) > known.longest:
            raise ValueError(
                f"{key}: {len(text):,} characters are more than the {known.longest:,} a link may carry."
            )
        return text
    if known.kind == "flag":
        return _one(key, text, {"0": False, "1": True})
    if known.kind == "number":
        return _number(known, key, text)
    allowed = {str(choice): choice for choice in known.choices}
    if known.kind == "choice":
        return _one(key, text, allowed)
    return [_one(key, part, allowed) for part in text.split(SEPARATOR)] if text else []


def _one(key: str, text: str, allowed: Mapping[str, Any]) -> Any:  # noqa: ANN401
    text = _named(text, allowed)
    if text not in allowed:
        offered = f", only {short(', '.join(allowed), 120)}" if allowed else ""
        raise ValueError(f"{key}: {short(text, 40)!r} is not offered here{offered}.")
    return allowed[text]


def _named(text: str, names: Collection[str]) -> str:
    """The name that is meant by words typed in any case; the words themselves if it is none, or not one."""
    if text in names:
        return text
    alike = [name for name in names if name.casefold() == text.casefold()]
    return alike[0] if len(alike) == 1 else text


def _number(known: Field, key: str, text: str) -> float | int:
    try:
        value = float(text[:40])
    except ValueError:
        value = math.nan
    low = -math.inf if known.low is None else known.low
    high = math.inf if known.high is None else known.high
    if not math.isfinite(value) or not low <= value <= high or (known.whole and value != int(value)):
        kind = "whole number" if known.whole else "number"
        raise ValueError(f"{key}: {short(text, 40)!r} is no {kind} from {low:g} to {high:g}.")
    return int(value) if known.whole else value
