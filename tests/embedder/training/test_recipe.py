"""The whole recipe in seconds: it trains, survives kill -9, and exports the published layout, which loads."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer

from embedder import Embedder
from embedder.adapters import adapter_parameters
from embedder.checkpoint import ADAPTER_WEIGHTS, read_tensors, tensor_entries, verify_checksums
from embedder.errors import CheckpointError
from embedder.training import data_code, data_text, pairs, pictures, recipe, renderers, unseen_pairs
from embedder.training.__main__ import main
from embedder.training.adapters_stage import activate, add_adapters
from embedder.training.batches import pad_texts
from embedder.training.export import small_enough
from embedder.training.late_pictures import LatePictures
from embedder.training.network import TASKS, Miniature
from embedder.training.progress import Progress
from embedder.training.scenes import COLOURS, SHAPES, Scene, Thing, caption
from embedder.training.static_table import score_static
from embedder.training.text_stage import restore
from embedder.training.tokenizer import special_ids
from embedder.training.widen import widened
from embedder.training.worlds import missing_pages
from embedder.training.worlds_stage import WorldsWork

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folders of a finished smoke run: (runs, out)."""
    folder = tmp_path_factory.mktemp("smoke")
    threads = torch.get_num_threads()
    assert main(["mini", "--smoke", "--runs", str(folder / "runs"), "--out", str(folder / "out")]) == 0
    torch.set_num_threads(threads)
    return folder / "runs", folder / "out"


def losses(runs, stage, column):
    with (runs / f"{stage}.loss.csv").open() as file:
        return [float(row[column]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def model(trained):
    return Embedder.from_pretrained(trained[1], device="cpu", precision="float32")


def held_out_score(runs, table):
    tokenizer = Tokenizer.from_file(str(runs / "tokenizer.json"))
    code = data_code.cached(runs / "code.jsonl", few=True)
    texts = pairs.text_pairs(code, held_out=True, words=False)
    return score_static(table, pairs.encode({"code": texts["code"]}, tokenizer)["code"], [63])[63]


def test_held_out_retrieval_rises(trained):
    runs, _ = trained
    table = torch.load(runs / "table.pt", weights_only=True)
    untrained = torch.randn(table.shape, generator=torch.Generator().manual_seed(0))
    assert held_out_score(runs, table) > held_out_score(runs, untrained) + 0.05


def test_every_stage_wrote_its_losses(trained):
    runs, _ = trained
    assert losses(runs, "static", "loss")[-1] < losses(runs, "static", "loss")[0]
    for stage in ("text", "crops", "cells", "bank", *(f"adapter-{task}" for task in TASKS), "late"):
        assert (runs / f"{stage}.loss.csv").read_text().count("\n") >= 2, stage


def test_export_is_whole_and_in_the_published_layout(trained):
    _, out = trained
    assert verify_checksums(out) >= 10
    config = json.loads((out / "config.json").read_text())
    assert "model_type" not in config and "auto_map" not in config
    assert config["task_names"] == list(TASKS)
    names = {path.name for path in out.iterdir()}
    golden = {path.name for path in (ROOT / "tests" / "golden" / "checkpoint").iterdir()}
    assert {name for name in golden if "model" not in name} - names <= {"chat_template.json", "README.md"}


def test_every_adapter_was_trained(trained):
    entries = tensor_entries(trained[1] / ADAPTER_WEIGHTS)
    with safe_open(trained[1] / ADAPTER_WEIGHTS, framework="pt") as file:
        for name in entries:
            assert float(file.get_tensor(name).float().abs().max()) > 0, name
    assert {task for task in TASKS if any(f".{task}." in name for name in entries)} == set(TASKS)


def test_the_late_stage_moves_the_projector_alone_and_the_adapters_all_but_it(trained):
    runs, _ = trained
    settle, late, code = (
        torch.load(runs / f"{stage}.pt", weights_only=True)["network"]
        for stage in ("settle", "late", "adapter-code")
    )
    language = [name for name in late if ".language_model." in name and ".lora_" not in name]
    before = [settle["part." + name.replace(".base_layer.", ".")] for name in language]
    assert language and all(torch.equal(late[name], old) for name, old in zip(language, before, strict=True))
    assert not any(late[name].any() for name in late if ".lora_B." in name and "projector" not in name)
    moved = {name for name in code if not torch.equal(late[name], code[name]) and ".visual." not in name}
    assert any(".lora_B.text-matching." in name for name in moved)
    assert all(".lora_" in name and "projector" not in name for name in moved), moved


def test_the_embedder_computes_what_the_training_network_computes(trained, model):
    runs, _ = trained
    sizes = widened(recipe.smoke().sizes)
    tokenizer = Tokenizer.from_file(str(runs / "tokenizer.json"))
    network = Miniature(sizes, special_ids(tokenizer))
    add_adapters(network, 0)
    network.load_state_dict(torch.load(runs / f"adapter-{TASKS[-1]}.pt", weights_only=True)["network"])
    for task in TASKS:
        activate(network, task)
        ids = torch.tensor([tokenizer.encode("Query: a red circle above a blue square").ids])
        with torch.no_grad():
            own = network.text(ids, torch.ones_like(ids, dtype=torch.bool)).numpy()
        vector = model.encode_text("a red circle above a blue square", task=task)
        assert float(vector @ (own[0] / np.linalg.norm(own))) > 0.9999
        assert adapter_parameters(network, task)


def test_pictures_and_tokens_go_through(model):
    scene = Scene(Thing("red", "circle"), "left", Thing("blue", "star"))
    image = renderers.draw(scene, 224, np.random.default_rng(0), renderers.CLEAN)
    assert model.encode_image(image).shape == (64,)
    late = model.encode_image_multi_vector([image])[0]
    assert late.shape[1] == 16 and late.shape[0] >= 18  # 16 image tokens and what stands around them


def test_the_worlds_stage_moves_the_tower_alone_and_its_texts_are_those_of_its_settings(trained):
    runs, _ = trained
    settle, worlds = (
        torch.load(runs / f"{stage}.pt", weights_only=True)["network"] for stage in ("settle", "worlds")
    )
    pages = {"reading"} if missing_pages() is None else set()
    assert {name.split(".")[0] for name in worlds} == {"part", "heads", "classes"} | pages
    before = {name.removeprefix("part.model.visual."): value for name, value in settle.items()}
    moved = [
        name
        for name, value in worlds.items()
        if not torch.equal(value, before.get(name[5:], torch.zeros(())))
    ]
    assert any(name.startswith("part.blocks.") for name in moved)
    sizes, tokenizer = widened(recipe.smoke().sizes), Tokenizer.from_file(str(runs / "tokenizer.json"))
    network = Miniature(sizes, special_ids(tokenizer))
    chosen = replace(recipe.smoke().worlds, mixed=3)
    work = WorldsWork.of(network, tokenizer, chosen, recipe.smoke().bank, runs, 0)
    assert len(work.galleries["mixed"]) == len(work.worlds["mixed"].tellings), "not those kept of six groups"


def test_the_last_stage_moves_the_tower_once_more(trained):
    runs, _ = trained
    worlds, eyes = (
        torch.load(runs / f"{stage}.pt", weights_only=True)["network"] for stage in ("worlds", "eyes")
    )
    assert worlds.keys() == eyes.keys()
    assert any(name.startswith("part.") and not torch.equal(worlds[name], eyes[name]) for name in worlds)


def test_late_pictures_prefer_their_own_captions_and_leave_the_projector_alone(trained):
    """States of a scene's own words score better than those of other scenes, and only they get a gradient."""
    runs, _ = trained
    tokenizer = Tokenizer.from_file(str(runs / "tokenizer.json"))
    network = Miniature(recipe.smoke().sizes, special_ids(tokenizer))
    network.initialise(0)
    network.requires_grad_(False)
    scenes = [
        Scene(Thing(colour, "circle"), "left", Thing("blue", shape))
        for colour, shape in (("red", "star"), ("green", "square"), ("black", "heart"))
    ]
    tokens = pad_texts(["Query: " + caption(scene) for scene in scenes], tokenizer)
    states = network.text_states(tokens.ids).requires_grad_(True)
    late = LatePictures(network, tokenizer)
    right = late.loss(states, scenes, np.random.default_rng(0))
    wrong = late.loss(states.flip(0), scenes, np.random.default_rng(0))
    assert right < wrong
    right.backward()
    assert states.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_second_run_finds_everything_done(trained):
    runs, out = trained
    before = (out / "SHA256SUMS").read_text()
    started = time.time()
    assert main(["mini", "--smoke", "--runs", str(runs), "--out", str(out)]) == 0
    assert time.time() - started < 60
    assert (out / "SHA256SUMS").read_text() == before


def test_kill_and_resume_ends_where_an_uninterrupted_run_ends(trained, tmp_path):
    runs, _ = trained
    words = ["mini", "--smoke", "--stage", "static", "--runs", str(tmp_path), "--out", str(tmp_path / "out")]
    command = [sys.executable, "-m", "embedder.training", *words]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    while not (tmp_path / "static.pt").exists():
        assert process.poll() is None, "the run ended before its first checkpoint"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "table.pt").exists()
    assert main(words) == 0
    resumed, straight = (torch.load(folder / "table.pt", weights_only=True) for folder in (tmp_path, runs))
    assert torch.equal(resumed, straight)


def test_missing_sources_are_named_in_one_line(tmp_path):
    with pytest.raises(data_text.MissingSource) as raised:
        data_text.require(tmp_path / "wordnet", tmp_path / "cldr")
    assert str(raised.value).count("\n") == 0
    assert "apt-get install wordnet-base unicode-cldr-core" in str(raised.value)


def test_a_table_that_fits_no_file_is_stored_in_eight_bits(tmp_path):
    table = torch.linspace(-4, 4, 4096).view(64, 64)
    stored = small_enough(table, torch.float16, limit=8000)
    save_file({"table": stored}, tmp_path / "one.safetensors")
    entries = tensor_entries(tmp_path / "one.safetensors")
    assert entries["table"].dtype == "F8_E4M3"
    read = read_tensors(entries)["table"]
    assert read.dtype == torch.float32
    torch.testing.assert_close(read, table, rtol=1 / 16, atol=2**-10)
    assert small_enough(table, torch.float16, limit=8192).dtype == torch.float16


def test_a_tower_that_lacks_some_coloured_shapes_is_trained_beside_and_measured_on_them(trained, monkeypatch):
    runs, out = trained
    drawn = set()
    real, train = pictures.draw_one, recipe.train_unseen

    def watched(*arguments):
        monkeypatch.setattr(pictures, "draw_one", lambda thing, *rest: drawn.add(thing) or real(thing, *rest))
        return train(*arguments)

    monkeypatch.setattr(recipe, "train_unseen", watched)
    before = (out / "model.safetensors.index.json").read_bytes()
    command = ["mini", "--smoke", "--runs", str(runs), "--out", str(out), "--stage", recipe.BESIDE]
    threads = torch.get_num_threads()
    assert main(command) == 0
    torch.set_num_threads(threads)
    assert drawn and not drawn & set(unseen_pairs.UNSEEN), "no close-up shows one"
    assert {thing.colour for thing in unseen_pairs.UNSEEN} == set(COLOURS)
    assert {thing.shape for thing in unseen_pairs.UNSEEN} == set(SHAPES)
    found = json.loads((runs / "unseen.scores.json").read_text())
    assert found.keys() == {"seen", "unseen"} and found["seen"].keys() == found["unseen"].keys()
    assert (out / "model.safetensors.index.json").read_bytes() == before, "the model is left as it is"
    for scene in unseen_pairs.drawn_from(lambda number: number > 0, 20, 0):
        assert {scene.first, scene.second} & set(unseen_pairs.UNSEEN)


def test_a_checkpoint_of_another_version_is_said_and_kept(tmp_path):
    torch.save({"network": {"other": torch.zeros(1)}, "optimiser": {}, "step": 0}, tmp_path / "x.pt")
    module = torch.nn.Linear(2, 2)
    progress = Progress(tmp_path, "x", 4)
    with pytest.raises(CheckpointError, match=r"x\.pt: does not fit stage x .* give another --runs"):
        restore(progress, module, torch.optim.AdamW(module.parameters()))
    assert (tmp_path / "x.pt").exists()
