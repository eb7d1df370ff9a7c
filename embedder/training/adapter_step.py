"""One step of an adapter's training: pairs into vectors with gradients, the losses, and their way back.

A batch may be larger than memory: its inputs then go through the network in several passes, first
without gradients, for the losses of the whole batch, and once more each, for its own share of them
(Gao et al., Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup, 2021). The
gradient is that of a single pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from embedder import Embedder, InputError, pooling
from embedder.batching import by_budget
from embedder.prepare import Prepared, Preparer
from embedder.preprocess import Segment
from embedder.runtime import fuse
from embedder.training.adapter_pairs import Side
from embedder.training.losses import info_nce, matryoshka_info_nce, max_sim

PICTURE_BYTES = 2**30  # of picture features kept: the tower is frozen, so that a picture needs it once


@dataclass(frozen=True)
class Batch:
    """Inputs of one step.

    Attributes:
        items: n queries, then n passages in their order, then any number of further negatives.
        count: n.
        same: bool (n, passages and negatives), True where a column answers a row's query.
    """

    items: tuple[Prepared, ...]
    count: int
    same: Tensor


@dataclass(frozen=True)
class Encoded:
    """Vectors of some inputs, float32: dense (inputs, dim); late (all their tokens, width) or None."""

    dense: Tensor
    late: Tensor | None


@dataclass(frozen=True)
class LossSettings:
    """Widths of the dense loss, the temperature of both, the late one's weight, tokens of a pass."""

    dims: tuple[int, ...]
    temperature: float
    late_weight: float
    pass_tokens: int


class Sides:
    """Sides of pairs made ready for the network; features of pictures are kept, as long as there is room."""

    def __init__(self, model: Embedder, preparers: dict[str, Preparer]) -> None:
        """Take the model, whose tower sees each picture once, and a preparer for each prompt."""
        self._network, self._preparers = model._runtime.network, preparers
        self._kept: dict[str, Tensor] = {}
        self._bytes = 0
        self._known: dict[tuple[Side, str], Prepared] = {}  # without patches, for pictures in `_kept`
        self.notices: dict[str, None] = {}

    def ready(self, side: Side, prompt: str, where: str) -> Prepared:
        """A side in the role `prompt`; an error and a notice say `where` it stands.

        Raises:
            InputError: its picture cannot be decoded.
        """
        known = self._known.get((side, prompt))
        if known and all(s.digest is None or s.digest in self._kept for s in known.segments):
            return known
        try:
            found = self._preparers[prompt].either(0, side.value)
        except InputError as error:
            raise InputError(str(error).replace("item 0", where)) from None
        for notice in found.notices:
            self.notices.setdefault(notice.replace("item 0", where))
        if side.image is not None:
            bare = tuple(replace(segment, patches=None) for segment in found.segments)
            self._known[side, prompt] = replace(found, segments=bare)
        return found

    @torch.no_grad()
    def features(self, segments: Sequence[Segment]) -> list[Tensor | None]:
        """Of each segment that is a picture, on the CPU; None for a text."""
        own = {s.digest: self._kept[s.digest] for s in segments if s.digest in self._kept}
        new = {s.digest: s for s in segments if s.digest and s.digest not in own}
        for digest, segment in new.items():  # one by one: a step's pictures together may not fit
            own[digest] = self._network.vision([segment])[0].cpu()
            size = own[digest].numel() * own[digest].element_size()
            if digest and self._bytes + size <= PICTURE_BYTES:
                self._kept[digest] = own[digest].clone()
                self._bytes += size
        return [own[s.digest] if s.digest else None for s in segments]


class Learner:
    """The losses of a batch and their gradients, by one model's active adapter."""

    def __init__(self, model: Embedder, sides: Sides, settings: LossSettings) -> None:
        """Take a model whose active adapter is the one to be trained."""
        self._network, self._sides, self._settings = model._runtime.network, sides, settings

    def backward(self, batch: Batch) -> dict[str, float]:
        """Add the batch's gradient to that of the parameters; returns "loss", "dense" and "late"."""
        passes = list(by_budget(batch.items, _tokens, self._settings.pass_tokens, None))
        if len(passes) == 1:
            losses = self.losses(self.encode(passes[0]), batch)
            losses["loss"].backward()
        else:
            losses = self._in_passes(passes, batch)
        return {name: float(value.detach()) for name, value in losses.items()}

    def encode(self, items: Sequence[Prepared]) -> Encoded:
        """Vectors of some inputs, with whatever gradients are on; as the embedder computes them."""
        segments = [segment for item in items for segment in item.segments]
        features = self._sides.features(segments)
        with self._half():
            states = self._network(segments, features)
        means, dense, first = pooling.dense(states.hidden, segments), [], 0
        for item in items:
            dense.append(fuse(means[first : first + len(item.segments)]))
            first += len(item.segments)
        if not self._settings.late_weight:
            return Encoded(torch.stack(dense), None)
        with self._half():
            late = pooling.multi_vector(states.hidden, self._network.multi_vector_projector)
        return Encoded(torch.stack(dense), late)

    def losses(self, found: Encoded, batch: Batch) -> dict[str, Tensor]:
        """InfoNCE of the dense vectors at every width, of late interaction, and their sum "loss"."""
        count, settings = batch.count, self._settings
        same = batch.same.to(found.dense.device)
        dense = matryoshka_info_nce(
            found.dense[:count], found.dense[count:], settings.dims,
            temperature=settings.temperature, same=same,
        )  # fmt: skip
        if found.late is None:
            return {"loss": dense, "dense": dense}
        rows, mask = _padded(found.late, [item.tokens for item in batch.items])
        scores = max_sim(rows[:count], mask[:count], rows[count:], mask[count:])
        late = info_nce(scores / settings.temperature, same)
        return {"loss": dense + settings.late_weight * late, "dense": dense, "late": late}

    def _in_passes(self, passes: Sequence[Sequence[Prepared]], batch: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            parts = [self.encode(items) for items in passes]
        lates = [part.late for part in parts if part.late is not None]
        dense = torch.cat([part.dense for part in parts]).requires_grad_(True)
        late = torch.cat(lates).requires_grad_(True) if lates else None
        losses = self.losses(Encoded(dense, late), batch)
        losses["loss"].backward()
        row = token = 0
        for items, part in zip(passes, parts, strict=True):
            again = self.encode(items)
            assert dense.grad is not None
            share = (again.dense * dense.grad[row : row + len(items)]).sum()
            if again.late is not None and part.late is not None and late is not None:
                assert late.grad is not None
                share = share + (again.late * late.grad[token : token + len(part.late)]).sum()
                token += len(part.late)
            share.backward()
            row += len(items)
        return losses

    def _half(self) -> AbstractContextManager[object]:
        """16-bit products where the model is in 16 bits; the adapter's own weights stay in float32."""
        if self._network.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self._network.device.type, self._network.dtype)


def _tokens(item: Prepared) -> int:
    return item.tokens


def _padded(tokens: Tensor, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
    """(all tokens, width) -> (inputs, longest, width) padded with 0, and (inputs, longest) bool."""
    rows = pad_sequence(list(tokens.split(list(lengths))), batch_first=True)
    sizes = torch.tensor(lengths, device=tokens.device)
    return rows, torch.arange(rows.shape[1], device=tokens.device)[None] < sizes[:, None]
