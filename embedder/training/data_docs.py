"""Pairs of prose from the documentation inside permissively licensed source distributions.

A section's heading finds its text, and a section's first sentence finds the rest of it. Read from
unpacked source distributions of the allow-list; package descriptions (README and the like) and change
logs are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from embedder.training import data_code

PER_PROJECT = 3000  # sections of one project at most
SUFFIXES = (".rst", ".md", ".txt")
SKIPPED_NAMES = re.compile(
    r"^(readme|changes|changelog|history|news|authors|contributors|licen[cs]e|copying|notice|release|todo|"
    r"requirements|sources|top_level|whats_?new|thanks|credits|code_of_conduct|cmakelists)",
    re.IGNORECASE,
)
SKIPPED_FOLDERS = data_code.SKIPPED_FOLDERS | {
    "releases",
    "release",
    "whatsnew",
    "changelog",
    "locale",
    "licenses",
}
UNDERLINE = re.compile(r"^([=\-~^\"'`*+#.:_])\1{2,}\s*$")
GENERIC = frozenset({"table of contents", "see also", "getting started", "further reading", "next steps"})


@dataclass(frozen=True)
class DocPair:
    """A section of a document.

    Attributes:
        document: path below the folder of distributions; held out as a whole.
        title: the heading.
        first: the first sentence of the text.
        rest: what follows it, at most 1,500 characters.
    """

    document: str
    title: str
    first: str
    rest: str

    @property
    def held_out(self) -> bool:
        """Whether the whole document is kept for testing."""
        return data_code.is_held_out(self.document)


def collect(extra: Iterable[Path]) -> list[DocPair]:
    """Every usable section of the allowed distributions' documents, each text once, in a stable order."""
    pairs: list[DocPair] = []
    seen: set[str] = set()
    for _, folder in sorted(data_code.source_folders(extra).items()):
        found = []
        for path in _documents(folder):
            for pair in _pairs_of_document(folder.parent, path):
                if pair.first not in seen:
                    seen.add(pair.first)
                    found.append(pair)
        step = max(1.0, len(found) / PER_PROJECT)
        pairs += [found[int(i * step)] for i in range(min(PER_PROJECT, len(found)))]
    return pairs


def _documents(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.suffix in SUFFIXES and len(parts) > 1 and not SKIPPED_NAMES.match(path.name):
            if not SKIPPED_FOLDERS.intersection(parts) and path.is_file():
                yield path


def _pairs_of_document(root: Path, path: Path) -> list[DocPair]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    document = path.relative_to(root).as_posix()
    found = []
    for title, lines in sections(text):
        first, rest = split_first(prose(lines))
        if len(first.split()) >= 6 and len(rest.split()) >= 12 and english(first + rest):
            title = title if len(title.split()) > 1 and title.lower() not in GENERIC else ""
            found.append(DocPair(document, title[:200], first[:400], rest[:1500]))
    return found


def sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Headings (underlined ones, or those after number signs) and the lines below each."""
    title, lines = "", list[str]()
    rows = text.splitlines()
    for place, row in enumerate(rows):
        following = rows[place + 1] if place + 1 < len(rows) else ""
        heading = row.lstrip("#").strip() if re.match(r"#{1,5} \S", row) else ""
        if row.strip() and not UNDERLINE.match(row) and UNDERLINE.match(following):
            heading = row.strip()
        if heading:
            yield title, lines
            title, lines = plain(heading), []
        elif not UNDERLINE.match(row):
            lines.append(row)
    yield title, lines


def prose(lines: Iterable[str]) -> str:
    """Running text only: no indented blocks, directives, lists of fields, tables or fenced code."""
    kept, fenced = [], False
    for line in lines:
        if line.startswith(("```", "~~~")):
            fenced = not fenced
        elif (
            not fenced and line and not line.startswith((" ", "\t", "..", ":", "|", "+", ">", "<", "[", "!"))
        ):
            kept.append(line.strip())
    return plain(" ".join(kept))


def plain(text: str) -> str:
    """Text without the marks of reStructuredText and Markdown."""
    text = re.sub(r":[\w:+-]+:`~?([^`<]*?)\s*(?:<[^>]*>)?`", r"\1", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`([^`<]*?)\s*<[^>]*>`_+", r"\1", text)
    return " ".join(re.sub(r"[*`|]+|__?(?=\s|$)", "", text).split())


def split_first(text: str) -> tuple[str, str]:
    """A text's first sentence, and what follows."""
    match = re.search(r"[.!?:](?=\s+[A-Z])", text)
    return (text[: match.end()], text[match.end() :].strip()) if match else (text, "")


def english(text: str) -> bool:
    """Whether most of a text is plain words in Latin letters."""
    letters = sum(char.isascii() and (char.isalpha() or char == " ") for char in text)
    return letters > 0.85 * len(text)
