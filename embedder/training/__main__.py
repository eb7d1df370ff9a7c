"""``python -m embedder.training mini --out DIR``: train the miniature. ``evaluate FOLDER``: measure it.

``adapter --pairs FILE --out DIR``: train a LoRA of one's own on any model in the published layout.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import TextIO

import torch

from embedder.errors import CheckpointError, EmbedderError, EmbedderNotice, InputError
from embedder.training.adapter_options import add_adapter_command, chosen_options
from embedder.training.data_text import MissingSource
from embedder.training.progress import say
from embedder.training.recipe import BESIDE, STAGES, Recipe, Run, shorter, smoke

STAGE_HELP = (
    f"stop after this stage; {BESIDE!r} is one more, which trains a second tower without some coloured "
    "shapes and measures it on them"
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m embedder.training", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    mini = commands.add_parser("mini", help="train the miniature, stage by stage; resumes where it stopped")
    mini.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    mini.add_argument(
        "--runs", type=Path, default=Path("runs/mini"), help="folder for checkpoints and loss.csv"
    )
    mini.add_argument("--seed", type=int, default=0)
    mini.add_argument("--stage", choices=(*STAGES, BESIDE), default=STAGES[-1], help=STAGE_HELP)
    mini.add_argument("--smoke", action="store_true", help="the whole recipe in miniature, under a minute")
    mini.add_argument("--effort", type=float, default=1.0, help="factor on every stage's steps")
    mini.add_argument(
        "--sources",
        type=Path,
        action="append",
        default=[],
        help="folder of unpacked source distributions, SOURCES/<project>/..., those of both lists are read",
    )
    mini.add_argument("--threads", type=int, default=1)
    measure = commands.add_parser("evaluate", help="scenes, captions and held-out code, through the Embedder")
    measure.add_argument("folder", type=Path)
    measure.add_argument("--runs", type=Path, default=Path("runs/mini"), help="where parsed code is kept")
    measure.add_argument("--seed", type=int, default=0)
    measure.add_argument("--precision", default="float32")
    measure.add_argument("--threads", type=int, default=1)
    measure.add_argument("--card", action="store_true", help="write the figures into the folder's README.md")
    add_adapter_command(commands)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = parser().parse_args(arguments)
    if options.command == "adapter":
        return _adapter(options)
    torch.set_num_threads(options.threads)
    try:
        if options.command == "mini":
            recipe = smoke() if options.smoke else Recipe()
            recipe = recipe if options.effort == 1.0 else shorter(recipe, options.effort)
            Run(recipe, options.runs, options.out, options.seed, options.sources).run(options.stage)
        else:
            from embedder.training.card import write_card
            from embedder.training.evaluate import evaluate

            found = evaluate(options.folder, options.runs, options.seed, options.precision)
            print(json.dumps(found, indent=2))
            if options.card:
                write_card(options.folder, options.runs, found)
    except MissingSource as missing:
        say(str(missing))
        return 2
    except CheckpointError as error:
        say(f"error: {error}")
        return 1
    return 0


def _adapter(options: argparse.Namespace) -> int:
    """Train an adapter; 0 done, 1 model or device failed, 2 options or pairs are wrong, 130 interrupted."""
    from embedder.training.adapter_run import train_adapter

    try:
        chosen = chosen_options(options)
        with warnings.catch_warnings():
            warnings.showwarning = _note
            train_adapter(chosen)
    except (EmbedderError, OSError) as error:
        say(f"error: {error}")
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        say("interrupted: the same command goes on from the last checkpoint")
        return 130
    print(chosen.out)
    return 0


def _note(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    """A notice is for people: its text alone; of other warnings, where they come from."""
    known = issubclass(category, EmbedderNotice)
    say(f"note: {message}" if known else warnings.formatwarning(message, category, filename, lineno, line))


if __name__ == "__main__":
    sys.exit(main())
