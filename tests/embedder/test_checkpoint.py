"""A checkpoint loads whole or not at all, and the refusal names what is wrong."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from embedder import CheckpointError, Embedder, EmbedderNotice
from embedder.__main__ import main
from embedder.adapters import adapter_parameters
from embedder.checkpoint import ADAPTER_WEIGHTS, INDEX, adapter_entries, base_entries, write_checksums
from embedder.loading import file_key
from embedder.locate import locate, pinned_revision
from embedder.spec import V4_REVISION
from embedder.verify import verify
from tests.embedder import golden

Copy = Callable[[], Path]
SHARD = "model-00001-of-00002.safetensors"
SOME_KEY = "model.layers.0.self_attn.q_proj.weight"


def load(folder: Path) -> Embedder:
    """Load on the CPU in float32."""
    return Embedder.from_pretrained(folder, device="cpu", precision="float32")


def rewrite(path: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Change the tensors of a file."""
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def rewrite_index(folder: Path, change: Callable[[dict[str, str]], None]) -> None:
    """Change the weight map of a sharded checkpoint."""
    index = json.loads((folder / INDEX).read_text())
    change(index["weight_map"])
    (folder / INDEX).write_text(json.dumps(index))


def shard_of(folder: Path, key: str) -> Path:
    """The file a tensor lies in."""
    return base_entries(folder)[key].file


def test_every_tensor_lands(model: Embedder) -> None:
    """Base, projector and all three adapters equal the files, tensor by tensor (132 adapter tensors)."""
    network = model._runtime.network
    files = {entry.file for entry in base_entries(golden.CHECKPOINT).values()}
    stored = {key: value for file in files for key, value in load_file(file).items()}
    own = {
        file_key(k).replace("base_layer.", ""): v
        for k, v in network.state_dict().items()
        if ".lora_" not in k
    }
    assert own.keys() == stored.keys()
    assert all(torch.equal(own[key], stored[key].float()) for key in stored)
    adapters = load_file(golden.CHECKPOINT / ADAPTER_WEIGHTS)
    landed = {k: v for task in model.tasks for k, v in adapter_parameters(network, task).items()}
    assert len(landed) == len(adapters) == 132
    assert all(
        torch.equal(landed[k.removeprefix("base_model.model.")], v.float()) for k, v in adapters.items()
    )


def _drop_base(folder: Path) -> str:
    rewrite(shard_of(folder, SOME_KEY), lambda tensors: tensors.pop(SOME_KEY))
    rewrite_index(folder, lambda names: names.pop(SOME_KEY))
    return f"1 missing: {SOME_KEY}"


def _extra_base(folder: Path) -> str:
    rewrite(folder / SHARD, lambda tensors: tensors.update(lm_head=torch.zeros(2)))
    rewrite_index(folder, lambda names: names.update(lm_head=SHARD))
    return "1 unexpected: lm_head"


def _reshape_base(folder: Path) -> str:
    rewrite(shard_of(folder, SOME_KEY), lambda tensors: tensors.update({SOME_KEY: torch.zeros(3, 5)}))
    return f"{SOME_KEY} [3, 5], expected [256, 256]"


def _drop_projector(folder: Path) -> str:
    key = "multi_vector_projector.bias"
    rewrite(shard_of(folder, key), lambda tensors: tensors.pop(key))
    rewrite_index(folder, lambda names: names.pop(key))
    return f"1 missing: {key}"


def _drop_adapter(folder: Path) -> str:
    key = "base_model.model.multi_vector_projector.lora_B.code.weight"
    rewrite(folder / ADAPTER_WEIGHTS, lambda tensors: tensors.pop(key))
    return f"1 missing: {key}"


def _extra_task(folder: Path) -> str:
    key = "base_model.model.multi_vector_projector.lora_B.poetry.weight"
    rewrite(folder / ADAPTER_WEIGHTS, lambda tensors: tensors.update({key: torch.zeros(32, 8)}))
    return f"1 unexpected: {key}"


def _reshape_adapter(folder: Path) -> str:
    key = "base_model.model.multi_vector_projector.lora_A.code.weight"
    rewrite(folder / ADAPTER_WEIGHTS, lambda tensors: tensors.update({key: torch.zeros(4, 256)}))
    return f"{key} [4, 256], expected [8, 256]"


def _drop_shard(folder: Path) -> str:
    (folder / SHARD).unlink()
    return f"lacks 1 of 2 weight files: {SHARD}"


def _stray_in_index(folder: Path) -> str:
    rewrite_index(folder, lambda names: names.update(ghost=SHARD))
    return "disagree on 1 tensors: ghost"


def _shard_outside(folder: Path) -> str:
    rewrite_index(folder, lambda names: names.update({SOME_KEY: "../elsewhere.safetensors"}))
    return "../elsewhere.safetensors"


def _cut_shard(folder: Path) -> str:
    data = (folder / SHARD).read_bytes()
    (folder / SHARD).write_bytes(data[: len(data) // 2])
    return "is not a whole safetensors file"


def _bad_header_length(folder: Path) -> str:
    data = bytearray((folder / SHARD).read_bytes())
    data[:8] = (2**60).to_bytes(8, "little")
    (folder / SHARD).write_bytes(bytes(data))
    return "is not a whole safetensors file"


def _no_tokenizer(folder: Path) -> str:
    (folder / "tokenizer.json").unlink()
    return "missing: tokenizer.json"


def _no_adapters(folder: Path) -> str:
    (folder / ADAPTER_WEIGHTS).unlink()
    return f"missing: {ADAPTER_WEIGHTS}"


def _broken_config(folder: Path) -> str:
    (folder / "config.json").write_text("{")
    return "cannot be read as JSON"


def _not_jina(folder: Path) -> str:
    config = json.loads((folder / "config.json").read_text())
    del config["task_names"]
    (folder / "config.json").write_text(json.dumps(config))
    return "has no 'task_names'"


def _dora(folder: Path) -> str:
    path = folder / "adapters" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"use_dora": True}))
    return "use_dora=True is not supported"


def _wrong_hash(folder: Path) -> str:
    write_checksums(folder)
    path = folder / "preprocessor_config.json"
    path.write_text(path.read_text() + " ")
    return "the file was changed or damaged"


DAMAGES = [
    _drop_base,
    _extra_base,
    _reshape_base,
    _drop_projector,
    _drop_adapter,
    _extra_task,
    _reshape_adapter,
    _drop_shard,
    _stray_in_index,
    _shard_outside,
    _cut_shard,
    _bad_header_length,
    _no_tokenizer,
    _no_adapters,
    _broken_config,
    _not_jina,
    _dora,
    _wrong_hash,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
def test_a_damaged_checkpoint_is_refused_by_name(
    checkpoint_copy: Copy, damage: Callable[[Path], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Fault 53: loading and `verify` both refuse, and say which tensor or file."""
    folder = checkpoint_copy()
    expected = damage(folder)
    with pytest.raises(CheckpointError) as refused:
        load(folder)
    assert expected in str(refused.value)
    assert main(["verify", str(folder)]) == 1
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("keep_index", [True, False])
def test_pickled_weights_are_refused(checkpoint_copy: Copy, keep_index: bool) -> None:
    """Fault 54: a checkpoint that only has pickles is refused; they are never opened."""
    folder = checkpoint_copy()
    for shard in folder.glob("*.safetensors"):
        shard.unlink()
    (folder / INDEX).unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    if not keep_index:
        (folder / ADAPTER_WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match=r"only pickled weights \(pytorch_model.bin\)"):
        load(folder)


def test_single_file_checkpoints_load(checkpoint_copy: Copy) -> None:
    """A folder with one `model.safetensors` and no index is the same layout."""
    folder = checkpoint_copy()
    shards = list(folder.glob("model-*.safetensors"))
    merged = {key: value for shard in shards for key, value in load_file(shard).items()}
    for path in [*shards, folder / INDEX]:
        path.unlink()
    save_file(merged, folder / "model.safetensors")
    assert load(folder).encode_text("a cat").shape == (256,)


def test_verify_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Parameters by part, widths, limits and licence, without loading a weight."""
    verdict = verify(golden.CHECKPOINT)
    assert len(adapter_entries(golden.CHECKPOINT)) == 132
    assert verdict.adapter_parameters.keys() == {"retrieval", "text-matching", "code"}
    assert len(set(verdict.adapter_parameters.values())) == 1
    assert main(["verify", str(golden.CHECKPOINT)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("complete: checkpoint")
    assert f"{verdict.base_parameters:,}" in said
    assert "16, 32, 64, 128, 256" in said


def test_checksums_that_match_load(checkpoint_copy: Copy) -> None:
    """`SHA256SUMS` beside the files is compared on every load."""
    folder = checkpoint_copy()
    write_checksums(folder)
    assert verify(folder).checksums >= 12
    assert load(folder).spec.dim == 256


def test_no_network_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model, the folder that was looked in, the pinned revision and the command that fetches it."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(CheckpointError) as refused:
        Embedder.from_pretrained("jinaai/jina-embeddings-v4", cache_dir=tmp_path)
    said = str(refused.value)
    assert "jinaai/jina-embeddings-v4" in said
    assert str(tmp_path) in said
    assert f"hf download jinaai/jina-embeddings-v4 --revision {V4_REVISION}" in said
    assert refused.value.__suppress_context__


def test_offline_from_the_command_line(tmp_path: Path) -> None:
    """HF_HUB_OFFLINE is named as the reason, exit code 1, no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "embedder", "verify", "jinaai/jina-embeddings-v4"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
    )
    assert done.returncode == 1
    assert "HF_HUB_OFFLINE is set" in done.stderr
    assert "Traceback" not in done.stderr


def hub_cache(root: Path, name: str, revision: str) -> Path:
    """Lay the golden checkpoint out as the hub's cache does: blobs, a ref, and a snapshot of links."""
    repository = root / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / revision
    for path in golden.CHECKPOINT.rglob("*"):
        if path.is_file():
            link = snapshot / path.relative_to(golden.CHECKPOINT)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision)
    return snapshot


def test_a_hub_id_loads_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the pinned revision without network; another revision can be chosen and is recorded."""
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was used"))
    hub_cache(tmp_path, "jinaai/jina-embeddings-v4", V4_REVISION)
    place = locate("jinaai/jina-embeddings-v4", None, tmp_path)
    assert place.revision == V4_REVISION == pinned_revision("jinaai/jina-embeddings-v4")
    model = Embedder.from_pretrained("jinaai/jina-embeddings-v4", cache_dir=tmp_path, precision="float32")
    assert model.revision == V4_REVISION
    hub_cache(tmp_path, "someone/other", "b" * 40)
    assert locate("someone/other", None, tmp_path).revision == "b" * 40
    assert locate("someone/other", "b" * 40, tmp_path).revision == "b" * 40


@pytest.mark.parametrize(
    "name", ["nowhere", "./nowhere", "/no/such/folder", "https://example.org/model", "a/b/c"]
)
def test_a_name_that_is_no_model(name: str) -> None:
    """Says what was looked for and which forms there are."""
    with pytest.raises(CheckpointError, match="no such folder|not a URL"):
        Embedder.from_pretrained(name)


def test_a_file_in_a_folder_s_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="is a file: give the folder"):
        Embedder.from_pretrained(str(tmp_path / "config.json"))


def test_short_memory_is_told_before_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both figures and the way out, as a notice; loading is still tried."""
    monkeypatch.setattr("embedder.device.available_memory", lambda device: 1_000_000)
    with pytest.warns(EmbedderNotice, match=r"needs about 13.8 MB .* cpu has 1.0 MB free"):
        Embedder.from_pretrained(golden.CHECKPOINT, device="cpu", precision="float32")
