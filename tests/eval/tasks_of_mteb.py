"""Tasks of mteb whose data are made on the spot: nothing is fetched."""

import io
from typing import Any

import numpy as np
from datasets import Dataset, Features, Image, Value
from mteb.abstasks import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata

from tests.eval.conftest import pictures, sentences

DOCUMENTS, QUERIES = 80, 20


def metadata(
    name: str, category: str = "t2t", languages: Any = None, splits: tuple[str, ...] = ("test",)
) -> TaskMetadata:
    """What mteb wants to know of a task."""
    modalities = [{"t": "text", "i": "image"}[letter] for letter in dict.fromkeys(category.replace("2", ""))]
    return TaskMetadata(
        name=name,
        description="made for a test",
        reference=None,
        dataset={"path": "nobody/nothing", "revision": "0" * 40},
        type="Retrieval" if category == "t2t" else "Any2AnyRetrieval",
        category=category,
        modalities=modalities,
        eval_splits=list(splits),
        eval_langs=languages or ["eng-Latn"],
        main_score="ndcg_at_10",
        date=None, domains=None, task_subtypes=None, license=None, annotations_creators=None, dialect=None,
        sample_creation=None, bibtex_citation="",
    )  # fmt: skip


def judgements(seed: int) -> dict[str, dict[str, int]]:
    """Graded, some documents of several queries."""
    rng = np.random.default_rng(seed)
    found = {}
    for query in range(QUERIES):
        documents = rng.choice(DOCUMENTS, 5, replace=False)
        found[f"q{query}"] = {
            f"d{document}": int(gain) for document, gain in zip(documents, (2, 1, 1, 0, 3), strict=True)
        }
    return found


def text_data(salt: str = "", seed: int = 0) -> dict[str, Any]:
    texts = sentences(DOCUMENTS, salt)
    corpus = {
        "id": [f"d{row}" for row in range(DOCUMENTS)],
        "title": ["" if row % 3 else f"garden {row}" for row in range(DOCUMENTS)],
        "text": texts,
    }
    queries = {
        "id": [f"q{row}" for row in range(QUERIES)],
        "text": [f"which {texts[3 * row]}" for row in range(QUERIES)],
    }
    return {
        "corpus": Dataset.from_dict(corpus), "queries": Dataset.from_dict(queries),
        "relevant_docs": judgements(seed), "top_ranked": None,
    }  # fmt: skip


def image_data() -> dict[str, Any]:
    files = []
    for picture in pictures(DOCUMENTS):
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        files.append({"bytes": stream.getvalue(), "path": None})
    features = Features({"id": Value("string"), "image": Image()})
    corpus = Dataset.from_dict(
        {"id": [f"d{row}" for row in range(DOCUMENTS)], "image": files}, features=features
    )
    return text_data() | {"corpus": corpus}


class Texts(AbsTaskRetrieval):
    """Text to text, graded."""

    metadata = metadata("MadeTexts")

    def load_data(self, **_: Any) -> None:
        self.dataset = {"default": {"test": text_data()}}
        self.data_loaded = True


class Pictures(AbsTaskRetrieval):
    """Text to image."""

    metadata = metadata("MadePictures", "t2i")

    def load_data(self, **_: Any) -> None:
        self.dataset = {"default": {"test": image_data()}}
        self.data_loaded = True


class Languages(AbsTaskRetrieval):
    """Two subsets, and two splits of each; what is loaded is what was asked for."""

    metadata = metadata(
        "MadeLanguages", languages={"en": ["eng-Latn"], "de": ["deu-Latn"]}, splits=("dev", "test")
    )

    def load_data(self, **_: Any) -> None:
        seeds = {("en", "dev"): 1, ("en", "test"): 2, ("de", "dev"): 3, ("de", "test"): 4}
        self.dataset = {
            subset: {split: text_data(subset, seeds[subset, split]) for split in self.eval_splits}
            for subset in self.hf_subsets
        }
        self.data_loaded = True


class Questions(AbsTaskRetrieval):
    """Queries that are documents too, as in Quora's: a query must not find itself. Its title is not used."""

    metadata = metadata("MadeQuestions")
    ignore_identical_ids = True

    def load_data(self, **_: Any) -> None:
        data = text_data()
        texts = sentences(DOCUMENTS)
        data["corpus"] = Dataset.from_dict({"id": [f"d{row}" for row in range(DOCUMENTS)], "text": texts})
        data["queries"] = Dataset.from_dict(
            {"id": [f"d{row}" for row in range(QUERIES)], "text": texts[:QUERIES]}
        )
        gains = {f"d{row}": {f"d{row + QUERIES}": 1, f"d{row + 40}": 2} for row in range(QUERIES)}
        data["relevant_docs"] = gains
        self.dataset = {"default": {"test": data}}
        self.data_loaded = True


class Reranked(Texts):
    """Candidates that somebody else found."""

    metadata = metadata("MadeReranking").model_copy(update={"type": "Reranking"})

    def load_data(self, **_: Any) -> None:
        data = text_data()
        data["top_ranked"] = {
            query: [*sorted(gains), "d1", "d2"] for query, gains in data["relevant_docs"].items()
        }
        data["top_ranked"] = {query: list(dict.fromkeys(ids)) for query, ids in data["top_ranked"].items()}
        self.dataset = {"default": {"test": data}}
        self.data_loaded = True
