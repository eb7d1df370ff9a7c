"""The folder of an adapter's training: whose it is, what it says when done, and the held-out benchmark."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from embedder import Embedder, InputError
from embedder.training.adapter_pairs import Side
from embedder.training.adapter_split import HeldOut
from embedder.training.adapter_weights import CONFIG, WEIGHTS, WRITING

REPORT = "training.json"
CHECKPOINT = "adapter.pt"  # what a run needs to go on after a kill
OURS = (REPORT, CONFIG, WEIGHTS, CHECKPOINT, "adapter.part", "loss.csv")
HELD_OUT = "held-out"
PACKAGES = ("torch", "transformers", "peft", "safetensors", "tokenizers", "numpy")


class Folder:
    """A folder that belongs to one training."""

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        """Take what must be the same for a run to go on where another stopped."""
        self._path, self._identity = path, json.loads(json.dumps(identity))

    def begin(self, *, restart: bool) -> dict[str, Any] | None:
        """Claim the folder; returns what it says where the training is done already.

        Raises:
            InputError: it holds another training, or an adapter of other origin.
        """
        report = self._path / REPORT
        if restart:
            self._clear()
        for part in self._path.glob(f"{WRITING}*"):  # a kill in the midst of writing the adapter
            shutil.rmtree(part)
        if report.is_file():
            said = json.loads(report.read_text(encoding="utf-8"))
            differing = _differences(said.get("identity") or {}, self._identity)
            begun = said.get("finished") or (self._path / CHECKPOINT).is_file()
            if differing and begun:
                raise InputError(
                    f"{self._path} holds another training: {'; '.join(differing[:4])}. Give the same "
                    "options to go on with it, another --out, or --restart to begin anew"
                )
            if said.get("finished"):
                return dict(said)
        strangers = [name for name in (CONFIG, WEIGHTS) if (self._path / name).exists()]
        if strangers and not report.is_file():
            raise InputError(
                f"{self._path} holds {strangers[0]} of another origin; give another --out, or "
                "--restart to replace it"
            )
        self._write({"identity": self._identity, "finished": False})
        return None

    def finish(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """Write training.json, and drop the checkpoint, which nobody needs any more."""
        said = {
            "finished": True,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
            **about,
            "identity": self._identity,
        }
        self._write(said)
        (self._path / CHECKPOINT).unlink(missing_ok=True)
        return said

    def _write(self, said: Mapping[str, Any]) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        part = self._path / f"{REPORT}.part"
        part.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(self._path / REPORT)

    def _clear(self) -> None:
        for name in OURS:
            (self._path / name).unlink(missing_ok=True)
        if (self._path / HELD_OUT / "qrels" / "test.tsv").is_file():
            shutil.rmtree(self._path / HELD_OUT)


def about_model(model: Embedder) -> dict[str, Any]:
    """Name, revision and weights of a model, as training.json has them."""
    entries = hashlib.sha256()
    for path in sorted(p for p in model.folder.rglob("*") if p.suffix in (".json", ".safetensors")):
        entries.update(f"{path.relative_to(model.folder).as_posix()}\n".encode())
        with path.open("rb") as file:
            entries.update(hashlib.file_digest(file, "sha256").digest())
    spec = model.spec
    return {
        "name": spec.name, "revision": spec.revision, "licence": spec.licence,
        "fingerprint": f"sha256:{entries.hexdigest()}",
        "precision": str(model.precision),
    }  # fmt: skip


def write_held_out(folder: Path, held_out: HeldOut) -> None:
    """Write the held-out pairs as a benchmark folder in BEIR's layout, pictures beside the texts."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "qrels").mkdir(parents=True)
    _write_sides(folder, "queries", "q", held_out.queries)
    _write_sides(folder, "corpus", "d", held_out.gallery)
    rows = ["query-id\tcorpus-id\tscore"]
    for query, relevant in enumerate(held_out.relevant):
        rows += [f"q{query}\td{place}\t1" for place in relevant]
    (folder / "qrels" / "test.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _write_sides(folder: Path, name: str, letter: str, sides: Sequence[Side]) -> None:
    lines = []
    for number, side in enumerate(sides):
        fields: dict[str, str] = {"_id": f"{letter}{number}"}
        if side.text is not None:
            fields["text"] = side.text
        if side.image is not None:
            (folder / "images").mkdir(exist_ok=True)
            fields["image"] = f"images/{letter}{number}{side.image.suffix}"
            shutil.copyfile(side.image, folder / fields["image"])
        lines.append(json.dumps(fields, ensure_ascii=False))
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Settings in which two identities differ, with both values."""
    found = []
    for part in ("model", "settings", "pairs"):
        left, right = one.get(part) or {}, other.get(part) or {}
        for key in sorted({*left, *right}):
            if left.get(key) != right.get(key):
                found.append(f"{key} was {_short(left.get(key))} and now is {_short(right.get(key))}")
    return found


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
