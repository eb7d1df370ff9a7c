"""One pass for all widths against one search for each, and how much memory a large corpus takes."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, disable_progress_bars
from mteb._create_dataloaders import create_dataloader
from mteb.models import SearchEncoderWrapper
from mteb.models.model_meta import ModelMeta
from mteb.similarity_functions import cos_sim as mteb_cos_sim
from mteb.types import PromptType
from threadpoolctl import threadpool_limits

from eval.metrics import evaluate
from eval.sweep import Setting, sweep
from tests.eval.tasks_of_mteb import Texts

ROOT = Path(__file__).resolve().parents[2]
DIMS = (128, 256, 512, 1024, 2048)
DOCUMENTS, QUERIES = 20_000, 500
ROUNDS = 5
METRICS = ["ndcg@10", "mrr@10", "map@100"] + [
    f"{m}@{k}" for m in ("precision", "recall") for k in (1, 3, 5, 10)
]


def clustered(rng: np.random.Generator, centres: np.ndarray, count: int) -> np.ndarray:
    """Unit vectors around centres, as texts lie around their subjects."""
    rows = centres[rng.integers(0, len(centres), count)]
    rows = rows + rng.standard_normal(rows.shape, dtype=np.float32)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Table:
    """A model whose vectors are there already: what stands behind sentence-transformers' evaluator.

    Encoding costs nothing here, so that only search and metrics are compared; what would have gone
    through a real model is counted.
    """

    def __init__(self, vectors: dict[str, np.ndarray]) -> None:
        self.rows = {text: row for row, text in enumerate(vectors)}
        self.vectors = torch.from_numpy(np.stack(list(vectors.values())))
        self.encoded = 0

    def encode(self, texts: list[str], truncate_dim: int, **_: object) -> torch.Tensor:
        self.encoded += len(texts)
        first = self.rows[texts[0]]
        assert [self.rows[text] for text in (texts[0], texts[-1])] == [first, first + len(texts) - 1]
        return self.vectors[first : first + len(texts), :truncate_dim]

    encode_query = encode_document = encode


class TableOfMteb:
    """The same table as mteb's encoder, at one width."""

    def __init__(self, table: Table, dim: int) -> None:
        self.table, self.dim = table, dim
        self.mteb_model_meta = ModelMeta.create_empty()

    def encode(self, inputs: Iterable[dict[str, list[str]]], **_: object) -> torch.Tensor:
        """The first item tells where the rows begin: their order is the table's."""
        count = len(inputs.dataset)
        self.table.encoded += count
        first = self.table.rows[inputs.dataset[0]["text"]]
        return self.table.vectors[first : first + count, : self.dim]

    def similarity(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return mteb_cos_sim(one, other)

    similarity_pairwise = similarity


def search_by_mteb(table: Table, dim: int, corpus: Dataset, queries: Dataset) -> dict[str, dict[str, float]]:
    """mteb's own full search, with its chunks, its top k and its heap."""
    search = SearchEncoderWrapper(TableOfMteb(table, dim))
    about = {"task_metadata": Texts.metadata, "hf_split": "test", "hf_subset": "default", "num_proc": None}
    quiet = {"show_progress_bar": False, "batch_size": 32}
    search.index(corpus, **about, encode_kwargs=quiet)
    return search.search(queries, **about, top_k=100, encode_kwargs=quiet)


def median_seconds(jobs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median CPU time of each; the jobs take turns, so that a noisy machine is noisy for all."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            taken[name].append(time.process_time() - start)
    return {name: float(np.median(seconds)) for name, seconds in taken.items()}


def prepare_as_mteb(corpus: Dataset, queries: Dataset) -> None:
    """What mteb does to texts before they are encoded: no part of a search, and taken off its time."""
    create_dataloader(corpus, task_metadata=Texts.metadata, prompt_type=PromptType.document, batch_size=32)
    create_dataloader(queries, task_metadata=Texts.metadata, prompt_type=PromptType.query, batch_size=32)


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_one_pass_against_a_search_per_width(capsys: pytest.CaptureFixture[str]) -> None:
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
    from sentence_transformers.util import cos_sim, semantic_search

    rng = np.random.default_rng(0)
    centres = rng.standard_normal((200, DIMS[-1]), dtype=np.float32)
    documents, queries = (clustered(rng, centres, count) for count in (DOCUMENTS, QUERIES))
    ids = [f"d{row:05}" for row in range(DOCUMENTS)]
    asked = {f"q{row}": f"query {row}" for row in range(QUERIES)}
    texts = {name: f"document {name}" for name in ids}
    nearest = np.argsort(-(queries @ documents.T), axis=1)[:, [0, 3, 20]]
    relevant = {f"q{row}": {ids[document] for document in found} for row, found in enumerate(nearest)}
    gains = {row: {int(document): 1 for document in found} for row, found in enumerate(nearest)}
    model = Table(
        dict(zip(texts.values(), documents, strict=True)) | dict(zip(asked.values(), queries, strict=True))
    )
    settings = [Setting(dim) for dim in DIMS]

    def theirs() -> list[dict[str, float]]:
        found = []
        for dim in DIMS:
            evaluator = InformationRetrievalEvaluator(
                asked,
                texts,
                relevant,
                precision_recall_at_k=[1, 3, 5, 10],
                truncate_dim=dim,
                score_functions={"cosine": cos_sim},
            )
            found.append(evaluator.compute_all_metrics(model)["cosine"])
        return found

    def ours() -> list[dict[str, np.ndarray]]:
        rankings = sweep(queries, documents, ids, settings, k=100)
        return [evaluate(rankings[setting], gains, METRICS).values for setting in settings]

    disable_progress_bars()
    corpus_table = Dataset.from_dict({"id": ids, "text": list(texts.values())})
    query_table = Dataset.from_dict({"id": list(asked), "text": list(asked.values())})
    left, right = torch.from_numpy(queries), torch.from_numpy(documents)
    jobs = {
        "evaluator": theirs,
        "sweep and metrics": ours,
        "semantic_search": lambda: [
            semantic_search(left[:, :dim], right[:, :dim], top_k=100) for dim in DIMS
        ],
        "mteb": lambda: [search_by_mteb(model, dim, corpus_table, query_table) for dim in DIMS],
        "mteb's preparation": lambda: [prepare_as_mteb(corpus_table, query_table) for _ in DIMS],
        "sweep": lambda: sweep(queries, documents, ids, settings, k=100),
    }
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            for one, other in zip(theirs(), ours(), strict=True):
                assert one["ndcg@k"][10] == pytest.approx(other["ndcg@10"].mean(), abs=1e-6)
                assert one["mrr@k"][10] == pytest.approx(other["mrr@10"].mean(), abs=1e-6)
            encoded = model.encoded
            by_mteb = search_by_mteb(model, DIMS[0], corpus_table, query_table)
            assert model.encoded - encoded == DOCUMENTS + QUERIES  # mteb's too, for each width anew
            ranking = sweep(queries, documents, ids, settings[:1], k=100)[settings[0]]
            for row, found in zip(ranking.rows[:50], list(by_mteb.values())[:50], strict=True):
                assert len({ids[document] for document in row} & found.keys()) >= 99
            seconds = median_seconds(jobs)
    finally:
        torch.set_num_threads(threads)
    whole = seconds["evaluator"] / seconds["sweep and metrics"]
    search = seconds["semantic_search"] / seconds["sweep"]
    own_search = seconds["mteb"] - seconds["mteb's preparation"]
    mteb = own_search / seconds["sweep"]
    with capsys.disabled():
        print(  # noqa: T201 - a benchmark's output
            f"\n{DOCUMENTS:,} x {DIMS[-1]:,}, {QUERIES} queries, widths {', '.join(map(str, DIMS))}; "
            f"one thread, CPU time\n"
            f"  search:  sweep {seconds['sweep']:.2f} s, sentence-transformers' semantic_search "
            f"{seconds['semantic_search']:.2f} s: {search:.2f} times faster\n"
            f"           mteb's SearchEncoderWrapper {own_search:.2f} s: {mteb:.2f} times faster\n"
            f"  in all:  sweep and metrics {seconds['sweep and metrics']:.2f} s, its "
            f"InformationRetrievalEvaluator {seconds['evaluator']:.2f} s: {whole:.2f} times faster\n"
            f"  encoded: {DOCUMENTS + QUERIES:,} items against {encoded:,}: "
            f"{encoded / (DOCUMENTS + QUERIES):.0f} times fewer"
        )
    assert encoded == 5 * (DOCUMENTS + QUERIES)
    assert search > 1.4
    assert mteb > 1.4
    assert whole > 1.4


LARGE = """
import json, re, resource, sys
from pathlib import Path
import numpy as np
from embedder.quantization import VectorPrecision
from eval.sweep import Setting, sweep
from tests.eval.tasks_of_mteb import Texts

def peak_bytes():
    # getrusage would count what the parent had before this program was loaded in its place.
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

path, documents, width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
corpus = np.memmap(path, dtype=np.float32, mode="r", shape=(documents, width))
queries = np.array(corpus[:: documents // 50][:50])
before = peak_bytes()
settings = [Setting(dim) for dim in (32, 64, 128, width)]
settings += [Setting(width, "int8"), Setting(width, "binary", "rescored")]
settings += [Setting(width, "float32", "funnel:32")]
found = sweep(queries, corpus, [f"document-{row}" for row in range(documents)], settings, k=100)
peak = peak_bytes()
best = {str(setting): ranking.rows[:, 0].tolist() for setting, ranking in found.items()}
print(json.dumps({"before": before, "peak": peak, "best": best}))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_million_vectors_are_searched_in_bounded_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents, width = 1_000_000, 256
    path = tmp_path / "corpus.bin"
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        for _ in range(100):
            rng.standard_normal((documents // 100, width), dtype=np.float32).tofile(file)
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(path), str(documents), str(width)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    path.unlink()
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    with capsys.disabled():
        print(  # noqa: T201 - a benchmark's output
            f"\n1,000,000 x 256 from a file of {documents * width * 4 / 1e9:.2f} GB: peak "
            f"{found['peak'] / 1e9:.2f} GB, of which {found['before'] / 1e9:.2f} GB before the search"
        )
    # Each query is one of the documents: it must find itself at every width and precision.
    for setting, best in found["best"].items():
        assert best == [20_000 * query for query in range(50)], setting
    assert found["peak"] < 1.5e9
