"""A real model, tiny and random: the golden checkpoint."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from embedder import Embedder

CHECKPOINT = Path(__file__).resolve().parents[1] / "golden" / "checkpoint"

WORDS = "apple river stone cloud engine letter mirror garden copper winter".split()


@pytest.fixture(scope="session")
def model() -> Embedder:
    """The golden checkpoint in float32 on the CPU."""
    return Embedder.from_pretrained(CHECKPOINT, device="cpu", precision="float32")


def sentences(count: int, salt: str = "") -> list[str]:
    """Different short texts."""
    return [f"{WORDS[i % 10]} {WORDS[i // 10 % 10]} {salt}{i}" for i in range(count)]


def pictures(count: int, side: int = 56) -> list[Image.Image]:
    """Different small pictures."""
    return [Image.new("RGB", (side, side), (5 * i % 256, 99, i)) for i in range(count)]


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Write a benchmark folder: document i answers query i."""

    def write(queries: int = 6, documents: int = 20, name: str = "small", salt: str = "") -> Path:
        target = tmp_path / name
        (target / "qrels").mkdir(parents=True, exist_ok=True)
        texts = sentences(documents, salt)
        corpus = [json.dumps({"_id": f"d{i}", "text": text}) for i, text in enumerate(texts)]
        asked = [
            json.dumps({"_id": f"q{i}", "text": f"which {text}"}) for i, text in enumerate(texts[:queries])
        ]
        judged = [f"q{i}\td{i}\t1" for i in range(queries)]
        (target / "corpus.jsonl").write_text("\n".join(corpus))
        (target / "queries.jsonl").write_text("\n".join(asked))
        (target / "qrels" / "test.tsv").write_text("\n".join(judged))
        return target

    return write
