"""What a run would take, before anything is fetched or loaded: items, tokens, disk, and hours per device.

Everything but the items is an estimate: texts count a token for `CHARACTERS_PER_TOKEN` characters,
pictures the tokens of their mean size, and hours are those of `suites/devices.toml`, whose rates are
measured or computed as it says.
"""

import math
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedder.errors import InputError
from embedder.inputs import load_image
from embedder.preprocess import resize_target
from embedder.spec import JINA_V4, MINI, MINI_FOLDER, ModelSpec, spec_from_folder
from eval.benchmarks import Benchmark, Input, Items
from eval.config import RunConfig
from eval.suite import SUITES, DataSize

CHARACTERS_PER_TOKEN = 4.0  # of English in a vocabulary of this size; code and other scripts differ
PROMPT_TOKENS = 2  # "Query: " and "Passage: "
PICTURE_PROMPT_TOKENS = 12  # around a picture's own tokens
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Load:
    """What goes through the model once, of one data set.

    Attributes:
        name: of the data set.
        items: documents and queries.
        text_tokens: of texts with their prompts.
        image_tokens: of pictures with what is put around them.
        is_counted: from the data themselves; otherwise from the suite's mean sizes.
    """

    name: str
    items: int
    text_tokens: int
    image_tokens: int
    is_counted: bool = False

    @property
    def tokens(self) -> int:
        """Of texts and pictures."""
        return self.text_tokens + self.image_tokens


@dataclass(frozen=True)
class Device:
    """Rates of a model on a device, in tokens per second, and where they come from.

    Attributes:
        name: of the device.
        kind: "measured" or "computed".
        text: tokens of texts.
        vision: tokens of pictures through the vision tower, once whatever the tasks.
        language: tokens of pictures through the language model, once per task.
        source: of the figures.
    """

    name: str
    kind: str
    text: float
    vision: float
    language: float
    source: str

    def hours(self, loads: Iterable[Load], tasks: int) -> float:
        """For some data sets with so many tasks."""
        total = list(loads)
        text = tasks * sum(load.text_tokens for load in total) / self.text
        pictures = sum(load.image_tokens for load in total)
        return (text + pictures / self.vision + tasks * pictures / self.language) / 3600


def spec_of(model: str) -> ModelSpec:
    """What is known of a model without loading it; a hub id is taken for the published architecture.

    Raises:
        CheckpointError: a folder's files cannot be read.
        InputError: it is a sentence-transformers model, of which nothing is known before it is loaded.
    """
    if model.startswith("st:"):
        raise InputError(f"--dry-run: nothing is known of {model!r} before it is loaded")
    if model == MINI:
        return spec_from_folder(MINI_FOLDER, name=MINI, revision=None)
    folder = Path(model).expanduser()
    return spec_from_folder(folder, name=model, revision=None) if folder.is_dir() else JINA_V4


def load_of_size(size: DataSize, config: RunConfig, spec: ModelSpec) -> Load:
    """What a data set of a suite asks of the model, by its mean sizes."""
    limit = config.max_length or spec.max_tokens
    queries = size.queries * _text_tokens(size.query_characters, limit)
    if not size.width:
        documents = size.documents * _text_tokens(size.document_characters, limit)
        return Load(size.name, size.documents + size.queries, queries + documents, 0)
    picture = _picture_tokens(size.width, size.height, config, spec)
    return Load(size.name, size.documents + size.queries, queries, size.documents * picture)


def load_of(benchmark: Benchmark, config: RunConfig, spec: ModelSpec) -> Load:
    """What a benchmark that is here asks of the model, text by text and picture by picture."""
    both = [_tokens_of(items, config, spec) for items in (benchmark.corpus, benchmark.queries)]
    items = len(benchmark.corpus) + len(benchmark.queries)
    return Load(benchmark.name, items, sum(t for t, _ in both), sum(p for _, p in both), True)


def _tokens_of(items: Items, config: RunConfig, spec: ModelSpec) -> tuple[int, int]:
    counts = [_input_tokens(items.inputs[row], config, spec) for row in range(len(items))]
    return sum(text for text, _ in counts), sum(picture for _, picture in counts)


def _input_tokens(value: Input, config: RunConfig, spec: ModelSpec) -> tuple[int, int]:
    parts = value if isinstance(value, dict) else {"text" if isinstance(value, str) else "image": value}
    text = parts.get("text")
    words = _text_tokens(len(text), config.max_length or spec.max_tokens) if text is not None else 0
    if parts.get("image") is None:
        return words, 0
    width, height = load_image(parts["image"]).image.size
    return words, _picture_tokens(width, height, config, spec)


def _text_tokens(characters: float, limit: int) -> int:
    return min(limit, math.ceil(characters / CHARACTERS_PER_TOKEN) + PROMPT_TOKENS)


def _picture_tokens(width: int, height: int, config: RunConfig, spec: ModelSpec) -> int:
    pixels = spec.pixels
    rows, columns = resize_target(
        height,
        width,
        factor=pixels.factor,
        min_pixels=pixels.min_pixels,
        max_pixels=config.max_pixels or pixels.max_pixels,
    )
    return rows * columns // pixels.factor**2 + PICTURE_PROMPT_TOKENS


def disk_bytes(loads: Iterable[Load], config: RunConfig, spec: ModelSpec) -> int:
    """Bytes of all vectors in the cache, at full width in float32, for every task."""
    total = 0
    for load in loads:
        dense = load.items * spec.dim if "dense" in config.vectors else 0
        late = load.tokens * spec.multi_vector_dim if "late" in config.vectors else 0
        total += FLOAT_BYTES * (dense + late)
    return total * len(config.task)


def devices(model: str) -> list[Device]:
    """Devices whose rates are known for a model; a hub id or folder of the published sizes is v4."""
    listed = tomllib.loads((SUITES / "devices.toml").read_text(encoding="utf-8"))
    known = [one for one in listed["device"] if one["model"] == model]
    found = [Device(**{name: value for name, value in one.items() if name != "model"}) for one in known]
    computed = listed["computed"]
    if computed["model"] != model:
        return found
    for name, peak in computed["peak_tflops"].items():
        rate = peak * computed["share_of_peak"]
        text, vision, language = (rate / computed[f"{part}_tflop"] for part in ("text", "vision", "language"))
        found.append(Device(name, "computed", text, vision, language, computed["source"]))
    return found


def totals(runs: Sequence[tuple[RunConfig, Sequence[Load]]]) -> list[str]:
    """Items, tokens, disk, and hours per device of some runs, in words, with how they were reckoned.

    Args:
        runs: settings, of one model each, and what each of their data sets asks.
    """
    items = sum(len(config.task) * load.items for config, loads in runs for load in loads)
    tokens = sum(len(config.task) * load.tokens for config, loads in runs for load in loads)
    specs = {config.model: spec_of(config.model) for config, _ in runs}
    disk = sum(disk_bytes(loads, config, specs[config.model]) for config, loads in runs)
    said = [
        f"in all: {items:,} items to encode (each once per task), about {tokens:,} tokens",
        f"disk: about {disk / 1e9:,.2f} GB of vectors in the cache, besides data sets and model",
    ]
    known: dict[str, Device] = {}
    for model, spec in specs.items():
        known |= {one.name: one for one in devices(JINA_V4.name if spec.dim == JINA_V4.dim else model)}
    for name, device in known.items():
        hours = sum(device.hours(loads, len(config.task)) for config, loads in runs)
        said.append(f"{name}: about {_rounded(hours)} hours (estimate; rates {device.kind}: {device.source})")
    if not known:
        said.append(f"hours: no rates are known of {', '.join(specs)}")
    return [
        *said,
        f"tokens: one for {CHARACTERS_PER_TOKEN:g} characters, pictures after resizing; searching, and what "
        "attention over very long texts costs more, are left out",
    ]


def _rounded(hours: float) -> str:
    """Three digits that count; of a thousand hours or more, all of them rather than a power of ten."""
    return f"{hours:,.0f}" if hours >= 1000 else f"{hours:.3g}"
