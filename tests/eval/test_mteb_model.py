"""mteb runs our models, and finds what our own sweep finds; everything is encoded once for all widths."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pytest
from mteb.models import EncoderProtocol, SearchEncoderWrapper, SearchProtocol

from embedder import Embedder, InputError
from embedder.protocol import Model
from eval.benchmarks.mteb_tasks import from_task
from eval.config import RunConfig
from eval.measure import measure
from eval.mteb_model import MtebModel, for_mteb
from eval.plan import make_plan
from eval.progress import Progress
from tests.eval.conftest import CHECKPOINT
from tests.eval.tasks_of_mteb import DOCUMENTS, QUERIES, Languages, Pictures, Questions, Reranked, Texts

DIMS = (16, 64, 256)
# mteb's name -> ours
METRICS = {
    "ndcg_at_10": "ndcg@10", "recall_at_10": "recall@10", "recall_at_100": "recall@100",
    "precision_at_10": "precision@10", "mrr_at_10": "mrr@10", "map_at_100": "map",
}  # fmt: skip


def scores(model: MtebModel, task: Any, split: str = "test") -> dict[str, float]:
    (result,) = mteb.evaluate(
        model, task, cache=None, show_progress_bar=False, co2_tracker=False
    ).task_results
    (found,) = result.scores[split]
    return found


def own_scores(tmp_path: Path, task: Any, adapter: str = "retrieval") -> dict[tuple[Any, str], float]:
    """(width, metric) -> value, by our own sweep."""
    config = RunConfig(
        model=str(CHECKPOINT), device="cpu", model_precision="float32", task=(adapter,), dim=DIMS,
        vectors=("dense", "late"), out=tmp_path, metric=tuple(METRICS.values()),
    )  # fmt: skip
    plan = make_plan(config, config.model, Progress(quiet=True))
    rows = measure(plan, from_task(task), {}).scores
    return {
        (one.row.dim if one.row.vectors == "dense" else "late", one.row.metric): one.value for one in rows
    }


@pytest.mark.parametrize("task", [Texts, Pictures, Questions])
def test_mteb_finds_what_our_own_sweep_finds(model: Embedder, tmp_path: Path, task: type) -> None:
    family = for_mteb(model, dims=DIMS, late=True)
    own = own_scores(tmp_path, task())
    for width, one in family.items():
        found = scores(one, task())
        for theirs, ours in METRICS.items():
            assert found[theirs] == pytest.approx(own[width, ours], abs=1e-5), (width, theirs)
        # mteb rounds what it keeps to five digits
        assert found["main_score"] == found["ndcg_at_10"]
    assert len({own[width, "ndcg@10"] for width in DIMS}) > 1


def test_one_encode_and_one_search_for_all_widths(model: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    through, sweeps = [], []
    run = model._runtime.run

    def spy(task: str, items: Any, **kinds: bool) -> Any:
        through.extend([task] * len(items))
        return run(task, items, **kinds)

    monkeypatch.setattr(model._runtime, "run", spy)
    from eval import mteb_model

    sweep = mteb_model.sweep
    monkeypatch.setattr(mteb_model, "sweep", lambda *args: sweeps.append(1) or sweep(*args))
    family = for_mteb(model, dims=DIMS, late=True)
    for one in family.values():
        scores(one, Texts())
    assert through == ["retrieval"] * (DOCUMENTS + QUERIES) and len(sweeps) == 1
    for one in family.values():
        assert one.counts.encoded == {"retrieval": {"passage": DOCUMENTS, "query": QUERIES}}


def test_plain_mteb_agrees_at_every_width_and_encodes_each_time(model: Embedder) -> None:
    """The way of other models: mteb encodes through `encode` and searches itself, width after width."""
    encoded = []

    class Plain:
        """The encoder alone."""

        def __init__(self, one: MtebModel) -> None:
            self.mteb_model_meta = one.mteb_model_meta
            self.similarity, self.similarity_pairwise = one.similarity, one.similarity_pairwise
            self._one = one

        def encode(self, inputs: Iterable[Any], **options: Any) -> np.ndarray:
            vectors = self._one.encode(inputs, **options)
            encoded.append(len(vectors))
            return vectors

    family = for_mteb(model, dims=DIMS)
    for one in family.values():
        plain = Plain(one)
        assert isinstance(plain, EncoderProtocol) and not isinstance(plain, SearchProtocol)
        found, own = scores(plain, Texts()), scores(one, Texts())
        assert {name: found[name] for name in METRICS} == {name: own[name] for name in METRICS}
    assert sum(encoded) == len(DIMS) * (DOCUMENTS + QUERIES)
    assert family[16].counts.encoded == {"retrieval": {"passage": DOCUMENTS, "query": QUERIES}}


def test_ndcg_is_ours_to_the_last_digit(model: Embedder, tmp_path: Path) -> None:
    """Without mteb's rounding: its evaluator on what `search` returns."""
    from mteb._evaluators.retrieval_metrics import calculate_retrieval_scores

    task = Texts()
    task.load_data()
    data = task.dataset["default"]["test"]
    own = own_scores(tmp_path, Texts())
    about = {"task_metadata": task.metadata, "hf_split": "test", "hf_subset": "default"}
    for width, one in for_mteb(model, dims=DIMS, late=True).items():
        one.index(data["corpus"], **about, encode_kwargs={}, num_proc=None)
        found = one.search(data["queries"], **about, top_k=100, encode_kwargs={}, num_proc=None)
        assert [len(line) for line in found.values()] == [DOCUMENTS] * QUERIES
        per_query = calculate_retrieval_scores(found, data["relevant_docs"], [10]).all_scores
        mean = float(np.mean([line["ndcg_cut_10"] for line in per_query.values()]))
        assert mean == pytest.approx(own[width, "ndcg@10"], abs=1e-6)


def test_reranking_scores_the_candidates_alone(model: Embedder) -> None:
    for width, one in for_mteb(model, dims=(64,), late=True).items():
        own = scores(one, Reranked())
        assert 0 < own["ndcg_at_10"] < 1
        if width == 64:
            plain = SearchEncoderWrapper(one)
            assert scores(plain, Reranked())["ndcg_at_10"] == own["ndcg_at_10"]
    assert one.counts.encoded == {"retrieval": {"passage": DOCUMENTS, "query": QUERIES}}


def test_it_is_what_mteb_asks_for(model: Embedder) -> None:
    family = for_mteb(model, late=True)
    assert list(family) == [*model.spec.matryoshka_dims, "late"]
    for width, one in family.items():
        assert isinstance(one, SearchProtocol) and isinstance(one, EncoderProtocol)
        meta = one.mteb_model_meta
        assert meta.embed_dim == (model.spec.multi_vector_dim if width == "late" else width)
        assert meta.modalities == ["text", "image"] and "/" in meta.name and meta.revision
    names = {one.mteb_model_meta.experiment_name for one in family.values()}
    assert len(names) == len(family)  # results of widths do not overwrite each other


def test_tasks_of_other_kinds_use_text_matching(model: Embedder) -> None:
    """Semantic similarity, which mteb scores from `encode` and `similarity_pairwise`."""
    from mteb.mocks.mock_tasks.sts import MockSTSTask

    family = for_mteb(model, dims=(16, 256))
    for one in family.values():
        (result,) = mteb.evaluate(
            one, MockSTSTask(), cache=None, co2_tracker=False, show_progress_bar=False
        ).task_results
        assert np.isfinite(result.get_score())
    assert list(family[16].counts.encoded) == ["text-matching"]
    assert list(family[16].counts.encoded["text-matching"]) == ["query"]


def test_what_is_not_the_models_is_said(model: Embedder) -> None:
    with pytest.raises(InputError, match="dims has 257: .* 1 to 256"):
        for_mteb(model, dims=(257,))
    with pytest.raises(InputError, match="task 'poetry'"):
        for_mteb(model, task="poetry")
    one = for_mteb(model, dims=(16,))[16]
    with pytest.raises(InputError, match="search before index"):
        one.search(None, task_metadata=Texts.metadata, hf_split="test", hf_subset="default", top_k=3)
    late = for_mteb(model, dims=(16,), late=True)["late"]
    with pytest.raises(InputError, match="late interaction is for retrieval"):
        late.encode([], task_metadata=Texts.metadata, hf_split="test", hf_subset="default")


def test_several_subsets_and_splits(model: Embedder, tmp_path: Path) -> None:
    """mteb runs them all; each is encoded once, its texts differ."""
    assert isinstance(model, Model)
    task = Languages()
    one = for_mteb(model, dims=(16, 64))[64]
    (result,) = mteb.evaluate(one, task, cache=None, show_progress_bar=False, co2_tracker=False).task_results
    assert {split: [row["hf_subset"] for row in rows] for split, rows in result.scores.items()} == {
        "dev": ["en", "de"], "test": ["en", "de"]
    }  # fmt: skip
    assert one.counts.encoded == {"retrieval": {"passage": 2 * DOCUMENTS, "query": 2 * QUERIES}}
