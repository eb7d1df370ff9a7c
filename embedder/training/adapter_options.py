"""Settings of `python -m embedder.training adapter`, checked, and their command line."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from embedder.errors import InputError
from embedder.options import PROMPT_WORDS
from embedder.spec import MINI, ModelSpec, Task

WIDE = 1024  # from here on a model is treated as a large one
TASK_PROMPTS = {Task.TEXT_MATCHING: "query"}  # of passages, where it is not "passage"


@dataclass(frozen=True)
class AdapterOptions:
    """What to train, on what, and how. What is None is filled in by `settle`, by the model.

    Attributes:
        pairs: JSONL file of pairs (`adapter_pairs` says what it holds).
        out: folder for the adapter, its figures and its checkpoint.
        model: "mini", a hub id, or a folder in the published layout.
        task: to start from: an adapter of the model, "fresh", or a PEFT folder.
        passage_prompt: role of passages: "passage", or "query" (default when starting from text-matching).
        rank: of a fresh adapter; None is the checkpoint's own.
        alpha: of a fresh adapter; None is the rank.
        steps: of training; None counts by `epochs`.
        epochs: passes over the pairs.
        batch: pairs of a step; each is told apart from all the others.
        negatives: of each pair's own hard negatives, how many a step takes.
        rate: of learning at its highest; None is 1e-3 for small models and 1e-4 for large ones.
        warm_up: share of the steps over which the rate rises; then it falls by a cosine.
        decay: AdamW's, of weights.
        dims: widths of the Matryoshka loss; None is the model's.
        temperature: cosines are divided by it; None is 0.07 for small models and 0.02 for large ones.
        late_weight: of the late-interaction loss, 0 for none.
        max_length: longer texts are cut, in tokens.
        max_pixels: larger pictures are shrunk; None is the model's own limit.
        pass_tokens: of a pass through the network; a larger batch takes several, with the same gradient.
        checkpointing: compute states again on the way back instead of keeping them: less memory, more time.
        val_pairs: file of pairs to hold out, instead of a share of `pairs`.
        val_share: of the pairs to hold out.
        seed: of everything random.
        save_every: steps between checkpoints.
        device: as for the embedder.
        precision: of the model: auto, float32 or bfloat16; the adapter learns in float32.
        revision: of a model on the hub.
        threads: of torch; None is torch's own choice.
        restart: begin anew where the folder holds another training.
    """

    pairs: Path
    out: Path
    model: str = MINI
    task: str = "retrieval"
    passage_prompt: str | None = None
    rank: int | None = None
    alpha: float | None = None
    steps: int | None = None
    epochs: float = 10.0
    batch: int = 64
    negatives: int = 1
    rate: float | None = None
    warm_up: float = 0.1
    decay: float = 0.0
    dims: tuple[int, ...] | None = None
    temperature: float | None = None
    late_weight: float = 0.3
    max_length: int = 512
    max_pixels: int | None = None
    pass_tokens: int | None = None
    checkpointing: bool = False
    val_pairs: Path | None = None
    val_share: float = 0.1
    seed: int = 0
    save_every: int = 50
    device: str = "auto"
    precision: str = "auto"
    revision: str | None = None
    threads: int | None = None
    restart: bool = False

    def __post_init__(self) -> None:
        """Refuse values out of range, before anything is loaded."""
        lowest: dict[str, float] = {
            "rank": 1, "steps": 1, "batch": 2, "negatives": 0, "max_length": 8, "pass_tokens": 1,
            "save_every": 1, "threads": 1, "late_weight": 0, "decay": 0, "seed": 0,
        }  # fmt: skip
        for name, low in lowest.items():
            value = getattr(self, name)
            if value is not None and not low <= value < float("inf"):
                raise InputError(f"{_flag(name)} {value:g}: expected at least {low:g}")
        for name in ("rate", "alpha", "temperature", "epochs"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"{_flag(name)} {value:g}: expected a number above 0")
        for name in ("val_share", "warm_up"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{_flag(name)} {getattr(self, name):g}: expected from 0 to below 1")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise InputError(
                f"--precision {self.precision}: train in bfloat16 or float32; what is trained can "
                "be used with the model in any precision"
            )
        if self.passage_prompt is not None and self.passage_prompt not in PROMPT_WORDS:
            raise InputError(f"--passage-prompt {self.passage_prompt!r}: one of {', '.join(PROMPT_WORDS)}")

    def settle(self, spec: ModelSpec, pairs: int) -> AdapterOptions:
        """These options with everything filled in that depends on the model and the number of pairs.

        Raises:
            InputError: a width that the model does not have.
        """
        dims = self.dims or tuple(dict.fromkeys((*spec.matryoshka_dims, spec.dim)))
        wrong = [dim for dim in dims if not 1 <= dim <= spec.dim]
        if wrong:
            raise InputError(f"--dims {wrong[0]}: {spec.name} has widths from 1 to {spec.dim}")
        batch = min(self.batch, pairs)
        prompt = self.passage_prompt or TASK_PROMPTS.get(self.task, "passage")  # type: ignore[call-overload]
        large = spec.dim >= WIDE
        return replace(
            self,
            passage_prompt=PROMPT_WORDS[prompt].value,
            batch=batch,
            steps=self.steps or max(1, round(self.epochs * pairs / batch)),
            rate=self.rate or (1e-4 if large else 1e-3),
            temperature=self.temperature or (0.02 if large else 0.07),
            dims=tuple(sorted(set(dims))),
            pass_tokens=self.pass_tokens or (2048 if large else 16384),
        )

    def identity(self) -> dict[str, Any]:
        """What two runs must have in common for one to go on where the other stopped."""
        elsewhere = ("out", "pairs", "val_pairs", "device", "threads", "restart", "save_every")
        return {key: value for key, value in _plain(self).items() if key not in elsewhere}

    def described(self) -> dict[str, Any]:
        """All of them, for training.json."""
        return {key: value for key, value in _plain(self).items() if key != "restart"}


# Option: what stands for its value, what it is for.
HELP: dict[str, tuple[str, str]] = {
    "model": ("NAME", "mini, a hub id, or a folder in the published layout"),
    "pairs": ("FILE", 'JSONL: {"query": SIDE, "passage": SIDE, "negatives": [SIDE, ...]} per line; a side '
              'is a text, or {"text": ...}, {"image": "path relative to the file"} or both'),
    "out": ("FOLDER", "for the adapter, training.json, loss.csv, checkpoint; the same command goes on"),
    "task": ("NAME", "to start from: one of the model's, fresh (which does nothing yet), or a PEFT folder"),
    "passage_prompt": ("ROLE", "of passages: passage (as `python -m eval` has it) or query (sides alike)"),
    "rank": ("N", "of a fresh adapter; default: the checkpoint's own"),
    "alpha": ("A", "of a fresh adapter; default: its rank"),
    "steps": ("N", "of training; default: by --epochs"),
    "epochs": ("E", "passes over the pairs"),
    "batch": ("N", "pairs of a step; each is told apart from all the others"),
    "negatives": ("N", "how many of a pair's own negatives a step takes"),
    "rate": ("R", "of learning; default: 1e-3 for models under 1,024 wide, else 1e-4"),
    "warm_up": ("SHARE", "of the steps over which the rate rises"),
    "decay": ("D", "of weights (AdamW)"),
    "dims": ("A,B", "widths of the Matryoshka loss; default: the model's"),
    "temperature": ("T", "that cosines are divided by; default: 0.07 for models under 1,024 wide, else 0.02"),
    "late_weight": ("W", "of the late-interaction loss; 0: none"),
    "max_length": ("TOKENS", "longer texts are cut"),
    "max_pixels": ("PIXELS", "larger pictures are shrunk; default: the model's limit"),
    "pass_tokens": ("N", "of a pass through the network: a larger batch takes several, with the same "
                    "gradient; default: 16384 for models under 1,024 wide, else 2048"),
    "checkpointing": ("", "compute states again on the way back: less memory, more time"),
    "val_pairs": ("FILE", "pairs to hold out, instead of a share of --pairs"),
    "val_share": ("SHARE", "of the pairs to hold out, at most a thousand; 0: none"),
    "seed": ("N", "of everything random"),
    "save_every": ("N", "steps between checkpoints"),
    "device": ("D", "auto, cpu, cuda, cuda:N, mps"),
    "precision": ("P", "of the model's weights: auto, float32, bfloat16; the adapter learns in float32"),
    "revision": ("COMMIT", "of a model on the hub; default: the pinned one"),
    "threads": ("N", "of torch; default: its own choice"),
    "restart": ("", "begin anew where FOLDER holds another training"),
}  # fmt: skip


def add_adapter_command(commands: Any) -> None:  # noqa: ANN401 - argparse has no public name for it
    """Add `adapter` to a parser's subparsers."""
    parser = commands.add_parser(
        "adapter",
        help="train a LoRA of your own on pairs of texts and pictures; resumes where it stopped",
        epilog="example: python -m embedder.training adapter --model mini "
        "--pairs assets/examples/german-captions.jsonl --out runs/german",
    )
    for option in fields(AdapterOptions):
        letter, text = HELP[option.name]
        kind, needed = str(option.type), option.name in ("pairs", "out")
        if kind == "bool":
            parser.add_argument(_flag(option.name), action="store_true", help=text)
            continue
        shown = "" if needed or option.default is None else f"; default: {option.default}"
        parser.add_argument(
            _flag(option.name), metavar=letter, type=_reader(kind), required=needed,
            default=None if needed else option.default, help=f"{text}{shown}",
        )  # fmt: skip


def chosen_options(chosen: argparse.Namespace) -> AdapterOptions:
    """The options that a command line gives.

    Raises:
        InputError: one is out of range.
    """
    return AdapterOptions(**{option.name: getattr(chosen, option.name) for option in fields(AdapterOptions)})


def _plain(options: AdapterOptions) -> dict[str, Any]:
    """As JSON has it."""
    values = asdict(options)
    return {
        key: str(v) if isinstance(v, Path) else list(v) if isinstance(v, tuple) else v
        for key, v in values.items()
    }


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _reader(kind: str) -> Any:  # noqa: ANN401 - what argparse takes as a type
    if kind.startswith("Path"):
        return lambda text: Path(text).expanduser()
    if kind.startswith("tuple"):
        return _widths
    return int if kind.startswith("int") else float if kind.startswith("float") else str


def _widths(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(",") if word.strip())


_widths.__name__ = "list of whole numbers"  # what argparse calls it in its message
