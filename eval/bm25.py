"""Search by words: what a vector model has to beat."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from embedder.errors import InputError
from eval.ranking import Ranking, TieOrder, TopK

Table: TypeAlias = Any
"""A scipy.sparse.csr_array; scipy publishes no types."""

K1 = 0.9
B = 0.4
"""The values of the published BM25 figures of BEIR (arXiv 2306.07471)."""

_WORD = re.compile(r"[^\W_]+")
_DOCUMENTS = 4096  # scored at a time
_LINES = 1024  # queries scored at a time: 32 MB of scores


def words(text: str) -> list[str]:
    """Runs of letters and digits, case folded; names_like_this fall into their parts.

    There are no stop words and no stemming, since a benchmark may be in any language.
    """
    return _WORD.findall(text.casefold())


def bm25_search(
    queries: Sequence[str],
    documents: Iterable[str],
    ids: Sequence[str],
    k: int = 100,
    k1: float = K1,
    b: float = B,
) -> Ranking:
    """Rank documents by BM25 in Lucene's form.

    A word that occurs f times in a document of length l adds, as often as the query has it,
    ln(1 + (N - n + 0.5) / (n + 0.5)) * f / (f + k1 * (1 - b + b * l / mean l)), where n of N documents
    have the word (Robertson and Zaragoza 2009, doi 10.1561/1500000019; the variants are compared by
    Kamphuis et al. 2020, doi 10.1007/978-3-030-45442-5_4).

    Args:
        queries: their texts.
        documents: their texts, read once.
        ids: id of each document, all different.
        k: documents to find for each query.
        k1: how slowly repetition saturates, 0 or more.
        b: how much length counts, from 0 to 1.

    Returns:
        The ranking (queries, k); documents that share no word with a query are not found, -1.

    Raises:
        InputError: an option is out of range, an id occurs twice, or there are more or fewer documents
            than ids.
    """
    if not (k1 >= 0 and 0 <= b <= 1):
        raise InputError(f"k1 is {k1} and b is {b}, expected k1 >= 0 and b from 0 to 1")
    vocabulary: dict[str, int] = {}
    counts = _counts(documents, vocabulary, grow=True)
    if counts.shape[0] != len(ids):
        raise InputError(f"there are {counts.shape[0]:,} documents and {len(ids):,} ids")
    weights = _weighted(counts, k1, b)
    asked = _counts(queries, vocabulary, grow=False).T.tocsc()  # (words, queries)
    best = TopK(len(queries), k, TieOrder(ids))
    for first in range(0, len(ids), _DOCUMENTS):
        part = weights[first : first + _DOCUMENTS]
        for line in range(0, len(queries), _LINES):
            scores = (part @ asked[:, line : line + _LINES]).toarray().T
            best.add(scores.astype(np.float32), first, line)
    return _without_strangers(best.ranking())


def _counts(texts: Iterable[str], vocabulary: dict[str, int], grow: bool) -> Table:
    """How often each text has each word: float64 (texts, words), columns in order.

    Args:
        texts: to count in.
        vocabulary: word -> column.
        grow: whether a new word gets a column; else it is passed over.
    """
    columns: list[npt.NDArray[np.int64]] = []
    values: list[npt.NDArray[np.float64]] = []
    for text in texts:
        found = Counter(words(text))
        if grow:
            for word in found:
                vocabulary.setdefault(word, len(vocabulary))
        known = [(vocabulary[word], count) for word, count in found.items() if word in vocabulary]
        # In order of columns, so that equal texts are summed in the same order.
        row = np.array(sorted(known), dtype=np.int64).reshape(-1, 2)
        columns.append(row[:, 0])
        values.append(row[:, 1].astype(np.float64))
    edges = np.cumsum([0, *map(len, columns)])
    cells = (np.concatenate([*values, []]), np.concatenate([*columns, np.zeros(0, np.int64)]), edges)
    return sparse.csr_array(cells, shape=(len(columns), len(vocabulary)))


def _weighted(counts: Table, k1: float, b: float) -> Table:
    """What each word of each document adds to a score: float64 (documents, words)."""
    total, lengths = counts.shape[0], np.asarray(counts.sum(axis=1)).ravel()
    having = np.bincount(counts.indices, minlength=counts.shape[1])
    rarity = np.log1p((total - having + 0.5) / (having + 0.5))
    relative = lengths / max(lengths.mean(), 1e-9) if total else lengths
    of_row = np.repeat(k1 * (1 - b + b * relative), np.diff(counts.indptr))
    data = rarity[counts.indices] * counts.data / (counts.data + of_row)
    return sparse.csr_array((data, counts.indices, counts.indptr), shape=counts.shape)


def _without_strangers(ranking: Ranking) -> Ranking:
    """Without the documents of score 0, which share no word with the query."""
    found = ranking.scores > 0
    return Ranking(np.where(found, ranking.rows, -1), np.where(found, ranking.scores, np.float32(-np.inf)))
