"""The example sets: complete, of the repository's own files, and what their generator writes."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.ui.test_handlers import last
from ui import embed, examples, make_examples
from ui.vectors import Workbench


def test_the_committed_files_are_what_the_generator_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_examples, "FOLDER", tmp_path)
    make_examples.main(tmp_path)
    # the pairs to train an adapter with come from a generator of their own, with its own test
    committed = {path.name for path in examples.FOLDER.iterdir() if path.suffix != ".jsonl"}
    assert {path.name for path in tmp_path.iterdir()} == committed
    assert json.loads((tmp_path / "examples.json").read_text()) == json.loads(
        (examples.FOLDER / "examples.json").read_text()
    )
    for path in tmp_path.glob("*.png"):
        with Image.open(path) as new, Image.open(examples.FOLDER / path.name) as old:
            difference = np.abs(np.int16(new.convert("RGB")) - np.int16(old.convert("RGB")))
        assert difference.mean() < 2  # other versions of the drawing library may differ at edges


def test_the_first_set_has_texts_and_pictures() -> None:
    kinds = {item.kind for item in examples.first_items()}
    assert kinds == {"text", "image"}
    opening = examples.embed_example()
    assert opening.texts.count("\n") >= 1 and len(opening.pictures) >= 2


def test_no_set_that_does_not_exist_is_loaded() -> None:
    for name in ("no such", None, "../x", 7):
        added = examples.example_set(name)
        assert added.items == () and "no example set" in added.problems[0]


def test_the_code_of_the_first_view_runs_in_the_repository(bench: Workbench) -> None:
    opening = examples.embed_example()
    *_, code = last(embed.run(bench, opening.texts, opening.pictures, False, True, "retrieval", "query", 32))
    scope: dict[str, Any] = {}
    with contextlib.chdir(examples.REPOSITORY), contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "snippet", "exec"), scope)
    assert scope["vectors"].shape == (len(opening.pictures) + opening.texts.count("\n") + 1, 32)
