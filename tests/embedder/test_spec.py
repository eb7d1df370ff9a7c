"""What is known of a model before a weight is read."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from embedder import CheckpointError, Embedder, EmbedderNotice, PromptName, Task
from embedder.spec import JINA_V4, PixelSettings, pixel_settings, spec_from_folder
from tests.bench.full_size import published_config
from tests.embedder import golden


def test_the_golden_folder_describes_itself() -> None:
    """Widths, tasks and picture settings come from its own files."""
    spec = spec_from_folder(golden.CHECKPOINT, name="golden", revision=None)
    assert (spec.dim, spec.multi_vector_dim, spec.matryoshka_dims) == (256, 32, (16, 32, 64, 128, 256))
    assert spec.tasks == tuple(Task)
    assert spec.max_tokens == 32_768
    assert spec.pixels == PixelSettings(min_pixels=3136, max_pixels=602_112)
    assert spec.licence_notice is None


def test_the_licence_is_shown_when_v4_is_chosen(checkpoint_copy: Callable[[], Path]) -> None:
    """By the sizes, whatever the folder is called; the notice comes before any weight is read."""
    folder = checkpoint_copy()
    (folder / "config.json").write_text(json.dumps(published_config()))
    spec = spec_from_folder(folder, name=str(folder), revision="abc")
    assert spec.licence == JINA_V4.licence == "Qwen Research License"
    assert spec.revision == "abc"
    with (
        pytest.warns(EmbedderNotice, match=r"Qwen Research License.*no commercial use"),
        pytest.raises(CheckpointError, match="of another shape"),
    ):
        Embedder.from_pretrained(folder)


def test_the_licence_of_a_card(checkpoint_copy: Callable[[], Path]) -> None:
    """A local folder's own model card names it."""
    folder = checkpoint_copy()
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")
    assert spec_from_folder(folder, name="x", revision=None).licence == "apache-2.0"


@pytest.mark.parametrize(
    ("preprocessor", "expected"),
    [
        ({"min_pixels": 1000, "max_pixels": 2000}, (1000, 2000)),
        ({"size": {"shortest_edge": 1000, "longest_edge": 2000}}, (1000, 2000)),
        ({"min_pixels": 5, "size": {"shortest_edge": 1000, "longest_edge": 2000}}, (5, 2000)),
        ({}, (3136, 602_112)),
    ],
)
def test_both_ways_to_write_pixel_limits(preprocessor: dict, expected: tuple[int, int]) -> None:
    """The old keys and the new."""
    found = pixel_settings(preprocessor)
    assert (found.min_pixels, found.max_pixels) == expected


def test_a_spec_that_contradicts_itself() -> None:
    """Refused where it is made."""
    with pytest.raises(CheckpointError, match="must ascend"):
        replace(JINA_V4, matryoshka_dims=(256, 128))
    with pytest.raises(CheckpointError, match="within the width 2048"):
        replace(JINA_V4, matryoshka_dims=(128, 4096))
    with pytest.raises(CheckpointError, match="task_names is empty"):
        replace(JINA_V4, tasks=())


def test_prompts_are_the_originals() -> None:
    """To the space."""
    assert [prompt.prefix for prompt in PromptName] == ["Query: ", "Passage: "]
