"""`python -m eval run | list`: measure a model, and show what there is to measure it on."""

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import TextIO

from embedder.errors import EmbedderError, EmbedderNotice, InputError
from eval.benchmarks import BUNDLED, load_folder
from eval.config import RunConfig
from eval.progress import columns

EXIT_CODES = """\
exit codes: 0 done; 1 the model, the device or the disk failed; 2 an option or the data cannot be used;
130 interrupted (Ctrl-C), 143 ended: the same command goes on where it stopped"""

# Option: what stands for its value, what it is for, an example.
OPTIONS: dict[str, tuple[str, str, str]] = {
    "model": ("MODEL", "what to measure: mini, a hub id or a folder", "jinaai/jina-embeddings-v4"),
    "benchmark": ("A,B", "names shown by `list`, or folders in BEIR's layout", "scenes,my/folder"),
    "task": ("A,B", "adapters to encode with", "retrieval,text-matching,code"),
    "dim": ("A,B", "widths of dense vectors; default: those the model was trained for", "32,64,128"),
    "vectors": ("A,B", "dense, late (late interaction) or both", "dense,late"),
    "precision": ("A,B", "of the stored vectors: float32, int8, uint8, binary, ubinary", "float32,int8"),
    "search": (
        "A,B",
        "exact; asymmetric: float queries, quantised documents; rescored: candidates scored anew in float32; "
        "funnel:WIDTH: candidates at that width, scored anew at the full one",
        "exact,rescored,funnel:64",
    ),
    "baseline": ("A,B", "to compare with: bm25, pca, random (projections to the same widths)", "bm25,pca"),
    "metric": ("A,B", "ndcg@K, recall@K, precision@K, mrr@K, map", "ndcg@10,recall@100"),
    "model_precision": ("P", "of the weights: auto, float32, bfloat16, float16, int8", "float32"),
    "device": ("D", "auto, cpu, cuda, cuda:N, mps", "cuda:1"),
    "revision": ("COMMIT", "of a model on the hub; default: the pinned one", "main"),
    "adapter": ("N=FOLDER", "LoRAs of your own, saved by PEFT, to be named in --task", "mine=loras/mine"),
    "out": ("FOLDER", "where each run gets a folder of its own", "results/"),
    "cache": ("FOLDER", "where vectors are kept between runs; default: `cache` in --out", "~/vectors"),
    "max_length": ("TOKENS", "longer texts are cut; default: the model's own limit", "512"),
    "max_pixels": ("PIXELS", "larger pictures are shrunk; default: the model's own limit", "602112"),
    "batch_size": ("N", "inputs per forward pass; default: by tokens and device", "8"),
    "depth": ("N", "documents found per query; map counts no further", "1000"),
    "oversample": ("N", "candidates that rescored and funnel score anew, times depth", "1"),
    "seed": ("N", "of drawn benchmarks, projections and resampling", "1"),
    "save_vectors": ("", "put the vectors into the run's folder too, as vectors/*.npy", ""),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    # Not a filter: what is not shown is still part of the result.
    warnings.showwarning = _show_no_notice if getattr(chosen, "quiet", False) else _show_notice
    command: Callable[[argparse.Namespace], int] = chosen.command
    try:
        return command(chosen)
    except InputError as error:
        return _fail(error, 2)
    except (EmbedderError, OSError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        print("\ninterrupted: what was encoded is kept; the same command goes on from there", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval",
        description="Measure embeddings: one encode, every width, with error bars.",
        epilog=EXIT_CODES,
    )
    commands = parser.add_subparsers(title="commands", required=True)
    run = commands.add_parser("run", help="measure a model", epilog=EXIT_CODES)
    for option in fields(RunConfig):
        _add_option(run, option.name, option.default)
    run.add_argument("--quiet", action="store_true", help="print nothing but the result's folder and errors")
    run.set_defaults(command=_run)
    listing = commands.add_parser("list", help="show benchmarks with their size", epilog=EXIT_CODES)
    listing.add_argument(
        "folder", nargs="*", help="folders in BEIR's layout to check and show too; my/folder"
    )
    listing.set_defaults(command=_list)
    return parser


def _add_option(run: argparse.ArgumentParser, name: str, default: object) -> None:
    letter, text, example = OPTIONS[name]
    flag = f"--{name.replace('_', '-')}"
    if isinstance(default, bool):
        run.add_argument(flag, action="store_true", default=None, help=f"{text}; example: {flag}")
        return
    about = f"{text}; default: {_shown(default)}" if _shown(default) else text
    run.add_argument(flag, metavar=letter, type=_reader(name), help=f"{about}; example: {flag} {example}")


def _reader(name: str) -> Callable[[str], object]:
    """How an option's text is read, by the type of its field."""
    kind = str(RunConfig.__annotations__[name])
    if kind == "tuple[int, ...]":
        return _whole_numbers
    if kind == "tuple[str, ...]":
        return _words
    if "Path" in kind:
        return lambda text: Path(text).expanduser()
    return int if "int" in kind else str


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in _words(text))


_whole_numbers.__name__ = "list of whole numbers"  # what argparse calls it in its message


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _run(chosen: argparse.Namespace) -> int:
    from eval.run import run, table

    given = {option.name: getattr(chosen, option.name) for option in fields(RunConfig)}
    config = RunConfig(**{name: value for name, value in given.items() if value is not None})
    folder, scores = run(config, quiet=chosen.quiet)
    if not chosen.quiet:
        print(table(scores))
    print(folder)
    return 0


def _list(chosen: argparse.Namespace) -> int:
    rows = [("name", "modality", "documents", "queries", "what is asked")]
    for name, bundled in BUNDLED.items():
        sizes = [f"{count:,}" for count in bundled.size()]
        rows.append((name, bundled.modality, sizes[0], sizes[1], bundled.about))
    for folder in chosen.folder:
        found = load_folder(folder)
        about = "; ".join(found.notices) or "folder in BEIR's layout"
        rows.append((folder, found.modality, f"{len(found.corpus):,}", f"{len(found.queries):,}", about))
    print(columns(rows, right=(2, 3)))
    return 0


def _end(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM: leave as by an exit, so that what was encoded is written first."""
    print("\nended: what was encoded is kept; the same command goes on from there", file=sys.stderr)
    sys.exit(143)


def _show_notice(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    """A notice is for people: its text alone; of other warnings, where they come from."""
    if issubclass(category, EmbedderNotice):
        text = f"note: {message}\n"
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
    (file or sys.stderr).write(text)


def _show_no_notice(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    """In quiet mode notices are not shown, other warnings are."""
    if not issubclass(category, EmbedderNotice):
        _show_notice(message, category, filename, lineno, file, line)


def _fail(error: Exception, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
