"""Several models in one run, sentence-transformers models as models and as baselines, LoRAs of one's own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder import Embedder, similarity
from embedder.sentence_transformer import SentenceModel
from eval.__main__ import main
from eval.results import find_runs, read_run
from tests.embedder.sentence_models import DIM, write_sentence_model
from tests.embedder.test_adapters import save_task_as_lora
from tests.eval.conftest import CHECKPOINT, pictures
from tests.eval.test_run import FIELDS, as_it_was, naive_ndcg  # noqa: F401 - a fixture for all tests here

Folder = Callable[..., Path]
ST_PROMPTS = {"query": "query: ", "passage": "passage: "}


@pytest.fixture(scope="module")
def sentence(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    return f"st:{write_sentence_model(folder, prompts=ST_PROMPTS, widths=(8, 16))}"


def measure(out: Path, benchmark: str | Path, *options: str, model: str = str(CHECKPOINT)) -> dict[str, Any]:
    common = ["--device", "cpu", "--model-precision", "float32", "--quiet", "--out", str(out)]
    before = set(find_runs(out))
    assert main(["run", "--model", model, *common, "--benchmark", str(benchmark), *options]) == 0
    (new,) = set(find_runs(out)) - before
    return read_run(new)


def texts_of(benchmark: Path) -> tuple[list[str], list[str]]:
    """Queries and documents of a folder."""
    files = ("queries.jsonl", "corpus.jsonl")
    both = [[json.loads(line)["text"] for line in (benchmark / f).read_text().splitlines()] for f in files]
    return both[0], both[1]


def ndcg(result: dict[str, Any], **wanted: object) -> float:
    (value,) = (
        row["value"]
        for row in result["scores"]
        if row["metric"] == "ndcg@10" and all(row[name] == one for name, one in wanted.items())
    )
    return value


def own_ndcg(name: str, benchmark: Path, dim: int | None = None) -> float:
    """By the model itself and a plain computation."""
    model = SentenceModel.from_pretrained(name, device="cpu")
    sides = []
    for texts, role in zip(texts_of(benchmark), ("query", "passage"), strict=True):
        sides.append(np.concatenate([part.dense for part in model.iter_embed(texts, prompt_name=role)]))
    return naive_ndcg(similarity.cosine(sides[0][:, :dim], sides[1][:, :dim]))


def test_a_sentence_model_is_measured_like_any_other(folder: Folder, tmp_path: Path, sentence: str) -> None:
    small = folder(12, 60)
    result = measure(tmp_path / "out", small, "--precision", "float32,int8", model=sentence)
    assert {row["dim"] for row in result["scores"]} == {8, 16}  # what it was trained for
    assert {row["model"] for row in result["scores"]} == {sentence}
    assert ndcg(result, dim=16, precision="float32") == pytest.approx(own_ndcg(sentence, small, 16), abs=1e-9)
    assert result["encoded"] == {"retrieval": {"passage": 60, "query": 12}}
    assert result["model"]["dim"] == DIM and result["model"]["max_length"] == 64
    again = measure(tmp_path / "out", small, "--dim", "8,32", model=sentence)
    assert again["encoded"] == {"retrieval": {"passage": 0, "query": 0}}
    assert ndcg(again, dim=32) == pytest.approx(own_ndcg(sentence, small), abs=1e-9)


def test_a_sentence_model_stands_beside_as_a_baseline(folder: Folder, tmp_path: Path, sentence: str) -> None:
    small = folder(12, 60)
    result = measure(
        tmp_path / "out",
        small,
        "--dim",
        "16,256",
        "--baseline",
        f"bm25,{sentence}",
        "--task",
        "retrieval,code",
    )
    rows = [row for row in result["scores"] if row["baseline"] == sentence and row["metric"] == "ndcg@10"]
    assert [(row["dim"], row["task"], row["vectors"]) for row in rows] == [
        (16, None, "dense"),
        (DIM, None, "dense"),
    ]
    for row in rows:
        assert list(row) == FIELDS and row["model"] == str(CHECKPOINT)
        assert row["value"] == pytest.approx(own_ndcg(sentence, small, row["dim"]), abs=1e-9)
    # Counted apart: the model's own count stays corpus and queries, once per task and role.
    assert result["encoded"] == {task: {"passage": 60, "query": 12} for task in ("retrieval", "code")}
    (about,) = (model for model in result["models"] if model["part"] == "baseline")
    assert about["name"] == sentence and about["encoded"] == {"retrieval": {"passage": 60, "query": 12}}
    tested = [row for row in result["tests"] if row["baseline"] == sentence]
    assert {(row["reference_task"], row["dim"]) for row in tested} == {
        (task, dim) for task in ("retrieval", "code") for dim in (16, DIM)
    }
    (cost,) = (row for row in result["costs"] if row["baseline"] == sentence and row["dim"] == DIM)
    assert cost["searched_bytes"] == 4 * DIM and not cost["is_worth"]


def test_several_models_are_each_encoded_once(folder: Folder, tmp_path: Path, sentence: str) -> None:
    small = folder(12, 60)
    both = f"{CHECKPOINT},{sentence}"
    result = measure(
        tmp_path / "out", small, "--dim", "16,32,256", "--task", "retrieval,code", "--vectors", "dense,late",
        "--baseline", "bm25,random", "--save-vectors", model=both,
    )  # fmt: skip
    assert [(m["name"], m["part"]) for m in result["models"]] == [
        (str(CHECKPOINT), "model"),
        (sentence, "model"),
    ]
    once = {"passage": 60, "query": 12}
    assert result["models"][0]["encoded"] == {"retrieval": once, "code": once}
    assert result["models"][1]["encoded"] == {"retrieval": once}
    assert result["encoded"] == {"retrieval": {"passage": 120, "query": 24}, "code": once}
    assert result["models"][1]["dims_run"] == [16, 32]
    alone = measure(
        tmp_path / "out", small, "--dim", "16,32,256", "--task", "retrieval,code", "--vectors", "dense,late"
    )
    assert alone["encoded"]["code"] == {"passage": 0, "query": 0}  # the cache is shared between runs
    shared = [row for row in result["scores"] if row["model"] == str(CHECKPOINT) and not row["baseline"]]
    assert shared == [row for row in alone["scores"] if not row["baseline"]]
    assert ndcg(result, model=sentence, dim=32, baseline=None) == pytest.approx(
        own_ndcg(sentence, small), abs=1e-9
    )
    for rows in (result["costs"], result["neighbours"], result["tests"]):
        assert {row["model"] for row in rows} == {str(CHECKPOINT), sentence}
    assert any("--task 'code'" in text and "passed over" in text for text in result["notices"])
    assert any("--dim 256" in text for text in result["notices"])
    assert any("--vectors 'late'" in text for text in result["notices"])
    kept = {path.name for path in (tmp_path / "out" / result["run_id"] / "vectors").glob("*.npy")}
    assert len(kept) == 8 + 2 and sum(name.startswith("1-tiny.small.retrieval.") for name in kept) == 2


@pytest.mark.parametrize(
    ("models", "options", "words"),
    [
        ("MINI,SENTENCE", ["--task", "poetry,retrieval"], ["'poetry'", "none of the models"]),
        ("MINI,SENTENCE", ["--task", "code"], ["--task 'code'", "retrieval"]),
        ("MINI,MINI", [], ["each once"]),
        ("MINI,SENTENCE", ["--revision", "main"], ["--revision main", "one by one"]),
        ("SENTENCE", ["--vectors", "late"], ["dense vectors only"]),
        ("SENTENCE", ["--dim", "64"], ["--dim 64", "1 to 32"]),
    ],
)
def test_what_no_model_can_do_is_said(
    folder: Folder, tmp_path: Path, sentence: str, capsys: pytest.CaptureFixture[str],
    models: str, options: list[str], words: list[str],
) -> None:  # fmt: skip
    model = models.replace("MINI", str(CHECKPOINT)).replace("SENTENCE", sentence)
    common = ["--device", "cpu", "--model-precision", "float32", "--quiet", "--out", str(tmp_path / "out")]
    assert main(["run", "--model", model, *common, "--benchmark", str(folder(2, 5)), *options]) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words), said


def test_pictures_are_not_for_models_of_texts(folder: Folder, tmp_path: Path, sentence: str) -> None:
    small = folder(2, 5)
    shown = folder(2, 5, name="shown")
    pictures(1)[0].save(shown / "p.png")
    with (shown / "corpus.jsonl").open("a") as file:
        file.write('\n{"_id": "p", "image": "p.png"}')
    result = measure(
        tmp_path / "out",
        f"{small},{shown}",
        "--dim",
        "16",
        "--baseline",
        sentence,
        model=f"{CHECKPOINT},{sentence}",
    )
    rows = {(row["model"], row["benchmark"], row["baseline"]) for row in result["scores"]}
    assert rows == {
        (str(CHECKPOINT), "small", None), (str(CHECKPOINT), "shown", None), (sentence, "small", None),
        (str(CHECKPOINT), "small", sentence), (sentence, "small", sentence),
    }  # fmt: skip
    assert sum("shown: has pictures, and so not for" in text for text in result["notices"]) == 2


def test_a_lora_of_ones_own_is_a_task(folder: Folder, tmp_path: Path, model: Embedder) -> None:
    """The checkpoint's own "code" adapter, saved by PEFT and brought back under another name."""
    small = folder(12, 60)
    lora = save_task_as_lora(tmp_path / "lora", "code")
    result = measure(
        tmp_path / "out", small, "--dim", "256", "--task", "code,mine,retrieval", "--adapter", f"mine={lora}"
    )
    assert ndcg(result, task="mine") == ndcg(result, task="code")
    assert result["encoded"] == {t: {"passage": 60, "query": 12} for t in ("code", "mine", "retrieval")}
    assert "mine" in result["model"]["tasks"]


def test_a_picture_goes_through_the_vision_tower_once_in_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three adapters and a LoRA of one's own, dense and late: its features are computed once for all."""
    from embedder.model import EmbeddingModel

    seen: list[str | None] = []
    vision = EmbeddingModel.vision

    def spy(self: EmbeddingModel, segments: Any) -> Any:
        seen.extend(segment.digest for segment in segments)
        return vision(self, segments)

    monkeypatch.setattr(EmbeddingModel, "vision", spy)
    benchmark = tmp_path / "shots"
    (benchmark / "qrels").mkdir(parents=True)
    for number, picture in enumerate(pictures(70)):
        picture.save(benchmark / f"{number}.png")
    corpus = [json.dumps({"_id": f"d{i}", "image": f"{i}.png"}) for i in range(70)]
    (benchmark / "corpus.jsonl").write_text("\n".join(corpus))
    (benchmark / "queries.jsonl").write_text('{"_id": "q0", "text": "apple"}')
    (benchmark / "qrels" / "test.tsv").write_text("q0\td0\t1")
    lora = save_task_as_lora(tmp_path / "lora", "code")
    options = [
        "--adapter",
        f"mine={lora}",
        "--task",
        "retrieval,text-matching,code,mine",
        "--vectors",
        "dense,late",
    ]
    result = measure(tmp_path / "out", benchmark, "--dim", "16", *options)
    assert result["encoded"]["mine"] == {"passage": 70, "query": 1}
    assert len(seen) == 70 and len(set(seen)) == 70
