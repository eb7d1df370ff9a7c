"""Our models for mteb: `mteb.evaluate` at every width and by late interaction, with one encode for all.

    import mteb
    from embedder import Embedder
    from eval.mteb_model import for_mteb

    for width, model in for_mteb(Embedder.from_pretrained("mini"), dims=(64, 256), late=True).items():
        print(width, mteb.evaluate(model, mteb.get_task("NFCorpus")))

The models that `for_mteb` returns share their vectors and their searches: the first that sees a
task encodes it and searches all widths in one pass, the others find everything done. mteb asks them
as its `SearchProtocol` in retrieval, and as its `EncoderProtocol` in tasks of other kinds.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from embedder import InputError, Task, similarity, truncate
from embedder.protocol import Model
from eval.benchmarks.model import Items
from eval.benchmarks.mteb_tasks import DOCUMENT, QUERY, items_of, library
from eval.cache import StoredVectors
from eval.encoding import Counts, Encoder, Job, roles_of
from eval.late import late_search
from eval.ranking import Ranking
from eval.sweep import Setting, sweep

LATE = "late"
Width = int | str  # a width of dense vectors, or "late"
Meta = Any  # mteb's TaskMetadata
Table = Any  # datasets.Dataset
Matrix = NDArray[np.float32]

_REMEMBERED = 8  # searches kept for the other widths


def for_mteb(
    model: Model,
    *,
    dims: Sequence[int] | None = None,
    late: bool = False,
    task: str | None = None,
    cache: Path | None = None,
    max_length: int | None = None,
    max_pixels: int | None = None,
    batch_size: int | None = None,
) -> dict[Width, "MtebModel"]:
    """One model for mteb per width, which share everything.

    Args:
        model: a loaded model.
        dims: widths of dense vectors; None is those that it was trained for.
        late: late interaction too, as the model "late".
        task: adapter; None is retrieval for tasks of queries and documents, text-matching for others.
        cache: folder of the cache; None keeps vectors in memory.
        max_length: longest text in tokens.
        max_pixels: largest picture.
        batch_size: inputs per forward pass.

    Raises:
        InputError: a width or the task is not the model's, or mteb is not installed.
    """
    spec = model.spec
    widths = tuple(dims or spec.matryoshka_dims)
    for dim in widths:
        if not 1 <= dim <= spec.dim:
            raise InputError(f"dims has {dim}: {spec.name} has vectors of 1 to {spec.dim} numbers")
    if late and not spec.multi_vector_dim:
        raise InputError(f"late=True: {spec.name} has dense vectors only")
    if task is not None and task not in model.tasks:
        raise InputError(f"task {task!r}: {spec.name} has {', '.join(model.tasks)}")
    library()
    encoder = Encoder(
        model, cache, vectors=("dense", "late") if late else ("dense",), max_length=max_length,
        max_pixels=max_pixels, batch_size=batch_size,
    )  # fmt: skip
    engine = Engine(encoder, widths, late, task)
    every: list[Width] = [*widths, *([LATE] if late else [])]
    return {width: MtebModel(engine, width) for width in every}


class Engine:
    """What the models of one family share: vectors, and rankings at every width."""

    def __init__(self, encoder: Encoder, dims: Sequence[int], late: bool, task: str | None) -> None:
        """Put together; use `for_mteb`."""
        self.encoder = encoder
        self._dims = tuple(dims)
        self._late = late
        self._task = task
        self._found: OrderedDict[bytes, dict[Width, Ranking]] = OrderedDict()

    def task_of(self, prompt_type: object) -> str:
        """The adapter for a task of mteb: only one of queries and documents has prompt types."""
        if self._task is not None:
            return self._task
        fitting = Task.TEXT_MATCHING if prompt_type is None else Task.RETRIEVAL
        return str(fitting if fitting in self.encoder.model.tasks else self.encoder.model.tasks[0])

    def sides(
        self, task: str, queries: Items, corpus: Items
    ) -> dict[str, tuple[StoredVectors, StoredVectors]]:
        """Vectors of queries and documents by kind; what is not there yet is encoded."""
        asked, found = (Job(task, role) for role in roles_of(task))
        documents = self.encoder.encode(corpus, [found], "documents")
        questions = self.encoder.encode(queries, [asked], "queries")
        kinds = ("dense", "late") if self._late else ("dense",)
        return {kind: (questions[asked, kind], documents[found, kind]) for kind in kinds}

    def rank(self, task: str, queries: Items, corpus: Items, k: int) -> dict[Width, Ranking]:
        """Rankings at every width, from one pass."""
        name = f"{task} {k}".encode() + _mark(queries) + _mark(corpus)
        if name not in self._found:
            sides = self.sides(task, queries, corpus)
            self._found[name] = self._search(sides, corpus.ids, k)
            if len(self._found) > _REMEMBERED:
                self._found.popitem(last=False)
        return self._found[name]

    def _search(
        self, sides: Mapping[str, tuple[StoredVectors, StoredVectors]], ids: Sequence[str], k: int
    ) -> dict[Width, Ranking]:
        queries, corpus = sides["dense"]
        settings = [Setting(dim) for dim in self._dims]
        found: dict[Width, Ranking] = {
            setting.dim: ranking
            for setting, ranking in sweep(queries.matrix(), corpus, ids, settings, k).items()
        }
        if self._late:
            queries, corpus = sides["late"]
            tokens = [query for block in queries.late_blocks() for query in block]
            found[LATE] = late_search(tokens, corpus.late_blocks(), ids, k)
        return found


class MtebModel:
    """One width of a model, as mteb asks for it."""

    def __init__(self, engine: Engine, width: Width) -> None:
        """Made by `for_mteb`."""
        self._engine = engine
        self._width = width
        self._corpus: Items | None = None
        self.mteb_model_meta = _meta(engine.encoder, width)

    @property
    def counts(self) -> Counts:
        """What went through the model, for this and its siblings together."""
        return self._engine.encoder.counts

    def index(
        self, corpus: Table, *, task_metadata: Meta, hf_split: str, hf_subset: str, **_: object
    ) -> None:
        """Take in a corpus; it is encoded with the queries."""
        where = f"{task_metadata.name}, {hf_subset}, {hf_split}, corpus"
        self._corpus = items_of(corpus, DOCUMENT, task_metadata, where)[0]

    def search(
        self,
        queries: Table,
        *,
        task_metadata: Meta,
        hf_split: str,
        hf_subset: str,
        top_k: int,
        top_ranked: Mapping[str, Sequence[str]] | None = None,
        **_: object,
    ) -> dict[str, dict[str, float]]:
        """Scores of the best documents: query id -> document id -> score.

        Raises:
            InputError: `index` was not called, or an item cannot be encoded.
        """
        if self._corpus is None:
            raise InputError("search before index: mteb calls `index` with the corpus first")
        where = f"{task_metadata.name}, {hf_subset}, {hf_split}, queries"
        asked = items_of(queries, QUERY, task_metadata, where)[0]
        corpus, self._corpus = self._corpus, None
        task = self._engine.task_of(QUERY)
        if top_ranked is not None:
            return self._rerank(task, asked, corpus, top_ranked)
        ranking = self._engine.rank(task, asked, corpus, top_k)[self._width]
        return {
            query: {
                corpus.ids[row]: float(score) for row, score in zip(rows, scores, strict=True) if row >= 0
            }
            for query, rows, scores in zip(asked.ids, ranking.rows.tolist(), ranking.scores, strict=True)
        }

    def encode(
        self,
        inputs: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Meta,
        hf_split: str,
        hf_subset: str,
        prompt_type: Any = None,  # noqa: ANN401 - mteb's own enum
        **_: object,
    ) -> Matrix:
        """Dense vectors for tasks that are not retrieval: unit rows, float32 (n, width).

        Raises:
            InputError: this is the model of late interaction, or an item cannot be encoded.
        """
        if isinstance(self._width, str):
            raise InputError(f"{task_metadata.name}: late interaction is for retrieval; use a width instead")
        items = Items.of(*_listed(inputs))
        task = self._engine.task_of(prompt_type)
        side = 1 if str(getattr(prompt_type, "value", prompt_type)) == DOCUMENT else 0
        job = Job(task, roles_of(task)[side])
        stored = self._engine.encoder.encode(items, [job], task_metadata.name)[job, "dense"]
        return truncate(stored.matrix(), self._width)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> torch.Tensor:  # noqa: ANN401 - numpy or torch
        """Cosine of each of the first with each of the second: float32 (n, m)."""
        return torch.from_numpy(similarity.cosine(np.asarray(embeddings1), np.asarray(embeddings2)))

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> torch.Tensor:  # noqa: ANN401
        """Cosine of each pair: float32 (n,)."""
        one, other = (np.atleast_2d(np.asarray(rows, np.float32)) for rows in (embeddings1, embeddings2))
        width = one.shape[1]
        return torch.from_numpy(np.vecdot(truncate(one, width), truncate(other, width)))

    def _rerank(
        self, task: str, queries: Items, corpus: Items, candidates: Mapping[str, Sequence[str]]
    ) -> dict[str, dict[str, float]]:
        """Scores of the documents that somebody else found for each query."""
        rows = {key: row for row, key in enumerate(corpus.ids)}
        sides = self._engine.sides(task, queries, corpus)
        found: dict[str, dict[str, float]] = {}
        if isinstance(self._width, str):
            asked, tokens = ([item for block in side.late_blocks() for item in block] for side in sides[LATE])
        else:
            asked, tokens = (list(truncate(side.matrix(), self._width)) for side in sides["dense"])
        for place, query in enumerate(queries.ids):
            ids = list(candidates.get(query, ()))
            if not ids:
                found[query] = {}
                continue
            those = [tokens[rows[key]] for key in ids]
            score = similarity.max_sim if isinstance(self._width, str) else similarity.cosine
            scores = score([asked[place]], those)[0]
            found[query] = dict(zip(ids, scores.tolist(), strict=True))
        return found


def _listed(inputs: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[Any]]:
    """Inputs of all batches, numbered: texts, pictures or both."""
    listed: list[Any] = []
    for batch in inputs:
        kinds = [kind for kind in ("text", "image") if batch.get(kind) is not None]
        if not kinds:
            raise InputError(f"a batch has {', '.join(map(str, batch))}; text and image can be encoded")
        rows = zip(*(batch[kind] for kind in kinds), strict=True)
        listed += [dict(zip(kinds, row, strict=True)) if len(kinds) > 1 else row[0] for row in rows]
    return [str(number) for number in range(len(listed))], listed


def _mark(items: Items) -> bytes:
    """SHA-256 of ids and contents."""
    total = hashlib.sha256("\0".join(items.ids).encode("utf-8", "surrogatepass"))
    total.update(np.ascontiguousarray(items.digests).tobytes())
    return total.digest()


def _meta(encoder: Encoder, width: Width) -> Meta:
    """The model as mteb describes one; a width is an experiment of its model there."""
    meta = library("mteb.models.model_meta")
    model, late = encoder.model, isinstance(width, str)
    spec = model.spec
    name = Path(spec.name).name if spec.repo_id is None else spec.repo_id
    overwrites = {
        "name": name if "/" in name else f"local/{name}",
        "revision": model.revision or encoder.fingerprint.rpartition(":")[2][:12],
        "embed_dim": spec.multi_vector_dim if late else width,
        "max_tokens": spec.max_tokens,
        "modalities": ["text", "image"] if model.takes_pictures else ["text"],
        "similarity_fn_name": meta.ScoringFunction.MAX_SIM if late else meta.ScoringFunction.COSINE,
        "model_type": ["late-interaction"] if late else ["dense"],
        "use_instructions": True,
        "framework": ["PyTorch"],
        "experiment_kwargs": {"vectors": LATE} if late else {"dim": width},
    }
    return meta.ModelMeta.create_empty(overwrites=overwrites)
