"""From whatever a user hands in to segments of tokens and patches."""

import os
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from embedder.errors import InputError
from embedder.inputs import ImageSource, clean_text, load_image
from embedder.options import Options
from embedder.preprocess import Segment, TextTokens, image_segment, text_segment

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")

# A text, a picture, or a mapping with "text", "image" or both.
Input = Any


@dataclass(frozen=True)
class Prepared:
    """One input, ready for the network.

    Attributes:
        index: position in the caller's list.
        segments: one sequence for a text or a picture, two for a document of both (picture first).
        notices: what was cut, mapped or replaced.
    """

    index: int
    segments: tuple[Segment, ...]
    notices: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """Length of all its segments."""
        return sum(len(segment) for segment in self.segments)


class Preparer:
    """Turns inputs into segments by one tokenizer and one call's options."""

    def __init__(self, tokenizer: TextTokens, options: Options) -> None:
        """Keep what every input of the call needs."""
        self._tokenizer = tokenizer
        self._options = options

    def text(self, index: int, text: object) -> Prepared:
        """A str as a text.

        Raises:
            InputError: it is not a str.
        """
        segment, notices = self._text_segment(index, text)
        return Prepared(index, (segment,), notices)

    def image(self, index: int, source: ImageSource) -> Prepared:
        """A picture, a path to one, or its bytes.

        Raises:
            InputError: it cannot be read as a picture within the limits.
        """
        segment, notices = self._image_segment(index, source)
        return Prepared(index, (segment,), notices)

    def either(self, index: int, value: Input) -> Prepared:
        """A str is a text; a picture, path or bytes an image; a mapping has "text", "image" or both."""
        if isinstance(value, dict):
            return self._document(index, value)
        if isinstance(value, Image.Image | os.PathLike | bytes):
            return self.image(index, value)
        prepared = self.text(index, value)
        if isinstance(value, str) and value.lower().endswith(PICTURE_ENDINGS):
            said = f"item {index}: {value[-80:]!r} was taken as a text; for the picture pass a Path"
            return replace(prepared, notices=(*prepared.notices, said))
        return prepared

    def _document(self, index: int, parts: dict[str, Any]) -> Prepared:
        given = {key: value for key, value in parts.items() if value is not None}
        if not given or set(given) - {"text", "image"}:
            raise InputError(
                f"item {index} has the fields {sorted(map(str, parts))}: 'text', 'image' or both"
            )
        segments: list[Segment] = []
        notices: tuple[str, ...] = ()
        for key, prepare in (("image", self._image_segment), ("text", self._text_segment)):
            if key in given:
                segment, said = prepare(index, given[key])
                segments.append(segment)
                notices += said
        return Prepared(index, tuple(segments), notices)

    def _text_segment(self, index: int, text: object) -> tuple[Segment, tuple[str, ...]]:
        options = self._options
        clean = clean_text(text, name=f"item {index}", max_tokens=options.max_length)
        segment, more = text_segment(self._tokenizer, clean.text, options.prompt_name, options.max_length)
        if not more or clean.cut:  # a text far too long was cut before it was tokenised, and says so
            return segment, clean.notices
        said = (
            f"item {index}: text was cut to its first max_length={options.max_length:,} tokens, the prompt's "
        )
        said += "prefix included"
        return segment, (*clean.notices, said)

    def _image_segment(self, index: int, source: ImageSource) -> tuple[Segment, tuple[str, ...]]:
        loaded = load_image(source, name=f"item {index}", upright=self._options.upright)
        try:
            return image_segment(self._tokenizer, loaded.image, self._options.pixels), loaded.notices
        except InputError as error:
            raise InputError(f"item {index}: {error}") from None
