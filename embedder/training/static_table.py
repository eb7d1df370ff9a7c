"""Stage 1: one vector per token, a text being the mean of its tokens' vectors. Quick, and hard to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from embedder.training import metrics
from embedder.training.losses import equal_rows, matryoshka_info_nce
from embedder.training.pairs import WEIGHTS, PairSet, Ragged
from embedder.training.progress import Progress

STREAMS = {"static": 1, "refine": 17}
"""Each training's own random numbers."""
REFINE_WEIGHTS = {
    "body": 0.45, "code": 0.15, "called": 0.10, "details": 0.07, "explained": 0.05, "gloss": 0.07,
    "titled": 0.05, "continued": 0.03, "translations": 0.03,
}  # fmt: skip
"""How often a source gives the batch when the table is refined: more code than before."""


@dataclass(frozen=True)
class StaticSettings:
    """Size of the table and of its training."""

    vocabulary: int
    width: int
    dims: tuple[int, ...]
    steps: int = 2400
    batch: int = 1024
    rate: float = 0.01
    keep: float = 0.6  # chance that a passage's token is seen at all: regularises the table
    max_tokens: int = 256
    temperature: float = 0.05
    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)


class SharedTable(torch.nn.Module):
    """A token table whose rows share what spellings of one word have in common.

    " file", "file", "_file", "File" and "files" are different tokens; each row is the sum of a
    row for the bare word and one of its own, so that rare spellings learn from frequent ones.
    """

    def __init__(self, words: NDArray[np.int64], width: int) -> None:
        super().__init__()
        self.words: Tensor
        self.register_buffer("words", torch.from_numpy(words))
        self.word = torch.nn.Parameter(torch.randn(int(words.max()) + 1, width) * 0.07)
        self.own = torch.nn.Parameter(torch.randn(len(words), width) * 0.07)

    def forward(self) -> Tensor:
        """(vocabulary, width)."""
        return self.own + functional.embedding(self.words, self.word)


def bare_words(tokens: Sequence[str]) -> NDArray[np.int64]:
    """For each token the number of its bare word: letters only, lower case, no plural s."""
    numbers: dict[str, int] = {}
    found = []
    for token in tokens:
        letters = "".join(char for char in token if char.isalpha()).lower() or token
        if len(letters) > 3 and letters.endswith("s") and not letters.endswith("ss"):
            letters = letters[:-1]
        found.append(numbers.setdefault(letters, len(numbers)))
    return np.array(found, dtype=np.int64)


def bags(
    rows: Ragged,
    picks: NDArray[np.int64],
    limit: int,
    rng: np.random.Generator | None = None,
    keep: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Ids of the picked texts one after another, and where each begins: what ``embedding_bag`` takes.

    With `keep` < 1 a token other than a text's first is left out with chance 1 - keep.
    """
    starts = rows.starts[picks]
    lengths = np.minimum(rows.starts[picks + 1] - starts, limit)
    offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    within = np.arange(lengths.sum()) - np.repeat(offsets, lengths)
    ids = rows.ids[np.repeat(starts, lengths) + within]
    if rng is not None and keep < 1:
        kept = rng.random(len(ids)) < keep
        kept[offsets] = True  # an empty bag has no direction
        offsets = np.concatenate([[0], np.cumsum(kept)])[offsets]
        ids = ids[kept]
    return torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(offsets)


def embed_bags(table: Tensor, ids: Tensor, offsets: Tensor) -> Tensor:
    """Sum of the token vectors of each bag, (bags, width)."""
    return functional.embedding_bag(ids, table, offsets, mode="sum")


def train_static(
    sources: dict[str, PairSet],
    tokens: Sequence[str],
    settings: StaticSettings,
    folder: Path,
    seed: int,
    *,
    stage: str = "static",
    start: Path | None = None,
) -> Tensor:
    """Train a table with InfoNCE at every width of ``settings.dims``.

    Args:
        sources: training pairs by source.
        tokens: readable form of every token, in the order of ids.
        settings: size and length of the training.
        folder: for checkpoint and loss.csv.
        seed: of everything random.
        stage: name of checkpoint and loss.csv.
        start: checkpoint of an earlier training to go on from.

    Returns:
        (vocabulary, width) float32.
    """
    torch.manual_seed(seed)
    shared = SharedTable(bare_words(tokens), settings.width)
    optimiser = torch.optim.Adam(shared.parameters(), lr=settings.rate)
    progress = Progress(folder, stage, settings.steps)
    state = progress.resume()
    if state is None and start is not None:
        state = torch.load(start, weights_only=True)
    if state is not None:
        shared.load_state_dict(state["table"])
        optimiser.load_state_dict(state["optimiser"])
    names, chances = source_chances(sources, settings.weights)
    for step in progress.steps():
        rng = np.random.default_rng((seed, STREAMS[stage], step))
        pairs = sources[str(rng.choice(names, p=chances))]
        picks = rng.choice(len(pairs), min(settings.batch, len(pairs)), replace=False)
        loss = _loss(shared(), pairs, picks, settings, rng)
        optimiser.param_groups[0]["lr"] = settings.rate * max(0.02, 1 - step / settings.steps)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        progress.log(step, loss=float(loss.detach()))
        progress.save(step, lambda: {"table": shared.state_dict(), "optimiser": optimiser.state_dict()})
    return shared().detach()


def source_chances(
    sources: dict[str, PairSet], weights: Mapping[str, float] = WEIGHTS
) -> tuple[list[str], NDArray[np.float64]]:
    """Names of the sources present and the chance of each, summing to 1."""
    names = [name for name in weights if name in sources and len(sources[name]) > 0]
    shares = np.array([weights[name] for name in names])
    return names, shares / shares.sum()


def _loss(
    table: Tensor,
    pairs: PairSet,
    picks: NDArray[np.int64],
    settings: StaticSettings,
    rng: np.random.Generator,
) -> Tensor:
    left = embed_bags(table, *bags(pairs.left, picks, settings.max_tokens, rng, 0.9))
    right = embed_bags(table, *bags(pairs.right, picks, settings.max_tokens, rng, settings.keep))
    keys = [torch.from_numpy(side[picks]) for side in (pairs.left_keys, pairs.right_keys)]
    same = equal_rows(keys[0]) | equal_rows(keys[1])
    dims = some_dims(settings.dims, rng)
    return matryoshka_info_nce(left, right, dims, temperature=settings.temperature, same=same)


def some_dims(dims: Sequence[int], rng: np.random.Generator, count: int = 2) -> list[int]:
    """The full width and `count` smaller ones: all of them get their turn, at half the cost per step."""
    smaller = rng.choice(list(dims[:-1]), min(count, len(dims) - 1), replace=False)
    return [*(int(dim) for dim in smaller), dims[-1]]


@torch.no_grad()
def static_vectors(table: Tensor, rows: Ragged, limit: int = 100_000) -> NDArray[np.float32]:
    """Vectors of many texts by the table alone, (texts, width), not normalised."""
    picks = np.arange(len(rows))
    parts = [embed_bags(table, *bags(rows, picks[i : i + 512], limit)) for i in range(0, len(rows), 512)]
    return torch.cat(parts).numpy()


def score_static(table: Tensor, pairs: PairSet, dims: Sequence[int]) -> dict[int, float]:
    """Held-out nDCG@10 of left -> right by the table alone, per width; equal texts count once."""
    _, documents = np.unique(pairs.right_keys, return_index=True)
    place = {key: row for row, key in enumerate(pairs.right_keys[documents])}
    relevant = np.array([place[key] for key in pairs.right_keys], dtype=np.int64)
    left, right = static_vectors(table, pairs.left), static_vectors(table, pairs.right)[documents]
    ranked = {dim: metrics.ranks(metrics.unit(left, dim), metrics.unit(right, dim), relevant) for dim in dims}
    return {dim: metrics.ndcg_at_10(rank) for dim, rank in ranked.items()}
