"""The README's examples run as they stand."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("python -m ")
]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_python_examples_run(code: str) -> None:
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs, as a reader would have it by then."""
    folder = tmp_path_factory.mktemp("results")
    for dims in ("64", "64,256"):
        options = ["--benchmark", "python-docs", "--dim", dims, "--out", str(folder), "--quiet"]
        done = run("-m", "eval", "run", *options)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """As printed, but for the files and folders that results come from and go to."""
    elsewhere = re.sub(r"--(out|html|json) (\S+)", rf"--\1 {tmp_path.as_posix()}/\2", command)
    if " results/" in elsewhere:
        folder = request.getfixturevalue("results")
        runs = [path.parent.name for path in sorted(folder.glob("*/result.json"))]
        named = zip(("RUN_A", "RUN_B", " results/"), (*runs, f" {folder.as_posix()}/"), strict=True)
        for printed, real in named:
            elsewhere = elsewhere.replace(printed, real)
    done = run(*shlex.split(elsewhere)[1:])
    assert done.returncode == 0, done.stderr


def test_there_are_examples_to_run() -> None:
    assert PYTHON
    assert any("embedder verify" in command for command in COMMANDS)


def test_every_file_of_the_tour_exists() -> None:
    """The architecture section is the house as it stands."""
    tree = README.split("## How it is built")[1].split("```")[1]
    names = re.findall(r"([\w-]+\.py)\b", tree)
    missing = [
        name
        for name in names
        if not any((ROOT / room / name).exists() for room in ("", "embedder", "eval", "ui"))
    ]
    assert names
    assert missing == []
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []
