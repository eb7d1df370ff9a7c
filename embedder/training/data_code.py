"""Pairs of a docstring's summary and the code below it, from permissively licensed Python on this machine.

Nothing is downloaded and nothing third-party is kept in the repository: the pairs are read from the
standard library, from installed packages, and from source distributions that were unpacked into a
folder; those of an explicit allow-list only (``LICENCES`` here, two lists beside this file).
"""

from __future__ import annotations

import ast
import json
import sysconfig
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

STDLIB = "stdlib"
BASE_LIST, ADAPTER_LIST = "sources.tsv", "adapter_sources.tsv"
OWN_CODE = "code-adapters.jsonl"  # in a run's folder: functions that only adapters learn from
SHORTEST_HALVED = 6  # lines of a body that is cut in two
LICENCES: dict[str, str] = {
    STDLIB: "PSF-2.0",
    "PIL": "MIT-CMU", "_pytest": "MIT", "accelerate": "Apache-2.0", "aiohttp": "Apache-2.0",
    "anyio": "MIT", "astropy": "BSD-3-Clause", "bokeh": "BSD-3-Clause", "click": "BSD-3-Clause",
    "dask": "BSD-3-Clause", "datasets": "Apache-2.0", "dill": "BSD-3-Clause", "django": "BSD-3-Clause",
    "fastapi": "MIT", "fsspec": "BSD-3-Clause", "gradio": "Apache-2.0", "httpx": "BSD-3-Clause",
    "huggingface_hub": "Apache-2.0", "jinja2": "BSD-3-Clause", "joblib": "BSD-3-Clause",
    "llvmlite": "BSD-2-Clause", "markdown_it": "MIT", "matplotlib": "PSF-based", "mpmath": "BSD-3-Clause",
    "multiprocess": "BSD-3-Clause", "mypy": "MIT", "narwhals": "MIT", "networkx": "BSD-3-Clause",
    "nltk": "Apache-2.0", "numba": "BSD-2-Clause", "numpy": "BSD-3-Clause", "packaging": "Apache-2.0",
    "pandas": "BSD-3-Clause", "peft": "Apache-2.0", "pip": "MIT", "playwright": "Apache-2.0",
    "plotly": "MIT", "psutil": "BSD-3-Clause", "pyarrow": "Apache-2.0", "pydantic": "MIT",
    "pygments": "BSD-2-Clause", "pynndescent": "BSD-2-Clause", "rich": "MIT", "scipy": "BSD-3-Clause",
    "setuptools": "MIT", "skimage": "BSD-3-Clause", "sklearn": "BSD-3-Clause", "sqlalchemy": "MIT",
    "starlette": "BSD-3-Clause", "statsmodels": "BSD-3-Clause", "sympy": "BSD-3-Clause",
    "torch": "BSD-3-Clause",
    "torchao": "BSD-3-Clause", "tqdm": "MIT", "transformers": "Apache-2.0", "twisted": "MIT", "typer": "MIT",
    "umap": "BSD-3-Clause", "xarray": "Apache-2.0",
}  # fmt: skip
"""Top-level package -> licence (SPDX where there is an identifier) of the code that may be learned from."""

OTHER_NAMES = {"scikit-learn": "sklearn", "scikit-image": "skimage", "umap-learn": "umap", "pillow": "PIL"}
"""Source distribution -> package, where the two differ; otherwise dashes become underscores."""

SKIPPED_FOLDERS = frozenset(
    {"test", "tests", "testing", "site-packages", "__pycache__", "idlelib", "_vendor", "vendor", "vendored"}
)
PER_PACKAGE = 6000  # at most so many documented, and so many undocumented, functions from one package
HOLD_OUT = 16  # one module in so many is held out


@dataclass(frozen=True)
class CodePair:
    """A function; of an undocumented one, summary and details are empty and the name must speak for it.

    Attributes:
        module: path below its root, "networkx/algorithms/dag.py"; with `root`, what is held out as a whole.
        name: of the function.
        summary: first sentence or line of the docstring, one line.
        details: the docstring's rest, possibly empty.
        signature: the source from "def" to the colon, decorators left out.
        body: the source below the docstring, dedented.
    """

    module: str
    name: str
    summary: str
    details: str
    signature: str
    body: str

    @property
    def held_out(self) -> bool:
        """Whether the whole module is kept for testing (decided by a checksum of its path)."""
        return is_held_out(self.module)


def halves(pair: CodePair) -> tuple[str, str] | None:
    """A function's beginning, "def" line and first half of the body's lines, and its rest.

    None for bodies of fewer than `SHORTEST_HALVED` lines. Finding the rest is the task called code context
    retrieval in CoIR (Li et al., 2024), there on CodeSearchNet.
    """
    lines = [line for line in pair.body.split("\n") if line.strip()]
    if len(lines) < SHORTEST_HALVED:
        return None
    middle = len(lines) // 2
    return "\n".join([pair.signature, *lines[:middle]]), "\n".join(lines[middle:])


def is_held_out(module: str) -> bool:
    """Whether training leaves this module (path below its root) out."""
    return zlib.crc32(module.encode()) % HOLD_OUT == 0


def roots() -> list[Path]:
    """Folders that hold Python packages: the standard library's and this environment's."""
    paths = sysconfig.get_paths()
    return [Path(paths["stdlib"]), Path(paths["purelib"])]


@cache
def allowed_sources(file: str = BASE_LIST) -> dict[str, tuple[str, str]]:
    """Project -> (version, licence) of the source distributions that may be learned from.

    Args:
        file: ``BASE_LIST``, or ``ADAPTER_LIST`` of those that only the adapters learn from: what the base
            has learned it knows too well for an adapter to learn anything from it.
    """
    lines = Path(__file__).with_name(file).read_text(encoding="utf-8").splitlines()
    return {name: (version, licence) for name, version, licence in (line.split("\t") for line in lines)}


def source_folders(extra: Iterable[Path], file: str = BASE_LIST) -> dict[str, Path]:
    """Project -> folder of the allowed source distributions unpacked as ``EXTRA/<project>/``."""
    allowed = allowed_sources(file)
    return {name: folder / name for folder in extra for name in allowed if (folder / name).is_dir()}


def collect(extra: Iterable[Path] = ()) -> list[CodePair]:
    """Read every documented function of the allowed packages, each body once, in a stable order."""
    return _collected(_files(extra).values())  # what is installed comes first and wins where texts are equal


def collect_for_adapters(extra: Iterable[Path], base: Iterable[CodePair]) -> list[CodePair]:
    """As :func:`collect`, of the packages that only adapters learn from; nothing that is in `base` too."""
    folders = source_folders(extra, ADAPTER_LIST).values()
    files = ([(folder.parent, path) for path in modules_below(folder)] for folder in folders)
    return _collected(files, {pair.body for pair in base})


def _collected(packages: Iterable[list[tuple[Path, Path]]], seen: Iterable[str] = ()) -> list[CodePair]:
    pairs: list[CodePair] = []
    seen = set(seen)
    for files in packages:
        found = [pair for base, path in files for pair in pairs_of_file(base, path)]
        fresh = []
        for pair in found:
            if pair.body not in seen:
                seen.add(pair.body)
                fresh.append(pair)
        pairs += _thin([pair for pair in fresh if pair.summary], PER_PACKAGE)
        pairs += _thin([pair for pair in fresh if not pair.summary], PER_PACKAGE)
    return pairs


def collect_few() -> list[CodePair]:
    """The standard library's modules of the first level only: seconds instead of minutes, for trying out."""
    stdlib = roots()[0]
    return [
        pair for path in sorted(stdlib.glob("*.py")) for pair in pairs_of_file(stdlib, path) if pair.summary
    ]


def cached(path: Path, extra: Iterable[Path] = (), *, few: bool = False) -> list[CodePair]:
    """:func:`collect` (or :func:`collect_few`), kept in a JSON-lines file for the later stages."""
    return kept(path, lambda: collect_few() if few else collect(extra))


def kept(path: Path, read: Callable[[], list[CodePair]]) -> list[CodePair]:
    """What `read` gives, from the JSON-lines file `path` if it is there, and kept in it."""
    if not path.exists():
        lines = [json.dumps(asdict(pair)) for pair in read()]
        part = path.with_suffix(".part")
        part.write_text("\n".join(lines), encoding="utf-8")
        part.replace(path)
    return [CodePair(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _thin(pairs: list[CodePair], limit: int) -> list[CodePair]:
    """At most `limit` pairs, spread evenly over the list."""
    step = max(1.0, len(pairs) / limit)
    return [pairs[int(i * step)] for i in range(min(limit, len(pairs)))]


def _files(extra: Iterable[Path]) -> dict[str, list[tuple[Path, Path]]]:
    """Package -> (root, file) of its modules; what is installed is not read from its source distribution too.

    Otherwise a module held out in one place would be learned from in the other, in another version.
    """
    stdlib, installed = roots()
    found = {STDLIB: [(stdlib, path) for path in modules_below(stdlib)]}
    for package in LICENCES:
        if (installed / package).is_dir():
            found[package] = [(installed, path) for path in modules_below(installed / package)]
    for project, folder in source_folders(extra).items():
        if OTHER_NAMES.get(project, project.replace("-", "_")) not in found:
            found[f"{project} (source)"] = [(folder.parent, path) for path in modules_below(folder)]
    return found


def modules_below(folder: Path) -> Iterator[Path]:
    """Python files below a folder, sorted, without tests and what packages carry of others."""
    for path in sorted(folder.rglob("*.py")):
        if not SKIPPED_FOLDERS.intersection(path.relative_to(folder).parts):
            yield path


def pairs_of_file(root: Path, path: Path) -> list[CodePair]:
    """The functions of a file, in its order; none where it is no Python that can be read.

    Args:
        root: the folder that the pairs' modules are named from.
        path: of the file, below `root`.
    """
    try:
        text = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, UnicodeDecodeError, ValueError):
        return []
    lines = text.splitlines()
    module = path.relative_to(root).as_posix()
    nodes = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return [pair for node in nodes if (pair := _pair(node, lines, module)) is not None]


def _pair(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str], module: str) -> CodePair | None:
    docstring = ast.get_docstring(node)
    skipped = 0 if docstring is None else 1
    if len(node.body) <= skipped:
        return None
    summary, details = split_docstring(docstring or "")
    first = node.body[skipped]
    start = (node.body[0].end_lineno or 0) if skipped else first.lineno - 1
    body = _dedent(lines[start : node.end_lineno])
    signature = " ".join(line.strip() for line in lines[node.lineno - 1 : node.body[0].lineno - 1])
    if len(summary.split()) < 3 or len(summary) > 400:
        summary = details = ""
    if len(body) < 20 or (not summary and ("_" not in node.name.strip("_") or len(body) < 60)):
        return None
    return CodePair(module, node.name, summary, details[:1200], signature[:300], body[:4000])


def split_docstring(docstring: str) -> tuple[str, str]:
    """A docstring's first paragraph on one line, and what follows it."""
    head, _, rest = docstring.strip().partition("\n\n")
    return " ".join(head.split()), rest.strip()


def _dedent(lines: list[str]) -> str:
    kept = [line.rstrip() for line in lines if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in kept), default=0)
    return "\n".join(line[margin:] for line in kept)


def licences(code: Iterable[CodePair]) -> dict[str, str]:
    """The packages that the pairs come from, with their licences (for the model card)."""
    tops = {pair.module.split("/")[0] for pair in code}
    known = dict(LICENCES)
    for file in (BASE_LIST, ADAPTER_LIST):
        known |= {name: licence for name, (_, licence) in allowed_sources(file).items()}
    return {name: licence for name, licence in known.items() if name == STDLIB or name in tops}
