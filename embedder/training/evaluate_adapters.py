"""Whether the adapters matter: each on its own held-out task, beside the base and beside the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image

from embedder import Embedder
from embedder.training import metrics
from embedder.training.adapters_stage import silenced
from embedder.training.data_code import CodePair, halves
from embedder.training.data_text import TextPair
from embedder.training.emoji_pictures import Emoji, draw_emoji
from embedder.training.groups import Group, caption
from embedder.training.held_out_renderer import render_group

SIDE = 224  # pixels
BASE = "base"
OWN = {
    "groups": "retrieval",
    "pictures": "retrieval",
    "definitions": "retrieval",
    "names": "text-matching",
    "halves": "code",
    "bodies": "code",
}
"""Held-out task -> the adapter that it belongs to."""
ADAPTERS = tuple(dict.fromkeys(OWN.values()))
Matrix = dict[str, dict[str, metrics.Values]]


def adapter_values(
    model: Embedder,
    code: Sequence[CodePair],
    glosses: Sequence[TextPair],
    names: Sequence[TextPair],
    *,
    shown: Sequence[Emoji] = (),
    drawn: Sequence[Group] = (),
    seed: int = 0,
) -> Matrix:
    """nDCG@10 of every query, full width, one value per query.

    Args:
        model: to measure.
        code: held-out functions: the summary finds the body, and the first half of a function the second.
        glosses: held-out synsets: the words find the definition.
        names: held-out translations: the foreign name finds the English one.
        shown: emoji, whose English names find a fresh picture among all; without any they are left out.
        drawn: groups, whose descriptions find a picture by the held-out renderer; left out likewise.
        seed: of the pictures.

    Returns:
        For each task of ``OWN`` that was asked, for "base" and every adapter: (queries,) float64.
    """
    cut = [both for pair in code if (both := halves(pair)) is not None]
    asked: dict[str, Callable[[str], metrics.Values]] = {
        "definitions": lambda task: _asked(model, glosses, task, "passage"),
        "names": lambda task: _asked(model, [_turned(pair) for pair in names], task, "query"),
        "halves": lambda task: _asked(model, [TextPair(*both, "") for both in cut], task, "passage"),
        "bodies": lambda task: _asked(
            model, [TextPair(pair.summary, pair.body, "") for pair in code], task, "passage"
        ),
    }
    if shown:
        rng = np.random.default_rng((seed, 24))
        glyphs = [draw_emoji(one.sign, SIDE, rng) for one in shown]
        asked["pictures"] = lambda task: _shown(model, [one.name for one in shown], glyphs, task)
    if drawn:
        rng = np.random.default_rng((seed, 25))
        renders = [render_group(group, SIDE, rng) for group in drawn]
        asked["groups"] = lambda task: _shown(model, [caption(group) for group in drawn], renders, task)
    asked = {name: asked[name] for name in OWN if name in asked}
    found: Matrix = {}
    for name, values in asked.items():
        with silenced(model._runtime.network):
            found[name] = {BASE: values(OWN[name])}
        found[name] |= {task: values(task) for task in ADAPTERS}
    return found


def differences(found: Matrix) -> dict[str, dict[str, list[float]]]:
    """For each task its own adapter less the base and less each other adapter: [mean, low, high], paired."""
    return {
        name: {
            other: metrics.interval(values[OWN[name]] - values[other])
            for other in values
            if other != OWN[name]
        }
        for name, values in found.items()
    }


def adapter_figures(found: Matrix) -> Mapping[str, object]:
    """What the card prints: every mean with its interval, and the paired differences."""
    means = {
        name: {task: metrics.interval(v) for task, v in values.items()} for name, values in found.items()
    }
    return {"adapters": means, "adapters, own less other": differences(found)}


def _shown(
    model: Embedder, texts: Sequence[str], pictures: Sequence[Image.Image], task: str
) -> metrics.Values:
    """Texts ask for their pictures."""
    left = model.encode_text(list(texts), task=task, prompt_name="query")
    images = model.encode_image(list(pictures), task=task)
    return metrics.ndcg_values(metrics.ranks(left, images, np.arange(len(texts))))


def _turned(pair: TextPair) -> TextPair:
    return TextPair(pair.right, pair.left, pair.key)


def _asked(model: Embedder, pairs: Sequence[TextPair], task: str, prompt: str) -> metrics.Values:
    """Left sides ask for right sides; equal right sides are one document."""
    documents = list(dict.fromkeys(pair.right for pair in pairs))
    place = {text: row for row, text in enumerate(documents)}
    left = model.encode_text([pair.left for pair in pairs], task=task, prompt_name="query")
    right = model.encode_text(documents, task=task, prompt_name=prompt)
    relevant = np.array([place[pair.right] for pair in pairs])
    return metrics.ndcg_values(metrics.ranks(left, right, relevant))
