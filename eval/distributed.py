"""Encoding on several devices at once: a process for each, all filling the same cache; then one scores.

    python -m eval run --devices cuda:0,cuda:1 ...        processes started here
    torchrun --nproc-per-node 8 -m eval run ...           ranks started by torchrun, one device each

Process r of n encodes every n-th item from r. Shards of the cache are written whole or not at all,
so the processes need not know of each other; what one of them did not manage, the scoring process
encodes itself. Ranks on several machines need a cache that all of them see.
"""

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace

import torch

from embedder.errors import EmbedderError, EmbedderNotice
from eval import benchmarks
from eval.benchmarks.model import Benchmark
from eval.config import RunConfig
from eval.encoding import Counts
from eval.measure import encode_sides
from eval.plan import make_plan
from eval.progress import Progress

Shares = dict[str, list[Counts]]  # model -> what each of the other processes did


@dataclass(frozen=True)
class Rank:
    """One of several processes that encode together.

    Attributes:
        number: from 0; 0 is the one that scores.
        count: of all.
        local: number on this machine, which is that of its device.
    """

    number: int
    count: int
    local: int


def rank_of_torchrun() -> Rank | None:
    """This process among those that torchrun started, or None."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    number, count, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    return Rank(number, count, local) if count > 1 else None


def encode_together(config: RunConfig, found: Sequence[Benchmark], progress: Progress) -> Shares | None:
    """Let all processes encode their shares of all benchmarks, where a run has several.

    Args:
        config: of the run.
        found: its benchmarks; processes started here load them anew.
        progress: where to say what happens.

    Returns:
        What the processes did, by model; empty where the run has only this one. None in a rank other than
        0: its work is done.

    Raises:
        EmbedderError: a process failed; what it had encoded is kept.
    """
    rank = rank_of_torchrun()
    if rank is not None:
        return _as_rank(config, found, rank)
    if len(config.devices) < 2:
        return {}
    progress.say(f"encoding on {', '.join(config.devices)}, a process each")
    return _in_processes(config)


def _in_processes(config: RunConfig) -> Shares:
    count = len(config.devices)
    jobs = [
        (replace(config, device=device, devices=()), number, count)
        for number, device in enumerate(config.devices)
    ]
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    with ProcessPoolExecutor(count, context, _begin) as pool:
        futures = [pool.submit(_share, *job) for job in jobs]
        try:
            done = [future.result() for future in futures]
        except BrokenProcessPool as error:  # one was killed, for want of memory say
            raise EmbedderError(
                f"a process of --devices {','.join(config.devices)} failed ({error}); what "
                "was encoded is kept, the same command goes on from there"
            ) from None
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()  # what they have encoded is written first
            raise
    return {name: [counts[name] for counts in done] for name in config.models}


def _as_rank(config: RunConfig, found: Sequence[Benchmark], rank: Rank) -> Shares | None:
    """The share of one of torchrun's ranks; they wait for each other before rank 0 scores."""
    from torch import distributed

    if config.device == "auto" and torch.cuda.is_available():
        config = replace(config, device=f"cuda:{rank.local}")
    distributed.init_process_group("gloo")
    try:
        own = encode_share(config, found, rank.number, rank.count)
        every: list[dict[str, Counts] | None] = [None] * rank.count
        distributed.all_gather_object(every, own)
    finally:
        distributed.destroy_process_group()
    if rank.number:
        return None
    return {name: [counts[name] for counts in every if counts] for name in config.models}


def _begin() -> None:
    """A started process has no terminal: what it has to say comes back with its counts."""
    warnings.simplefilter("ignore", EmbedderNotice)


def _share(config: RunConfig, number: int, count: int) -> dict[str, Counts]:
    """A started process's work; ended by SIGTERM, it writes first what it has encoded."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if config.device in ("auto", "cpu"):
            torch.set_num_threads(max(1, (os.cpu_count() or 1) // count))
        found = [benchmarks.load(name, seed=config.seed) for name in config.benchmark]
        return encode_share(config, found, number, count)
    except SystemExit:
        os._exit(143)  # the pool would go on, and find nobody to talk to
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def encode_share(config: RunConfig, found: Sequence[Benchmark], number: int, count: int) -> dict[str, Counts]:
    """Encode every `count`-th item of all benchmarks from `number`, with every model.

    Raises:
        InputError: an item cannot be encoded, or a setting does not fit.
        CheckpointError: a model cannot be loaded.
        DeviceError: the device cannot be had, or its memory ran out.
    """
    done = {}
    for name in config.models:
        plan = make_plan(config, name, Progress(quiet=True))
        plan.encoder.share = (number, count)
        for benchmark in found:
            if plan.can_take(benchmark):
                encode_sides(plan.encoder, benchmark, plan.config.task)
        done[name] = plan.encoder.counts
    return done
