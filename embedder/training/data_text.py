"""Words and their meanings (WordNet), and the same name in several languages (Unicode CLDR).

Both are read from Debian's packages; :func:`require` says in one line what to install.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

WORDNET = Path("/usr/share/wordnet")
CLDR = Path("/usr/share/unicode/cldr/common")
LANGUAGES = ("de", "fr", "es", "it", "pt", "nl", "sv", "pl", "cs", "ru", "tr", "el", "ar", "ja", "zh", "ko")
PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")
HOLD_OUT = 40  # one entry in so many is held out


class MissingSource(RuntimeError):
    """A data source is not installed; the message says which package to install."""


@dataclass(frozen=True)
class TextPair:
    """Two texts that belong together; `key` decides whether the pair is held out."""

    left: str
    right: str
    key: str

    @property
    def held_out(self) -> bool:
        """Whether training leaves this pair out."""
        return zlib.crc32(self.key.encode()) % HOLD_OUT == 0


def require(wordnet: Path = WORDNET, cldr: Path = CLDR) -> None:
    """Raise :class:`MissingSource` with the line to run if a source is absent."""
    wanted = {"wordnet-base": wordnet / "data.noun", "unicode-cldr-core": cldr / "annotations" / "en.xml"}
    missing = [package for package, file in wanted.items() if not file.exists()]
    if missing:
        looked = ", ".join(str(wanted[package]) for package in missing)
        raise MissingSource(f"training data not found ({looked}): run `apt-get install {' '.join(missing)}`")


def wordnet_glosses(folder: Path = WORDNET) -> list[TextPair]:
    """Word -> its definition, one pair per synset with the synset's words as the left side."""
    pairs = []
    for part in PARTS_OF_SPEECH:
        for line in (folder / f"data.{part}").read_text(encoding="utf-8").splitlines():
            if line.startswith("  "):  # the licence stands at the head of each file, indented
                continue
            words, gloss = _synset(line)
            definition = gloss.split(';  "')[0].split('; "')[0].strip()
            if words and definition:
                pairs.append(TextPair(", ".join(words[:4]), definition, f"{part}:{words[0]}"))
    return pairs


def wordnet_synonyms(folder: Path = WORDNET) -> list[TextPair]:
    """Two words of one synset, for symmetric matching."""
    pairs = []
    for part in PARTS_OF_SPEECH:
        for line in (folder / f"data.{part}").read_text(encoding="utf-8").splitlines():
            if not line.startswith("  "):
                words, _ = _synset(line)
                pairs += [TextPair(words[0], word, f"{part}:{words[0]}") for word in words[1:3]]
    return pairs


def _synset(line: str) -> tuple[list[str], str]:
    """Words and gloss of one line; the format is described in Debian's wndb(5WN)."""
    data, _, gloss = line.partition(" | ")
    fields = data.split()
    count = int(fields[3], 16)
    words = [fields[4 + 2 * i].split("(")[0].replace("_", " ") for i in range(count)]
    return words, gloss.strip()


def translations(folder: Path = CLDR) -> list[TextPair]:
    """English name <-> its name in each of ``LANGUAGES``: emoji, countries, languages, scripts."""
    english = _names(folder, "en")
    pairs = []
    for language in LANGUAGES:
        for key, name in sorted(_names(folder, language).items()):
            if key in english and name.casefold() != english[key].casefold():
                pairs.append(TextPair(english[key], name, key))
    return pairs


def _names(folder: Path, language: str) -> dict[str, str]:
    names: dict[str, str] = {}
    for part in ("annotations", "annotationsDerived"):
        root = ElementTree.parse(folder / part / f"{language}.xml").getroot()
        names |= {
            f"emoji:{node.get('cp')}": node.text or "" for node in root.iter("annotation") if node.get("type")
        }
    root = ElementTree.parse(folder / "main" / f"{language}.xml").getroot()
    for tag in ("territory", "language", "script"):
        names |= {
            f"{tag}:{node.get('type')}": node.text or "" for node in root.iter(tag) if not node.get("alt")
        }
    return {key: name for key, name in names.items() if name and name != "↑↑↑"}
