"""Titles of pages: words that titles often have, and the most frequent English nouns, as WordNet counts them.

Nothing of WordNet is kept in the repository: its words are read from Debian's package when they are needed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from embedder.training import data_text

WORDS = 800  # a title's vocabulary
SHORTEST, LONGEST = 3, 8  # letters of WordNet's words
COUNTS = "cntlist.rev"
NOUN = "1:"  # how a sense key's lex_sense begins (senseidx(5WN))
LENGTHS = (0.25, 0.5, 0.25)  # how many titles have one, two or three words
TITLE_WORDS = tuple(
    """
    report budget plan summary results guide chapter contents agenda minutes invoice letter policy schedule
    review analysis strategy research methods data model training test overview tutorial manual handbook
    reference catalog brochure journal magazine calendar timeline roadmap checklist inventory order receipt
    ticket passport index glossary appendix preface abstract conclusion discussion question answer poster
    annual monthly weekly daily final draft new first global local public private
    introduction company business customer product project team meeting notes sales market finance economy
    inflation tax bank credit loan insurance pension salary career job interview skills workshop seminar
    conference contract license privacy terms security safety emergency law police fire
    school university campus library museum lesson course exam teacher student children parents family
    science physics chemistry biology medicine hospital health algebra geometry numbers statistics
    computer software network internet robot machine camera phone radio television satellite telescope
    laboratory experiment theory proof evidence survey election government treaty peace war empire revolution
    language grammar poetry novel stories news history music art design painting theater cinema concert
    festival holiday birthday wedding fashion sports football tennis chess puzzle game magic dragon castle
    garden flowers plants birds animals insects forest river mountain ocean island desert jungle planets space
    climate weather winter spring summer autumn rain snow storm sunrise morning evening
    kitchen recipe menu food bread coffee travel hotel flight train bicycle car engine battery solar energy
    wind nuclear bridge tower house building furniture city map office factory
    """.split()
)
Title = tuple[str, ...]


def missing() -> str | None:
    """What the words need and is not installed, with the line to run; None where it is there."""
    here = (data_text.WORDNET / COUNTS).is_file()
    return None if here else "not installed here: run `apt-get install wordnet-base`"


def vocabulary(folder: Path | None = None, count: int = WORDS) -> tuple[str, ...]:
    """TITLE_WORDS, and the nouns that WordNet's tagged texts have most often, `count` words in all.

    Args:
        folder: WordNet's; that of Debian's package if left out.
        count: of words.
    """
    return _vocabulary(data_text.WORDNET if folder is None else folder, count)


@cache
def _vocabulary(folder: Path, count: int) -> tuple[str, ...]:
    """As :func:`vocabulary`.

    ``cntlist.rev`` has a line for each sense: key, number and how often it was tagged (cntlist(5WN)).
    """
    times: dict[str, int] = {}
    for line in (folder / COUNTS).read_text(encoding="utf-8").splitlines():
        key, _, tagged = line.split()
        lemma, _, sense = key.partition("%")
        if sense.startswith(NOUN) and lemma.isascii() and lemma.isalpha() and lemma.islower():
            if SHORTEST <= len(lemma) <= LONGEST:
                times[lemma] = times.get(lemma, 0) + int(tagged)
    ranked = sorted(times, key=lambda word: (-times[word], word))
    return tuple(dict.fromkeys([*TITLE_WORDS, *ranked]))[:count]


def sample_title(rng: np.random.Generator, words: tuple[str, ...] | None = None) -> Title:
    """One to three different words in any order."""
    words = vocabulary() if words is None else words
    count = int(rng.choice(len(LENGTHS), p=LENGTHS)) + 1
    return tuple(words[i] for i in rng.choice(len(words), count, replace=False))
