"""Models of sentence-transformers give the vectors that the library itself gives, prompt for prompt."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sentence_transformers import SentenceTransformer

from embedder import CheckpointError, DeviceError, Embedder, InputError
from embedder.protocol import Model
from embedder.sentence_transformer import (
    INSTALL,
    SentenceModel,
    SentenceVectors,
    is_sentence_model,
    prompt_for,
    tasks_of,
)
from tests.embedder.golden import CHECKPOINT
from tests.embedder.sentence_models import DIM, write_sentence_model

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["apple river 1", "stone", "the red circle which mirror garden", "", "cloud engine letter 9 9 9"]
# The names that jina-embeddings-v3 has.
V3 = {
    "retrieval.query": "find query: ",
    "retrieval.passage": "find passage: ",
    "separation": "a ",
    "text-matching": "the ",
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sentence_model(tmp_path_factory.mktemp("models") / "plain")


@pytest.fixture(scope="module")
def by_role(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prompts = {"query": "query: ", "passage": "passage: "}
    return write_sentence_model(tmp_path_factory.mktemp("models") / "roles", prompts=prompts, widths=(8, 16))


@pytest.fixture(scope="module")
def by_task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sentence_model(tmp_path_factory.mktemp("models") / "tasks", prompts=V3)


def load(folder: Path) -> SentenceModel:
    return SentenceModel.from_pretrained(f"st:{folder}", device="cpu")


def vectors(model: SentenceModel, texts: list[str], **options: object) -> np.ndarray:
    parts = list(model.iter_embed(texts, **options))
    assert all(isinstance(part, SentenceVectors) and part.late is None for part in parts)
    assert sum(map(len, parts)) == len(texts)
    return np.concatenate([part.dense for part in parts])


def test_vectors_are_the_librarys_own(plain: Path) -> None:
    own = SentenceTransformer(str(plain), device="cpu").encode(TEXTS)
    found = vectors(load(plain), TEXTS)
    assert found.dtype == np.float32 and found.shape == (5, DIM)
    np.testing.assert_allclose(found, own / np.linalg.norm(own, axis=1, keepdims=True), atol=2e-6)


def test_many_inputs_come_in_parts_and_in_order(plain: Path) -> None:
    texts = [f"apple {number}" for number in range(100)]
    model = load(plain)
    parts = list(model.iter_embed((text for text in texts), batch_size=2))
    assert [len(part) for part in parts] == [32, 32, 32, 4]
    one_by_one = np.concatenate([vectors(model, [text]) for text in texts])
    np.testing.assert_allclose(np.concatenate([part.dense for part in parts]), one_by_one, atol=2e-6)


def test_roles_have_their_prompts(by_role: Path) -> None:
    library = SentenceTransformer(str(by_role), device="cpu")
    model = load(by_role)
    assert model.tasks == ("retrieval",) and model.spec.matryoshka_dims == (8, 16)
    query = vectors(model, TEXTS, prompt_name="query")
    passage = vectors(model, TEXTS, prompt_name="passage")
    np.testing.assert_allclose(query, library.encode([f"query: {text}" for text in TEXTS]), atol=2e-6)
    np.testing.assert_allclose(passage, library.encode([f"passage: {text}" for text in TEXTS]), atol=2e-6)
    np.testing.assert_allclose(vectors(model, TEXTS), query)
    assert np.abs(query - passage).max() > 1e-3


def test_tasks_have_their_prompts(by_task: Path) -> None:
    library = SentenceTransformer(str(by_task), device="cpu")
    model = load(by_task)
    assert model.tasks == ("retrieval", "separation", "text-matching")
    for task, role, prompt in (
        ("retrieval", "query", V3["retrieval.query"]),
        ("retrieval", "passage", V3["retrieval.passage"]),
        ("text-matching", "query", V3["text-matching"]),
        ("separation", "passage", V3["separation"]),
    ):
        found = vectors(model, TEXTS, task=task, prompt_name=role)
        np.testing.assert_allclose(found, library.encode([prompt + text for text in TEXTS]), atol=2e-6)


def test_the_prompt_for_a_task_and_a_role() -> None:
    # jina-embeddings-v3 chooses its adapter by the name of the prompt.
    assert prompt_for(V3, "retrieval", "query") == {"prompt": "find query: ", "task": "retrieval.query"}
    assert prompt_for(V3, "text-matching", "passage") == {"prompt": "the ", "task": "text-matching"}
    code = {"nl2code_query": "find ", "nl2code_document": "code: "}
    assert prompt_for(code, "nl2code", "passage") == {"prompt": "code: ", "task": "nl2code_document"}
    assert tasks_of(code) == ("retrieval", "nl2code")
    # The library adds an empty "document" to every model: a "passage" that says something wins.
    assert prompt_for({"document": "", "passage": "p: "}, "retrieval", "passage") == {
        "prompt": "p: ", "task": "document"
    }  # fmt: skip
    assert prompt_for({}, "retrieval", "query") == {"prompt": "", "task": "query"}


def test_it_has_the_shape_that_an_embedder_has(plain: Path) -> None:
    model = load(plain)
    assert isinstance(model, Model)
    assert isinstance(Embedder.from_pretrained(CHECKPOINT, device="cpu", precision="float32"), Model)
    assert not model.takes_pictures and model.revision is None and model.folder == plain
    assert (model.spec.dim, model.spec.multi_vector_dim, model.spec.max_tokens) == (DIM, 0, 64)
    assert (str(model.device), str(model.precision)) == ("cpu", "float32")


def test_max_length_cuts(plain: Path) -> None:
    model = load(plain)
    long = "apple river stone cloud engine"
    cut = vectors(model, [long], max_length=4)  # [CLS] apple river [SEP]
    np.testing.assert_allclose(cut, vectors(model, ["apple river"]), atol=2e-6)
    np.testing.assert_allclose(vectors(model, [long], max_length=10_000), vectors(model, [long]), atol=2e-6)


def test_weights_in_16_bits(plain: Path) -> None:
    model = SentenceModel.from_pretrained(plain, device="cpu", precision="bfloat16")
    found = vectors(model, TEXTS)
    assert found.dtype == np.float32 and str(model.precision) == "bfloat16"
    assert (found * vectors(load(plain), TEXTS)).sum(axis=1).min() > 0.99
    with pytest.raises(DeviceError, match="'int8': of sentence-transformers models float32, bfloat16"):
        SentenceModel.from_pretrained(plain, precision="int8")


@pytest.mark.parametrize(
    ("inputs", "options", "words"),
    [
        (["a", 5], {}, "item 1"),
        (["a", Image.new("RGB", (8, 8))], {}, "item 1 is a picture; st:.*plain takes texts only"),
        (["a", {"text": "a", "image": b""}], {}, "item 1: .*image, text"),
        (["a"], {"task": "code"}, "task 'code': st:.* has retrieval"),
        (["a"], {"prompt_name": "answer"}, "prompt_name 'answer': one of query, passage"),
        (["a"], {"vectors": ("dense", "late")}, "dense vectors only"),
    ],
)
def test_what_cannot_be_encoded_is_said(plain: Path, inputs: list, options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        list(load(plain).iter_embed(inputs, **options))


def test_what_is_no_unicode_is_replaced_with_a_notice(plain: Path) -> None:
    (part,) = load(plain).iter_embed(["apple", "apple \ud800"])
    assert len(part.notices) == 1 and "item 1" in part.notices[0]


def test_models_that_are_not_there_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="hf download nobody/nothing --revision main"):
        SentenceModel.from_pretrained("nobody/nothing")
    with pytest.raises(CheckpointError, match="no such folder"):
        SentenceModel.from_pretrained("st:./nothing/here")
    with pytest.raises(CheckpointError, match="cannot be loaded by sentence-transformers"):
        SentenceModel.from_pretrained(tmp_path)


def test_code_that_comes_with_a_model_runs_only_when_allowed(plain: Path, tmp_path: Path) -> None:
    """A model whose config asks for a class of its own, in a file beside it."""
    import json
    import shutil

    folder = tmp_path / "own-code"
    shutil.copytree(plain, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(
        "from pathlib import Path\n"
        "from transformers import BertConfig, BertModel\n"
        f"Path({str(tmp_path / 'it-ran')!r}).touch()\n"
        "class OwnConfig(BertConfig):\n    model_type = 'own'\n"
        "class OwnModel(BertModel):\n    config_class = OwnConfig\n"
    )
    with pytest.raises(CheckpointError, match="can do whatever you can: read it.*--trust-remote-code"):
        load(folder)
    assert not (tmp_path / "it-ran").exists()
    model = SentenceModel.from_pretrained(folder, device="cpu", trust_remote_code=True)
    assert (tmp_path / "it-ran").exists()
    np.testing.assert_allclose(vectors(model, TEXTS), vectors(load(plain), TEXTS), atol=2e-6)


def test_without_the_library_the_line_to_install_it_is_given(plain: Path) -> None:
    code = (
        "import sys; sys.modules['sentence_transformers'] = None\n"
        "from embedder.errors import CheckpointError\n"
        "from embedder.sentence_transformer import SentenceModel\n"
        f"try: SentenceModel.from_pretrained({str(plain)!r})\n"
        "except CheckpointError as error: sys.exit(str(error))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and INSTALL in done.stderr


def test_which_names_ask_for_the_library() -> None:
    assert is_sentence_model("st:folder") and is_sentence_model("sentence-transformers/all-MiniLM-L6-v2")
    assert not is_sentence_model("mini") and not is_sentence_model("jinaai/jina-embeddings-v4")


def test_adapters_are_refused(plain: Path) -> None:
    with pytest.raises(InputError, match="takes no adapters"):
        load(plain).add_adapter("mine", "folder")
