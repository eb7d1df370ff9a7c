"""What a run is going to do: its settings, fitted to the model that they are for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from embedder import Embedder, InputError
from eval.config import RunConfig, settings_of
from eval.encoding import Encoder, folder_fingerprint
from eval.progress import Progress
from eval.results import Row
from eval.scores import Way
from eval.sweep import Setting


@dataclass(frozen=True)
class Plan:
    """What a run does, once the model is known.

    Attributes:
        config: as given, with every width named.
        model: loaded.
        settings: searches of dense vectors.
        full: the search that the others are tested against.
        encoder: the model with its cache.
        progress: where to say how far it is.
    """

    config: RunConfig
    model: Embedder
    settings: Sequence[Setting]
    full: Setting
    encoder: Encoder
    progress: Progress

    @property
    def searches(self) -> list[Setting]:
        """`settings`, and `full` where they lack it."""
        return list(dict.fromkeys([*self.settings, self.full]))

    def is_full(self, row: Row | Way) -> bool:
        """Whether something is of the search that others are tested against."""
        wanted = ("dense", self.full.dim, str(self.full.precision), self.full.search, None)
        return (row.vectors, row.dim, row.precision, row.search, row.baseline) == wanted

    def is_asked(self, row: Row | Way) -> bool:
        """Whether somebody asked to see it: the full width is searched for the tests in any case."""
        return self.full in self.settings or not self.is_full(row)


def make_plan(config: RunConfig, progress: Progress) -> Plan:
    """Load the model and fit the settings to it.

    Raises:
        InputError: a task or a width is not the model's, or a search makes no sense.
        CheckpointError: the model or an adapter cannot be loaded.
        DeviceError: the device cannot be had.
    """
    model = Embedder.from_pretrained(
        config.model, device=config.device, precision=config.model_precision, revision=config.revision
    )
    adapters = {}
    for name, folder in config.adapters.items():
        model.add_adapter(name, folder)
        adapters[name] = folder_fingerprint(folder)
    for task in config.task:
        if task not in model.tasks:
            raise InputError(f"--task {task!r}: {config.model} has {', '.join(model.tasks)}")
    dims = config.dim or model.spec.matryoshka_dims
    for dim in dims:
        if not 1 <= dim <= model.spec.dim:
            raise InputError(f"--dim {dim}: {config.model} has vectors of 1 to {model.spec.dim} numbers")
    encoder = Encoder(
        model,
        config.cache_folder,
        vectors=config.vectors,
        max_length=config.max_length,
        max_pixels=config.max_pixels,
        batch_size=config.batch_size,
        progress=progress,
        adapters=adapters,
    )
    config = replace(config, dim=tuple(dims))
    settings = settings_of(config, config.dim)
    return Plan(config, model, settings, Setting(model.spec.dim), encoder, progress)
