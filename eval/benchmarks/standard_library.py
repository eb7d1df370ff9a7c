"""Three benchmarks from Python's standard library, of modules that no training of ours has read.

Whole modules are held out, by the rule of `embedder.training.data_code.is_held_out`. The
texts differ a little between versions of Python, and so does the fingerprint.
"""

import ast
import platform
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from embedder.training import data_code
from eval.benchmarks.model import Benchmark, Items, assemble

MIN_DETAILS = 40  # characters; "See above." answers nothing
_Documented: TypeAlias = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def documentation(name: str, _seed: int = 0) -> Benchmark:
    """A docstring's first paragraph is the query, the rest of the docstring the document.

    Docstrings are those of modules, classes and functions. Details that occur once are the
    corpus; first paragraphs that occur twice are not asked.
    """
    entries: dict[str, tuple[str, str]] = {}  # id -> summary, details
    for module, path in held_out_modules():
        for label, node in _documented(path):
            summary, details = data_code.split_docstring(ast.get_docstring(node) or "")
            if len(details) >= MIN_DETAILS and len(summary.split()) >= 3:
                entries[f"{module}:{label}"] = (summary, " ".join(details.split()))
    once = Counter(details for _, details in entries.values())
    entries = {key: entry for key, entry in entries.items() if once[entry[1]] == 1}
    return _pairs(name, "text to text", entries)


def code(name: str, _seed: int = 0) -> Benchmark:
    """A function's docstring summary is the query, the code below the docstring the document.

    Undocumented functions of the same modules are in the corpus too. Equal bodies are one
    document; a summary of two different bodies is not asked.
    """
    entries: dict[str, tuple[str, str]] = {}
    bodies: set[str] = set()
    for module, path in held_out_modules():
        for pair in data_code.pairs_of_file(_root(), path):
            key = f"{module}:{pair.name}"
            while key in entries:  # methods of one name in several classes
                key += "'"
            if pair.body not in bodies:
                entries[key] = (pair.summary, pair.body)
                bodies.add(pair.body)
    return _pairs(name, "text to code", entries)


def halves(name: str, _seed: int = 0) -> Benchmark:
    """A function's "def" line with the first half of its body is the query, the second half the document.

    The task is that of code context retrieval in CoIR (Li et al., 2024), there on CodeSearchNet. Beginnings
    and ends that occur twice are left out.
    """
    entries: dict[str, tuple[str, str]] = {}
    for module, path in held_out_modules():
        for pair in data_code.pairs_of_file(_root(), path):
            if (cut := data_code.halves(pair)) is not None:
                entries.setdefault(f"{module}:{pair.name}", cut)
    ends = Counter(end for _, end in entries.values())
    entries = {key: cut for key, cut in entries.items() if ends[cut[1]] == 1}
    return _pairs(name, "code to code", entries)


def _pairs(name: str, modality: str, entries: dict[str, tuple[str, str]]) -> Benchmark:
    """Each question (a summary, a beginning) that occurs once asks for its own document."""
    counts = Counter(question for question, _ in entries.values())
    asked = [key for key, (question, _) in entries.items() if question and counts[question] == 1]
    corpus = Items.of(list(entries), [document for _, document in entries.values()])
    queries = Items.of([f"q:{key}" for key in asked], [entries[key][0] for key in asked])
    return assemble(
        name, modality, corpus, queries, {f"q:{key}": {key: 1} for key in asked},
        source=f"standard library of Python {platform.python_version()}, held-out modules (PSF-2.0)",
    )  # fmt: skip


def held_out_modules() -> Iterator[tuple[str, Path]]:
    """Name and file of each module of the standard library that training leaves out."""
    root = _root()
    for path in data_code.modules_below(root):
        module = path.relative_to(root).as_posix()
        if data_code.is_held_out(module):
            yield module, path


def _root() -> Path:
    return data_code.roots()[0]


def _documented(path: Path) -> Iterator[tuple[str, _Documented]]:
    """Everything in a module that can have a docstring, with its dotted name below the module."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes in old modules
            tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, ValueError):
        return
    yield "", tree
    yield from _below(tree, "")


def _below(node: ast.AST, prefix: str) -> Iterator[tuple[str, _Documented]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child
            yield from _below(child, f"{prefix}{child.name}.")
        else:
            yield from _below(child, prefix)
