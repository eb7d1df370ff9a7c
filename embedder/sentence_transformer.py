"""Any sentence-transformers model behind the shape that an `Embedder` has (`embedder.protocol.Model`).

    model = SentenceModel.from_pretrained("sentence-transformers/all-MiniLM-L6-v2")

Such a model has prompts by name instead of adapters. The one for a task and a role is the first
of "task.role" (as in jina-embeddings-v3), "task", "role" that it has; its tasks are what its prompts
are called after, and "retrieval".
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from embedder.device import DTYPES, pick_device
from embedder.errors import CheckpointError, DeviceError, InputError
from embedder.inputs import clean_text, load_image
from embedder.loading import quiet
from embedder.options import PROMPT_WORDS
from embedder.prepare import Input
from embedder.spec import ModelSpec, Precision, Task, read_json
from embedder.truncation import unit_rows

Floats = NDArray[np.float32]
Library = Any  # sentence_transformers, imported when a model is loaded
Loaded = Any  # its SentenceTransformer

PREFIX = "st:"
OWNER = "sentence-transformers/"
INSTALL = "pip install 'sentence-transformers>=6.2,<7'"
PRECISIONS = (Precision.FLOAT32, Precision.BFLOAT16, Precision.FLOAT16)
BATCH_SIZE = 32  # the library's own default
_WINDOW = 16  # batches handed over at a time: the library sorts them by length
_LONGEST = 32_768  # tokens of a text that is not cut before it is tokenised
_ROLES = {"query": ("query",), "passage": ("document", "passage", "corpus")}
_ROLE_WORDS = {word for words in _ROLES.values() for word in words}
_TASK_ROLE = re.compile(rf"(.+)[._-](?:{'|'.join(sorted(_ROLE_WORDS))})")


@dataclass(frozen=True)
class SentenceVectors:
    """Vectors of some inputs, in their order.

    Attributes:
        dense: unit rows, float32 (n, dim).
        notices: what was cut or replaced.
        late: None; these models have one vector per input.
    """

    dense: Floats
    notices: list[str] = field(default_factory=list)
    late: None = None

    def __len__(self) -> int:
        """Number of inputs."""
        return len(self.dense)


class SentenceModel:
    """A loaded model of sentence-transformers."""

    def __init__(self, spec: ModelSpec, model: Loaded, precision: Precision, folder: Path) -> None:
        """Put loaded parts together; use `from_pretrained`."""
        self.spec = spec
        self.precision = precision
        self.folder = folder
        self._model = model

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        device: str = "auto",
        precision: str = "auto",
        revision: str | None = None,
        trust_remote_code: bool = False,
    ) -> "SentenceModel":
        """Load a model by its hub id or from a folder; "st:" in front of either is passed over.

        Args:
            name: such as "sentence-transformers/all-MiniLM-L6-v2".
            device: auto, cpu, cuda, cuda:N or mps.
            precision: of the weights: float32, bfloat16, float16; auto is float32.
            revision: commit on the hub.
            trust_remote_code: run Python that comes with the model, which can do whatever you can. Some
                models, such as jina-embeddings-v2 and v3, do not load without; read that code first.

        Raises:
            CheckpointError: sentence-transformers is not installed, the model is not here and cannot be
                fetched, or it needs code of its own.
            DeviceError: the device or precision cannot be had.
        """
        place, target = str(name).removeprefix(PREFIX), pick_device(device)
        chosen = Precision.FLOAT32 if precision == "auto" else _precision(precision)
        folder = _folder(place, revision)
        make = _library().SentenceTransformer
        try:
            with quiet():
                model = make(
                    str(folder),
                    device=str(target),
                    trust_remote_code=trust_remote_code,
                    model_kwargs={"dtype": DTYPES[chosen]},
                    local_files_only=not trust_remote_code,  # such a model's code may be elsewhere on the hub
                )
        except Exception as error:  # whatever a model's own files and code raise
            raise CheckpointError(_unloadable(place, error)) from None
        return cls(_spec(str(name), place, folder, model), model.eval(), chosen, folder)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return torch.device(self._model.device)

    @property
    def revision(self) -> str | None:
        """The commit that was loaded, where it is known."""
        return self.spec.revision

    @property
    def tasks(self) -> tuple[str, ...]:
        """What the prompts tell apart."""
        return self.spec.tasks

    @property
    def takes_pictures(self) -> bool:
        """Whether inputs may be pictures."""
        return "image" in self._model.modalities

    def add_adapter(self, name: str, folder: str | Path) -> None:
        """Refuse: LoRAs of one's own are for models of this architecture.

        Raises:
            InputError: always.
        """
        raise InputError(f"adapter {name!r} ({folder}): {self.spec.name} takes no adapters")

    def iter_embed(
        self,
        inputs: Iterable[Any],
        *,
        task: str = Task.RETRIEVAL,
        prompt_name: str | None = None,
        vectors: Sequence[str] = ("dense",),
        batch_size: int | None = None,
        max_length: int | None = None,
        max_pixels: int | None = None,
    ) -> Iterator[SentenceVectors]:
        """Dense vectors of consecutive inputs, a few batches at a time, in their order.

        Args:
            inputs: texts, pictures (PIL, path or bytes), or mappings with "text" or "image".
            task: one of `tasks`.
            prompt_name: "query" or "passage"; None is "query".
            vectors: ("dense",); others are refused.
            batch_size: inputs per forward pass.
            max_length: longest text in tokens, no more than the model's own limit.
            max_pixels: passed over; the model's own processor decides.

        Raises:
            InputError: an input or option cannot be used; an input is called "item N".
        """
        if tuple(vectors) != ("dense",):
            raise InputError(f"vectors={tuple(vectors)!r}: {self.spec.name} has dense vectors only")
        options = self._options(task, prompt_name, batch_size, max_length)
        return self._stream(iter(inputs), options)

    def _options(
        self, task: str, prompt_name: str | None, batch_size: int | None, max_length: int | None
    ) -> dict[str, Any]:
        if task not in self.tasks:
            raise InputError(f"task {task!r}: {self.spec.name} has {', '.join(self.tasks)}")
        if prompt_name is not None and prompt_name not in PROMPT_WORDS:
            raise InputError(f"prompt_name {prompt_name!r}: one of {', '.join(PROMPT_WORDS)}")
        role = str(PROMPT_WORDS[prompt_name or "query"])
        options = {**prompt_for(self._model.prompts, task, role), "batch_size": batch_size or BATCH_SIZE}
        if max_length is not None and max_length < self.spec.max_tokens:
            options["processing_kwargs"] = {"text": {"max_length": max_length, "truncation": True}}
        return options

    def _stream(self, inputs: Iterator[Any], options: dict[str, Any]) -> Iterator[SentenceVectors]:
        first = 0
        while window := list(islice(inputs, options["batch_size"] * _WINDOW)):
            notices: list[str] = []
            ready = [self._input(first + place, value, notices) for place, value in enumerate(window)]
            found = self._model.encode(ready, show_progress_bar=False, convert_to_numpy=True, **options)
            vectors = unit_rows(np.asarray(found, np.float32))
            finite = np.isfinite(vectors).all(axis=1)
            if not finite.all():
                place = first + int(np.argmin(finite))
                raise DeviceError(f"item {place}: the vector holds NaN or infinity in {self.precision}")
            yield SentenceVectors(vectors, notices)
            first += len(window)

    def _input(self, index: int, value: Input, notices: list[str]) -> Input:
        parts = value if isinstance(value, dict) else {"text" if isinstance(value, str) else "image": value}
        parts = {kind: part for kind, part in parts.items() if part is not None}
        if isinstance(value, int | float | bool) or len(parts) != 1:
            what = "its parts are " + ", ".join(sorted(map(str, parts))) if isinstance(value, dict) else value
            raise InputError(f"item {index}: a text or a picture is expected ({what!r})")
        if "text" in parts:
            clean = clean_text(
                parts["text"], name=f"item {index}", max_tokens=max(_LONGEST, self.spec.max_tokens)
            )
            notices += clean.notices
            return clean.text
        if not self.takes_pictures:
            raise InputError(f"item {index} is a picture; {self.spec.name} takes texts only")
        picture = load_image(parts["image"], name=f"item {index}")
        notices += picture.notices
        return picture.image


def is_sentence_model(name: str) -> bool:
    """Whether a model's name asks for sentence-transformers: "st:..." or an id of that organisation."""
    return name.startswith((PREFIX, OWNER))


def prompt_for(prompts: Mapping[str, str], task: str, role: str) -> dict[str, str]:
    """Options of `encode` that say what the text is for.

    A model that has prompts by task (jina-embeddings-v3) chooses its adapter by the same name, so
    that is passed as `task`; others are told the role, by which a router sends queries and documents
    separate ways. A prompt that is empty is one all the same: the model's default prompt is not used
    in its place.

    Args:
        prompts: the model's, by name.
        task: such as "retrieval".
        role: "query" or "passage".
    """
    words = _ROLES[role]
    named = [f"{task}{sign}{word}" for word in words for sign in "._-"]
    for name in [*named, task]:
        if name in prompts and name not in _ROLE_WORDS:
            return {"prompt": prompts[name], "task": name}
    texts = (prompts[word] for word in words if prompts.get(word))
    return {"prompt": next(texts, ""), "task": words[0]}


def tasks_of(prompts: Iterable[str]) -> tuple[str, ...]:
    """The tasks that prompts are called after; "retrieval" first, which any model is for."""
    found = [str(Task.RETRIEVAL)]
    for name in prompts:
        match = _TASK_ROLE.fullmatch(name)
        found.append(match[1] if match else name)
    return tuple(dict.fromkeys(name for name in found if name not in _ROLE_WORDS))


def _library() -> Library:
    try:
        import sentence_transformers
    except ImportError:
        raise CheckpointError(
            f"sentence-transformers is not installed; install it with:\n    {INSTALL}"
        ) from None
    return sentence_transformers


def _precision(name: str) -> Precision:
    if name not in PRECISIONS:
        raise DeviceError(f"precision {name!r}: of sentence-transformers models {', '.join(PRECISIONS)}")
    return Precision(name)


def _folder(name: str, revision: str | None) -> Path:
    """The folder of a model, fetched from the hub where it is not here yet."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    _library()  # the first thing to be told is what is not installed
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise CheckpointError(
            f"model {name!r}: no such folder ({folder.resolve()}), nor a hub id (owner/name)"
        )
    from huggingface_hub import snapshot_download

    wanted = revision or "main"
    try:
        return Path(snapshot_download(name, revision=wanted, local_files_only=True))
    except Exception:  # not here yet: ask the hub
        pass
    # The same weights in other formats would be several times the download.
    others = ["*.onnx", "*.bin", "*.h5", "*.ot", "*.msgpack", "onnx/*", "openvino/*"]
    try:
        return Path(snapshot_download(name, revision=wanted, ignore_patterns=others))
    except Exception as error:  # the client lets its HTTP library's errors through
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"model {name!r} at revision {wanted} is not on this machine and the hub could not be reached "
            f"({reason}). With a network, fetch it with:\n    hf download {name} --revision {wanted}\n"
            f"or give a local folder as {PREFIX}FOLDER."
        ) from None


def _unloadable(name: str, error: Exception) -> str:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "trust_remote_code" in str(error):
        return (
            f"model {name!r} comes with Python code that has to run for it to load, and that can do whatever "
            "you can: read it, and if you trust it add --trust-remote-code (trust_remote_code=True)"
        )
    return f"model {name!r} cannot be loaded by sentence-transformers: {reason}"


def _spec(asked: str, place: str, folder: Path, model: Loaded) -> ModelSpec:
    dim = int(model.get_embedding_dimension() or 0)
    if not dim:
        raise CheckpointError(f"model {asked!r} does not say how wide its vectors are: is it dense?")
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    widths = sorted({int(width) for width in config.get("matryoshka_dimensions") or () if 0 < width <= dim})
    commit = folder.name if folder.parent.name == "snapshots" else None
    return ModelSpec(
        name=asked,
        repo_id=place if commit else None,
        revision=commit,
        dim=dim,
        multi_vector_dim=0,
        matryoshka_dims=tuple(widths) or (dim,),
        tasks=tasks_of(model.prompts),
        max_tokens=int(model.max_seq_length or _LONGEST),
        licence=str(getattr(model.model_card_data, "license", None) or "unknown"),
    )
