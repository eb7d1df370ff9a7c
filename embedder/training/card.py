"""The model card: what the miniature is, what it learned from, how well it does, and where it ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from embedder.checkpoint import adapter_entries, base_entries, write_checksums
from embedder.spec import read_json
from embedder.training import card_curve, data_code, data_text
from embedder.training.adapters_stage import RANK
from embedder.training.charts import all_facts, is_held_out
from embedder.training.evaluate import SCENES
from embedder.training.evaluate_adapters import ADAPTERS, BASE, OWN
from embedder.training.network import PIXELS, Sizes
from embedder.training.pages import WORDS
from embedder.training.scenes import COLOURS, SHAPES, all_scenes

CURVES = {
    "scenes, R@10": ("scenes", "R@10"),
    "scenes, 4-way": ("scenes", "4-way"),
    "code, def line and body": ("def line and body, retrieval", "nDCG@10"),
    "code, body": ("body, retrieval", "nDCG@10"),
}
"""What the picture shows: name of a curve -> where it stands among the scores."""
WORLDS = {
    "three things": {"4-way": "three things: 4-way"},
    "counts": {"4-way": "two to four equal things: 4-way"},
    "sizes": {
        "alone": "one thing, small or large: 4-way",
        "pairs": "a small and a large thing: 4-way",
    },
    "charts": {"4-way": "charts: 3- or 4-way", "shape": "lines and scatter plots: what is seen"},
    "emoji, trained": {"R@1": "emoji seen in training: R@1"},
    "emoji, unseen": {"R@10": "emoji kept out: R@10"},
    "pages": {"R@1": "titles of pages: R@1", "R@10": "titles of pages: R@10"},
}
"""Part of the scores -> its metrics, with the words of the card."""
TASK_WORDS = {
    "groups": "numbers of things find a picture, every one of 432, held-out renderer",
    "pictures": "names of emoji find a fresh picture",
    "definitions": "words find their definition",
    "names": "foreign names find the English one",
    "halves": "first halves of functions find the second",
    "bodies": "summaries find the body, every one asked",
}
TEMPLATE = Path(__file__).with_name("card_template.md")


def write_card(folder: Path, runs: Path, scores: Mapping[str, Any]) -> None:
    """Write README.md into an exported folder, and its checksums anew.

    Args:
        folder: the exported model.
        runs: the training's folder, for the list of packages learned from.
        scores: what :func:`embedder.training.evaluate.evaluate` returned.
    """
    config = read_json(folder / "config.json")
    text, vision = config["text_config"], config["vision_config"]
    sizes = Sizes(
        vocabulary=text["vocab_size"], hidden=text["hidden_size"],
        layers=text["num_hidden_layers"],
        feed_forward=text["intermediate_size"], heads=text["num_attention_heads"],
        kv_heads=text["num_key_value_heads"], dims=tuple(config["matryoshka_dims"]),
        late=config["multi_vector_projector_dim"], vision_width=vision["hidden_size"],
        vision_depth=vision["depth"],
        vision_feed_forward=vision["intermediate_size"], vision_heads=vision["num_heads"],
    )  # fmt: skip
    entries = [*base_entries(folder).values(), *adapter_entries(folder).values()]
    parameters = sum(math.prod(entry.shape) for entry in entries)
    own = runs / data_code.OWN_CODE  # made by a training only: an empty one would be taken for its data
    code = [*data_code.cached(runs / "code.jsonl"), *(data_code.cached(own) if own.exists() else [])]
    licences = data_code.licences(code)
    counts = {
        "bank": len(all_scenes()), "shapes": len(SHAPES), "colours": len(COLOURS),
        "languages": len(data_text.LANGUAGES) + 1, "scenes": SCENES,
    }  # fmt: skip
    curves = {
        name: {dim: scores[part][f"{metric}@{dim}"] for dim in sizes.dims}
        for name, (part, metric) in CURVES.items()
    }
    (folder / card_curve.FILE).write_text(card_curve.drawn(curves), encoding="utf-8")
    (folder / "README.md").write_text(card(sizes, parameters, scores, licences, counts), encoding="utf-8")
    write_checksums(folder)


def card(
    sizes: Sizes,
    parameters: int,
    scores: Mapping[str, Any],
    licences: Mapping[str, str],
    counts: Mapping[str, int],
) -> str:
    """The text of README.md.

    Args:
        sizes: of the network.
        parameters: of base, projector and adapters together.
        scores: what :func:`embedder.training.evaluate.evaluate` returned.
        licences: package -> licence of the code learned from.
        counts: "bank", "shapes", "colours", "languages", "scenes".
    """
    fields = {name: getattr(sizes, name) for name in Sizes.__dataclass_fields__}
    fields |= {
        "dims": ", ".join(str(dim) for dim in sizes.dims),
        "parameters": parameters,
        "rank": RANK,
        "side": round(PIXELS**0.5),
        "licences": ", ".join(f"{name} ({licence})" for name, licence in licences.items()),
        "scene_table": _scene_table(scores, sizes),
        "world_table": _world_table(scores, sizes),
        "code_table": _code_table(scores, sizes),
        "pca": _pca(scores, sizes),
        "every_summary": _figure(scores["body, retrieval, every summary"]),
        "late_table": _late(scores, sizes),
        "adapter_table": _adapters(scores),
        "curve": card_curve.FILE,
        "gallery": scores["code gallery"],
        "names": scores["translation names"],
        "translation": ", ".join(
            f"{task} {_figure(scores[f'translation R@1, {task}'])}" for task in ("retrieval", "text-matching")
        ),
        "scene_count": counts["scenes"],
        "charts": len(all_facts()),
        "words": WORDS,
        "charts_out": sum(map(is_held_out, all_facts())),
        **{name: counts[name] for name in ("bank", "shapes", "colours", "languages")},
    }
    return TEMPLATE.read_text(encoding="utf-8").format(**fields)


def _number(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def _figure(found: Sequence[float]) -> str:
    """Mean with its interval."""
    mean, low, high = found
    return f"{_number(mean)} ({_number(low)} to {_number(high)})"


def _adapters(scores: Mapping[str, Any]) -> str:
    """Each adapter on its own held-out task, and how much better than the others it is."""
    others = [BASE, *ADAPTERS]
    head = ["own task", "adapter", "its nDCG@10", *(f"less {other}" for other in others)]
    rows = []
    for name, own in OWN.items():
        if name not in scores["adapters"]:
            rows.append([TASK_WORDS[name], own, "not measured", *("" for _ in others)])
            continue
        less = scores["adapters, own less other"][name]
        cells = [_figure(less[other]) if other in less else "" for other in others]
        rows.append([TASK_WORDS[name], own, _figure(scores["adapters"][name][own]), *cells])
    return _table(head, rows)


def _late(scores: Mapping[str, Any], sizes: Sizes) -> str:
    """Late interaction beside dense vectors of full width on the same pictures and queries."""
    head = ["", "late interaction", f"dense, {sizes.dims[-1]}", "difference"]
    parts = [("scenes, 4-way", "scenes", "4-way")]
    parts += [(f"body, task {task}", f"body, {task}", "nDCG@10") for task in ("retrieval", "code")]
    rows = []
    for name, part, metric in parts:
        both = (scores[part][f"{metric}@{kind}"] for kind in ("late", sizes.dims[-1]))
        rows.append([name, *map(_figure, both), _figure(scores[f"{part}, late less dense"])])
    return _table(head, rows)


def _pca(scores: Mapping[str, Any], sizes: Sizes) -> str:
    """A quarter of the width beside principal components in the same number."""
    quarter = sizes.dims[-1] // 4
    found = scores["def line and body, retrieval"][f"nDCG@10@pca {quarter}"]
    gap = scores["def line and body, retrieval, cut less pca"]
    return f"{_figure(found)} at {quarter}; truncation less PCA {_figure(gap)}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _scene_table(scores: Mapping[str, Any], sizes: Sizes) -> str:
    rows = []
    parts: dict[str, tuple[str, ...]] = {
        name: ("4-way", "R@1", "R@10") for name in ("scenes", "scenes, varied wording")
    }
    parts |= {name: ("told",) for name in ("words alone", "words alone, varied wording")}
    for name, metrics in parts.items():
        for metric in metrics:
            rows.append(
                [f"{name}: {metric}", *(_figure(scores[name][f"{metric}@{dim}"]) for dim in sizes.dims)]
            )
    return _table(["", *(str(dim) for dim in sizes.dims)], rows)


def _world_table(scores: Mapping[str, Any], sizes: Sizes) -> str:
    """The worlds, as far as they were measured: emoji and pages need fonts."""
    rows = []
    for part, metrics in WORLDS.items():
        for metric, words in metrics.items():
            values = [scores.get(part, {}).get(f"{metric}@{dim}") for dim in sizes.dims]
            rows.append([words, *("not measured" if value is None else _figure(value) for value in values)])
    return _table(["", *(str(dim) for dim in sizes.dims)], rows)


def _code_table(scores: Mapping[str, Any], sizes: Sizes) -> str:
    rows = []
    for task in ("retrieval", "code"):
        for view in ("body", "def line and body"):
            found = scores[f"{view}, {task}"]
            rows.append([f"{view}, task {task}", *(_figure(found[f"nDCG@10@{dim}"]) for dim in sizes.dims)])
    return _table(["", *(str(dim) for dim in sizes.dims)], rows)
