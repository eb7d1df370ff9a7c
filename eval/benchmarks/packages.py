"""Software descriptions: a package's one line asks for its long description.

Nothing of the kind was ever trained on, so this benchmark says what the bundled model does with English that
is not its own. The texts are those of Debian's package lists, read where apt keeps them.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from embedder.errors import InputError
from eval.benchmarks.model import Benchmark, Items, assemble

LISTS = Path("/var/lib/apt/lists")
HELPER = Path("/usr/lib/apt/apt-helper")  # unpacks a list, however apt has packed it
FETCH = "apt-get -o Acquire::Languages=en update"
DOCUMENTS, ASKED = 3000, 500
SHORTEST = 120  # characters of a long description
ENTRY = re.compile(r"^Description-en: (.*)((?:\n .*)+)", re.MULTILINE)


def missing() -> str | None:
    """What is not there, with the line to run; None where everything is."""
    return None if _list() is not None else f"not installed here: run `{FETCH}`"


def size() -> tuple[int, int]:
    """Documents and queries, as far as the list has so many."""
    count = min(DOCUMENTS, len(_pairs()))
    return count, min(ASKED, count)


def packages(name: str, seed: int = 0) -> Benchmark:
    """The one-line descriptions of `ASKED` packages against the long ones of `DOCUMENTS`, drawn by `seed`."""
    pairs = _pairs()
    drawn = np.random.default_rng(seed).permutation(len(pairs))[:DOCUMENTS]
    chosen = [pairs[at] for at in drawn]
    ids = [f"package-{row:04d}" for row in range(len(chosen))]
    asked = min(ASKED, len(chosen))
    queries = Items.of([f"line-{row:04d}" for row in range(asked)], [line for line, _ in chosen[:asked]])
    judgements = {id_: {ids[row]: 1} for row, id_ in enumerate(queries.ids)}
    corpus = Items.of(ids, [text for _, text in chosen])
    source = "Debian's package descriptions, as listed here"
    return assemble(name, "text to text", corpus, queries, judgements, source=source)


def _list() -> Path | None:
    """The largest list of English descriptions that can be read here."""
    found = [path for path in LISTS.glob("*Translation-en*") if not path.suffix or HELPER.is_file()]
    return max(found, key=lambda path: path.stat().st_size, default=None)


def _pairs() -> list[tuple[str, str]]:
    """One line and long description of every package, each line and each text once, in order."""
    path = _list()
    if path is None:
        raise InputError(f"no English package descriptions in {LISTS}: run `{FETCH}`")
    text = path.read_text(encoding="utf-8") if not path.suffix else _unpacked(path)
    lines: dict[str, str] = {}
    seen: set[str] = set()
    for line, description in _entries(text):
        if line not in lines and description not in seen:
            lines[line] = description
            seen.add(description)
    return sorted(lines.items())


def _unpacked(path: Path) -> str:
    done = subprocess.run([str(HELPER), "cat-file", str(path)], capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise InputError(f"{path} cannot be unpacked ({said}): run `{FETCH}`")
    return done.stdout.decode("utf-8", "replace")


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """(one line, long description) of packages that have both: three words, `SHORTEST` characters."""
    for found in ENTRY.finditer(text):
        rows = [row.strip() for row in found[2].splitlines()]
        description = " ".join(row for row in rows if row and row != ".")
        if len(found[1].split()) >= 3 and len(description) >= SHORTEST:
            yield found[1].strip(), description
