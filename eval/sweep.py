"""Exact search at every width, precision and kind of search, over a corpus read block by block.

All widths come out of one pass (`eval.scoring`). The corpus may be larger than memory: of it only
one chunk is held at a time. It is read a second time for what scores candidates anew (rescored,
funnel) and once before to fit the ranges of int8 and uint8.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from embedder.errors import EmbedderNotice, InputError
from embedder.quantization import FEW_VECTORS, Quantizer, VectorPrecision
from embedder.truncation import truncate
from eval.blocks import Corpus, Reader, check_vectors
from eval.ranking import Matrix, Ranking, Rows, TieOrder, TopK
from eval.rescoring import MARGIN, refine, settle
from eval.scoring import Kind, Scorer, Stage, scorers

OVERSAMPLE = 4  # candidates per result wanted, as sentence-transformers' rescoring takes
_LINES = 1024  # queries scored at a time


@dataclass(frozen=True, order=True)
class Setting:
    """One way to search.

    Attributes:
        dim: width that the vectors are cut to, re-normalised.
        precision: number format of the stored vectors, at that width.
        search: "exact": queries in the precision of the documents, compared by what the codes stand
            for; "asymmetric": float queries with quantised documents; "rescored": candidates as in
            exact, scored anew with the float vectors of the same width; "funnel:D": candidates at
            width D in that precision, scored anew with the float vectors of width `dim`.
    """

    dim: int
    precision: VectorPrecision = VectorPrecision.FLOAT32
    search: str = "exact"

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if isinstance(self.dim, bool) or not isinstance(self.dim, int) or self.dim < 1:
            raise InputError(f"dim is {self.dim!r}, expected a whole number from 1")
        if self.precision not in list(VectorPrecision):
            raise InputError(f"precision is {self.precision!r}, expected one of {', '.join(VectorPrecision)}")
        object.__setattr__(self, "precision", VectorPrecision(self.precision))
        if self.search.startswith("funnel:"):
            self._check_funnel(self.search.removeprefix("funnel:"))
        elif self.search not in ("exact", "asymmetric", "rescored"):
            raise InputError(f"search is {self.search!r}, expected exact, asymmetric, rescored or funnel:DIM")
        elif self.search != "exact" and self.precision == VectorPrecision.FLOAT32:
            raise InputError(f"search {self.search!r} needs a precision other than float32")

    def _check_funnel(self, first: str) -> None:
        if not (first.isascii() and first.isdecimal() and str(int(first)) == first):
            raise InputError(f"search is 'funnel:{first}', expected a whole number after the colon")
        if not 1 <= int(first) < self.dim:
            raise InputError(f"search is 'funnel:{first}', expected a width from 1 to {self.dim - 1}")

    @property
    def is_refined(self) -> bool:
        """Whether candidates are scored anew with float vectors."""
        return self.search == "rescored" or self.search.startswith("funnel:")

    @property
    def first_dim(self) -> int:
        """Width of the search through the whole corpus."""
        return int(self.search.removeprefix("funnel:")) if self.search.startswith("funnel:") else self.dim

    @property
    def stage(self) -> Stage:
        """The search through the whole corpus.

        int8 and uint8 share it, as do binary and ubinary: their codes stand for the same vectors.
        """
        asymmetric = self.search == "asymmetric"
        if self.precision == VectorPrecision.FLOAT32:
            kind = Kind.COSINE
        elif self.precision.endswith("int8"):
            kind = Kind.SCALED_ASYMMETRIC if asymmetric else Kind.SCALED
        else:
            kind = Kind.SIGNS_ASYMMETRIC if asymmetric else Kind.SIGNS
        return Stage(kind, self.first_dim)


def sweep(
    queries: npt.NDArray[np.float32],
    corpus: Corpus,
    ids: Sequence[str],
    settings: Iterable[Setting],
    k: int = 100,
    oversample: int = OVERSAMPLE,
) -> dict[Setting, Ranking]:
    """Search a corpus in every setting.

    The result does not depend on the size of the corpus's blocks, and equal documents have equal
    scores, ordered by id.

    Args:
        queries: float32 (q, d), full width; unit or of any length from 1e-15 to 1e15.
        corpus: float32 (n, d) or blocks of such rows.
        ids: id of each document, all different.
        settings: the searches wanted.
        k: documents to find for each query.
        oversample: a refined search scores k times as many candidates anew.

    Returns:
        A ranking (q, k) for each setting, in the order given.

    Raises:
        InputError: shapes or dtypes do not fit, a width is above d, a value is NaN or infinite, an
            id occurs twice, or the corpus can be read only once.
    """
    wanted = list(dict.fromkeys(settings))
    _check(queries, wanted, oversample)
    reader, ties = Reader(corpus, queries.shape[1], len(ids)), TieOrder(ids)
    depths = _depths(wanted, k, oversample)
    methods = scorers(queries, list(depths), _fitted(reader, depths))
    best = {stage: TopK(len(queries), depth + MARGIN, ties) for stage, depth in depths.items()}
    _search(len(queries), reader, methods, best)
    found = settle(reader, methods, {stage: top.ranking() for stage, top in best.items()}, depths, ties)
    anew = {setting: TopK(len(queries), k, ties) for setting in wanted if setting.is_refined}
    _refine(queries, reader, found, anew)
    return {
        setting: anew[setting].ranking() if setting in anew else found[setting.stage].top(k)
        for setting in wanted
    }


def _check(queries: Matrix, settings: Sequence[Setting], oversample: int) -> None:
    if queries.dtype != np.float32 or queries.ndim != 2:
        raise InputError(f"queries are {queries.dtype} {queries.shape}, expected float32 (q, d)")
    check_vectors(queries, "query")
    if oversample < 1:
        raise InputError(f"oversample is {oversample}, expected 1 or more")
    for setting in settings:
        if setting.dim > queries.shape[1]:
            raise InputError(f"dim is {setting.dim}, the vectors have a width of {queries.shape[1]}")


def _depths(settings: Sequence[Setting], k: int, oversample: int) -> dict[Stage, int]:
    """How many documents each search has to find."""
    depths: dict[Stage, int] = {}
    for setting in settings:
        depth = k * oversample if setting.is_refined else k
        depths[setting.stage] = max(depth, depths.get(setting.stage, 0))
    return depths


def _search(queries: int, reader: Reader, methods: Sequence[Scorer], best: Mapping[Stage, TopK]) -> None:
    """Score every document with every query at every stage."""
    for chunk in reader:
        for method in methods:
            documents = method.documents(chunk.rows)
            for start in range(0, queries, _LINES):
                for stage, scores in method.scores(documents, slice(start, start + _LINES)):
                    if stage in best:
                        best[stage].add(scores, chunk.first, start)


def _fitted(reader: Reader, stages: Iterable[Stage]) -> dict[int, Quantizer]:
    """An int8 quantizer for each scaled width, its ranges those of the whole corpus at that width."""
    dims = sorted({stage.dim for stage in stages if stage.kind in (Kind.SCALED, Kind.SCALED_ASYMMETRIC)})
    if not dims:
        return {}
    if reader.documents < FEW_VECTORS:
        warnings.warn(
            f"int8 ranges are fitted on {reader.documents} vectors; {FEW_VECTORS} or more are needed to "
            "trust them",
            EmbedderNotice,
            stacklevel=3,
        )
    low = {dim: np.full(dim, np.inf, dtype=np.float32) for dim in dims}
    high = {dim: np.full(dim, -np.inf, dtype=np.float32) for dim in dims}
    for chunk in reader:
        for dim in dims:
            rows = truncate(chunk.rows, dim)
            np.minimum(low[dim], rows.min(axis=0), out=low[dim])
            np.maximum(high[dim], rows.max(axis=0), out=high[dim])
    return {dim: Quantizer(VectorPrecision.INT8, dim, low[dim], high[dim]) for dim in dims}


def _refine(
    queries: Matrix, reader: Reader, found: Mapping[Stage, Ranking], anew: Mapping[Setting, TopK]
) -> None:
    """Score the candidates of refined settings with float vectors of the setting's width."""
    if not anew:
        return
    jobs: dict[Stage, list[tuple[Rows, TopK]]] = {}
    for setting, best in anew.items():
        jobs.setdefault(Stage(Kind.COSINE, setting.dim), []).append((found[setting.stage].rows, best))
    [method] = scorers(queries, list(jobs), {})
    refine(reader, method, jobs)
