"""What one run of the evaluation does, checked before any weight is read."""

import os
import shlex
from dataclasses import dataclass, field, fields
from pathlib import Path

from embedder.errors import InputError
from embedder.quantization import VectorPrecision
from embedder.spec import MINI, Precision
from eval.benchmarks import ALL
from eval.places import results_folder
from eval.sweep import Setting

VECTORS = ("dense", "late")
PROJECTIONS = ("pca", "random")
BASELINES = ("bm25", *PROJECTIONS)
METRICS = ("ndcg@10", "recall@10", "recall@100", "mrr@10", "map", "precision@10")
DEPTH = 100  # documents found per query, and so the deepest cut-off


@dataclass(frozen=True)
class RunConfig:
    """Settings of a run; each field is the command's option of that name.

    Attributes:
        model: "mini", a hub id or a folder; "st:" in front of either, for sentence-transformers; several
            between commas.
        benchmark: names, "bundled" for all of ours, folders, or ids of data sets on the hub.
        task: adapters.
        dim: widths of dense vectors; none given means those the model was trained to be cut to.
        vectors: "dense", "late" or both.
        precision: number formats of the stored vectors, dense and late.
        search: "exact", "asymmetric", "rescored", "funnel:WIDTH".
        baseline: "bm25", "pca", "random", or a sentence-transformers model's id or "st:FOLDER".
        metric: named as in "ndcg@10".
        model_precision: number format of the weights.
        device: where the weights go.
        devices: to encode on several at once, each in a process of its own.
        revision: commit on the hub.
        trust_remote_code: let sentence-transformers models run Python that comes with them.
        adapter: own LoRAs as "NAME=FOLDER".
        out: folder of results.
        cache: folder of vectors; None is "cache" in `out`.
        max_length: longest text in tokens.
        max_pixels: largest picture.
        batch_size: inputs per forward pass.
        depth: documents found per query.
        oversample: candidates scored anew, per document found.
        seed: of drawn benchmarks, projections and resampling.
        save_vectors: put the vectors into the run's folder too.
    """

    model: str = MINI
    benchmark: tuple[str, ...] = (ALL,)
    task: tuple[str, ...] = ("retrieval",)
    dim: tuple[int, ...] = ()
    vectors: tuple[str, ...] = ("dense",)
    precision: tuple[str, ...] = ("float32",)
    search: tuple[str, ...] = ("exact",)
    baseline: tuple[str, ...] = ()
    metric: tuple[str, ...] = METRICS
    model_precision: str = "auto"
    device: str = "auto"
    devices: tuple[str, ...] = ()
    revision: str | None = None
    trust_remote_code: bool = False
    adapter: tuple[str, ...] = ()
    out: Path = field(default_factory=results_folder)
    cache: Path | None = None
    max_length: int | None = None
    max_pixels: int | None = None
    batch_size: int | None = None
    depth: int = DEPTH
    oversample: int = 4
    seed: int = 0
    save_vectors: bool = False

    def __post_init__(self) -> None:
        """Refuse what can be known to be wrong without the model.

        Raises:
            InputError: a value is not one of those allowed; it and they are named.
        """
        _among("vectors", self.vectors, VECTORS)
        _among("precision", self.precision, tuple(map(str, VectorPrecision)))
        if self.model_precision not in ("auto", *Precision):
            raise InputError(
                f"--model-precision {self.model_precision!r}: one of auto, {', '.join(Precision)}"
            )
        _among("baseline", tuple(name for name in self.baseline if not _is_model(name)), BASELINES)
        if not self.models or len(set(self.models)) < len(self.models):
            raise InputError(f"--model is {self.model!r}: at least one, each once")
        if self.revision and len(self.models) > 1:
            raise InputError(f"--revision {self.revision}: of which of {self.model}? Run them one by one")
        for name in ("benchmark", "task", "vectors", "precision", "search", "metric"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise InputError(f"--{name} is {','.join(values)!r}: at least one, each once")
        if len(set(self.dim)) < len(self.dim):
            raise InputError(f"--dim has {','.join(map(str, self.dim))}: each width once")
        if "dense" not in self.vectors and set(self.baseline) & set(PROJECTIONS):
            raise InputError(f"--baseline {','.join(self.baseline)}: needs dense among --vectors")
        for name in ("depth", "oversample", "batch_size", "max_length", "max_pixels"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} is {value}, expected 1 or more")
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}, expected 0 or more")
        if self.devices and self.device != "auto":
            raise InputError(
                f"--device {self.device} and --devices {','.join(self.devices)}: give one of them"
            )
        for entry in self.adapter:
            split_adapter(entry)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models; a folder whose own name has a comma is one."""
        if Path(self.model).is_dir():
            return (self.model,)
        return tuple(name.strip() for name in self.model.split(",") if name.strip())

    @property
    def cache_folder(self) -> Path:
        """Where vectors are kept between runs."""
        return self.cache or self.out / "cache"

    @property
    def adapters(self) -> dict[str, Path]:
        """Own LoRAs: task name -> folder."""
        return dict(split_adapter(entry) for entry in self.adapter)

    def command(self) -> str:
        """The command line that repeats the run, every option spelled out."""
        words = ["python", "-m", "eval", "run"]
        for option in fields(self):
            value = getattr(self, option.name)
            if value is None or value is False or value == ():
                continue
            joined = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            flag = f"--{option.name.replace('_', '-')}"
            words += [flag] if value is True else [flag, joined]
        return shlex.join(words)


def settings_of(config: RunConfig, dims: tuple[int, ...]) -> list[Setting]:
    """Every way of searching dense vectors that the options ask for and that makes sense.

    float32 has nothing to rescore, and a funnel begins at a smaller width than it ends; such pairs
    are passed over.

    Raises:
        InputError: a search fits none of the widths and precisions, or is none.
    """
    found: list[Setting] = []
    for search in config.search:
        fitting = [
            Setting(dim, VectorPrecision(precision), search)
            for dim in dims
            for precision in config.precision
            if _fits(search, dim, precision)
        ]
        if not fitting:
            raise InputError(
                f"--search {search}: no use with --dim {','.join(map(str, dims))} and "
                f"--precision {','.join(config.precision)}"
            )
        found += fitting
    return found


def late_settings_of(config: RunConfig, width: int) -> list[Setting]:
    """Every way of searching token vectors that the options ask for and that makes sense.

    Token vectors are not cut, so a funnel makes none: where nothing else is asked for the search is exact.

    Args:
        config: whose options `settings_of` has accepted.
        width: of a token's vector.
    """
    searches = [search for search in config.search if not search.startswith("funnel:")] or ["exact"]
    return [
        Setting(width, VectorPrecision(precision), search)
        for search in searches
        for precision in config.precision
        if _fits(search, width, precision)
    ]


def _fits(search: str, dim: int, precision: str) -> bool:
    if search in ("asymmetric", "rescored"):
        return precision != "float32"
    if search.startswith("funnel:") and search.removeprefix("funnel:").isdecimal():
        return int(search.removeprefix("funnel:")) < dim
    return True  # what is none of these is refused by `Setting` itself


def split_adapter(entry: str) -> tuple[str, Path]:
    """Name and folder of "NAME=FOLDER"."""
    name, sign, folder = entry.partition("=")
    if not (name and sign and folder):
        raise InputError(f"--adapter {entry!r}: expected NAME=FOLDER, such as mine=loras{os.sep}mine")
    return name, Path(folder).expanduser()


def _is_model(baseline: str) -> bool:
    """Whether a baseline is a model of sentence-transformers: an id, a path or "st:..."."""
    return baseline.startswith("st:") or "/" in baseline or os.sep in baseline


def _among(name: str, values: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    for value in values:
        if value not in allowed:
            also = (
                ", or a sentence-transformers model (OWNER/NAME or st:FOLDER)" if name == "baseline" else ""
            )
            raise InputError(f"--{name} {value!r}: one or more of {', '.join(allowed)}, between commas{also}")
