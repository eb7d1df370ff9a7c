"""Two benchmarks of words: a word asks for its definition, and a name in one language for it in English.

Definitions are WordNet's, names those of the Unicode CLDR; both are read from Debian's packages when asked
for, and nothing of them is kept here. Only what training leaves out is asked for.
"""

import numpy as np

from embedder.training import data_text
from embedder.training.data_text import TextPair
from eval.benchmarks.model import Benchmark, Items, assemble

ASKED = 400  # of each benchmark, evenly over what is held out
PACKAGES = {"definitions": "wordnet-base", "names": "unicode-cldr-core"}  # of Debian and its descendants


def missing(name: str) -> str | None:
    """What is not installed, with the line to run; None where everything is there."""
    file = {
        "definitions": data_text.WORDNET / "data.noun", "names": data_text.CLDR / "annotations" / "en.xml",
    }[name]  # fmt: skip
    return None if file.is_file() else f"not installed here: run `apt-get install {PACKAGES[name]}`"


def definitions(name: str, _seed: int = 0) -> Benchmark:
    """Words of a synset against the definitions of all that are held out."""
    pairs = [pair for pair in data_text.wordnet_glosses(data_text.WORDNET) if pair.held_out]
    return _asked(name, "text to text", pairs, "WordNet 3.0, synsets held out from training")


def names(name: str, _seed: int = 0) -> Benchmark:
    """Names in 16 languages against the English names of all that are held out."""
    pairs = [
        TextPair(pair.right, pair.left, pair.key)
        for pair in data_text.translations(data_text.CLDR)
        if pair.held_out
    ]
    return _asked(name, "text to text", pairs, "Unicode CLDR, names held out from training")


def _asked(name: str, modality: str, pairs: list[TextPair], source: str) -> Benchmark:
    """Left sides ask for right sides; equal right sides are one document, and equal left sides one query."""
    documents = {text: row for row, text in enumerate(dict.fromkeys(pair.right for pair in pairs))}
    wanted: dict[str, dict[str, int]] = {}
    for pair in pairs:
        wanted.setdefault(pair.left, {})[f"document-{documents[pair.right]:05d}"] = 1
    lefts = list(wanted)
    lefts = [lefts[at] for at in np.unique(np.linspace(0, len(lefts) - 1, ASKED).round().astype(int))]
    ids = [f"query-{row:04d}" for row in range(len(lefts))]
    corpus = Items.of([f"document-{row:05d}" for row in documents.values()], list(documents))
    judgements = {id_: wanted[left] for id_, left in zip(ids, lefts, strict=True)}
    return assemble(
        name, modality, corpus, Items.of(ids, lefts), judgements, source=f"{source}; as installed here"
    )
