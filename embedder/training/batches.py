"""Batches for the network's training: caption groups with hard negatives, and general text pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from embedder.training.pairs import PASSAGE, QUERY, PairSet, Ragged, tokenise
from embedder.training.scenes import RELATIONS, THINGS, Scene, caption, hard_negatives, sample_scene


@dataclass(frozen=True)
class Padded:
    """Texts of one batch, padded on the right: ids (n, tokens) int64 and mask (n, tokens) bool."""

    ids: Tensor
    mask: Tensor


def pad(rows: Sequence[NDArray[np.int32]]) -> Padded:
    """Stack ragged id lists; padding is id 0 and masked."""
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.from_numpy(row.astype(np.int64))
    return Padded(ids, torch.arange(ids.shape[1])[None] < lengths[:, None])


def pad_rows(rows: Ragged, picks: NDArray[np.int64], limit: int) -> Padded:
    """Some of the texts of a source, each cut to `limit` tokens."""
    return pad([rows.row(int(i), limit) for i in picks])


def pad_texts(texts: Sequence[str], tokenizer: Tokenizer) -> Padded:
    """Tokenise and pad; prompts are part of the texts."""
    rows = tokenise(texts, tokenizer)
    return pad([rows.row(i) for i in range(len(rows))])


def scene_code(scene: Scene) -> int:
    """A number that is equal for equal pictures."""
    scene = scene.canonical()
    second = 0 if scene.second is None else 1 + THINGS.index(scene.second)
    relation = 0 if scene.relation is None else 1 + RELATIONS.index(scene.relation)
    return (THINGS.index(scene.first) * 1000 + second) * 10 + relation


@dataclass(frozen=True)
class CaptionGroup:
    """`count` scenes: anchors, then as many paraphrases, then hard negatives, in one padded batch.

    `same` is (count, count + negatives) bool: True where a candidate tells the anchor's scene.
    """

    texts: Padded
    count: int
    same: Tensor


def caption_group(
    count: int,
    rng: np.random.Generator,
    tokenizer: Tokenizer,
    *,
    negatives: int = 3,
    scenes: Sequence[Scene] = (),
    plain: float = 0.15,
) -> CaptionGroup:
    """Sample scenes and describe them; the reversed relation is always among the hard negatives.

    Args:
        count: scenes in the group.
        rng: source of randomness.
        tokenizer: of the miniature.
        negatives: wrong scenes for each scene, at most.
        scenes: take these scenes instead of sampling.
        plain: share of captions in the plainest wording.
    """
    chosen = list(scenes) or [sample_scene(rng) for _ in range(count)]
    wrong: list[Scene] = []
    for scene in chosen:
        options = hard_negatives(scene, rng)
        first = [options.pop("relation")] if "relation" in options else []
        names = list(options)
        rest = [options[names[i]] for i in rng.permutation(len(names))[: negatives - len(first)]]
        wrong += first + rest
    texts = [_prompted(scene, rng, plain) for scene in [*chosen, *chosen, *wrong]]
    own = torch.tensor([scene_code(scene) for scene in chosen])
    others = torch.tensor([scene_code(scene) for scene in [*chosen, *wrong]])
    return CaptionGroup(pad_texts(texts, tokenizer), count, own[:, None] == others[None, :])


def _prompted(scene: Scene, rng: np.random.Generator, plain: float) -> str:
    """A caption with a prompt: it may be asked for, or be what is found."""
    return (QUERY if rng.random() < 0.6 else PASSAGE) + caption(scene, rng, plain=bool(rng.random() < plain))


@dataclass(frozen=True)
class PairBatch:
    """A batch of one source: left and right texts, which pairs share one, and the texts' keys (n, 2)."""

    left: Padded
    right: Padded
    same: Tensor
    keys: Tensor


def pair_batch(pairs: PairSet, count: int, rng: np.random.Generator, limit: int) -> PairBatch:
    """Draw `count` pairs of a source, each text cut to `limit` tokens."""
    picks = rng.choice(len(pairs), min(count, len(pairs)), replace=False)
    sides = [pad_rows(rows, picks, limit) for rows in (pairs.left, pairs.right)]
    keys = torch.from_numpy(np.stack([pairs.left_keys[picks], pairs.right_keys[picks]], axis=1))
    return PairBatch(sides[0], sides[1], share_a_text(keys, keys), keys)


def share_a_text(one: Tensor, other: Tensor) -> Tensor:
    """Keys (n, 2) and (m, 2) -> (n, m) bool, True where two pairs have their left or right text in common."""
    return (one[:, None] == other[None]).any(-1)


def batches_by_length(rows: Ragged, tokens: int = 16_000, limit: int = 2048) -> list[NDArray[np.int64]]:
    """Indices of texts grouped by length so that a padded batch holds about `tokens` tokens."""
    lengths = np.minimum(np.diff(rows.starts), limit)
    order = np.argsort(lengths, kind="stable")
    groups, start = [], 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and (stop + 1 - start) * lengths[order[stop]] <= tokens:
            stop += 1
        groups.append(order[start:stop])
        start = stop
    return groups
