"""Items that the tabs share: texts, pictures and documents of both, checked before anything is encoded."""

import base64
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from embedder.errors import EmbedderError, InputError
from embedder.inputs import load_image
from ui.limits import PUBLIC

MAX_ITEMS = PUBLIC.items
"""Items in one collection; a 200 x 200 matrix still answers a slider step at once."""
MAX_IMAGES = PUBLIC.pictures
"""Pictures in one request."""
MAX_TEXT_CHARS = PUBLIC.text_chars
"""Characters of one text (some 25,000 tokens); the upload limit of the server does not cover typed text."""
MAX_BOX_CHARS = PUBLIC.box_chars
"""Characters of one text box, checked before it is split."""
THUMB_SIDE = 112
LABEL_CHARS = 90

_UNSAFE = re.compile(r"[^\w.\- ]+")
_BREAKS = re.compile(r"\r\n|[\n\r\u2028\u2029]")


@dataclass(frozen=True)
class Item:
    """One thing to embed.

    Attributes:
        kind: "text", "image", or "document" (a text and a picture as one input).
        label: short plain text for axes, cards and tables.
        text: the text, "" for a picture alone.
        path: file of the picture, "" for a text alone.
        name: safe base name of that file.
        thumb: small picture as a data URI, "" for a text alone.
        size: width and height in pixels as seen upright, None for a text alone.
        digest: SHA-256 of the content; equal content has equal digests.
        notices: what was changed on the way in.
        metadata: name and value of what else is known about it: labels, numbers, dates.
        vector: little-endian float32 numbers that were brought along and are used in the place of the
            model's, b"" for none.
    """

    kind: Literal["text", "image", "document"]
    label: str
    text: str = ""
    path: str = ""
    name: str = ""
    thumb: str = ""
    size: tuple[int, int] | None = None
    digest: str = ""
    notices: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str | float], ...] = ()
    vector: bytes = b""

    def source(self) -> str | Path | dict[str, str | Path]:
        """What ``Embedder.embed`` takes: a str, the path of a picture, or a mapping of both.

        Raises:
            InputError: the picture's file is gone.
        """
        if self.kind == "text":
            return self.text
        path = Path(self.path)
        if not path.is_file():
            raise InputError(
                f"{self.name}: the uploaded file has expired on the server; remove it and add it again"
            )
        return path if self.kind == "image" else {"text": self.text, "image": path}


@dataclass(frozen=True)
class Added:
    """Items that were accepted, and what went wrong with the others."""

    items: tuple[Item, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = field(default=())

    def __add__(self, other: "Added") -> "Added":
        return Added(self.items + other.items, self.problems + other.problems, self.notices + other.notices)


def short(text: str, limit: int = LABEL_CHARS) -> str:
    """The text on one line, without control characters, at most ``limit`` characters."""
    head = text[: limit * 4]
    line = " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in head).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def safe_name(name: str) -> str:
    """The last part of a file name, with letters, digits, dots, dashes and blanks only."""
    base = re.split(r"[/\\]", name)[-1]
    clean = _UNSAFE.sub("_", unicodedata.normalize("NFC", base)).strip(". ")
    return clean[:80] or "picture"


def text_item(text: str) -> Item:
    """One text.

    Raises:
        InputError: longer than ``MAX_TEXT_CHARS``.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise InputError(
            f"the text {short(text, 30)!r} has {len(text):,} characters; at most {MAX_TEXT_CHARS:,} are "
            f"taken here"
        )
    digest = hashlib.sha256(b"text\0" + text.encode("utf-8", "surrogatepass")).hexdigest()
    return Item("text", short(text) or "(blank)", text=text, digest=digest)


def image_item(path: str | Path, label: str = "") -> Item:
    """One picture: opened, checked, turned upright, made small for display.

    Raises:
        InputError: not a picture that can be used; the message says why.
    """
    file = Path(path)
    name = safe_name(file.name)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{name}: the file cannot be read ({error.strerror}); add it again") from None
    loaded = load_image(data, name=name, upright=True)
    digest = hashlib.sha256(b"image\0" + data).hexdigest()
    return Item(
        "image",
        label or name,
        path=str(file),
        name=name,
        thumb=thumbnail(loaded.image),
        size=loaded.image.size,
        digest=digest,
        notices=tuple(loaded.notices),
    )


def document_item(text: str, picture: Item) -> Item:
    """A text and a picture that are embedded together as one."""
    words = text_item(text)
    digest = hashlib.sha256(f"document\0{words.digest}{picture.digest}".encode()).hexdigest()
    return Item(
        "document",
        words.label,
        text=text,
        path=picture.path,
        name=picture.name,
        thumb=picture.thumb,
        size=picture.size,
        digest=digest,
        notices=picture.notices,
    )


def thumbnail(picture: Image.Image, side: int = THUMB_SIDE) -> str:
    """A picture of at most ``side`` pixels as a WebP data URI, one to four kilobytes."""
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=82)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def texts_from(box: object, *, one_per_line: bool = True) -> Added:
    """Texts from a text box: every line that is not blank, or the whole box as one text."""
    if box is None or box == "":
        return Added()
    if not isinstance(box, str):
        return Added(problems=(f"the text box holds {type(box).__name__}, expected text",))
    if len(box) > MAX_BOX_CHARS:
        return Added(
            problems=(f"the text box holds {len(box):,} characters; at most {MAX_BOX_CHARS:,} are taken",)
        )
    lines = _BREAKS.split(box) if one_per_line else [box]
    return _collect(text_item, [line.strip() for line in lines if line.strip()])


def images_from(paths: object) -> Added:
    """Pictures from an upload: each is accepted or named in ``problems``, the others go on."""
    files = _paths(paths)
    extra = max(0, len(files) - MAX_IMAGES)
    problems = (f"{extra} pictures were left out: at most {MAX_IMAGES} at a time",) if extra else ()
    return _collect(image_item, files[:MAX_IMAGES]) + Added(problems=problems)


def documents_from(texts: Sequence[Item], pictures: Sequence[Item]) -> Added:
    """Documents of text and picture: text k with picture k, or one text with every picture."""
    lines = [item.text for item in texts]
    if not pictures or not lines:
        return Added(problems=("text and picture together need at least one line of text and one picture",))
    if len(lines) == 1:
        lines *= len(pictures)
    if len(lines) != len(pictures):
        found = f"{len(lines)} texts and {len(pictures)} pictures"
        return Added(problems=(f"{found} do not pair up: give one line for each picture, or a single line",))
    return _collect(lambda pair: document_item(*pair), list(zip(lines, pictures, strict=True)))


def _paths(paths: object) -> list[str]:
    if paths is None:
        return []
    many = [paths] if isinstance(paths, str | Path) else paths
    return [str(path) for path in many] if isinstance(many, list | tuple) else []


def _collect(make: Any, sources: Iterable[Any]) -> Added:  # noqa: ANN401
    """Make an item of each source; what cannot be used is a problem of its own."""
    items, problems = [], []
    for source in sources:
        try:
            items.append(make(source))
        except EmbedderError as error:
            problems.append(str(error))
    notices = tuple(notice for item in items for notice in item.notices)
    return Added(tuple(items), tuple(problems), notices)


def extend(collection: Sequence[Item], added: Added) -> tuple[tuple[Item, ...], Added]:
    """The collection with new items at its end, without repeats and within ``MAX_ITEMS``.

    Returns:
        The new collection, and what was added with every problem on the way.
    """
    known = {item.digest for item in collection}
    fresh: list[Item] = []
    for item in added.items:
        if item.digest not in known:
            known.add(item.digest)
            fresh.append(item)
    room = max(0, MAX_ITEMS - len(collection))
    problems, notices = list(added.problems), list(added.notices)
    repeats = len(added.items) - len(fresh)
    if repeats:
        notices.append(f"{repeats} already in the collection, not added again")
    if len(fresh) > room:
        problems.append(f"{len(fresh) - room} left out: a collection holds at most {MAX_ITEMS} items")
    taken = tuple(fresh[:room])
    return (*collection, *taken), Added(taken, tuple(problems), tuple(notices))


def without(collection: Sequence[Item], index: object) -> tuple[Item, ...]:
    """The collection without item ``index``; unchanged if there is no such item (a stale click)."""
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(collection):
        return tuple(collection)
    return (*collection[:index], *collection[index + 1 :])
