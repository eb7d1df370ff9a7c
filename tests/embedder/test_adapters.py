"""Tasks and roles: each vector from exactly one adapter, the note's names, and a LoRA of one's own."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import load_file, save_file

from embedder import CheckpointError, Embedder, InputError
from embedder.adapters import lora_layers, switch
from embedder.checkpoint import ADAPTER_WEIGHTS
from tests.embedder import golden

TEXT = "Which harbour towns flood first when the tide is high?"
TASKS = ("retrieval", "text-matching", "code")


@pytest.mark.parametrize(
    ("task", "prompt_name", "same_as"),
    [
        ("query", None, ("retrieval", "query")),
        ("query", "query", ("retrieval", "query")),
        ("document", None, ("retrieval", "passage")),
        ("document", "document", ("retrieval", "passage")),
        ("retrieval", "document", ("retrieval", "passage")),
        ("retrieval", None, ("retrieval", "query")),
        ("text-matching", None, ("text-matching", "query")),
        ("code", "passage", ("code", "passage")),
    ],
)
def test_the_notes_names_work(
    model: Embedder, task: str, prompt_name: str | None, same_as: tuple[str, str]
) -> None:
    """Query, Document and Retrieval of the architecture note, and the checkpoint's own names."""
    ours = model.encode_text(TEXT, task=task, prompt_name=prompt_name)
    np.testing.assert_array_equal(ours, model.encode_text(TEXT, task=same_as[0], prompt_name=same_as[1]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"task": "query", "prompt_name": "passage"}, "contradict"),
        ({"task": "document", "prompt_name": "query"}, "contradict"),
        ({"task": "classification"}, "one of retrieval, text-matching, code, query, document"),
        ({"prompt_name": "doc"}, "one of query, passage, document"),
    ],
)
def test_wrong_tasks_are_refused(model: Embedder, options: dict[str, str], said: str) -> None:
    """The message lists what there is."""
    with pytest.raises(InputError, match=said):
        model.encode_text(TEXT, **options)


def test_switching_costs_milliseconds(model: Embedder) -> None:
    """The slowest of many switches, well above what is measured (0.5 ms)."""
    layers = lora_layers(model._runtime.network)
    slowest = 0.0
    for task in TASKS * 10:
        start = time.process_time()
        switch(layers, task)
        slowest = max(slowest, time.process_time() - start)
    model._runtime._active = None
    assert slowest < 0.1
    assert not any(parameter.requires_grad for parameter in model._runtime.network.parameters())


def test_every_vector_comes_from_one_adapter(model: Embedder) -> None:
    """Fault 51: six threads, three tasks, the same text; nobody ever gets another's vector."""
    expected = {task: model.encode_text(TEXT, task=task) for task in TASKS}
    assert np.abs(expected["code"] - expected["retrieval"]).max() > 1e-3
    wrong: list[str] = []

    def ask(task: str) -> None:
        for _ in range(25):
            if np.abs(model.encode_text(TEXT, task=task) - expected[task]).max() > 1e-6:
                wrong.append(task)

    threads = [threading.Thread(target=ask, args=(task,)) for task in TASKS * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def save_task_as_lora(folder: Path, task: str) -> Path:
    """The golden task as a PEFT folder of its own, as PEFT would save it."""
    folder.mkdir(parents=True)
    tensors = {
        key.replace(f".{task}.", "."): value
        for key, value in load_file(golden.CHECKPOINT / ADAPTER_WEIGHTS).items()
        if f".{task}." in key
    }
    save_file(tensors, folder / "adapter_model.safetensors")
    config = (golden.CHECKPOINT / "adapters" / "adapter_config.json").read_text()
    (folder / "adapter_config.json").write_text(config)
    return folder


@pytest.fixture
def own_model() -> Embedder:
    """A model to add adapters to."""
    return Embedder.from_pretrained(golden.CHECKPOINT, device="cpu", precision="float32")


def test_a_lora_of_ones_own(own_model: Embedder, tmp_path: Path) -> None:
    """A PEFT folder added under a name gives its own vectors and leaves the others alone."""
    before = own_model.encode_text(TEXT)
    own_model.add_adapter("harbour", save_task_as_lora(tmp_path / "lora", "code"))
    assert own_model.tasks == (*TASKS, "harbour")
    np.testing.assert_array_equal(
        own_model.encode_text(TEXT, task="harbour"), own_model.encode_text(TEXT, task="code")
    )
    np.testing.assert_array_equal(own_model.encode_text(TEXT), before)


def test_a_lora_of_another_rank_as_peft_saves_it(own_model: Embedder, tmp_path: Path) -> None:
    """Other rank and fewer targets, written by PEFT itself."""
    other = Embedder.from_pretrained(golden.CHECKPOINT, device="cpu", precision="float32")
    from embedder.loading import _load_base, network_config
    from embedder.model import EmbeddingModel

    base, projector = _load_base(
        golden.CHECKPOINT, other.spec, network_config(golden.CHECKPOINT), torch.float32
    )
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    torch.manual_seed(0)
    get_peft_model(EmbeddingModel(base, projector), config).save_pretrained(tmp_path / "lora")
    own_model.add_adapter("small", tmp_path / "lora")
    small = own_model.encode_text(TEXT, task="small")
    assert all(np.abs(small - own_model.encode_text(TEXT, task=task)).max() > 1e-4 for task in TASKS)


def test_a_lora_of_the_vision_tower_is_refused(own_model: Embedder, tmp_path: Path) -> None:
    """A picture's features are computed once for all tasks: one that would change them cannot be shared."""
    from embedder.loading import _load_base, network_config
    from embedder.model import EmbeddingModel

    base, projector = _load_base(
        golden.CHECKPOINT, own_model.spec, network_config(golden.CHECKPOINT), torch.float32
    )
    config = LoraConfig(r=4, target_modules=["q_proj", "qkv"], init_lora_weights=False)
    get_peft_model(EmbeddingModel(base, projector), config).save_pretrained(tmp_path / "lora")
    picture = Image.open(golden.FOLDER / "images" / "odd.png")
    before = own_model.encode_image(picture)
    with pytest.raises(CheckpointError, match=r"'seeing' changes the vision tower .*qkv.*exclude_modules"):
        own_model.add_adapter("seeing", tmp_path / "lora")
    assert own_model.tasks == TASKS
    own_model._runtime._vision.clear()
    np.testing.assert_array_equal(own_model.encode_image(picture), before)


@pytest.mark.parametrize("name", ["code", "a.b", "", "x" * 65])
def test_a_name_for_a_lora(own_model: Embedder, tmp_path: Path, name: str) -> None:
    """A taken or unfit name is refused before anything is read."""
    with pytest.raises(InputError, match="adapter name"):
        own_model.add_adapter(name, tmp_path)


def test_a_lora_that_does_not_fit_changes_nothing(own_model: Embedder, tmp_path: Path) -> None:
    """A missing tensor is named, the model stays as it was, and the name is free again."""
    before = own_model.encode_text(TEXT)
    folder = save_task_as_lora(tmp_path / "lora", "code")
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    dropped = sorted(tensors)[0]
    value = tensors.pop(dropped)
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match="1 missing"):
        own_model.add_adapter("harbour", folder)
    assert own_model.tasks == TASKS
    np.testing.assert_array_equal(own_model.encode_text(TEXT), before)
    save_file(tensors | {dropped: value}, path)
    own_model.add_adapter("harbour", folder)
    assert own_model.tasks == (*TASKS, "harbour")
    with pytest.raises(CheckpointError, match=r"no adapter_model\.safetensors"):
        own_model.add_adapter("empty", tmp_path)
