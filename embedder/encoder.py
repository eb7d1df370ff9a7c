"""`Embedder`: texts and pictures in, float32 numpy vectors out."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from embedder import similarity as similarities
from embedder.batching import by_budget, prepare_ahead
from embedder.checkpoint import check_files, verify_checksums
from embedder.device import (
    TOKENS_PER_INPUT,
    default_batch_size,
    pick_device,
    pick_precision,
    warn_if_short,
)
from embedder.errors import EmbedderNotice, InputError
from embedder.loading import layer_size, load_network, weights_bytes
from embedder.locate import locate
from embedder.memory import memory_report
from embedder.options import VECTORS, Options, check_options, refuse_unknown
from embedder.pieces import Piece, picture_pieces, text_pieces
from embedder.prepare import Input, Prepared, Preparer
from embedder.preprocess import TextTokens
from embedder.runtime import Runtime, Vectors
from embedder.spec import MINI, ModelSpec, Precision, spec_from_folder
from embedder.truncation import truncate

Floats = NDArray[np.float32]
_SINGLE = str | bytes | bytearray | memoryview | dict | PathLike | Image.Image  # one input, iterable or not
Prepare = Callable[[int, Input], Prepared]


@dataclass(frozen=True)
class Embeddings:
    """Vectors of some inputs, in their order.

    Attributes:
        dense: float32 (n, dim), or None where not asked for.
        late: for each input float32 (tokens_i, multi_vector_dim) of unit rows, or None.
        tokens: length of each input in tokens, prompt and template included.
        grids: for each input with a picture the (rows, columns) of its image tokens, else None.
        notices: what was cut, mapped or replaced.
    """

    dense: Floats | None
    late: list[Floats] | None
    tokens: list[int]
    grids: list[tuple[int, int] | None] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        """Number of inputs."""
        return len(self.tokens)


class Embedder:
    """A loaded model. Safe to use from several threads at once.

    Made by `Embedder.from_pretrained`. Options of all methods are keyword-only; those
    that several share are described in `embed`.
    """

    def __init__(
        self, spec: ModelSpec, runtime: Runtime, tokenizer: TextTokens, precision: Precision, folder: Path
    ) -> None:
        """Put loaded parts together; use `from_pretrained`."""
        self.spec = spec
        self.precision = precision
        self.folder = folder
        self.tokenizer = tokenizer
        self._runtime = runtime

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path = MINI,
        *,
        device: str = "auto",
        precision: str = "auto",
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        **unknown: Any,
    ) -> "Embedder":
        """Load a model in the published layout.

        Args:
            name: "mini" (bundled), a hub id, or a local folder.
            device: auto, cpu, cuda, cuda:N or mps.
            precision: of the weights: auto, float32, bfloat16, float16 or int8. auto is bfloat16 on
                CUDA (float16 below compute capability 8.0), float16 on MPS, and on a CPU what a short
                probe finds faster of bfloat16 and float32 (models under 0.5 GB stay in float32).
            revision: commit on the hub; None is the pinned one.
            cache_dir: the hub cache to use.
            **unknown: options of other libraries, refused with the name to use here.

        Raises:
            CheckpointError: the files are missing, incomplete, damaged or of another shape.
            DeviceError: the device or precision cannot be had here.
            TypeError: an option that does not exist.
        """
        refuse_unknown(unknown, loading=True)
        place = locate(str(name), revision, Path(cache_dir) if cache_dir else None)
        check_files(place.folder)
        verify_checksums(place.folder)
        spec = spec_from_folder(place.folder, name=place.name, revision=place.revision)
        if spec.licence_notice:
            warnings.warn(spec.licence_notice, EmbedderNotice, stacklevel=2)
        target = pick_device(device)
        size = layer_size(place.folder)
        chosen = pick_precision(precision, target, size)
        warn_if_short(place.name, weights_bytes(size, chosen), target)
        network = load_network(place.folder, spec, precision=chosen, device=target)
        tokenizer = TextTokens(place.folder)
        return cls(spec, Runtime(network, spec.tasks), tokenizer, chosen, place.folder)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._runtime.network.device

    @property
    def revision(self) -> str | None:
        """The commit that was loaded, where it is known."""
        return self.spec.revision

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the adapters, one's own included."""
        return self._runtime.tasks

    @property
    def takes_pictures(self) -> bool:
        """Whether inputs may be pictures: of this architecture always."""
        return True

    @property
    def batch_size(self) -> int:
        """Default inputs per forward pass on this device; texts under 512 tokens are packed tighter."""
        return default_batch_size(self.device)

    def embed(self, inputs: Input | Sequence[Input], **options: Any) -> Embeddings:
        """Dense and multi-vector embeddings of texts, pictures and documents, from one forward pass each.

        Args:
            inputs: one or several of: a str (a text), a PIL image, a path or bytes (a picture), or
                {"text": ..., "image": ...} with one of them or both. A document of both has as dense
                vector the mean of its parts' unit vectors, re-normalised; its multi-vectors are the
                picture's followed by the text's.
            **options: task="retrieval", prompt_name="query" (or "passage"), truncate_dim=None,
                max_length=None (tokens), max_pixels=None, batch_size=None (inputs per forward pass;
                None packs up to the device's default times 512 tokens), normalize=True,
                vectors=("dense", "late"), upright=False (True applies EXIF orientation).

        Raises:
            InputError: an input or option cannot be used; the item is named.
        """
        listed = _as_list(inputs)
        return _concatenate(list(self.iter_embed(listed, **options)), self._empty(options))

    def iter_embed(self, inputs: Iterable[Input], **options: Any) -> Iterator[Embeddings]:
        """`embed`, streamed: yields the vectors of consecutive inputs batch by batch, in their order.

        `inputs` may be a generator; only a few of them are held at a time. Closing the
        iterator stops the work after the batch at hand.
        """
        checked = self._check(options)
        return self._stream(inputs, checked, Preparer(self.tokenizer, checked).either)

    def encode_text(self, texts: str | Sequence[str], **options: Any) -> Floats:
        """Dense vectors of texts: float32 (n, dim), or (dim,) for one str. Options as in `embed`."""
        return self._dense(texts, options, "text")

    def encode_image(self, images: Input | Sequence[Input], **options: Any) -> Floats:
        """Dense vectors of pictures (PIL, path or bytes): float32 (n, dim), or (dim,) for one picture."""
        return self._dense(images, options, "image")

    def encode_text_multi_vector(self, texts: str | Sequence[str], **options: Any) -> list[Floats]:
        """Late-interaction vectors of texts: float32 (tokens_i, multi_vector_dim) each, unit rows."""
        return self._late(texts, options, "text")

    def encode_image_multi_vector(self, images: Input | Sequence[Input], **options: Any) -> list[Floats]:
        """Late-interaction vectors of pictures: float32 (tokens_i, multi_vector_dim) each, unit rows."""
        return self._late(images, options, "image")

    def encode_query(self, inputs: Input | Sequence[Input], **options: Any) -> Floats:
        """Dense vectors in the role of queries, by sentence-transformers' name; inputs as in `embed`."""
        return self._dense(inputs, {"prompt_name": "query", **options}, "either")

    def encode_document(self, inputs: Input | Sequence[Input], **options: Any) -> Floats:
        """Dense vectors in the role of passages, by sentence-transformers' name; inputs as in `embed`."""
        return self._dense(inputs, {"prompt_name": "passage", **options}, "either")

    def pieces(
        self,
        value: Input,
        *,
        prompt_name: str | None = None,
        max_length: int | None = None,
        grid: tuple[int, int] | None = None,
    ) -> list[Piece]:
        """What each token of one input stands for: a piece for every row of its multi-vectors.

        Args:
            value: a text, a picture, or {"text": ..., "image": ...}, as for `embed`.
            prompt_name: as it was for `embed`.
            max_length: as it was for `embed`.
            grid: (rows, columns) of its patches, from `Embeddings.grids`; None for a text.

        Raises:
            InputError: an option cannot be used, or a picture comes without its grid.
        """
        options = self._check({"prompt_name": prompt_name, "max_length": max_length})
        parts = value if isinstance(value, dict) else {"text" if isinstance(value, str) else "image": value}
        found = []
        if parts.get("image") is not None:
            if grid is None:
                raise InputError("a picture's pieces need its grid: give grid=embeddings.grids[i]")
            found += picture_pieces(self.tokenizer, grid)
        if parts.get("text") is not None:
            found += text_pieces(self.tokenizer, parts["text"], options.prompt_name, options.max_length)
        return found

    def similarity(self, a: Floats, b: Floats) -> Floats:
        """Cosine similarity, float32 (len(a), len(b))."""
        return similarities.cosine(a, b)

    def add_adapter(self, name: str, folder: str | Path) -> None:
        """Add a LoRA of one's own, saved by PEFT, as the task `name`.

        Raises:
            InputError: the name is taken or not a plain word.
            CheckpointError: the folder is incomplete or does not fit this model.
        """
        self._runtime.add_adapter(name, Path(folder))

    def memory_report(self) -> dict[str, int]:
        """Bytes of "base", "adapters", "activations" (one full batch) and "overhead", and their "total"."""
        return memory_report(self._runtime.network, self.batch_size * TOKENS_PER_INPUT)

    def _check(self, options: dict[str, Any]) -> Options:
        return check_options(self.spec, self.tasks, **options)

    def _dense(self, inputs: Input, options: dict[str, Any], kind: str) -> Floats:
        vectors = self._collect(inputs, {**options, "vectors": ("dense",)}, kind).dense
        assert vectors is not None
        return vectors[0] if _is_single(inputs) else vectors

    def _late(self, inputs: Input, options: dict[str, Any], kind: str) -> list[Floats]:
        late = self._collect(inputs, {**options, "vectors": ("late",)}, kind).late
        assert late is not None
        return late

    def _collect(self, inputs: Input, options: dict[str, Any], kind: str) -> Embeddings:
        checked = self._check(options)
        prepare = getattr(Preparer(self.tokenizer, checked), kind)
        return _concatenate(list(self._stream(_as_list(inputs), checked, prepare)), self._empty(options))

    def _stream(self, inputs: Iterable[Input], options: Options, prepare: Prepare) -> Iterator[Embeddings]:
        budget = None if options.batch_size else self.batch_size * TOKENS_PER_INPUT
        prepared = prepare_ahead(inputs, prepare)
        for items in by_budget(prepared, _tokens, budget, options.batch_size):
            vectors = self._runtime.run(
                options.task, items, dense="dense" in options.vectors, late="late" in options.vectors
            )
            yield _embeddings(items, vectors, options)

    def _empty(self, options: dict[str, Any]) -> Embeddings:
        wanted = options.get("vectors", VECTORS)
        width = options.get("truncate_dim") or self.spec.dim
        dense = np.zeros((0, width), np.float32) if "dense" in wanted else None
        return Embeddings(dense, [] if "late" in wanted else None, [])


def _tokens(item: Prepared) -> int:
    return item.tokens


def _is_single(inputs: Input) -> bool:
    return not isinstance(inputs, list | tuple)


def _as_list(inputs: Input) -> Sequence[Input]:
    if isinstance(inputs, np.ndarray):
        raise InputError(
            f"inputs are an array of shape {inputs.shape}: for texts pass array.tolist(), "
            "for a picture PIL.Image.fromarray(array)"
        )
    if isinstance(inputs, Iterable) and not isinstance(inputs, _SINGLE | list | tuple):
        raise InputError(
            f"inputs are a {type(inputs).__name__}: pass a list, as in list(inputs), or stream them "
            "batch by batch with iter_embed"
        )
    return [inputs] if _is_single(inputs) else list(inputs)


def _embeddings(items: list[Prepared], vectors: list[Vectors], options: Options) -> Embeddings:
    dense = late = None
    if "dense" in options.vectors:
        dense = _finish(np.stack([v.dense for v in vectors if v.dense is not None]), options)
    if "late" in options.vectors:
        late = [v.late for v in vectors if v.late is not None]
    notices = list(chain.from_iterable(item.notices for item in items))
    for text in notices:
        warnings.warn(text, EmbedderNotice, stacklevel=5)
    merge = options.pixels.merge_size
    grids = [
        next(((s.grid[1] // merge, s.grid[2] // merge) for s in i.segments if s.grid), None) for i in items
    ]
    return Embeddings(dense, late, [item.tokens for item in items], grids, notices)


def _finish(dense: Floats, options: Options) -> Floats:
    """L2, cut, L2 again, as the original does."""
    if options.normalize:
        dense = truncate(dense, dense.shape[1])
    if options.truncate_dim is None or options.truncate_dim == dense.shape[1]:
        return dense
    return truncate(dense, options.truncate_dim) if options.normalize else dense[:, : options.truncate_dim]


def _concatenate(parts: list[Embeddings], empty: Embeddings) -> Embeddings:
    if not parts:
        return empty
    join = partial(_flatten, parts)
    return Embeddings(
        dense=np.concatenate([part.dense for part in parts if part.dense is not None])
        if empty.dense is not None
        else None,
        late=join("late") if empty.late is not None else None,
        tokens=join("tokens"),
        grids=join("grids"),
        notices=join("notices"),
    )


def _flatten(parts: list[Embeddings], name: str) -> list[Any]:
    return [value for part in parts for value in getattr(part, name)]
