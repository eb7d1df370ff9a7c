"""Reading at training time: which letter is in each patch of a page, and which word in each image token.

Learned together with the vectors of titles, beside which these losses weigh little, no word was found in 500
steps. So letters and words come first, and titles in the stage after this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from embedder.training.network import MERGE, patch_places
from embedder.training.page_pictures import Page
from embedder.training.pages import Title, vocabulary
from embedder.training.renderers import Drawing

NONE = 26  # no letter; letters are 0 to 25
UPRIGHT = 0.03  # letters have no more than this between their lines, as a fraction of the side
AROUND = (0.07, 0.05)  # a token shows a word if its centre is at most so far beside or above it
Labels = tuple[NDArray[np.int64], NDArray[np.int64]]


class LetterHeads(nn.Module):
    """Linear heads that name a patch's letter and a token's word; only training has them."""

    def __init__(self, vision_width: int, hidden: int, words: Sequence[str] | None = None) -> None:
        super().__init__()
        self.words = {word: index for index, word in enumerate(vocabulary() if words is None else words)}
        self.letter = nn.Linear(vision_width, NONE + 1)
        self.word = nn.Linear(hidden, len(self.words) + 1)

    def labels(self, page: Page, title: Title, grid: tuple[int, int]) -> Labels:
        """Letters (patches,) and words (image tokens,) of a page of `grid` patches, in the tower's order."""
        rows, columns = (part.numpy() for part in patch_places(grid))
        y, x = (rows + 0.5) / grid[0], (columns + 0.5) / grid[1]
        letters = np.full(len(x), NONE)
        for letter, _, (left, top, right, bottom) in page.letters:
            inside = (x >= left) & (x < right) & (y >= top - UPRIGHT) & (y < bottom + UPRIGHT)
            letters[inside] = ord(letter) - ord("a")
        x, y = (part.reshape(-1, MERGE**2).mean(1) for part in (x, y))
        words = np.full(len(x), len(self.words))
        for number, word in enumerate(title):
            boxes = np.array([box for _, one, box in page.letters if one == number])
            (left, top), (right, bottom) = boxes[:, :2].min(0), boxes[:, 2:].max(0)
            beside = (x >= left - AROUND[0]) & (x < right + AROUND[0])
            words[beside & (y >= top - AROUND[1]) & (y < bottom + AROUND[1])] = self.words[word]
        return letters, words

    def of(self, drawings: Sequence[Drawing], titles: Sequence[Title], grid: tuple[int, int]) -> list[Labels]:
        """The labels of pages of equal size."""
        shown = zip(drawings, titles, strict=True)
        return [self.labels(page, title, grid) for page, title in shown if isinstance(page, Page)]

    @torch.no_grad()
    def right(self, features: Tensor, labels: Sequence[Labels]) -> float:
        """Share of the tokens that show a word of a title whose word is named."""
        words = torch.from_numpy(np.stack([of_tokens for _, of_tokens in labels])).flatten()
        shown = words < len(self.words)
        named = self.word(features.float()).flatten(0, 1).argmax(1)
        return float((named == words)[shown].float().mean())

    def losses(self, states: Tensor, features: Tensor, labels: Sequence[Labels]) -> dict[str, Tensor]:
        """Mean cross-entropies, "letters" and "words".

        Args:
            states: of the last block, (pictures, patches, vision width).
            features: merged, (pictures, image tokens, hidden).
            labels: of each picture.
        """
        letters, words = (torch.from_numpy(np.stack(part)).flatten() for part in zip(*labels, strict=True))
        return {
            "letters": functional.cross_entropy(self.letter(states.float()).flatten(0, 1), letters),
            "words": functional.cross_entropy(self.word(features.float()).flatten(0, 1), words),
        }
