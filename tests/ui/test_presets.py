"""The note's three presets, on the published model's widths and on small ones."""

import pytest

from ui import presets

V4 = (128, 256, 512, 1024, 2048)
TASKS = ("retrieval", "text-matching", "code")


def test_text_search_on_v4() -> None:
    p = presets.preset(presets.TEXT, V4, TASKS, "cuda:0", "bfloat16")
    assert (p.task, p.prompt_name, p.dim) == ("retrieval", "query", 512)


def test_text_search_takes_the_nearest_width_and_says_so() -> None:
    p = presets.preset(presets.TEXT, (16, 32, 64, 128, 256), TASKS, "cpu", "float32")
    assert p.dim == 256 and "nearest it has to 512" in p.says


@pytest.mark.parametrize(
    ("device", "precision", "words"),
    [
        ("cpu", "float32", "stay in float32 on cpu"),
        ("cuda", "bfloat16", "stay in bfloat16"),
        ("mps", "float16", "are in float16"),
    ],
)
def test_image_search_states_the_precision_in_use(device: str, precision: str, words: str) -> None:
    p = presets.preset(presets.IMAGE, V4, TASKS, device, precision)
    assert p.batch_size == 8 and words in p.says and p.targets == "pictures"


def test_cross_modal() -> None:
    p = presets.preset(presets.CROSS, V4, TASKS, "cpu", "float32")
    assert (p.temperature, p.targets, p.metric) == (0.07, "everything", "cosine")
    assert "normalised" in p.says


@pytest.mark.parametrize("name", presets.NAMES)
def test_every_preset_states_the_precision_in_use(name: str) -> None:
    assert "bfloat16" in presets.preset(name, V4, TASKS, "cuda:0", "bfloat16").says


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ValueError, match="Video"):
        presets.preset("Video", V4, TASKS, "cpu", "float32")
