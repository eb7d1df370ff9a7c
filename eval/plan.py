"""What a run is going to do with a model: its settings, fitted to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from embedder import Embedder, InputError
from embedder.protocol import Model
from embedder.sentence_transformer import PRECISIONS, SentenceModel, is_sentence_model
from eval.benchmarks.model import Benchmark
from eval.config import RunConfig, late_settings_of, settings_of
from eval.encoding import Encoder, folder_fingerprint
from eval.progress import Progress
from eval.results import Row, slug
from eval.scores import Way
from eval.sweep import Setting


@dataclass(frozen=True)
class Plan:
    """What a run does with one model.

    Attributes:
        config: as given, with this model alone, and of tasks, widths and vectors those that it has.
        model: loaded.
        settings: searches of dense vectors.
        full: the search that the others are tested against.
        encoder: the model with its cache.
        progress: where to say how far it is.
        label: in front of the names of files, where there are several models.
    """

    config: RunConfig
    model: Model
    settings: Sequence[Setting]
    full: Setting
    encoder: Encoder
    progress: Progress
    label: str = ""

    @property
    def searches(self) -> list[Setting]:
        """`settings`, and `full` where they lack it."""
        return list(dict.fromkeys([*self.settings, self.full]))

    @property
    def late_searches(self) -> list[Setting]:
        """Searches of token vectors; none where they are not asked for."""
        if "late" not in self.config.vectors:
            return []
        return late_settings_of(self.config, self.model.spec.multi_vector_dim)

    def is_full(self, row: Row | Way) -> bool:
        """Whether something is of the search that others are tested against."""
        wanted = ("dense", self.full.dim, str(self.full.precision), self.full.search, None)
        return (row.vectors, row.dim, row.precision, row.search, row.baseline) == wanted

    def is_asked(self, row: Row | Way) -> bool:
        """Whether somebody asked to see it: the full width is searched for the tests in any case."""
        return self.full in self.settings or not self.is_full(row)

    def can_take(self, benchmark: Benchmark) -> bool:
        """Whether the model can encode a benchmark; a notice says if it cannot."""
        return can_take(self.model, benchmark, self.config.model, self.encoder.counts.notices)

    def about(self) -> dict[str, Any]:
        """The model, what it was asked for and what went through it, as result.json keeps it."""
        config = self.config
        asked = {
            "tasks_run": list(config.task),
            "dims_run": list(config.dim),
            "vectors_run": list(config.vectors),
        }
        return {**about_model(self.encoder, config, config.model, "model"), **asked}


def make_plan(config: RunConfig, name: str, progress: Progress, model: Model | None = None) -> Plan:
    """Load one of the run's models, unless it is given, and fit the settings to it.

    Raises:
        InputError: a task or a width is not the model's, or a search makes no sense.
        CheckpointError: the model or an adapter cannot be loaded.
        DeviceError: the device cannot be had.
    """
    model = model or load_model(config, name)
    adapters = {}
    if not isinstance(model, SentenceModel):
        for task, folder in config.adapters.items():
            model.add_adapter(task, folder)
            adapters[task] = folder_fingerprint(folder)
    fitted, notices = fit(config, name, model)
    encoder = make_encoder(fitted, model, progress, adapters)
    encoder.counts.notices += notices
    label = ""
    if len(config.models) > 1:
        label = f"{config.models.index(name)}-{slug(name)}."
    settings = settings_of(fitted, fitted.dim)
    return Plan(fitted, model, settings, Setting(model.spec.dim), encoder, progress, label)


def check_models(config: RunConfig) -> None:
    """Where there are several models, load each once: a name that is wrong is known before hours of work.

    Raises:
        InputError, CheckpointError, DeviceError: as `make_plan`, or a task is none of the models'.
    """
    if len(config.models) == 1:
        return
    quiet = Progress(quiet=True)
    used = [make_plan(config, name, quiet).config for name in config.models]
    for option in ("task", "dim", "vectors"):
        for value in getattr(config, option):
            if not any(value in getattr(one, option) for one in used):
                raise InputError(
                    f"--{option} {value!r}: none of the models {', '.join(config.models)} has it"
                )


def load_model(config: RunConfig, name: str, *, precision: str | None = None) -> Model:
    """One of our own models, or one of sentence-transformers where its name says so.

    Raises:
        CheckpointError: it cannot be loaded.
        DeviceError: the device or precision cannot be had.
    """
    asked = precision or config.model_precision
    if is_sentence_model(name):
        return SentenceModel.from_pretrained(
            name,
            device=_device(config),
            precision=asked,
            revision=config.revision if len(config.models) == 1 else None,
            trust_remote_code=config.trust_remote_code,
        )
    return Embedder.from_pretrained(name, device=_device(config), precision=asked, revision=config.revision)


def _device(config: RunConfig) -> str:
    """Where this process encodes and scores: the first of several devices."""
    return config.devices[0] if config.devices else config.device


def load_rival(config: RunConfig, name: str) -> Model:
    """A model of sentence-transformers to compare with, whatever its name looks like.

    Raises:
        CheckpointError, DeviceError: as `load_model`.
    """
    return SentenceModel.from_pretrained(
        name,
        device=_device(config),
        precision=config.model_precision if config.model_precision in PRECISIONS else "auto",
        trust_remote_code=config.trust_remote_code,
    )


def fit(config: RunConfig, name: str, model: Model) -> tuple[RunConfig, list[str]]:
    """The settings for one model. Of several models each does what it can, with a notice of the rest.

    Raises:
        InputError: a task, width or kind of vector is not the model's and it is the only one, or nothing
            is left for it to do.
    """
    spec = model.spec
    has = {
        "task": lambda value: value in model.tasks,
        "dim": lambda value: 1 <= value <= spec.dim,
        "vectors": lambda value: value == "dense" or bool(spec.multi_vector_dim),
    }
    told = {
        "task": f"has {', '.join(model.tasks)}",
        "dim": f"has vectors of 1 to {spec.dim} numbers",
        "vectors": "has dense vectors only",
    }
    notices, kept = [], {}
    for option, is_its in has.items():
        asked = getattr(config, option)
        kept[option] = tuple(value for value in asked if is_its(value))
        for value in asked:
            if not is_its(value):
                text = f"--{option} {value!r}: {name} {told[option]}"
                if len(config.models) == 1 or not kept[option]:
                    raise InputError(text)
                notices.append(f"{text}; passed over for this model")
    dims = kept["dim"] or spec.matryoshka_dims
    notices += _dense_alone(config, kept["vectors"])
    return replace(config, model=name, task=kept["task"], vectors=kept["vectors"], dim=dims), notices


def _dense_alone(config: RunConfig, vectors: tuple[str, ...]) -> list[str]:
    """A notice of what was asked for and does nothing to late interaction."""
    if "late" not in vectors:
        return []
    options = {
        "dim": () if "dense" in vectors else tuple(map(str, config.dim)),
        "search": tuple(name for name in config.search if name.startswith("funnel:")),
    }
    idle = [f"--{name} {','.join(values)}" for name, values in options.items() if values]
    if not idle:
        return []
    return [
        f"late interaction is searched at its full width, without funnels: {' and '.join(idle)} "
        f"{'is' if len(idle) == 1 else 'are'} of dense vectors only"
    ]


def make_encoder(
    config: RunConfig, model: Model, progress: Progress, adapters: dict[str, str] | None = None
) -> Encoder:
    """A model with the run's cache and limits."""
    return Encoder(
        model,
        config.cache_folder,
        vectors=config.vectors,
        max_length=config.max_length,
        max_pixels=config.max_pixels,
        batch_size=config.batch_size,
        progress=progress,
        adapters=adapters,
    )


def can_take(model: Model, benchmark: Benchmark, name: str, notices: list[str]) -> bool:
    """Whether a model can encode a benchmark; otherwise a notice says so."""
    pictures = benchmark.corpus.pictures or benchmark.queries.pictures
    if pictures and not model.takes_pictures:
        notices.append(f"{benchmark.name}: has pictures, and so not for {name}, which takes texts only")
        return False
    return True


def about_model(encoder: Encoder, config: RunConfig, name: str, part: str) -> dict[str, Any]:
    """What result.json keeps of a model; `part` is "model" or "baseline"."""
    model, counts = encoder.model, encoder.counts
    spec = model.spec
    return {
        "name": name,
        "part": part,
        "revision": model.revision,
        "fingerprint": encoder.fingerprint,
        "precision": str(model.precision),
        "device": str(model.device),
        "threads": torch.get_num_threads(),
        "dim": spec.dim,
        "multi_vector_dim": spec.multi_vector_dim,
        "matryoshka_dims": list(spec.matryoshka_dims),
        "tasks": list(model.tasks),
        "max_length": min(config.max_length or spec.max_tokens, spec.max_tokens),
        "max_pixels": config.max_pixels or spec.pixels.max_pixels,
        "licence": spec.licence,
        "encoded": counts.encoded,
        "from_cache": counts.cached,
        "notices": counts.notices,
    }
