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
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=170, check=False
    )


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_python_examples_run(code: str) -> None:
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command: str, tmp_path: Path) -> None:
    """As printed, but for the folder that results go to."""
    elsewhere = re.sub(r"--out (\S+)", f"--out {tmp_path.as_posix()}/out", command)
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
