"""The few ways in which the embedder says no.

Every message names what was wrong, the value that was found, the value that was
expected, and what to do. A message meant for people is the exception's text.
"""


class EmbedderError(Exception):
    """Base of all errors that the embedder raises on purpose."""


class InputError(EmbedderError, ValueError):
    """An input or an option that cannot be used: names the item, the value and the limit."""


class CheckpointError(EmbedderError):
    """A checkpoint that is absent, incomplete, of another shape, or not safe to load."""


class DeviceError(EmbedderError, RuntimeError):
    """A device or precision that is not available here, or memory that ran out."""


class EmbedderNotice(UserWarning):
    """Something was cut, mapped or replaced; the result is valid all the same."""
