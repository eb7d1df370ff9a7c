"""Search by late interaction: every token of a query against every token of a document."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from embedder import similarity
from embedder.errors import InputError
from eval.ranking import Ranking, TieOrder, TopK

_TOKENS = 8192  # query tokens scored at a time: with a document of 1,000 tokens 32 MB of products


def late_search(
    queries: Sequence[npt.NDArray[np.float32]],
    corpus: Iterable[Sequence[npt.NDArray[np.float32]]],
    ids: Sequence[str],
    k: int = 100,
) -> Ranking:
    """Rank documents by `embedder.similarity.max_sim`, exactly, block by block.

    Sums are in float32 and read the corpus once: the scores of equal documents may differ in the last
    bits, and these then decide which comes first. Equal scores are ordered by id.

    Args:
        queries: float32 (tokens, d) for each, of any lengths from 1.
        corpus: blocks of such documents in the order of `ids`; read once, held one at a time.
        ids: id of each document, all different.
        k: documents to find for each query.

    Returns:
        The ranking, (queries, k); a score is a sum over query tokens.

    Raises:
        InputError: an item is empty, has another width or is not finite, an id occurs twice, or there
            are more or fewer documents than ids.
    """
    ties = TieOrder(ids)
    best = TopK(len(queries), k, ties)
    first = 0
    for block in corpus:
        if first + len(block) > len(ids):
            raise InputError(f"the corpus has more than {len(ids):,} documents, which is the number of ids")
        for start, stop in _groups(queries):
            best.add(similarity.max_sim(queries[start:stop], block), first, start)
        first += len(block)
    if first != len(ids):
        raise InputError(f"the corpus has {first:,} documents and {len(ids):,} ids")
    return best.ranking()


def _groups(queries: Sequence[npt.NDArray[np.float32]]) -> Iterator[tuple[int, int]]:
    """Ranges of queries with no more than `_TOKENS` tokens together, one query at least."""
    start = used = 0
    for index, query in enumerate(queries):
        if index > start and used + len(query) > _TOKENS:
            yield start, index
            start, used = index, 0
        used += len(query)
    if queries:
        yield start, len(queries)
