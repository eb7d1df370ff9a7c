"""Texts and pictures in: the checks and repairs that every input goes through first."""

from embedder.images import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, ImageSource, LoadedImage, load_image
from embedder.texts import CleanText, clean_text, first_tokens, longest_token_bytes

__all__ = [
    "MAX_IMAGE_BYTES",
    "MAX_IMAGE_PIXELS",
    "CleanText",
    "ImageSource",
    "LoadedImage",
    "clean_text",
    "first_tokens",
    "load_image",
    "longest_token_bytes",
]
