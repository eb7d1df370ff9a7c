"""The order of imports holds, and the contracts that say so would notice if it did not."""

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
LAYERS = ("ui", "eval", "embedder")
PACKAGES = [name for name in LAYERS if (ROOT / name / "__init__.py").exists()]
LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports_command as main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        # Rich would wrap and colour what the tests read.
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "NO_COLOR": "1"},
    )


def sources() -> Iterator[Path]:
    yield from ROOT.glob("*.py")
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the code alone, to spoil."""
    for path in [*sources(), ROOT / "pyproject.toml"]:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return tmp_path


def test_the_contracts_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("embedder/errors.py", "import ui", "Imports go one way"),
        ("embedder/errors.py", "import app", "Nothing imports app"),
        ("embedder/errors.py", "from gradio import Blocks", "gradio only in app and ui"),
        ("embedder/errors.py", "import plotly.graph_objects", "No plotting in the embedder"),
        # What is hidden in a function counts too.
        ("embedder/errors.py", "def f():\n    import matplotlib", "No plotting in the embedder"),
        ("ui/__init__.py", "import app", "Nothing imports app"),
        ("eval/__init__.py", "import ui", "Imports go one way"),
        ("eval/__init__.py", "import app", "Nothing imports app"),
        ("eval/__init__.py", "import gradio", "gradio only in app and ui"),
        ("embedder/errors.py", "from eval import metrics", "Imports go one way"),
    ],
)
def test_a_violation_breaks_its_contract(copy: Path, module: str, line: str, contract: str) -> None:
    concerned = {module.split("/")[0], *re.findall(r"\beval\b", line)}
    if not concerned <= set(PACKAGES):
        pytest.skip("eval does not exist yet")
    with (copy / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = lint_imports(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(rf"{contract}.* BROKEN", done.stdout), done.stdout


def test_every_package_of_ours_is_under_contract() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    linter = SETTINGS["tool"]["importlinter"]
    assert found == set(linter["root_packages"]), "list the new package in pyproject.toml"
    contracts = {contract["id"]: contract for contract in linter["contracts"]}
    assert set(contracts["app-on-top"]["source_modules"]) == found
    assert set(contracts["no-gradio-below"]["source_modules"]) == found - {"ui"}
    assert found <= {layer.strip("()") for layer in contracts["layers"]["layers"]}


def third_party_imports() -> dict[str, str]:
    """Returns each outside module that our code imports, with one file that does."""
    own = {*LAYERS, "app", "tests", *sys.stdlib_module_names}
    imported: dict[str, str] = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            for name in {name.split(".")[0] for name in names} - own:
                imported.setdefault(name, str(path.relative_to(ROOT)))
    return imported


def required() -> dict[str, Requirement]:
    """Returns what requirements.txt and the groups of pyproject.toml ask for, by distribution."""
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line[:1].isalpha()]
    lines += [line for group in SETTINGS["dependency-groups"].values() for line in group]
    return {canonicalize_name(asked.name): asked for asked in map(Requirement, lines)}


# What a Space or a hub's code brings by itself, tried for and done without.
OPTIONAL = {"spaces"}


def test_what_the_code_imports_is_required() -> None:
    distributions = importlib.metadata.packages_distributions()
    asked = set(required())
    missing = {
        name: where
        for name, where in third_party_imports().items()
        if name not in OPTIONAL
        and not asked & {canonicalize_name(d) for d in distributions.get(name, [name])}
    }
    assert not missing, "add to requirements.txt, or to a group in pyproject.toml"


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines if "==" in line}


def test_exact_versions_lie_within_the_ranges() -> None:
    pinned = constraints()
    outside = [
        f"{asked}, pinned: {pinned.get(name)}"
        for name, asked in required().items()
        if name not in pinned or not asked.specifier.contains(pinned[name])
    ]
    assert not outside


def test_the_exact_versions_are_complete() -> None:
    """Whatever a required package requires in turn is pinned, so that two set-ups never differ."""
    pinned, todo, seen = constraints(), list(required()), set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        assert name in pinned, f"constraints.txt lacks {name}"
        try:
            lines = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        needs = [
            need for need in map(Requirement, lines) if not need.marker or need.marker.evaluate({"extra": ""})
        ]
        # torch pins what it needs for CUDA, and only where it has CUDA.
        todo += [
            canonicalize_name(need.name) for need in needs if not re.match("nvidia|cuda|triton", need.name)
        ]


def test_extras_and_groups_ask_for_the_same() -> None:
    extras = SETTINGS["project"]["optional-dependencies"]
    grouped = {line for group in SETTINGS["dependency-groups"].values() for line in group}
    assert set(extras) == {"mteb", "sentence-transformers", "int8", "mcp"}
    assert all(line in grouped for lines in extras.values() for line in lines)


def test_files_and_functions_stay_readable() -> None:
    long = []
    for path in sources():
        text = path.read_text()
        where = path.relative_to(ROOT)
        if (lines := text.count("\n")) > LONGEST_FILE:
            long.append(f"{where}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long.append(f"{where}:{node.lineno} {node.name}: {lines} lines")
    assert not long
