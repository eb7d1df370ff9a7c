"""Search by late interaction: every token of a query against every token of a document.

Of the corpus one block is held at a time, and of what codes stand for no more than `_TOKENS` tokens. It is
read once before to fit the ranges of int8 and uint8, and once after where candidates are scored anew.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from embedder import similarity
from embedder.errors import EmbedderNotice, InputError
from embedder.quantization import FEW_VECTORS, Quantizer, VectorPrecision
from eval.ranking import Ranking, TieOrder, TopK
from eval.scoring import Kind, Stage
from eval.sweep import OVERSAMPLE, Setting

Tokens: TypeAlias = npt.NDArray[np.float32]
"""The vectors of one item, (tokens, d)."""

Blocks: TypeAlias = Iterable[Sequence[Tokens]]
Numbered: TypeAlias = Iterator[tuple[int, Sequence[Tokens]]]

_TOKENS = 8192  # query tokens scored at a time: with a document of 1,000 tokens 32 MB of products


@dataclass(frozen=True, eq=False)
class _Pass:
    """Searches that compare with the same form of the documents.

    Attributes:
        form: makes of the documents' tokens, (n, d), what their codes stand for; None leaves them.
        searches: for each the queries in their own form, what scores are multiplied by, and what
            collects them.
    """

    form: Callable[[Tokens], Tokens] | None
    searches: Sequence[tuple[Sequence[Tokens], float, TopK]]


def late_search(queries: Sequence[Tokens], corpus: Blocks, ids: Sequence[str], k: int = 100) -> Ranking:
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
    best = TopK(len(queries), k, TieOrder(ids))
    _search(_numbered(corpus, len(ids)), [_Pass(None, [(queries, 1, best)])])
    return best.ranking()


def late_sweep(
    queries: Sequence[Tokens],
    corpus: Callable[[], Blocks],
    ids: Sequence[str],
    settings: Iterable[Setting],
    k: int = 100,
    oversample: int = OVERSAMPLE,
) -> dict[Setting, Ranking]:
    """Late interaction in several number formats of the token vectors.

    float32 is `late_search`. int8 and uint8 have one range per dimension, that of the corpus's tokens;
    binary and ubinary keep the signs, whose products are divided by the width, so that two equal tokens
    have 1. Both sides are codes; "asymmetric" takes the query's tokens in float32; "rescored" scores the
    `oversample * k` best anew in float32, each pair by itself and summed in float64.

    Args:
        queries: float32 (tokens, d) for each, of any lengths from 1.
        corpus: called for each pass; blocks of such documents in the order of `ids`, held one at a time.
        ids: id of each document, all different.
        settings: the searches wanted, all of width d and without funnels.
        k: documents to find for each query.
        oversample: a rescored search scores k times as many candidates anew.

    Returns:
        A ranking (queries, k) for each setting, in the order given.

    Raises:
        InputError: as `late_search`, or a setting is cut, is a funnel, or oversample is below 1.
    """
    wanted, ties = list(dict.fromkeys(settings)), TieOrder(ids)
    if not wanted:
        return {}
    _check(queries, wanted, oversample)

    def blocks() -> Numbered:
        return _checked(_numbered(corpus(), len(ids)), wanted[0].dim)

    deep = {setting.stage for setting in wanted if setting.is_refined}
    stages = dict.fromkeys(setting.stage for setting in wanted)
    best = {stage: TopK(len(queries), k * oversample if stage in deep else k, ties) for stage in stages}
    _search(blocks(), _passes(queries, best, blocks))
    found = {stage: top.ranking() for stage, top in best.items()}
    anew = _rescored(queries, blocks, {stage: found[stage] for stage in deep}, k, ties)
    return {
        setting: anew[setting.stage] if setting.is_refined else found[setting.stage].top(k)
        for setting in wanted
    }


def _check(queries: Sequence[Tokens], settings: Sequence[Setting], oversample: int) -> None:
    width = settings[0].dim
    for index, query in enumerate(queries):
        _check_item("query", index, query, width)
    for setting in settings:
        if setting.dim != width:
            raise InputError(f"dims are {width} and {setting.dim}: token vectors are not cut")
        if setting.first_dim != width:
            raise InputError(f"search is {setting.search!r}, expected exact, asymmetric or rescored")
    if oversample < 1:
        raise InputError(f"oversample is {oversample}, expected 1 or more")


def _check_item(kind: str, index: int, item: Tokens, width: int) -> None:
    if item.ndim != 2 or not len(item) or item.shape[1] != width:
        raise InputError(
            f"{kind} {index} has shape {item.shape}, expected (tokens, {width}) with tokens >= 1"
        )
    if not np.isfinite(item).all():
        raise InputError(f"{kind} {index} holds NaN or infinity")


def _numbered(corpus: Blocks, documents: int) -> Numbered:
    """Each block with the row of its first document."""
    first = 0
    for block in corpus:
        if first + len(block) > documents:
            raise InputError(f"the corpus has more than {documents:,} documents, which is the number of ids")
        yield first, block
        first += len(block)
    if first != documents:
        raise InputError(f"the corpus has {first:,} documents and {documents:,} ids")


def _checked(blocks: Numbered, width: int) -> Numbered:
    for first, block in blocks:
        for place, item in enumerate(block):
            _check_item("document", first + place, item, width)
        yield first, block


def _passes(
    queries: Sequence[Tokens], best: Mapping[Stage, TopK], blocks: Callable[[], Numbered]
) -> list[_Pass]:
    """What computes the scores of all stages: one pass for each form of the documents."""
    kinds, found = {stage.kind: top for stage, top in best.items()}, []
    width = next(iter(best)).dim
    coded: dict[Kind, tuple[bool, float]]
    if Kind.COSINE in kinds:
        found.append(_Pass(None, [(queries, 1, kinds[Kind.COSINE])]))
    if kinds.keys() & {Kind.SCALED, Kind.SCALED_ASYMMETRIC}:
        scaled = _form(_fitted(blocks(), width))
        coded = {Kind.SCALED: (True, 1), Kind.SCALED_ASYMMETRIC: (False, 1)}
        found.append(_pass(queries, scaled, coded, kinds))
    if kinds.keys() & {Kind.SIGNS, Kind.SIGNS_ASYMMETRIC}:
        coded = {Kind.SIGNS: (True, 1 / width), Kind.SIGNS_ASYMMETRIC: (False, width**-0.5)}
        found.append(_pass(queries, _signs, coded, kinds))
    return found


def _pass(
    queries: Sequence[Tokens],
    form: Callable[[Tokens], Tokens],
    coded: Mapping[Kind, tuple[bool, float]],
    kinds: Mapping[Kind, TopK],
) -> _Pass:
    """One pass of quantised documents; `coded` says whether a kind's queries are too, and its factor."""
    return _Pass(
        form,
        [
            (_formed(queries, form) if is_coded else queries, factor, kinds[kind])
            for kind, (is_coded, factor) in coded.items()
            if kind in kinds
        ],
    )


def _form(quantizer: Quantizer) -> Callable[[Tokens], Tokens]:
    return lambda tokens: quantizer.dequantize(quantizer.quantize(tokens))


def _signs(tokens: Tokens) -> Tokens:
    """+1 and -1, whose sums are whole numbers: equal distances give equal scores."""
    return np.sign(_form(Quantizer(VectorPrecision.BINARY, tokens.shape[1]))(tokens))


def _formed(items: Sequence[Tokens], form: Callable[[Tokens], Tokens]) -> list[Tokens]:
    if not items:
        return []
    return np.split(form(np.concatenate(items)), np.cumsum([len(item) for item in items])[:-1])


def _fitted(blocks: Numbered, width: int) -> Quantizer:
    """Ranges of all the corpus's tokens."""
    low, high = np.full(width, np.inf, np.float32), np.full(width, -np.inf, np.float32)
    count = 0
    for _, block in blocks:
        for item in block:
            np.minimum(low, item.min(axis=0), out=low)
            np.maximum(high, item.max(axis=0), out=high)
            count += len(item)
    if count < FEW_VECTORS:
        warnings.warn(
            f"int8 ranges are fitted on {count} token vectors; {FEW_VECTORS} or more are needed to trust "
            "them",
            EmbedderNotice,
            stacklevel=4,
        )
    if not count:
        low, high = np.zeros(width, np.float32), np.zeros(width, np.float32)
    return Quantizer(VectorPrecision.INT8, width, low, high)


def _search(blocks: Numbered, passes: Sequence[_Pass]) -> None:
    """Score every document with every query in every pass."""
    for first, block in blocks:
        for one in passes:
            parts = [(0, len(block))] if one.form is None else list(_groups(block))
            for start, stop in parts:
                part = block[start:stop]
                documents = part if one.form is None else _formed(part, one.form)
                for queries, factor, best in one.searches:
                    for a, b in _groups(queries):
                        scores = similarity.max_sim(queries[a:b], documents)
                        best.add(scores * np.float32(factor), first + start, a)


def _rescored(
    queries: Sequence[Tokens],
    blocks: Callable[[], Numbered],
    found: Mapping[Stage, Ranking],
    k: int,
    ties: TieOrder,
) -> dict[Stage, Ranking]:
    """Candidates in the order of their scores in float32."""
    if not found:
        return {}
    scores = {stage: np.zeros_like(ranking.scores) for stage, ranking in found.items()}
    for first, block in blocks():
        for stage, ranking in found.items():
            _score_anew(queries, first, block, ranking.rows, scores[stage])
    best = {stage: TopK(len(queries), k, ties) for stage in found}
    for stage, ranking in found.items():
        known = ranking.rows >= 0
        best[stage].add_pairs(scores[stage][known], ranking.rows[known], np.nonzero(known)[0])
    return {stage: top.ranking() for stage, top in best.items()}


def _score_anew(
    queries: Sequence[Tokens],
    first: int,
    block: Sequence[Tokens],
    rows: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float32],
) -> None:
    """Fill in the scores of the candidates that lie in a block, document by document."""
    line, slot = np.nonzero((rows >= first) & (rows < first + len(block)))
    order = np.argsort(rows[line, slot], kind="stable")
    line, slot = line[order], slot[order]
    chosen = rows[line, slot] - first
    for places in np.split(np.arange(len(chosen)), np.flatnonzero(np.diff(chosen)) + 1):
        if len(places):
            asked = [queries[query] for query in line[places]]
            scores[line[places], slot[places]] = _pairs(asked, block[chosen[places[0]]])


def _pairs(queries: Sequence[Tokens], document: Tokens) -> npt.NDArray[np.float32]:
    """Scores of one document, in float64: (queries,)."""
    wide, found = document.astype(np.float64), []
    for start, stop in _groups(queries):
        tokens = np.concatenate(queries[start:stop]).astype(np.float64)
        starts = np.cumsum([0, *(len(query) for query in queries[start : stop - 1])])
        found.append(np.add.reduceat((tokens @ wide.T).max(axis=1), starts))
    return np.concatenate(found).astype(np.float32)


def _groups(items: Sequence[Tokens]) -> Iterator[tuple[int, int]]:
    """Ranges of items with no more than `_TOKENS` tokens together, one item at least."""
    start = used = 0
    for index, item in enumerate(items):
        if index > start and used + len(item) > _TOKENS:
            yield start, index
            start, used = index, 0
        used += len(item)
    if items:
        yield start, len(items)
