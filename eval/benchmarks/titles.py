"""A benchmark of pages: a title, or one of its words, asks for the pages that bear it in large type.

Pages are drawn by the renderer that training never used, in Pillow's own face. A title asks for its own page
(gain 2), and a word that several titles have for all of them (gain 1 each). The words are frequent English
nouns of WordNet, which comes from a Debian package and is not kept here.
"""

from collections import defaultdict

import numpy as np

from embedder.training.held_out_renderer import render_page
from embedder.training.pages import Title, sample_title, vocabulary
from embedder.training.pages import missing as missing
from eval.benchmarks.model import Benchmark, Items, assemble

PAGES = 300
WORDS = 200  # of the vocabulary, so that titles share some
SIDE = 224  # pixels; a title's letters can be read
OWN, SHARED = 2, 1  # gains


def pages(name: str, seed: int = 0, count: int = PAGES) -> Benchmark:
    """Titles and words against `count` pages of 224 x 224 pixels.

    Args:
        name: what it is called.
        seed: of words, titles and drawing; equal seeds give equal pixels.
        count: number of pages, each with a title of its own.
    """
    rng = np.random.default_rng(seed)
    titles = sample_titles(count, rng)
    corpus = Items.of(
        [f"page-{row:04d}" for row in range(count)], [render_page(title, SIDE, rng) for title in titles]
    )
    judgements: dict[str, dict[str, int]] = {}
    texts: list[str] = []
    for text, gains in questions(titles).items():
        judgements[f"q:{text}"] = {f"page-{row:04d}": gain for row, gain in gains.items()}
        texts.append(text)
    queries = Items.of(list(judgements), texts)
    source = f"drawn at run time, seed {seed}; words: WordNet, as installed here"
    return assemble(name, "text to image", corpus, queries, judgements, source=source)


def size() -> tuple[int, int]:
    """Number of pages and of questions, with the first seed."""
    return PAGES, len(questions(sample_titles(PAGES, np.random.default_rng(0))))


def sample_titles(count: int, rng: np.random.Generator) -> list[Title]:
    """Different titles of one to three words, out of WORDS of the vocabulary."""
    known = vocabulary()
    words = tuple(known[i] for i in rng.permutation(len(known))[:WORDS])
    found: dict[frozenset[str], Title] = {}
    while len(found) < count:
        title = sample_title(rng, words)
        found.setdefault(frozenset(title), title)
    return list(found.values())


def questions(titles: list[Title]) -> dict[str, dict[int, int]]:
    """Question -> page -> gain; a word that is also a whole title asks for both."""
    bearers: dict[str, list[int]] = defaultdict(list)
    for row, title in enumerate(titles):
        for word in title:
            bearers[word].append(row)
    asked = {word: dict.fromkeys(rows, SHARED) for word, rows in bearers.items() if len(rows) > 1}
    for row, title in enumerate(titles):
        asked.setdefault(" ".join(title), {})[row] = OWN
    return asked
