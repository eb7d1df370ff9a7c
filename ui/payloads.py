"""What comes in over the wire: texts and pictures as JSON, checked, and made into items like any other."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from embedder.errors import InputError
from embedder.headers import sniff
from embedder.images import FORMATS
from embedder.inputs import clean_text
from embedder.options import resolve_task
from embedder.preprocess import text_segment
from ui.checks import PREVIEW
from ui.collection import MAX_IMAGES, MAX_TEXT_CHARS, Item, text_item
from ui.limits import PUBLIC

MAX_INPUTS = PUBLIC.inputs
"""Inputs of one request."""
MAX_PICTURE_BYTES = PUBLIC.picture_bytes
"""Of one picture as a file; 20 megapixels as JPEG are 5 to 15 MB."""
MAX_REQUEST_CHARS = PUBLIC.request_chars
"""Characters of all texts of one request together."""

JINA_TASKS = {
    "retrieval.query": ("retrieval", "query"),
    "retrieval.passage": ("retrieval", "passage"),
    "text-matching": ("text-matching", "query"),
    "code.query": ("code", "query"),
    "code.passage": ("code", "passage"),
}
"""The tasks of Jina's own API: adapter and role. Our names for both are taken as well."""

_DATA_URI = re.compile(r"data:(?P<kind>[\w.+/-]*)(?:;[\w=.-]+)*?(?P<base64>;base64)?,", re.IGNORECASE)
_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*:", re.IGNORECASE)


class Document(TypedDict, total=False):
    """A text, a picture, or both as one input; the picture as base64 or as a data URI."""

    text: str
    image: str


@dataclass(frozen=True)
class Sent(Item):
    """An item whose picture came with the request, as bytes: nothing is written to a disk."""

    data: bytes = b""

    def source(self) -> Any:  # noqa: ANN401 - what ``Embedder.embed`` takes
        """What ``Embedder.embed`` takes: a str, bytes, or a mapping of both."""
        if self.kind == "text":
            return self.text
        return self.data if self.kind == "image" else {"text": self.text, "image": self.data}


def items_of(value: object, name: str = "input") -> list[Item]:
    """The inputs of a request as items.

    Args:
        value: one of, or a list of: a str (a text), or {"text": ..., "image": ...} with one of them or
            both; the picture in base64 or as a data URI.
        name: what messages call the field.

    Returns:
        Items in the order given; not yet decoded pictures.

    Raises:
        InputError: what cannot be used, by field and position, with the limit.
    """
    listed: Sequence[object] = value if isinstance(value, list | tuple) else [value]
    if not listed:
        raise InputError(f"{name} is an empty list; give at least one text or picture")
    if len(listed) > MAX_INPUTS:
        raise InputError(f"{name} has {len(listed):,} entries; at most {MAX_INPUTS} are taken in one request")
    single = not isinstance(value, list | tuple)
    items = [item_of(one, name if single else f"{name}[{row}]") for row, one in enumerate(listed)]
    pictures = sum(item.kind != "text" for item in items)
    if pictures > MAX_IMAGES:
        raise InputError(f"{name} has {pictures} pictures; at most {MAX_IMAGES} are taken in one request")
    characters = sum(len(item.text) for item in items)
    if characters > MAX_REQUEST_CHARS:
        raise InputError(
            f"{name} has {characters:,} characters; at most {MAX_REQUEST_CHARS:,} are taken in one request"
        )
    return items


def item_of(value: object, name: str) -> Item:
    """One input as an item.

    Raises:
        InputError: it is neither a text nor a mapping with "text", "image" or both.
    """
    if isinstance(value, str):
        return _text(value, name)
    if not isinstance(value, dict):
        raise InputError(f"{name} is {_shown(value)}; expected a text, or an object with text or image")
    parts = {key: part for key, part in value.items() if part is not None}
    if not parts or set(parts) - {"text", "image"}:
        found = ", ".join(str(key)[:PREVIEW] for key in value) or "no field"
        raise InputError(f"{name} has {found}; expected text, image, or both")
    text = _text(parts["text"], f"{name}.text") if "text" in parts else None
    if "image" not in parts:
        assert text is not None
        return text
    return _with_picture(text, picture_bytes(parts["image"], f"{name}.image"), name)


def _with_picture(text: Item | None, data: bytes, name: str) -> Sent:
    # The digests are those of ui.collection, so that the page and a request share what is remembered.
    picture = hashlib.sha256(b"image\0" + data).hexdigest()
    if text is None:
        return Sent("image", name, data=data, digest=picture)
    both = hashlib.sha256(f"document\0{text.digest}{picture}".encode()).hexdigest()
    return Sent("document", name, text=text.text, data=data, digest=both)


def _text(value: object, name: str) -> Item:
    if not isinstance(value, str):
        raise InputError(f"{name} is {_shown(value)}; expected a text")
    if len(value) > MAX_TEXT_CHARS:
        raise InputError(f"{name} has {len(value):,} characters; at most {MAX_TEXT_CHARS:,} are taken")
    return replace(text_item(value), label=name)


def picture_bytes(value: object, name: str) -> bytes:
    """The file behind a picture given as base64, as a data URI, or (by our own code) as bytes.

    Nothing is ever fetched.

    Raises:
        InputError: an address, no base64, too large, or a file of another kind.
    """
    data = value if isinstance(value, bytes) else _decoded(value, name)
    if not data or sniff(data) not in FORMATS:
        found = sniff(data) or (f"begins with {data[:8]!r}" if data else "is empty")
        raise InputError(f"{name} is no picture that is read here ({found}); one of {', '.join(FORMATS)}")
    return data


def _decoded(value: object, name: str) -> bytes:
    if not isinstance(value, str):
        raise InputError(f"{name} is {_shown(value)}; expected base64 or a data URI")
    head = _DATA_URI.match(value[:200])
    if head and not head["base64"]:
        raise InputError(f"{name} is a data URI without base64; write data:image/png;base64,...")
    if not head and _ADDRESS.match(value[:PREVIEW]):
        raise InputError(
            f"{name} is an address ({value[:PREVIEW]!r}): nothing is fetched here; send the file in base64"
        )
    payload = value[head.end() :] if head else value
    if len(payload) * 3 // 4 > MAX_PICTURE_BYTES:
        raise InputError(
            f"{name} has about {len(payload) * 3 // 4:,} bytes; at most {MAX_PICTURE_BYTES:,} are taken"
        )
    try:
        return base64.b64decode("".join(payload.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"{name} is not base64 ({error}): begins with {value[:20]!r}") from None


def task_of(task: object, prompt_name: object, tasks: Sequence[str]) -> tuple[str, str]:
    """Adapter and role of a request.

    Args:
        task: a name of Jina's API ("retrieval.query"), an adapter of the model, "query" or "document";
            None for retrieval.
        prompt_name: "query", "passage", or None to leave it to the task.
        tasks: the model's adapters.

    Raises:
        InputError: no such task, or a role that contradicts it.
    """
    for name, value in (("task", task), ("prompt_name", prompt_name)):
        if value is not None and not isinstance(value, str):
            raise InputError(f"{name} is {_shown(value)}; expected a text")
    role = str(prompt_name) if prompt_name is not None else None
    if task is None:
        task = "retrieval" if "retrieval" in tasks else tasks[0]
    if task in tasks or task not in JINA_TASKS:
        if task not in (*tasks, "query", "document"):
            names = dict.fromkeys([*JINA_TASKS, *tasks, "query", "document"])
            raise InputError(f"task is {str(task)[:PREVIEW]!r}; one of {', '.join(names)}")
        adapter, prompt = resolve_task(str(task), role, tuple(tasks))
        return adapter, str(prompt)
    adapter, prompt_word = JINA_TASKS[str(task)]
    if adapter not in tasks:
        raise InputError(f"task is {task!r}, and this model has no adapter {adapter!r}; {', '.join(tasks)}")
    if role is not None and resolve_task(adapter, role, tuple(tasks))[1] != prompt_word:
        raise InputError(f"task {task!r} and prompt_name {role!r} contradict each other: leave one out")
    return adapter, prompt_word


def refuse_long(model: Any, items: Sequence[Item], prompt_name: str, name: str = "input") -> None:  # noqa: ANN401
    """Refuse texts of more tokens than the model reads.

    Args:
        model: an ``Embedder``.
        items: what is to be encoded.
        prompt_name: role of texts; its prefix counts.
        name: what messages call the field.

    Raises:
        InputError: a text is too long; it is named.
    """
    limit = model.spec.max_tokens
    for row, item in enumerate(items):
        if len(item.text.encode("utf-8", "replace")) + 16 <= limit:  # no token is shorter than a byte
            continue
        clean = clean_text(item.text, max_tokens=limit)
        if clean.cut or text_segment(model.tokenizer, clean.text, prompt_name, limit)[1]:
            raise InputError(
                f"{name}[{row}] has {len(item.text):,} characters, which is more than the {limit:,} tokens "
                "that this model reads (the prompt's prefix included); cut it, or send truncate: true"
            )


def whole_number(value: object, name: str, low: int, high: int) -> int:
    """A whole number of a request.

    Raises:
        InputError: anything else, 1.5, "1" and true among them.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{name} is {_shown(value)}; expected a whole number from {low} to {high}")
    return value


def problems_of(problems: dict[int, str], name: str = "input") -> None:
    """Raise what went wrong with single items, as one error.

    Raises:
        InputError: at least one could not be used.
    """
    if problems:
        shown = [at(name, row, why) for row, why in sorted(problems.items())[:5]]
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise InputError("; ".join(shown) + more)


def at(name: str, row: int, why: str) -> str:
    """A message about one input, by field and position."""
    return f"{name}[{row}]{' ' if why.startswith(('is ', 'has ', 'of ')) else ': '}{why}"


def _shown(value: object) -> str:
    """A value in a message: its kind, and its beginning where that says more."""
    if value is None:
        return "null"
    if isinstance(value, list | dict):
        return f"a {'list' if isinstance(value, list) else 'mapping'} of {len(value)}"
    return repr(value)[:PREVIEW]
