"""`python -m embedder.training adapter`: one LoRA, from a file of pairs to a PEFT folder.

In the folder lie, when it is done:

    adapter_config.json, adapter_model.safetensors   the adapter, as PEFT saves one
    training.json                                    settings, versions, data, held-out figures
    loss.csv                                         step, seconds, losses, rate
    held-out/                                        the held-out pairs, a benchmark of `python -m eval`

While it trains, adapter.pt holds what a run needs to go on after a kill; it ends with the same weights.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from embedder import DeviceError, Embedder
from embedder.batching import is_out_of_memory, prepare_ahead
from embedder.device import pick_device
from embedder.options import check_options
from embedder.prepare import Preparer
from embedder.training.adapter_folder import Folder, about_model, write_held_out
from embedder.training.adapter_options import AdapterOptions
from embedder.training.adapter_pairs import Pair, PairFile, Side, known_answers, read_pairs
from embedder.training.adapter_scores import Figures, change, measure, table
from embedder.training.adapter_split import HeldOut, Split, as_search, beside, split
from embedder.training.adapter_step import Batch, Learner, LossSettings, Sides
from embedder.training.adapter_weights import TRAINED, TrainedAdapter
from embedder.training.progress import Progress, say
from embedder.training.text_stage import schedule

QUERY = "query"
AHEAD = 2  # batches made ready beside the one at work
SAY_EVERY = 10  # steps between lines of loss.csv


def train_adapter(asked: AdapterOptions) -> dict[str, Any]:
    """Train, or go on training, the adapter that `asked` describes.

    Returns:
        what training.json holds.

    Raises:
        InputError: pairs or options that cannot be used, or a folder that holds another training.
        CheckpointError: the model cannot be loaded, or the adapter to start from does not fit it.
        DeviceError: the device cannot be had, its memory runs out, or the loss is no number.
    """
    files = [read_pairs(path) for path in (asked.pairs, asked.val_pairs) if path is not None]
    parts = _split(files, asked)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    model = _load(asked)
    options = asked.settle(model.spec, len(parts.train))
    about: dict[str, Any] = {
        "model": about_model(model),
        "settings": options.described(),
        "pairs": _about_pairs(files, parts),
    }
    folder = Folder(
        options.out, {"model": about["model"], "settings": options.identity(), "pairs": about["pairs"]}
    )
    done = folder.begin(restart=options.restart)
    if done is not None:
        say(f"{options.out} holds this adapter already, trained to the end; --restart trains it anew")
        return done
    about["device"] = str(model.device)
    run = AdapterRun(model, options, parts)
    say(run.told())
    result = run.train()
    return folder.finish(about | result)


def _split(files: list[PairFile], asked: AdapterOptions) -> Split:
    if len(files) == 1:
        return split(files[0].pairs, asked.val_share, asked.seed)
    found = beside(files[0].pairs, files[1].pairs)
    if found.left_out:
        say(f"pairs not trained with because their query is held out: {found.left_out}")
    return found


def _load(asked: AdapterOptions) -> Embedder:
    precision = asked.precision
    if precision == "auto" and _automatic_float16(pick_device(asked.device)):
        precision = "float32"  # gradients of the widest layers leave the range of float16
    return Embedder.from_pretrained(
        asked.model, device=asked.device, precision=precision, revision=asked.revision
    )


def _automatic_float16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) < (8, 0)
    return device.type == "mps"


def _about_pairs(files: list[PairFile], parts: Split) -> dict[str, Any]:
    named = ("pairs", "val_pairs")
    return {
        "files": {
            name: {"name": file.path.name, "sha256": file.sha256, "pairs": len(file.pairs),
                   "repeated": file.repeated, "pictures": file.pictures}
            for name, file in zip(named, files, strict=False)
        },
        "trained_with": len(parts.train), "held_out": len(parts.held_out), "left_out": parts.left_out,
    }  # fmt: skip


@dataclass
class AdapterRun:
    """One training, from the first measurement to the last."""

    model: Embedder
    options: AdapterOptions
    parts: Split

    def __post_init__(self) -> None:
        options = self.options
        self.adapter = TrainedAdapter(self.model, options.task, options.rank, options.alpha, options.seed)
        self.prompts = (QUERY, options.passage_prompt or "passage")
        self.limits: dict[str, Any] = {"max_length": min(options.max_length, self.model.spec.max_tokens)}
        if options.max_pixels is not None:
            self.limits["max_pixels"] = options.max_pixels
        self.held_out = as_search(self.parts.held_out) if self.parts.held_out else None
        self.sides = Sides(self.model, {prompt: self._preparer(prompt) for prompt in set(self.prompts)})
        self.learner = Learner(self.model, self.sides, self._losses())
        self.batches = Batches(self.parts.train, options, self.sides)
        if options.checkpointing:
            stock = self.model._runtime.network.model
            # Newer and older transformers have different names for it.
            names = ("activation_checkpointing_enable", "gradient_checkpointing_enable")
            enable = next(getattr(stock, name) for name in names if hasattr(stock, name))
            enable({"use_reentrant": False})

    def told(self) -> str:
        """What is about to happen."""
        options, parts = self.options, self.parts
        size = sum(parameter.numel() for parameter in self.adapter.parameters.values())
        return (
            f"{self.model.spec.name} on {self.model.device} in {self.model.precision}: adapter of rank "
            f"{self.adapter.config.r} from {options.task!r}, {size:,} parameters; {len(parts.train):,} pairs "
            f"to train with, {len(parts.held_out):,} held out; {options.steps:,} steps of "
            f"{options.batch} pairs"
        )

    def train(self) -> dict[str, Any]:
        """Measure, train, save, measure again; returns what that adds to training.json."""
        before = self._measure(self.held_out)
        if self.held_out is not None:
            write_held_out(self.options.out / "held-out", self.held_out)
        seconds = self._steps()
        self.adapter.end()
        self.adapter.save(self.options.out, self.adapter.state())
        after = self._measure(self.held_out)
        for number, notice in enumerate(self.sides.notices):
            if number < 3:
                say(f"note: {notice}")
        found: dict[str, Any] = {
            "seconds": round(seconds, 1),
            "adapter": {"rank": self.adapter.config.r, "alpha": self.adapter.config.lora_alpha},
            "notices": len(self.sides.notices),
            "held_out": None,
        }
        if before is not None and after is not None and self.held_out is not None:
            say(table(before, after, self.options.seed))
            found["held_out"] = {
                "queries": len(self.held_out.queries), "gallery": len(self.held_out.gallery),
                "before": before.means(), "after": after.means(),
                "change (difference, 95% interval)": change(before, after, self.options.seed),
            }  # fmt: skip
        return found

    def _steps(self) -> float:
        options, parameters = self.options, list(self.adapter.parameters.values())
        self.adapter.begin()
        total, rate = options.steps or 1, options.rate or 1e-4
        optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=options.decay)
        progress = Progress(
            options.out,
            "adapter",
            total,
            save_every=options.save_every,
            say_every=SAY_EVERY,
            csv="loss.csv",
        )
        state = progress.resume()
        if state is not None:
            self.adapter.restore(state["adapter"])
            optimiser.load_state_dict(state["optimiser"])
            say(f"goes on after step {progress.first} of {total}")
        self.model._runtime.network.model.language_model.train(options.checkpointing)
        for step, batch in self.batches.ahead(progress.steps()):
            now = rate * schedule(step, total, int(options.warm_up * total))
            losses = self._step(step, batch, optimiser, now)
            progress.log(step, **losses, rate=now)
            progress.save(
                step, lambda: {"adapter": self.adapter.state(), "optimiser": optimiser.state_dict()}
            )
        self.model._runtime.network.eval()
        return time.time() - progress.started

    def _step(
        self, step: int, batch: Batch, optimiser: torch.optim.Optimizer, rate: float
    ) -> dict[str, float]:
        optimiser.param_groups[0]["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        try:
            losses = self.learner.backward(batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceError(
                f"out of memory in step {step + 1} ({str(error).splitlines()[0]}); the same gradient takes "
                "less with a smaller --pass-tokens or with --checkpointing; --max-pixels and --max-length "
                "shorten inputs"
            ) from None
        if not np.isfinite(losses["loss"]):
            raise DeviceError(
                f"the loss of step {step + 1} is {losses['loss']}; try a smaller --rate, a higher "
                "--temperature, or --precision float32"
            )
        torch.nn.utils.clip_grad_norm_(list(self.adapter.parameters.values()), 1.0)
        optimiser.step()
        return losses

    def _measure(self, held_out: HeldOut | None) -> Figures | None:
        if held_out is None:
            return None
        say(f"measures {len(held_out.queries):,} held-out queries among {len(held_out.gallery):,}")
        return measure(
            self.model, TRAINED, held_out, self.prompts, self.options.dims or (),
            late=self.options.late_weight > 0, **self.limits,
        )  # fmt: skip

    def _preparer(self, prompt: str) -> Preparer:
        checked = check_options(
            self.model.spec, self.model.tasks, task=TRAINED, prompt_name=prompt, **self.limits
        )
        return Preparer(self.model.tokenizer, checked)

    def _losses(self) -> LossSettings:
        options = self.options
        return LossSettings(
            options.dims or (), options.temperature or 0.07, options.late_weight, options.pass_tokens or 2048
        )


class Batches:
    """Which pairs a step sees: all of them once before any comes again, in an order drawn from the seed."""

    def __init__(self, pairs: tuple[Pair, ...], options: AdapterOptions, sides: Sides) -> None:
        """Take at least `options.batch` pairs."""
        self._pairs, self._options, self._sides = pairs, options, sides
        self._answers = known_answers(pairs)

    def ahead(self, steps: Iterator[int]) -> Iterator[tuple[int, Batch]]:
        """The batches of `steps`; the next ones are made ready in a thread meanwhile."""
        return prepare_ahead(steps, lambda _, step: (step, self.batch(step)), AHEAD)

    def batch(self, step: int) -> Batch:
        """The batch of one step, whatever came before it."""
        size = self._options.batch
        epoch, place = divmod(step, max(1, len(self._pairs) // size))
        order = np.random.default_rng((self._options.seed, 4, epoch)).permutation(len(self._pairs))
        pairs = [self._pairs[i] for i in order[place * size : (place + 1) * size]]
        wrong = self._negatives(pairs, step)
        role = self._options.passage_prompt or "passage"
        items = [self._ready(pair.query, QUERY, pair) for pair in pairs]
        items += [self._ready(pair.passage, role, pair) for pair in pairs]
        items += [self._ready(side, role, pair) for pair, side in wrong]
        columns = [pair.passage for pair in pairs] + [side for _, side in wrong]
        same = [[column in self._answers[pair.query] for column in columns] for pair in pairs]
        return Batch(tuple(items), len(pairs), torch.tensor(same))

    def _negatives(self, pairs: list[Pair], step: int) -> list[tuple[Pair, Side]]:
        rng = np.random.default_rng((self._options.seed, 5, step))
        found: dict[Side, Pair] = {}
        for pair in pairs:
            count = min(len(pair.negatives), self._options.negatives)
            for i in rng.choice(len(pair.negatives), count, replace=False) if count else ():
                found.setdefault(pair.negatives[int(i)], pair)
        return [(pair, side) for side, pair in found.items()]

    def _ready(self, side: Side, prompt: str, pair: Pair) -> Any:  # noqa: ANN401
        return self._sides.ready(side, prompt, f"line {pair.line} of {self._options.pairs.name}")
