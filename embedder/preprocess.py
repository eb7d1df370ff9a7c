"""Texts and pictures to token ids, patches and positions.

Departures from the original processor: user text never becomes a special token; a
side below 28 pixels is enlarged instead of refused; no torchvision.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch.nn import functional

from embedder.errors import CheckpointError, InputError
from embedder.spec import PixelSettings, PromptName
from embedder.texts import first_tokens

MAX_ASPECT_RATIO = 200  # the original's own limit, long side over short side
IMAGE_PREFIX = "<|im_start|>user\n<|vision_start|>"
IMAGE_PAD = "<|image_pad|>"
IMAGE_SUFFIX = "<|vision_end|>Describe the image.<|im_end|>\n"


@dataclass(frozen=True)
class Segment:
    """One causal sequence of tokens, and which of them make its dense vector.

    Attributes:
        ids: token ids, int64 (tokens,).
        start: first pooled token.
        stop: one past the last pooled token.
        patches: float32 (patches, channels * frames * side * side), or None for a text.
        grid: (1, rows, columns) of patches, or None for a text.
        digest: content hash of the patches, the key of a vision cache, or None for a text.
    """

    ids: torch.Tensor
    start: int
    stop: int
    patches: torch.Tensor | None = None
    grid: tuple[int, int, int] | None = None
    digest: str | None = None

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.ids)


class TextTokens:
    """The checkpoint's tokenizer: prefix, no BOS or EOS, and no special token out of a user's text."""

    def __init__(self, folder: Path) -> None:
        """Read `tokenizer.json` in `folder`."""
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise CheckpointError(f"tokenizer.json is missing in {folder}")
        self._plain = Tokenizer.from_file(str(path))
        self._plain.no_padding()
        self._plain.no_truncation()
        self._template = Tokenizer.from_str(self._plain.to_str())
        # Set once, never per call: it is state of an object that threads share.
        self._plain.encode_special_tokens = True

    def encode(self, text: str) -> list[int]:
        """Ids of a text, its prefix included, uncut."""
        # The batch call skips the character offsets that nobody reads here: up to three times faster.
        return list(self._plain.encode_batch_fast([text], add_special_tokens=False)[0].ids)

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """Id, first character and one past the last of each token of a text; ids as from `encode`.

        Tokens that hold parts of one character have equal or overlapping spans.
        """
        found = self._plain.encode(text, add_special_tokens=False)
        return [(token, *span) for token, span in zip(found.ids, found.offsets, strict=True)]

    def template(self, text: str) -> list[int]:
        """Ids of a template of ours, in which special tokens are meant."""
        return self._template.encode(text, add_special_tokens=False).ids

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """The readable piece of text behind each id."""
        return [self._template.decode([i], skip_special_tokens=False) for i in ids]


def text_segment(tokenizer: TextTokens, text: str, prompt_name: str, max_length: int) -> tuple[Segment, bool]:
    """One text as a segment, pooled over all its tokens, and whether tokens were cut off."""
    whole = PromptName(prompt_name).prefix + text
    ids, more = first_tokens(whole, max_length, tokenizer.encode)
    kept = torch.tensor(ids, dtype=torch.int64)  # (tokens,)
    return Segment(ids=kept, start=0, stop=len(kept)), more


def image_segment(tokenizer: TextTokens, image: Image.Image, settings: PixelSettings) -> Segment:
    """One RGB picture in the chat template, pooled from vision_start to vision_end inclusive."""
    patches, grid = patchify(image, settings)
    count = grid[1] * grid[2] // settings.merge_size**2
    before = tokenizer.template(IMAGE_PREFIX)
    after = tokenizer.template(IMAGE_SUFFIX)
    pad = tokenizer.template(IMAGE_PAD)
    ids = torch.tensor(before + pad * count + after, dtype=torch.int64)
    start = len(before) - 1
    return Segment(ids, start, start + count + 2, patches, grid, _digest(patches, grid))


def resize_target(
    height: int, width: int, *, factor: int = 28, min_pixels: int = 3136, max_pixels: int = 602_112
) -> tuple[int, int]:
    """Size of a picture after resizing: multiples of `factor`, area within bounds, aspect nearly kept.

    The rule is the one of Qwen2-VL's image processor (arXiv 2409.12191, section 2.1).

    Raises:
        InputError: the long side is over 200 times the short one.
    """
    if max(height, width) > MAX_ASPECT_RATIO * min(height, width):
        ratio = max(height, width) / min(height, width)
        raise InputError(
            f"image of {width} x {height} pixels has an aspect ratio of {ratio:.1f}, "
            f"the limit is {MAX_ASPECT_RATIO}; crop it or split it"
        )
    rows, columns = round(height / factor) * factor, round(width / factor) * factor
    if rows * columns > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        rows = max(factor, math.floor(height / shrink / factor) * factor)
        columns = max(factor, math.floor(width / shrink / factor) * factor)
    elif rows * columns < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        rows = math.ceil(height * grow / factor) * factor
        columns = math.ceil(width * grow / factor) * factor
    return rows, columns


def patchify(image: Image.Image, settings: PixelSettings) -> tuple[torch.Tensor, tuple[int, int, int]]:
    """Resize, normalise and cut a picture into patches, in the order the vision tower expects.

    The uint8 antialiased bicubic resize and the fused normalisation are what
    transformers' fast processor computes with torchvision, to the bit.

    Returns:
        float32 (patches, 3 * temporal * patch * patch) and the grid (1, rows, columns) in patches.
    """
    pixels = torch.from_numpy(np.array(image.convert("RGB"), dtype=np.uint8))  # (height, width, 3)
    target = resize_target(
        image.height,
        image.width,
        factor=settings.factor,
        min_pixels=settings.min_pixels,
        max_pixels=settings.max_pixels,
    )
    pixels = pixels.permute(2, 0, 1)[None]  # (1, 3, height, width)
    if tuple(pixels.shape[-2:]) != target:
        pixels = functional.interpolate(pixels, size=target, mode="bicubic", antialias=True)
    mean = torch.tensor(settings.mean, dtype=torch.float32).view(3, 1, 1) * 255
    std = torch.tensor(settings.std, dtype=torch.float32).view(3, 1, 1) * 255
    return _cut((pixels[0].float() - mean) / std, settings)


def _cut(pixels: torch.Tensor, settings: PixelSettings) -> tuple[torch.Tensor, tuple[int, int, int]]:
    """Cut (3, height, width) into patches, the merged ones next to each other."""
    side, merge, frames = settings.patch_size, settings.merge_size, settings.temporal_patch_size
    rows, columns = pixels.shape[1] // side, pixels.shape[2] // side
    blocks = pixels.reshape(3, rows // merge, merge, side, columns // merge, merge, side)
    blocks = blocks.permute(1, 4, 2, 5, 0, 3, 6)  # (rows/m, cols/m, m, m, 3, side, side)
    blocks = blocks.reshape(rows * columns, 3, 1, side, side).expand(-1, -1, frames, -1, -1)
    return blocks.reshape(rows * columns, -1), (1, rows, columns)


def position_ids(
    ids: torch.Tensor, grid: tuple[int, int, int] | None, image_pad: int, merge: int
) -> torch.Tensor:
    """Rotary positions of one segment: equal on all axes for text, (time, row, column) on image tokens.

    Text after a picture goes on from the largest position used so far (Qwen2-VL, arXiv 2409.12191).

    Returns:
        int64 (3, tokens).
    """
    if grid is None:
        return torch.arange(len(ids)).expand(3, -1)
    rows, columns = grid[1] // merge, grid[2] // merge
    first = int((ids == image_pad).nonzero()[0])
    picture = torch.stack(
        [
            torch.zeros(rows * columns, dtype=torch.int64),
            torch.arange(rows).repeat_interleave(columns),
            torch.arange(columns).repeat(rows),
        ]
    )  # (3, image tokens)
    rest = len(ids) - first - rows * columns
    after = torch.arange(rest).expand(3, -1) + max(rows, columns) + first
    return torch.cat([torch.arange(first).expand(3, -1), picture + first, after], dim=1)


def _digest(patches: torch.Tensor, grid: tuple[int, int, int]) -> str:
    sha = hashlib.blake2b(repr(grid).encode(), digest_size=16)
    sha.update(patches.numpy().tobytes())
    return sha.hexdigest()
