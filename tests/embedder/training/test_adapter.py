"""A LoRA of one's own: held-out retrieval rises, a kill costs nothing, the folder is what was trained."""

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

from embedder import Embedder
from embedder.training import renderers
from embedder.training.__main__ import main
from embedder.training.adapter_options import AdapterOptions
from embedder.training.adapter_pairs import read_pairs
from embedder.training.adapter_run import AdapterRun, train_adapter
from embedder.training.adapter_split import Split, split
from embedder.training.adapter_weights import TRAINED
from embedder.training.scenes import sample_scene
from eval.benchmarks.beir import load_folder
from tests.embedder import golden
from tests.embedder.training import german

ROOT = Path(__file__).parents[3]
WEIGHTS = "adapter_model.safetensors"


def write(folder, rows):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Several threads in several processes at once wait for each other more than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def train(out, pairs, *more):
    """Run the command line in this process; what training.json holds."""
    assert main(["adapter", "--pairs", str(pairs), "--out", str(out), "--device", "cpu", *more]) == 0
    return json.loads((out / "training.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def captions(tmp_path_factory):
    """A file of 240 German captions with their English ones."""
    path = tmp_path_factory.mktemp("pairs") / "german.jsonl"
    path.write_text(german.lines(german.captions(240, seed=7)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(captions, tmp_path_factory):
    """Folder of an adapter of the miniature, and what training.json says of it."""
    out = tmp_path_factory.mktemp("german") / "out"
    return out, train(out, captions, "--steps", "20", "--batch", "32", "--val-share", "0.25")


def test_held_out_retrieval_rises(trained):
    found = trained[1]["held_out"]
    assert found["queries"] == found["gallery"] == 60
    for width, least in (("16", 0.0), ("64", 0.1), ("512", 0.1), ("late", 0.0)):
        gain, low, _ = found["change (difference, 95% interval)"][width]["nDCG@10"]
        assert low > least, width
        after, before = (found[when][width]["nDCG@10"] for when in ("after", "before"))
        assert gain == pytest.approx(after - before, abs=2e-4)


def test_nothing_held_out_was_trained_with(trained, captions):
    asked = {line["text"] for line in lines_of(trained[0] / "held-out" / "queries.jsonl")}
    answers = {line["text"] for line in lines_of(trained[0] / "held-out" / "corpus.jsonl")}
    parts = split(read_pairs(captions).pairs, 0.25, seed=0)
    assert {pair.query.text for pair in parts.held_out} == asked
    assert not asked & {pair.query.text for pair in parts.train}
    assert not answers & {pair.passage.text for pair in parts.train}


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_losses_fall_and_are_written_for_figures(trained):
    with (trained[0] / "loss.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "seconds", "loss", "dense", "late", "rate"]
    assert [row["step"] for row in rows] == ["9", "19"]
    assert float(rows[-1]["dense"]) < float(rows[0]["dense"])
    assert float(rows[-1]["late"]) < float(rows[0]["late"])


def test_the_report_says_what_it_takes_to_repeat(trained, captions):
    out, report = trained
    assert report["versions"]["torch"] == torch.__version__
    assert report["model"]["name"] == "mini" and len(report["model"]["fingerprint"]) == 71
    assert report["pairs"]["files"]["pairs"]["sha256"] == read_pairs(captions).sha256
    assert report["pairs"]["trained_with"] == 180
    assert report["settings"]["rate"] == 1e-3 and report["settings"]["seed"] == 0
    left = {path.name for path in out.iterdir()}
    assert left == {"adapter_config.json", WEIGHTS, "training.json", "loss.csv", "held-out"}


def test_eval_measures_the_same_with_it(trained, tmp_path):
    """The adapter as one's own LoRA, on the benchmark folder that was written beside it."""
    from eval.__main__ import main as measure

    out, report = trained
    results = tmp_path / "results"
    asked = ["--benchmark", f"{out}/held-out", "--adapter", f"german={out}", "--task", "retrieval,german"]
    more = ["--dim", "64,512", "--metric", "ndcg@10", "--device", "cpu", "--quiet", "--out", str(results)]
    assert measure(["run", *asked, *more]) == 0
    (result,) = (json.loads(path.read_text()) for path in results.glob("*/result.json"))
    values = {(row["task"], str(row["dim"])): row["value"] for row in result["scores"]}
    for dim in ("64", "512"):
        for task, when in (("retrieval", "before"), ("german", "after")):
            expected = report["held_out"][when][dim]["nDCG@10"]
            assert values[task, dim] == pytest.approx(expected, abs=1e-3), (task, dim)


def test_the_same_command_again_finds_it_done(trained, captions):
    out, report = trained
    before = (out / WEIGHTS).stat().st_mtime_ns
    again = train(out, captions, "--steps", "20", "--batch", "32", "--val-share", "0.25")
    assert again == report
    assert (out / WEIGHTS).stat().st_mtime_ns == before


def test_another_training_is_not_written_over(trained, captions, capsys):
    out, _ = trained
    words = ["adapter", "--pairs", str(captions), "--out", str(out), "--steps", "21", "--device", "cpu"]
    assert main([*words, "--batch", "32", "--val-share", "0.25"]) == 2
    assert "steps was 20 and now is 21" in capsys.readouterr().err


def test_texts_find_pictures(tmp_path):
    """German captions of single drawn scenes: the pictures that were held out are found better."""
    rng = np.random.default_rng(0)
    scenes = list(dict.fromkeys(sample_scene(rng, things=1) for _ in range(400)))
    rows = []
    for number, scene in enumerate(scenes):
        colour, shape = scene.first.colour, scene.first.shape
        if colour not in german.COLOURS or shape not in german.SHAPES:
            continue
        path = tmp_path / "pictures" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        renderers.draw(scene, 112, rng, renderers.CLEAN).save(path)
        told = german.german(colour, shape, german.FIRST)
        rows.append({"query": {"text": told}, "passage": {"image": f"pictures/{number}.png"}})
    pairs = write(tmp_path, rows)
    found = train(tmp_path / "out", pairs, "--steps", "12", "--batch", "24", "--val-share", "0.25")[
        "held_out"
    ]
    before, after = (found[when]["512"]["nDCG@10"] for when in ("before", "after"))
    assert after > before + 0.1, (before, after, len(rows))
    kept = load_folder(tmp_path / "out" / "held-out")
    assert kept.modality == "text to image" and len(kept.corpus) == found["gallery"]


# The tiny checkpoint of random weights is enough for what follows, and faster.
def tiny(path, out, **more):
    fixed = {"model": str(golden.CHECKPOINT), "device": "cpu", "precision": "float32", "steps": 6, "batch": 8}
    return AdapterOptions(pairs=path, out=out, **(fixed | more))


@pytest.fixture
def few(tmp_path):
    """Twelve pairs: texts, pictures, both, with and without negatives."""
    picture = golden.FOLDER / "images" / "odd.png"
    (tmp_path / "odd.png").write_bytes(picture.read_bytes())
    rows = [{"query": f"harbour {n}", "passage": f"a tide table of harbour {n}"} for n in range(12)]
    rows[0]["passage"] = {"image": "odd.png"}
    rows[1]["passage"] = {"image": "odd.png", "text": "with words"}
    rows[2]["negatives"] = ["a tide table of harbour 3", {"text": "no table"}]
    return write(tmp_path, rows)


def begun(options, pairs):
    model = Embedder.from_pretrained(options.model, device="cpu", precision=options.precision)
    parts = Split(pairs, ())
    return AdapterRun(model, options.settle(model.spec, len(pairs)), parts)


def gradients(run):
    run.adapter.begin()
    run.model._runtime.network.model.language_model.train(run.options.checkpointing)
    calls = []
    layer = run.model._runtime.network.model.language_model.layers[0].self_attn
    layer.register_forward_hook(lambda *_: calls.append(1))
    losses = run.learner.backward(run.batches.batch(0))
    return losses, {key: value.grad.clone() for key, value in run.adapter.parameters.items()}, len(calls)


def test_several_passes_have_the_gradient_of_one(few, tmp_path):
    pairs = read_pairs(few).pairs
    options = tiny(few, tmp_path / "out", task="fresh", batch=12, negatives=2)
    whole, one, passes = gradients(begun(options, pairs))
    assert passes == 1
    for changed in ({"pass_tokens": 60}, {"checkpointing": True}):
        losses, other, passes = gradients(begun(replace(options, **changed), pairs))
        assert passes > 6 if "pass_tokens" in changed else passes == 2
        assert losses == pytest.approx(whole, abs=1e-5), changed
        for key in one:
            torch.testing.assert_close(other[key], one[key], rtol=1e-3, atol=1e-6)
    assert any(".lora_B." in key and float(value.abs().max()) > 0 for key, value in one.items())


def test_only_the_adapter_learns(few, tmp_path):
    run = begun(tiny(few, tmp_path), read_pairs(few).pairs)
    gradients(run)
    named = run.model._runtime.network.named_parameters()
    assert {key for key, value in named if value.requires_grad} == set(run.adapter.parameters)
    assert all(value.grad is None for key, value in named if f".{TRAINED}." not in key)


def test_answers_of_the_same_query_are_no_negatives(tmp_path):
    rows = [{"query": f"q{n // 2}", "passage": f"p{n}", "negatives": [f"p{n ^ 1}", "z"]} for n in range(8)]
    path = write(tmp_path, rows)
    batch = begun(tiny(path, tmp_path / "out", negatives=2), read_pairs(path).pairs).batches.batch(0)
    assert batch.count == 8
    assert batch.same[:, :8].sum(1).tolist() == [2] * 8  # its own passage and its twin's
    assert batch.same[:, 8:].any() and not batch.same[:, 8:].all()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("start", ["code", "fresh"])
def test_the_folder_holds_what_was_trained(few, tmp_path, start, precision):
    """Vectors of the module in memory, and of the folder loaded by another embedder."""
    run = begun(tiny(few, tmp_path, task=start, precision=precision, rate=0.01), read_pairs(few).pairs)
    texts = ["harbour 3", "a tide table"]
    before = run.model.embed(texts, task=TRAINED)
    if start == "code" and precision == "float32":  # in 16 bits it learns from 32-bit weights
        np.testing.assert_allclose(before.dense, run.model.encode_text(texts, task="code"), atol=1e-5)
    run.train()
    mine = run.model.embed(texts, task=TRAINED)
    assert np.abs(mine.dense - before.dense).max() > 1e-3
    other = Embedder.from_pretrained(golden.CHECKPOINT, device="cpu", precision=precision)
    other.add_adapter("mine", tmp_path)
    theirs = other.embed(texts, task="mine")
    np.testing.assert_array_equal(theirs.dense, mine.dense)
    for own, loaded in zip(mine.late, theirs.late, strict=True):
        np.testing.assert_array_equal(loaded, own)
    np.testing.assert_array_equal(other.encode_text(texts), run.model.encode_text(texts))


def test_peft_itself_loads_the_folder(few, tmp_path):
    from peft import PeftModel

    from embedder.loading import _load_base, network_config
    from embedder.model import EmbeddingModel

    run = begun(tiny(few, tmp_path, task="fresh", rank=4), read_pairs(few).pairs)
    run.train()
    base, projector = _load_base(
        golden.CHECKPOINT, run.model.spec, network_config(golden.CHECKPOINT), torch.float32
    )
    loaded = PeftModel.from_pretrained(EmbeddingModel(base, projector), str(tmp_path)).state_dict()
    for key, value in run.adapter.state().items():
        torch.testing.assert_close(loaded[key.replace(".weight", ".default.weight")], value, rtol=0, atol=0)


def test_an_adapter_is_trained_further(few, tmp_path):
    run = begun(tiny(few, tmp_path, task="fresh", rank=4), read_pairs(few).pairs)
    run.train()
    on = begun(tiny(few, tmp_path, task=str(tmp_path)), read_pairs(few).pairs)
    assert on.adapter.config.r == 4
    for key, value in run.adapter.state().items():
        torch.testing.assert_close(on.adapter.state()[key], value, rtol=0, atol=0)


def test_restart_begins_anew(few, tmp_path):
    words = ["--model", str(golden.CHECKPOINT), "--precision", "float32", "--val-share", "0", "--batch", "8"]
    first = train(tmp_path / "out", few, *words, "--steps", "2")
    again = train(tmp_path / "out", few, *words, "--steps", "3", "--restart")
    assert (first["settings"]["steps"], again["settings"]["steps"]) == (2, 3)
    assert first["held_out"] is None and not (tmp_path / "out" / "held-out").exists()


@pytest.mark.gpu
def test_training_on_a_gpu(few, tmp_path):
    options = tiny(few, tmp_path, device="cuda", precision="bfloat16", checkpointing=True, val_share=0.2)
    report = train_adapter(options)
    assert report["device"].startswith("cuda") and report["held_out"]["queries"] == 2
    model = Embedder.from_pretrained(golden.CHECKPOINT, device="cuda", precision="bfloat16")
    model.add_adapter("mine", tmp_path)
    assert np.isfinite(model.encode_text("harbour 3", task="mine")).all()


def test_held_out_pairs_of_another_file(few, tmp_path, capsys):
    asked = [
        {"query": "harbour 3", "passage": "tides"},
        {"query": "lighthouse", "passage": "a lamp", "negatives": ["x"]},
    ]
    val = write(tmp_path / "val", asked)
    words = [
        "--model",
        str(golden.CHECKPOINT),
        "--precision",
        "float32",
        "--steps",
        "2",
        "--task",
        "text-matching",
    ]
    found = train(
        tmp_path / "out", few, *words, "--val-pairs", str(val), "--late-weight", "0", "--dims", "32"
    )
    assert found["pairs"]["left_out"] == 1 and found["pairs"]["trained_with"] == 11
    assert "because their query is held out: 1" in capsys.readouterr().err
    assert (found["held_out"]["queries"], found["held_out"]["gallery"]) == (2, 3)
    assert list(found["held_out"]["after"]) == ["32"]
    assert found["settings"]["passage_prompt"] == "query"


def test_kill_and_resume_ends_where_an_uninterrupted_run_ends(few, tmp_path, capsys):
    words = ["--model", str(golden.CHECKPOINT), "--precision", "float32", "--val-share", "0.2"]
    words += ["--steps", "30", "--batch", "4", "--save-every", "3", "--negatives", "2", "--threads", "1"]
    straight = train(tmp_path / "straight", few, *words)
    out = tmp_path / "killed"
    command = [
        "-m",
        "embedder.training",
        "adapter",
        "--pairs",
        str(few),
        "--out",
        str(out),
        "--device",
        "cpu",
    ]
    process = subprocess.Popen([sys.executable, *command, *words], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        while not (out / "adapter.pt").exists():
            assert process.poll() is None, "the run ended before its first checkpoint"
            time.sleep(0.002)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not json.loads((out / "training.json").read_text())["finished"], "killed too late to mean anything"
    capsys.readouterr()
    resumed = train(out, few, *words)
    assert "goes on after step" in capsys.readouterr().err
    assert (out / WEIGHTS).read_bytes() == (tmp_path / "straight" / WEIGHTS).read_bytes()
    assert resumed["held_out"] == straight["held_out"]
    kept, whole = ((folder / "loss.csv").read_text().splitlines() for folder in (out, tmp_path / "straight"))
    assert [row.split(",")[2:] for row in kept] == [row.split(",")[2:] for row in whole]
    assert not (out / "adapter.pt").exists()
