"""What a call asks for, checked once: task, role, width, lengths."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from embedder.errors import InputError
from embedder.spec import ModelSpec, PixelSettings, PromptName, Task

# 20 megapixels: the largest picture taken, and so the largest max_pixels.
MAX_PIXELS = 20_000_000
# The architecture note's names of adapters that are roles of retrieval in the published checkpoint.
ROLE_TASKS = {"query": PromptName.QUERY, "document": PromptName.PASSAGE}
PROMPT_WORDS = {"query": PromptName.QUERY, "passage": PromptName.PASSAGE, "document": PromptName.PASSAGE}
VECTORS = ("dense", "late")
# What other libraries and the original call things, and what to use here instead.
_ONE_TYPE = "a method has one return type; use"
_WIDTH = "use truncate_dim, from 1 to the model's width"
_ADVICE = {
    "return_multivector": (
        f"{_ONE_TYPE} encode_text_multi_vector, encode_image_multi_vector, or embed for both kinds"
    ),
    "return_numpy": f"{_ONE_TYPE} any method: all of them return numpy float32",
    "convert_to_numpy": "leave it out: all methods return numpy float32",
    "convert_to_tensor": "all methods return numpy float32; use torch.from_numpy on the result",
    "normalize_embeddings": "use normalize",
    "show_progress_bar": "leave it out; iter_embed yields batch by batch, for a bar of your own",
    "max_seq_length": "use max_length, in tokens",
    **dict.fromkeys(("dim", "dims", "dimension", "dimensions", "matryoshka_dim", "width"), _WIDTH),
    **dict.fromkeys(("prompt", "prompts", "role"), 'use prompt_name, "query" or "passage"'),
    **dict.fromkeys(("device", "precision"), "give it to Embedder.from_pretrained"),
}
_PRECISION = 'use precision="bfloat16", or float32, float16, int8, auto'
_LOADING = {
    "trust_remote_code": "leave it out: no remote code is ever run here",
    "device_map": 'use device="cuda:0", or cpu, mps, auto',
    "cache_folder": "use cache_dir",
    **dict.fromkeys(("torch_dtype", "dtype"), _PRECISION),
    **dict.fromkeys(("load_in_8bit", "load_in_4bit", "quantization_config"), 'use precision="int8"'),
    **dict.fromkeys(("truncate_dim", "task", "prompt_name", "max_length"), "give it to each call instead"),
}
LOADING_OPTIONS = ("device", "precision", "revision", "cache_dir")
CALL_OPTIONS = (
    "task",
    "prompt_name",
    "truncate_dim",
    "max_length",
    "max_pixels",
    "batch_size",
    "normalize",
    "vectors",
    "upright",
)


@dataclass(frozen=True)
class Options:
    """The checked settings of one call.

    Attributes:
        task: name of the adapter.
        prompt_name: role of texts.
        truncate_dim: width of dense vectors, or None for full.
        max_length: longest text in tokens, prefix included.
        pixels: picture settings.
        batch_size: inputs per forward pass, or None for the device's token budget.
        normalize: whether dense vectors get unit length.
        vectors: which of "dense" and "late" are wanted.
        upright: whether a picture's EXIF orientation is applied.
    """

    task: str
    prompt_name: PromptName
    truncate_dim: int | None
    max_length: int
    pixels: PixelSettings
    batch_size: int | None
    normalize: bool
    vectors: tuple[str, ...]
    upright: bool


def check_options(
    spec: ModelSpec,
    tasks: tuple[str, ...],
    *,
    task: str = Task.RETRIEVAL,
    prompt_name: str | None = None,
    truncate_dim: int | None = None,
    max_length: int | None = None,
    max_pixels: int | None = None,
    batch_size: int | None = None,
    normalize: bool = True,
    vectors: tuple[str, ...] = VECTORS,
    upright: bool = False,
    **original: Any,
) -> Options:
    """Check what a call asks for against what the model has.

    Args:
        spec: the model.
        tasks: its adapters, one's own included.
        task: an adapter, or the role "query" or "document".
        prompt_name: "query" (default), "passage" or "document".
        truncate_dim: 1 to the full width.
        max_length: 1 to the model's longest text; more is cut.
        max_pixels: from one image token's area to 20 megapixels; larger pictures are shrunk.
        batch_size: at least 1.
        normalize: unit length for dense vectors.
        vectors: any of "dense" and "late".
        upright: apply EXIF orientation (the original does not).
        **original: arguments of the original code that are refused with advice.

    Raises:
        InputError: a value is out of range; the message names it and the range.
        TypeError: an argument that does not exist.
    """
    refuse_unknown(original)
    task, role = resolve_task(task, prompt_name, tasks)
    wrong = [name for name in vectors if name not in VECTORS]
    if wrong or not vectors or isinstance(vectors, str):
        raise InputError(f"vectors={vectors!r}: a tuple of any of {', '.join(VECTORS)}")
    return Options(
        task=task,
        prompt_name=role,
        truncate_dim=_whole("truncate_dim", truncate_dim, 1, spec.dim),
        max_length=_whole("max_length", max_length, 1, spec.max_tokens) or spec.max_tokens,
        pixels=_pixels(spec.pixels, max_pixels),
        batch_size=_whole("batch_size", batch_size, 1, None),
        normalize=bool(normalize),
        vectors=tuple(vectors),
        upright=upright,
    )


def resolve_task(task: str, prompt_name: str | None, tasks: tuple[str, ...]) -> tuple[str, PromptName]:
    """Adapter and role from what was asked.

    "query" and "document" are the adapter of that name where the model has one, else
    retrieval in that role; a prompt that contradicts them is an error.
    """
    if prompt_name is not None and prompt_name not in PROMPT_WORDS:
        raise InputError(f"prompt_name {prompt_name!r}: one of {', '.join(PROMPT_WORDS)}")
    asked = PROMPT_WORDS[prompt_name] if prompt_name else None
    role = ROLE_TASKS.get(str(task))
    if role and asked and role is not asked:
        raise InputError(
            f"task {str(task)!r} and prompt_name {prompt_name!r} contradict each other: leave one out"
        )
    if str(task) in tasks:
        return str(task), asked or role or PromptName.QUERY
    if role and Task.RETRIEVAL in tasks:
        return str(Task.RETRIEVAL), role
    names = ", ".join(dict.fromkeys([*tasks, *ROLE_TASKS]))
    if task is None:
        raise InputError(f"task is None: leave it out for {Task.RETRIEVAL}, or give one of {names}")
    shown = f"task {str(task)!r}" if isinstance(task, str) else f"task is {task!r}"
    raise InputError(f"{shown}: one of {names}")


def refuse_unknown(arguments: Mapping[str, Any], *, loading: bool = False) -> None:
    """Refuse arguments that do not exist, with the one that does the same where there is one.

    Args:
        arguments: what is left over.
        loading: of `Embedder.from_pretrained`, not of a call.

    Raises:
        TypeError: there is one.
    """
    known, advice = (LOADING_OPTIONS, _LOADING) if loading else (CALL_OPTIONS, _ADVICE)
    for name in arguments:
        near = get_close_matches(name, known, n=1)
        other = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise TypeError(f"{name} is not an option here: {advice.get(name, other)}")


def _whole(name: str, value: int | None, low: int, high: int | None) -> int | None:
    if value is None:
        return None
    limits = f"from {low} to {high}" if high is not None else f"of at least {low}"
    is_whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not is_whole or int(value) < low or (high is not None and int(value) > high):
        raise InputError(f"{name}={value!r}: a whole number {limits}")
    return int(value)


def _pixels(settings: PixelSettings, max_pixels: int | None) -> PixelSettings:
    chosen = _whole("max_pixels", max_pixels, settings.factor**2, MAX_PIXELS)
    if chosen is None:
        return settings
    # A lower ceiling than the floor asks for smaller pictures than usual: the floor follows.
    return replace(settings, max_pixels=chosen, min_pixels=min(settings.min_pixels, chosen))
