"""On a Hugging Face Space: ZeroGPU's rules, storage, front matter, what an upload sends, the start."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio
import httpx
import numpy as np
import pytest
import yaml
from huggingface_hub.utils import DEFAULT_IGNORE_PATTERNS, filter_repo_objects
from packaging.requirements import Requirement

from embedder import Embedder
from eval import places
from eval.config import RunConfig
from tests.browser.harness import AppProcess
from tests.ui.conftest import GOLDEN

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CARD = yaml.safe_load(README.split("---")[1])

# What the package `spaces` does on ZeroGPU, in small: it notes when it came and what it was asked to lend to,
# runs each call in a fork, takes back only what can be pickled, and hands on an exception's class alone.
LENDER = """
import functools, json, multiprocessing, os, pickle, sys
import gradio

def note(**said):
    with open(os.environ["LENDER_NOTES"], "a") as file:
        file.write(json.dumps(said) + "\\n")

note(what="import", torch="torch" in sys.modules)

def GPU(task=None, *, duration=None):
    if task is None:
        return functools.partial(GPU, duration=duration)
    note(what="decorate", name=task.__name__, duration=duration)

    @functools.wraps(task)
    def call(*args, **kwargs):
        if os.path.exists(os.environ["LENDER_NOTES"] + ".quota"):
            raise gradio.Error("You have exceeded your quota", title="ZeroGPU quota exceeded")
        note(what="call", size=len(pickle.dumps((args, kwargs))))
        ours, theirs = multiprocessing.get_context("fork").Pipe()
        pid = os.fork()
        if pid == 0:
            try:
                sent = pickle.dumps((True, task(*args, **kwargs)))
            except BaseException as error:
                sent = pickle.dumps((False, type(error).__name__))
            theirs.send_bytes(sent)
            os._exit(0)
        raw = ours.recv_bytes()
        os.waitpid(pid, 0)
        note(what="answer", torch=b"torch" in raw)
        done, value = pickle.loads(raw)
        if not done:
            raise gradio.Error(value, title="ZeroGPU worker error")
        return value

    return call
"""


@pytest.fixture
def lent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[AppProcess, Path]]:
    """The program as on ZeroGPU, and the file of the lender's notes."""
    (tmp_path / "spaces.py").write_text(LENDER)
    notes = tmp_path / "notes"
    # libgomp's threads do not survive a fork; on CUDA they are not asked
    for name, value in {
        "SPACES_ZERO_GPU": "true",
        "PYTHONPATH": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LENDER_NOTES", str(notes))
    process = AppProcess(["--model", str(GOLDEN), "--precision", "float32"], log=tmp_path / "app.log")
    try:
        process.wait_until_ready()
        yield process, notes
    finally:
        process.stop()


def said(notes: Path, what: str) -> list[dict[str, Any]]:
    return [note for line in notes.read_text().splitlines() if (note := json.loads(line))["what"] == what]


def post(process: AppProcess, **body: Any) -> httpx.Response:
    body = {"model": CHECKPOINT, "input": "a text", **body}
    return httpx.post(f"{process.url}/v1/embeddings", json=body, timeout=60, trust_env=False)


CHECKPOINT = str(GOLDEN)


def test_zerogpu_s_rules_are_kept(lent: tuple[AppProcess, Path]) -> None:
    process, notes = lent
    assert [note["torch"] for note in said(notes, "import")] == [False], "spaces comes before torch, and once"
    assert [note["name"] for note in said(notes, "decorate")] == ["_call_there"]
    assert said(notes, "decorate")[0]["duration"] <= 120
    health = httpx.get(f"{process.url}/health", trust_env=False).json()
    assert health["status"] == "ready" and "lent" in health["detail"]
    assert said(notes, "call") == [], "no GPU is asked for on nobody's behalf"

    model = Embedder.from_pretrained(GOLDEN, device="cpu", precision="float32")
    answer = post(process, input=["a text", "another"], task="retrieval.passage")
    assert answer.status_code == 200, answer.text
    got = [row["embedding"] for row in answer.json()["data"]]
    expected = model.encode_text(["a text", "another"], prompt_name="passage")
    np.testing.assert_allclose(got, expected, atol=1e-5)
    late = post(process, return_multivector=True).json()["data"][0]["embeddings"]
    np.testing.assert_allclose(late, model.encode_text_multi_vector(["a text"])[0], atol=1e-5)
    assert len(said(notes, "call")) == 2
    assert [note["torch"] for note in said(notes, "answer")] == [False, False], "numpy comes back, no tensor"

    assert post(process, input=["a text", "another"], task="retrieval.passage").status_code == 200
    assert len(said(notes, "call")) == 2, "what is remembered asks for no GPU"


def test_zerogpu_s_refusals_and_our_own_errors_are_words(lent: tuple[AppProcess, Path]) -> None:
    process, notes = lent
    picture = "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9"  # a header and nothing more
    broken = post(process, input=[{"image": picture}])
    assert broken.status_code == 400 and "input[0]" in broken.json()["error"]["message"]
    assert "InputError" not in broken.text, "the words crossed the fork, and not the class's name"
    Path(f"{notes}.quota").touch()
    refused = post(process, input="something new", return_multivector=True)
    assert refused.status_code == 503 and "exceeded your quota" in refused.json()["error"]["message"]


def test_without_zerogpu_the_real_package_is_not_even_imported() -> None:
    code = (
        "import sys; from ui import zero; model = object(); assert zero.lend(model) is model\n"
        "assert 'spaces' not in sys.modules and 'torch' not in sys.modules\n"
        "import spaces; assert spaces.GPU(duration=9)(len) is len  # the real one, which lends nothing here"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_missing_package_is_said_and_the_start_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from ui import zero

    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setitem(sys.modules, "spaces", None)
    with pytest.warns(RuntimeWarning, match="pip install spaces"):
        assert zero._decorator()(len) is len


# Storage.


def test_runs_are_kept_where_a_space_keeps_things(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(places, "STORAGE", tmp_path)
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert RunConfig().out == Path("results"), "on any other machine /data is not ours"
    monkeypatch.setenv("SPACE_ID", "somebody/explorer")
    assert RunConfig().out == tmp_path / "results" and RunConfig().cache_folder == tmp_path / "results/cache"
    assert RunConfig(out=Path("mine")).out == Path("mine")
    monkeypatch.setattr(places, "STORAGE", tmp_path / "none")
    assert RunConfig().out == Path("results"), "a Space without storage"
    monkeypatch.setattr(places, "STORAGE", tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert RunConfig().out == Path("results"), "a storage that cannot be written"


# The card.


def test_the_front_matter_is_complete() -> None:
    needed = {
        "title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file", "tags",
        "suggested_hardware", "models", "short_description", "license", "pinned", "startup_duration_timeout",
    }  # fmt: skip
    assert needed <= set(CARD)
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {CARD["colorFrom"], CARD["colorTo"]} <= colours and len(CARD["short_description"]) <= 60
    assert CARD["sdk"] == "gradio" and CARD["sdk_version"] == gradio.__version__
    assert CARD["python_version"] == "3.12", "ZeroGPU has 3.12 and 3.10"
    assert (ROOT / CARD["app_file"]).is_file() and CARD["suggested_hardware"] == "cpu-basic"


def test_the_requirements_fit_a_space() -> None:
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line[:1].isalpha()]
    asked = {one.name: one.specifier for one in map(Requirement, lines)}
    for torch in ("2.8.0", "2.9.1", "2.10.0", "2.11.0"):  # what ZeroGPU runs
        assert asked["torch"].contains(torch)
    assert asked["gradio"].contains(CARD["sdk_version"])
    assert not (ROOT / "packages.txt").exists(), "no system package is needed: then the README must say which"


# The upload.


def sent() -> list[str]:
    """What the command of the README would send, by the client's own filter, out of the real tree."""
    (command,) = re.findall(r"^hf upload (?:[^\n]*\\\n)*[^\n]*", README, re.MULTILINE)
    words = shlex.split(command.replace("\\\n", " "))
    assert (
        words[3:5] == [".", "."]
        and "--repo-type" in words
        and words[words.index("--repo-type") + 1] == "space"
    )

    def given(flag: str) -> list[str]:
        return [words[at + 1] for at, word in enumerate(words) if word == flag]

    files = []
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if name not in (".git", ".venv")]
        files += [(Path(folder) / name).relative_to(ROOT).as_posix() for name in names]
    ignored = [*DEFAULT_IGNORE_PATTERNS, *given("--exclude")]
    return list(filter_repo_objects(files, allow_patterns=given("--include"), ignore_patterns=ignored))


def test_an_upload_sends_what_the_program_needs_and_nothing_else() -> None:
    files = sent()
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    known = set(
        subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    )
    assert set(files) <= known, "nothing that git ignores"
    rooms = ("app.py", "README.md", "LICENSE", "requirements.txt", "ui/", "eval/", "embedder/", "assets/")
    here = {name for name in known if name.startswith(rooms) and (ROOT / name).is_file()}
    assert here - set(files) == set(), "nothing is left behind"
    assert not [name for name in files if name.startswith(("tests/", ".ci/", "results/", "runs/"))]
    large = {name: size for name in files if (size := (ROOT / name).stat().st_size) >= 10_000_000}
    assert not large, "the hub wants larger files elsewhere"


def test_what_is_sent_starts_by_itself(tmp_path: Path) -> None:
    """A copy of just these files, in a clean process on two threads: the page within a minute."""
    for name in sent():
        target = tmp_path / "space" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    process = AppProcess([], log=tmp_path / "app.log", program=tmp_path / "space" / "app.py")
    try:
        seconds = process.wait_until_ready(120)
        page = httpx.get(process.url, trust_env=False, timeout=30)
    finally:
        process.stop()
    assert page.status_code == 200 and "Explorer" in page.text
    assert seconds < 60
    assert "Traceback" not in process.log.read_text()
