"""The public methods: shapes, order, options, streams, documents, memory."""

import threading
import time
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image

from embedder import DeviceError, Embedder, EmbedderNotice, InputError
from embedder.runtime import VisionCache
from tests.embedder import golden

TEXTS = ["a cat", "Harbour towns on flat land flood first.", "x", "def total(prices): return sum(prices)"]


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """A small picture with some structure."""
    ramp = np.add.outer(np.arange(120), np.arange(90) * 2).astype(np.uint8)
    return Image.fromarray(np.stack([ramp, ramp // 2, 255 - ramp], axis=-1))


def test_shapes_and_types(model: Embedder, picture: Image.Image) -> None:
    """One input (dim,), several (n, dim), none (0, dim); float32 unit rows; lists for late interaction."""
    assert model.encode_text("a cat").shape == (256,)
    many = model.encode_text(TEXTS)
    assert many.shape == (4, 256)
    assert many.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(many, axis=1), 1, atol=1e-6)
    assert model.encode_text([]).shape == (0, 256)
    assert model.encode_text([], truncate_dim=7).shape == (0, 7)
    assert model.encode_image(picture).shape == (256,)
    late = model.encode_text_multi_vector(TEXTS)
    assert [v.shape[1] for v in late] == [32] * 4
    assert all(v.dtype == np.float32 for v in late)
    assert len(model.encode_image_multi_vector([picture])) == 1
    assert model.encode_text_multi_vector([]) == []


def test_order_and_batching_do_not_matter(model: Embedder) -> None:
    """Packed with any neighbours, in any order and batch size, a text has one vector."""
    alone = np.stack([model.encode_text(text) for text in TEXTS])
    for batch_size in (None, 1, 2, 3):
        together = model.encode_text(TEXTS, batch_size=batch_size)
        np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(model.encode_text(TEXTS[::-1]), alone[::-1], atol=1e-6)


@pytest.mark.parametrize("width", [1, 5, 16, 128, 255, 256])
def test_any_width_from_one_to_full(model: Embedder, width: int) -> None:
    """Cut and re-normalised."""
    full = model.encode_text(TEXTS)
    cut = model.encode_text(TEXTS, truncate_dim=width)
    expected = full[:, :width] / np.linalg.norm(full[:, :width], axis=1, keepdims=True)
    np.testing.assert_allclose(cut, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"truncate_dim": 257}, "truncate_dim=257: a whole number from 1 to 256"),
        ({"truncate_dim": 0}, "truncate_dim=0"),
        ({"truncate_dim": 12.5}, "truncate_dim=12.5"),
        ({"truncate_dim": True}, "truncate_dim=True"),
        ({"max_length": 40_000}, "max_length=40000: a whole number from 1 to 32768"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"max_pixels": 20_000_001}, "max_pixels=20000001: a whole number from 784 to 20000000"),
    ],
)
def test_options_out_of_range(model: Embedder, options: dict[str, object], said: str) -> None:
    """Both the value and the range are named."""
    with pytest.raises(InputError, match=said):
        model.encode_text("a cat", **options)


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("return_multivector", "encode_text_multi_vector"),
        ("return_numpy", "float32"),
        ("nonsense", "not an option"),
    ],
)
def test_flags_of_the_original_name_the_method(model: Embedder, option: str, advice: str) -> None:
    """A return type that depends on a flag is refused with the method to use instead."""
    with pytest.raises(TypeError, match=advice):
        model.encode_text("a cat", **{option: True})


def test_without_normalisation(model: Embedder) -> None:
    """The bare mean: same direction, own length; cut without stretching."""
    bare = model.encode_text(TEXTS, normalize=False)
    unit = model.encode_text(TEXTS)
    norms = np.linalg.norm(bare, axis=1, keepdims=True)
    assert np.abs(norms - 1).min() > 1e-3
    np.testing.assert_allclose(bare / norms, unit, atol=1e-6)
    np.testing.assert_array_equal(model.encode_text(TEXTS, normalize=False, truncate_dim=9), bare[:, :9])


def test_embed_gives_both_from_one_forward(model: Embedder, picture: Image.Image) -> None:
    """Mixed inputs in order; the same numbers as the single methods; one pass of the network."""
    passes = []
    hook = model._runtime.network.register_forward_hook(lambda *_: passes.append(1))
    try:
        both = model.embed([TEXTS[0], picture, {"text": TEXTS[1]}, {"image": picture}])
    finally:
        hook.remove()
    assert len(passes) == 1
    assert both.dense is not None and both.late is not None
    np.testing.assert_allclose(both.dense[[0, 2]], model.encode_text(TEXTS[:2]), atol=1e-6)
    np.testing.assert_allclose(both.dense[1], model.encode_image(picture), atol=1e-6)
    np.testing.assert_allclose(both.dense[3], both.dense[1], atol=1e-6)
    np.testing.assert_allclose(both.late[0], model.encode_text_multi_vector(TEXTS[0])[0], atol=1e-5)
    assert [len(v) for v in both.late] == both.tokens
    assert [grid is None for grid in both.grids] == [True, False, True, False]
    rows, columns = both.grids[1] or (0, 0)
    assert both.tokens[1] == rows * columns + 11 or rows * columns < both.tokens[1]


def test_embed_one_kind_of_vector(model: Embedder) -> None:
    """What is not asked for is None."""
    assert model.embed(TEXTS, vectors=("dense",)).late is None
    assert model.embed(TEXTS, vectors=("late",)).dense is None
    with pytest.raises(InputError, match="vectors="):
        model.embed(TEXTS, vectors=("sparse",))


def test_a_document_is_the_mean_of_its_parts(model: Embedder, picture: Image.Image) -> None:
    """Text and picture weigh the same; the token vectors are the picture's, then the text's."""
    document = {"text": TEXTS[1], "image": picture}
    got = model.embed(document, prompt_name="passage")
    text = model.encode_text(TEXTS[1], prompt_name="passage")
    image = model.encode_image(picture)
    mean = (text + image) / np.linalg.norm(text + image)
    assert got.dense is not None and got.late is not None
    np.testing.assert_allclose(got.dense[0], mean, atol=1e-6)
    parts = [
        model.encode_image_multi_vector(picture)[0],
        model.encode_text_multi_vector(TEXTS[1], prompt_name="passage")[0],
    ]
    np.testing.assert_allclose(got.late[0], np.concatenate(parts), atol=1e-5)
    for wrong in ({}, {"text": None}, {"txt": "a"}):
        with pytest.raises(InputError, match="'text', 'image' or both"):
            model.embed([wrong])


def test_stream_keeps_order_and_reads_lazily(model: Embedder) -> None:
    """`iter_embed` yields consecutive batches of a generator without draining it first."""
    read: list[int] = []

    def source() -> Iterator[str]:
        for number in range(60):
            read.append(number)
            yield f"text number {number}"

    stream = model.iter_embed(source(), batch_size=5, vectors=("dense",))
    first = next(stream)
    assert len(first) == 5
    assert len(read) < 30
    rest = list(stream)
    dense = np.concatenate([part.dense for part in (first, *rest) if part.dense is not None])
    np.testing.assert_allclose(dense, model.encode_text([f"text number {n}" for n in range(60)]), atol=1e-6)


def test_closing_a_stream_stops_the_work(model: Embedder) -> None:
    """Fault 50: after the consumer leaves, no further batch is run and no thread stays."""
    passes = []
    hook = model._runtime.network.register_forward_hook(lambda *_: passes.append(1))
    try:
        stream = model.iter_embed((f"text {n}" for n in range(1000)), batch_size=2)
        next(stream)
        stream.close()
        time.sleep(0.1)
    finally:
        hook.remove()
    assert len(passes) == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prepare")]


def test_a_bad_item_is_named(model: Embedder) -> None:
    """The error says which item; the model goes on working."""
    with pytest.raises(InputError, match="item 2"):
        model.encode_text(["a", "b", 3.5, "d"])
    with pytest.raises(InputError, match="item 1"):
        model.encode_image([Image.new("RGB", (30, 30)), b"not a picture"])
    assert model.encode_text("a").shape == (256,)


def test_max_pixels_is_per_call(model: Embedder, picture: Image.Image) -> None:
    """Fewer pixels, fewer tokens; the next call is as before."""
    usual = model.embed(picture).tokens
    small = model.embed(picture, max_pixels=3136).tokens
    assert small < usual
    assert model.embed(picture).tokens == usual
    large = model.embed(Image.new("RGB", (1200, 900)), max_pixels=20_000_000).tokens
    assert large[0] > 1200 * 900 // 784 - 50


def test_picture_features_are_computed_once_for_all_tasks(picture: Image.Image) -> None:
    """The vision tower has no adapters: three tasks and two roles, one run of it."""
    model = Embedder.from_pretrained(golden.CHECKPOINT, device="cpu", precision="float32")
    for task in model.tasks:
        model.encode_image([picture, picture], task=task)
    assert model._runtime.vision_runs == 1


def test_vision_cache_stays_within_its_size() -> None:
    """The one used longest ago goes first; what is larger than the cache is not kept."""
    cache = VisionCache(capacity=80)
    for name in ("a", "b"):
        cache.put(name, torch.zeros(10))
    assert cache.get("a") is not None
    cache.put("c", torch.zeros(10))
    assert cache.get("b") is None and cache.get("a") is not None and cache.get("c") is not None
    cache.put("huge", torch.zeros(1000))
    assert cache.get("huge") is None
    assert cache.get(None) is None


def test_out_of_memory_halves_the_batch(model: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 48: batches over two texts do not fit; all vectors are right all the same."""
    expected = model.encode_text(TEXTS)
    sizes = limit_segments(model, monkeypatch, 2)
    np.testing.assert_allclose(model.encode_text(TEXTS), expected, atol=1e-6)
    assert sizes == [4, 2, 2]


def test_out_of_memory_on_one_input(model: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """At size one a clear error, and the model lives."""
    limit_segments(model, monkeypatch, 0)
    with pytest.raises(DeviceError, match="single input .* smaller max_pixels"):
        model.encode_text("a cat")
    monkeypatch.undo()
    assert model.encode_text("a cat").shape == (256,)


def test_other_errors_are_not_taken_for_memory(model: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug stays a bug."""

    def fail(*_: object) -> None:
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(model._runtime.network, "forward", fail)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        model.encode_text("a cat")


def limit_segments(model: Embedder, monkeypatch: pytest.MonkeyPatch, limit: int) -> list[int]:
    """Let the allocator give way for batches above `limit` inputs, as torch does on a CPU."""
    network, sizes = model._runtime.network, []
    whole = network.forward

    def forward(segments: list, pictures: list) -> object:
        sizes.append(len(segments))
        if len(segments) > limit:
            torch.empty(1 << 60)  # the real allocator's own refusal
        return whole(segments, pictures)

    monkeypatch.setattr(network, "forward", forward)
    return sizes


def test_not_finite_is_an_error(model: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """NaN never leaves the model as a vector."""
    monkeypatch.setattr(
        model._runtime.network.model.language_model.norm, "forward", lambda x: torch.full_like(x, torch.nan)
    )
    with pytest.raises(DeviceError, match="NaN or infinity"):
        model.encode_text("a cat")


def test_memory_report(model: Embedder) -> None:
    """Base and adapters to the byte, by the parameters; the rest measured or estimated."""
    report = model.memory_report()
    network = model._runtime.network
    adapters = sum(4 * v.numel() for k, v in network.named_parameters() if "lora_" in k)
    base = sum(4 * v.numel() for k, v in network.named_parameters() if "lora_" not in k)
    assert report["adapters"] == adapters
    assert report["base"] == base
    assert report["activations"] > 0
    assert report["total"] == sum(report[k] for k in ("base", "adapters", "activations", "overhead"))


def test_names_of_sentence_transformers(model: Embedder, picture: Image.Image) -> None:
    """encode_query, encode_document and similarity; both take pictures too."""
    queries = model.encode_query(["a cat", "x"])
    documents = model.encode_document(["a cat", picture])
    np.testing.assert_allclose(queries, model.encode_text(["a cat", "x"]), atol=1e-6)
    np.testing.assert_allclose(documents[0], model.encode_text("a cat", prompt_name="passage"), atol=1e-6)
    scores = model.similarity(queries, documents)
    np.testing.assert_allclose(scores, queries @ documents.T, atol=1e-6)


def test_a_cut_text_is_a_notice(model: Embedder) -> None:
    """As a warning and in the result; an uncut text says nothing."""
    with pytest.warns(EmbedderNotice, match="item 1: text was cut to its first max_length=8 tokens"):
        result = model.embed(["a", "a much longer text than eight tokens"], max_length=8)
    assert result.tokens[1] == 8
    assert len(result.notices) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.embed(["a"], max_length=8).notices == []


def test_a_path_given_as_a_text_is_a_notice(model: Embedder) -> None:
    """In a mixed list a str is a text; one that looks like a picture's name is likely a slip."""
    with pytest.warns(EmbedderNotice, match="item 1: 'cat.PNG' was taken as a text"):
        result = model.embed(["a cat", "cat.PNG"])
    assert result.grids == [None, None]


def test_arrays_are_refused_with_the_way_out(model: Embedder) -> None:
    """An array of texts and one of pixels look alike; the message helps both."""
    with pytest.raises(InputError, match=r"array.tolist\(\).*Image.fromarray"):
        model.encode_text(np.array(["a", "b"]))
