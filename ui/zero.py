"""ZeroGPU: on such a Space a GPU is lent for a call at a time, to the functions that ask for one.

``spaces`` has to be imported before anything touches CUDA, so this module comes first in the program. It then
makes CUDA look present: the model is loaded "on CUDA", and its weights move there when a call has been lent
a GPU, in a forked process. What comes back must be plain: numpy, text, numbers. Everywhere else nothing here
has any effect.

Sources: the `spaces` package (zero/wrappers.py, zero/torch/patching.py) and the hub's page on ZeroGPU.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from starlette.requests import Request

CALL_SECONDS = 60
"""What one call may take; each hands over a few inputs. The visitor's quota is charged by what is used."""


def is_lent() -> bool:
    """Whether this is a ZeroGPU Space; the hub sets the variable there, as `spaces` reads it."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def _decorator() -> Callable[..., Any]:
    """``spaces.GPU`` on a ZeroGPU Space, else a decorator that changes nothing."""
    if is_lent():
        try:
            import spaces
        except ImportError:
            warnings.warn(
                "SPACES_ZERO_GPU is set, but the package `spaces` is missing: no GPU will be lent; "
                "pip install spaces",
                RuntimeWarning,
                stacklevel=3,
            )
        else:
            lent: Callable[..., Any] = spaces.GPU(duration=CALL_SECONDS)
            return lent
    return lambda function: function


_gpu = _decorator()

_models: list[Any] = []

CALLS = (
    "embed", "encode_text", "encode_image", "encode_text_multi_vector", "encode_image_multi_vector",
    "encode_query", "encode_document",
)  # fmt: skip
"""Methods of an ``Embedder`` that run the network."""
GROUP = 64
"""Inputs of one call when a stream is asked for."""


@_gpu
def _call_there(method: str, inputs: Any, options: dict[str, Any], at: int = 0) -> Any:  # noqa: ANN401
    """Runs where the GPU is: in a fork of this process, which has the model by inheritance.

    Errors of ours come back as values: of an exception `spaces` hands on the class's name only.
    """
    from embedder.errors import EmbedderError

    try:
        return getattr(_models[at], method)(inputs, **options)
    except EmbedderError as error:
        return error


class Lent:
    """An ``Embedder`` whose encoding asks for a GPU call by call; everything else is the embedder's own."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        self._at = len(_models)
        _models.append(model)
        self._own = model

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return partial(_call, self._at, name) if name in CALLS else getattr(self._own, name)

    def iter_embed(self, inputs: Iterable[Any], **options: Any) -> Iterator[Any]:
        """As ``Embedder.iter_embed``, a call for every few inputs."""
        rest = iter(inputs)
        while group := list(islice(rest, GROUP)):
            yield _call(self._at, "embed", group, **options)


def _call(at: int, method: str, inputs: Any, **options: Any) -> Any:  # noqa: ANN401
    """A method of the embedder where the GPU is.

    Raises:
        EmbedderError: what the embedder raises.
        DeviceError: no GPU was lent (the visitor's quota, or none free); in the lender's own words.
    """
    from gradio import Error

    from embedder.errors import DeviceError, EmbedderError

    try:
        found = _call_there(method, inputs, options, at)
    except Error as error:
        raise DeviceError(f"no GPU for this call: {error.message}") from None
    if isinstance(found, EmbedderError):
        raise found
    return found


def lend(model: Any) -> Any:  # noqa: ANN401
    """The model as the page should use it: asking for a GPU on a ZeroGPU Space, unchanged elsewhere."""
    return Lent(model) if is_lent() else model


def on_behalf_of(request: Request) -> None:
    """Let what runs in this task be charged to the sender of a request that came past gradio's queue."""
    if is_lent():
        from gradio import Request as GradioRequest
        from gradio.context import LocalContext

        LocalContext.request.set(GradioRequest(request=request))
