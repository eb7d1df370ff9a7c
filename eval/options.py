"""The options of `python -m eval run`: one per field of `RunConfig`, each with its help and an example."""

import argparse
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path

from eval.config import RunConfig

# Option: what stands for its value, what it is for, an example.
OPTIONS: dict[str, tuple[str, str, str]] = {
    "model": (
        "A,B",
        "what to measure: mini, a hub id or a folder; with st: in front, any sentence-transformers model",
        "mini,st:my/model",
    ),
    "benchmark": (
        "A,B",
        "names shown by `list`; `bundled` for all of them that can be had here; folders in BEIR's layout or "
        "in that of a data set of the Hugging Face hub; hub ids, with @COMMIT, :SUBSET and #SPLIT; retrieval "
        "tasks of mteb as mteb:TASK, with :SUBSET and #SPLIT",
        "scenes,my/folder,mteb/nfcorpus,mteb:NFCorpus",
    ),
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
    "baseline": (
        "A,B",
        "to compare with: bm25; pca, random (projections to the same widths); sentence-transformers models "
        "by hub id (sentence-transformers/all-MiniLM-L6-v2) or as st:FOLDER",
        "bm25,pca,st:my/model",
    ),
    "metric": ("A,B", "ndcg@K, recall@K, precision@K, mrr@K, map", "ndcg@10,recall@100"),
    "model_precision": ("P", "of the weights: auto, float32, bfloat16, float16, int8", "float32"),
    "device": ("D", "auto, cpu, cuda, cuda:N, mps", "cuda:1"),
    "devices": (
        "A,B",
        "to encode on several at once, each in a process of its own; ranks of torchrun share the work "
        "without it",
        "cuda:0,cuda:1",
    ),
    "revision": ("COMMIT", "of a model on the hub; default: the pinned one", "main"),
    "trust_remote_code": (
        "",
        "let sentence-transformers models (jina-embeddings-v2, v3) run the Python code that comes with them; "
        "it can do whatever you can: read it first",
        "",
    ),
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


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each field of `RunConfig` to a parser; what is not given is None."""
    for option in fields(RunConfig):
        made = option.default_factory
        default = option.default if made is MISSING else made()
        _add_option(parser, option.name, default)


def add_run_switches(parser: argparse.ArgumentParser) -> None:
    """Add what says how to run rather than what: a suite, a dry run, quiet."""
    parser.add_argument(
        "--suite",
        metavar="NAME",
        help="a committed list of runs (eval/suites/); other options take the place of what it says; "
        "example: --suite v4-truncation --model mini --benchmark bundled",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="only say what it would take: items, tokens, disk, hours per device; "
        "example: --suite v4-truncation --dry-run",
    )
    parser.add_argument(
        "--quiet",
        action="store_true",
        help="print nothing but the result's folder and errors; example: --quiet",
    )


def given(chosen: argparse.Namespace) -> dict[str, object]:
    """Fields of `RunConfig` that the command line names, with their values."""
    values = {option.name: getattr(chosen, option.name) for option in fields(RunConfig)}
    return {name: value for name, value in values.items() if value is not None}


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
