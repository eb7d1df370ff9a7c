"""Measure an exported miniature through :class:`embedder.Embedder`, on pictures and code it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embedder import Embedder, similarity
from embedder.training import data_code, data_text, emoji_pictures, metrics
from embedder.training.evaluate_adapters import adapter_figures, adapter_values
from embedder.training.evaluate_worlds import world_values
from embedder.training.groups import counted_groups
from embedder.training.held_out_renderer import render
from embedder.training.progress import say
from embedder.training.scenes import Scene, caption, hard_negatives, sample_scene

SCENES = 300  # pictures in the scene scores
MISTAKES = ("relation", "colours", "colour")


def two_things(count: int, seed: int) -> list[Scene]:
    """Different scenes of two things that differ in colour and in shape, so that every mistake is one."""
    rng = np.random.default_rng(seed)
    found: dict[Scene, None] = {}
    while len(found) < count:
        scene = sample_scene(rng, things=2)
        assert scene.second is not None
        if scene.first.colour != scene.second.colour and scene.first.shape != scene.second.shape:
            if scene.mirrored() not in found:
                found[scene] = None
    return list(found)


def scene_values(
    model: Embedder,
    *,
    count: int = SCENES,
    seed: int = 0,
    task: str = "retrieval",
    side: int = 224,
    plain: bool = True,
    scenes: list[Scene] | None = None,
) -> dict[str, metrics.Values]:
    """Pictures of the held-out renderer against captions, at every Matryoshka width.

    Args:
        model: to measure.
        count: scenes.
        seed: of scenes, pictures and wordings.
        task: adapter to use for both sides.
        side: of the pictures in pixels.
        plain: the plainest wording; otherwise wordings vary as in training.
        scenes: of two things, instead of `count` drawn ones.

    Returns:
        for each width, (count,) zeros and ones: "4-way@W", whether the picture's right caption beats
        reversed relation, swapped colours and another colour; "R@1@W" and "R@10@W", whether the
        caption's picture is the first, or among the first ten; "4-way@late" by late interaction.
    """
    scenes = scenes or two_things(count, seed)
    count = len(scenes)
    rng = np.random.default_rng(seed + 1)
    pictures = [render(scene, side, rng) for scene in scenes]
    texts = [told for scene in scenes for told in _choices(scene, rng, plain)]
    images = model.encode_image(pictures, task=task)
    captions = model.encode_text(texts, task=task, prompt_name="query").reshape(count, 4, -1)
    found: dict[str, NDArray[np.bool_]] = {}
    for dim in model.spec.matryoshka_dims:
        cut = [metrics.unit(part.reshape(-1, part.shape[-1]), dim) for part in (images, captions)]
        choices = cut[1].reshape(count, 4, dim)
        scores = np.einsum("nd,nkd->nk", cut[0], choices)
        rank = metrics.ranks(choices[:, 0], cut[0], np.arange(count))
        found[f"4-way@{dim}"] = scores.argmax(1) == 0
        found |= {f"R@{within}@{dim}": rank <= within for within in (1, 10)}
    found["4-way@late"] = _late_choices(model, pictures, texts, task)
    return {name: values.astype(np.float64) for name, values in found.items()}


def word_values(
    model: Embedder, *, count: int = SCENES, seed: int = 0, task: str = "retrieval", plain: bool = True
) -> dict[str, metrics.Values]:
    """Captions alone: is the same scene told from the other side nearer than the same words turned round?

    "a red circle above a blue square" is nearer to "a blue square below a red circle" than to
    "a blue square above a red circle".

    Args:
        model: to measure.
        count: scenes.
        seed: of scenes and wordings.
        task: adapter; all three captions are queries.
        plain: the plainest wording; otherwise the three wordings vary.

    Returns:
        "told@W" for each Matryoshka width: (count,) zeros and ones.
    """
    scenes = two_things(count, seed)
    rng = np.random.default_rng((seed, 2))
    swapped = [Scene(scene.second, scene.relation, scene.first) for scene in scenes if scene.second]
    sides = ([scene, scene.mirrored(), other] for scene, other in zip(scenes, swapped, strict=True))
    texts = [caption(one, None if plain else rng) for side in sides for one in side]
    vectors = model.encode_text(texts, task=task, prompt_name="query")
    found = {}
    for dim in model.spec.matryoshka_dims:
        own, mirrored, swap = metrics.unit(vectors, dim).reshape(count, 3, dim).transpose(1, 0, 2)
        found[f"told@{dim}"] = ((own * mirrored).sum(1) > (own * swap).sum(1)).astype(np.float64)
    return found


def _late_choices(
    model: Embedder, pictures: Sequence[Image.Image], texts: Sequence[str], task: str
) -> NDArray[np.bool_]:
    """Whether each picture's first text of four wins, by max-sim per token, as captions differ in length."""
    images = model.encode_image_multi_vector(pictures, task=task)
    captions = model.encode_text_multi_vector(texts, task=task, prompt_name="query")
    scores = [
        [similarity.max_sim([text], [image])[0, 0] / len(text) for text in captions[4 * row : 4 * row + 4]]
        for row, image in enumerate(images)
    ]
    return np.argmax(scores, axis=1) == 0


def _choices(scene: Scene, rng: np.random.Generator, plain: bool) -> list[str]:
    """The right caption, then the three wrong ones."""
    wrong = hard_negatives(scene, rng)
    return [caption(told, rng, plain=plain) for told in (scene, *(wrong[name] for name in MISTAKES))]


def code_values(
    model: Embedder,
    held_out: Sequence[data_code.CodePair],
    task: str,
    *,
    signature: bool,
    queries: int = 1000,
    late: bool = False,
) -> dict[str, metrics.Values]:
    """Docstring summary to body: nDCG@10 of each query, per width; the gallery is every held-out body.

    Args:
        model: to measure.
        held_out: functions of modules that training left out, each summary once.
        task: adapter for both sides; summaries are queries, bodies passages.
        signature: put the "def" line before the body.
        queries: how many summaries are asked, spread evenly.
        late: late interaction too, as "nDCG@10@late".

    Returns:
        (queries,) each: "nDCG@10@W" for each Matryoshka width, and "nDCG@10@pca W" for a quarter of the full
        width by the gallery's own principal components, which is the control of truncation.
    """
    bodies = [f"{pair.signature}\n{pair.body}" if signature else pair.body for pair in held_out]
    asked = np.linspace(0, len(held_out) - 1, min(queries, len(held_out))).astype(int)
    kinds = ("dense", "late") if late else ("dense",)
    left = model.embed([held_out[i].summary for i in asked], task=task, prompt_name="query", vectors=kinds)
    right = model.embed(bodies, task=task, prompt_name="passage", vectors=kinds)
    assert left.dense is not None and right.dense is not None
    found = {}
    for dim in model.spec.matryoshka_dims:
        rank = metrics.ranks(metrics.unit(left.dense, dim), metrics.unit(right.dense, dim), asked)
        found[f"nDCG@10@{dim}"] = metrics.ndcg_values(rank)
    quarter = model.spec.dim // 4
    axes = metrics.principal_axes(right.dense, quarter)
    rank = metrics.ranks(metrics.unit(left.dense @ axes), metrics.unit(right.dense @ axes), asked)
    found[f"nDCG@10@pca {quarter}"] = metrics.ndcg_values(rank)
    if left.late is not None and right.late is not None:
        scores = similarity.max_sim(left.late, right.late)
        rank = (scores >= scores[np.arange(len(asked)), asked][:, None]).sum(1)
        found["nDCG@10@late"] = metrics.ndcg_values(rank)
    return found


def unique_held_out(code: Sequence[data_code.CodePair]) -> list[data_code.CodePair]:
    """Functions of held-out modules whose summary and body occur once: there is one right answer."""
    chosen = [pair for pair in code if pair.held_out and pair.summary]
    summaries: dict[str, int] = {}
    for pair in chosen:
        summaries[pair.summary] = summaries.get(pair.summary, 0) + 1
    return [pair for pair in chosen if summaries[pair.summary] == 1]


def translation_values(model: Embedder, pairs: Sequence[data_text.TextPair], task: str) -> metrics.Values:
    """Whether a foreign name's nearest among all the pairs' English names is its own: (pairs,) 0 or 1."""
    names = list(dict.fromkeys(pair.left for pair in pairs))
    place = {name: row for row, name in enumerate(names)}
    foreign = model.encode_text([pair.right for pair in pairs], task=task, prompt_name="query")
    english = model.encode_text(names, task=task, prompt_name="query")
    relevant = np.array([place[pair.left] for pair in pairs])
    return (metrics.ranks(foreign, english, relevant) == 1).astype(np.float64)


def evaluate(folder: Path, runs: Path, seed: int, precision: str) -> dict[str, Any]:
    """Every figure of the model card, each as [mean, low, high] with its 95% interval.

    Code is that of modules held out in the standard library and in this environment's packages, whatever
    the model learned from besides: anybody who installed the explorer can repeat it.

    Args:
        folder: an exported model.
        runs: where the parsed code is kept (parsed anew if absent).
        seed: of scenes and pictures.
        precision: of the weights, as for ``Embedder.from_pretrained``.
    """
    data_text.require()
    model = Embedder.from_pretrained(folder, device="cpu", precision=precision)
    runs.mkdir(parents=True, exist_ok=True)
    held_out = unique_held_out(data_code.cached(runs / "installed.jsonl"))
    full = model.spec.dim
    scenes = scene_values(model, seed=seed)
    found: dict[str, Any] = {"code gallery": len(held_out), "scenes": _intervals(scenes)}
    found["scenes, varied wording"] = _intervals(scene_values(model, seed=seed + 10, plain=False))
    found["words alone"] = _intervals(word_values(model, seed=seed))
    found["words alone, varied wording"] = _intervals(word_values(model, seed=seed, plain=False))
    found["scenes, late less dense"] = metrics.interval(scenes["4-way@late"] - scenes[f"4-way@{full}"])
    found |= {name: _intervals(values) for name, values in world_values(model, seed).items()}
    say("pictures measured")
    for task in ("retrieval", "code"):
        bodies = code_values(model, held_out, task, signature=False, late=True)
        found[f"body, {task}"] = _intervals(bodies)
        found[f"body, {task}, late less dense"] = metrics.interval(
            bodies["nDCG@10@late"] - bodies[f"nDCG@10@{full}"]
        )
        defined = code_values(model, held_out, task, signature=True)
        found[f"def line and body, {task}"] = _intervals(defined)
        cut = defined[f"nDCG@10@{full // 4}"] - defined[f"nDCG@10@pca {full // 4}"]
        found[f"def line and body, {task}, cut less pca"] = metrics.interval(cut)
        say(f"{task} measured")
    everything = code_values(model, held_out, "retrieval", signature=False, queries=len(held_out))
    found["body, retrieval, every summary"] = metrics.interval(everything[f"nDCG@10@{full}"])
    translated = [pair for pair in data_text.translations() if pair.held_out]
    found["translation names"] = len({pair.left for pair in translated})
    for task in ("retrieval", "text-matching"):
        found[f"translation R@1, {task}"] = metrics.interval(translation_values(model, translated, task))
    glosses = [pair for pair in data_text.wordnet_glosses() if pair.held_out]
    known = () if emoji_pictures.missing() else emoji_pictures.known()
    seen = [one for one in known if not one.held_out]
    compared = adapter_values(
        model, held_out, glosses, translated, shown=seen, drawn=counted_groups(), seed=seed
    )
    found |= adapter_figures(compared)
    return found


def _intervals(values: Mapping[str, metrics.Values]) -> dict[str, list[float]]:
    return {name: metrics.interval(found) for name, found in values.items()}
