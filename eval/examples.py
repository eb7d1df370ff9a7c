"""Queries to look at: those that went worst, and those that a quarter of the width loses most on.

Means hide what goes wrong. A run keeps, beside its figures, a few queries of each benchmark and task with
what was asked, what was found and what should have been: texts cut short, pictures made small, so that a
report needs neither the model nor the data.
"""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from embedder.errors import InputError
from embedder.inputs import load_image
from eval.benchmarks.model import Benchmark, Input, has_picture
from eval.ranking import Ranking
from eval.results import Score
from eval.scores import Way

EXAMPLES = "examples.json"
SCHEMA = 1

WORST = 5  # queries of each benchmark and task
LOST = 3
FOUND = 5  # documents shown of what was found
RELEVANT = 3  # and of what should have been
TEXT_CHARS = 600
SIDE = 160  # pixels of a small picture's longer side
_WEBP_QUALITY = 82


@dataclass
class Examples:
    """Queries to look at, and every document that one of them names.

    Attributes:
        entries: see `examples`.
        documents: benchmark -> document id -> {"text", "picture"}; the picture is a data URI or "".
    """

    entries: list[dict[str, Any]] = field(default_factory=list)
    documents: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)

    def add(self, other: "Examples") -> None:
        """Take in what was kept elsewhere."""
        self.entries += other.entries
        for benchmark, shown in other.documents.items():
            self.documents.setdefault(benchmark, {}).update(shown)

    def write(self, folder: Path) -> None:
        """Write them into a run's folder."""
        content = {"schema": SCHEMA, "entries": self.entries, "documents": self.documents}
        (folder / EXAMPLES).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def read_examples(folder: Path) -> Examples:
    """What a run keeps to look at; nothing of a run that has no such file.

    Raises:
        InputError: the file cannot be read, or is of another schema.
    """
    path = folder / EXAMPLES
    if not path.exists():
        return Examples()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    found = content.get("schema") if isinstance(content, dict) else None
    if found != SCHEMA:
        raise InputError(f"{path} has schema {found!r}, this version reads {SCHEMA}")
    return Examples(content["entries"], content["documents"])


def examples(benchmark: Benchmark, scores: Sequence[Score], rankings: Mapping[Way, Ranking]) -> Examples:
    """The queries worth a look, of one benchmark and task.

    "worst" are those with the lowest value at the full width, of equals those whose first relevant
    document comes last; "lost" are those that lose most at a quarter of the width, if it was searched.

    Args:
        benchmark: what was searched.
        scores: one metric of the rankings.
        rankings: of one task. The reference is the widest plain dense search, else the first.

    Returns:
        Entries `{model, benchmark, task, metric, kind, query: {id, text, picture}, relevant: [{document,
        gain}], relevant_count, searches: [{vectors, dim, precision, search, value, first_relevant, found:
        [{document, score, gain}]}]}`; `first_relevant` is a rank from 1, or None if none was found.
    """
    by_way = {_way(one): one for one in scores}
    full, quarter = _full_and_quarter([way for way in rankings if way in by_way])
    if full is None:
        return Examples()
    kept = Examples(documents={benchmark.name: {}})
    for query in _worst(benchmark, by_way[full], rankings[full]):
        kept.entries.append(_entry("worst", query, [full], benchmark, by_way, rankings, kept))
    if quarter is not None:
        for query in _most_lost(by_way[full], by_way[quarter]):
            kept.entries.append(_entry("lost", query, [full, quarter], benchmark, by_way, rankings, kept))
    return kept


def _way(score: Score) -> Way:
    row = score.row
    return Way(row.task, row.vectors, row.dim, row.precision, row.search, row.baseline)


def _full_and_quarter(ways: Sequence[Way]) -> tuple[Way | None, Way | None]:
    """The search to look at, and the same at a quarter of its width."""
    plain = [
        way
        for way in ways
        if (way.vectors, way.precision, way.search, way.baseline) == ("dense", "float32", "exact", None)
    ]
    if not plain:
        return next((way for way in ways if way.baseline is None), None), None
    full = max(plain, key=lambda way: way.dim or 0)
    return full, next((way for way in plain if way.dim and way.dim * 4 == full.dim), None)


def _worst(benchmark: Benchmark, score: Score, ranking: Ranking) -> list[int]:
    """Rows of the queries with the lowest values; those where everything is right are none of them."""
    firsts = [_first_relevant(benchmark, ranking, query) or np.inf for query in range(len(score.values))]
    order = sorted(range(len(firsts)), key=lambda query: (score.values[query], -firsts[query], query))
    return [query for query in order[:WORST] if score.values[query] < 1]


def _most_lost(full: Score, quarter: Score) -> list[int]:
    losses = full.values - quarter.values
    order = sorted(range(len(losses)), key=lambda query: (-losses[query], query))
    return [query for query in order[:LOST] if losses[query] > 0]


def _first_relevant(benchmark: Benchmark, ranking: Ranking, query: int) -> int | None:
    gains = benchmark.relevance[query]
    rows = ranking.rows[query].tolist()
    return next((rank for rank, row in enumerate(rows, start=1) if gains.get(row, 0) > 0), None)


def _entry(
    kind: str,
    query: int,
    ways: Sequence[Way],
    benchmark: Benchmark,
    scores: Mapping[Way, Score],
    rankings: Mapping[Way, Ranking],
    kept: Examples,
) -> dict[str, Any]:
    """One query; the documents that it names are put into `kept`."""
    gains = sorted(benchmark.relevance[query].items(), key=lambda item: (-item[1], item[0]))
    wanted = [(row, gain) for row, gain in gains if gain > 0]
    searches = [
        _search(query, way, benchmark, float(scores[way].values[query]), rankings[way]) for way in ways
    ]
    ids = benchmark.corpus.ids
    rows = [row for row, _ in wanted[:RELEVANT]]
    rows += [int(row) for way in ways for row in rankings[way].rows[query][:FOUND] if row >= 0]
    for row in rows:
        if ids[row] not in kept.documents[benchmark.name]:
            kept.documents[benchmark.name][ids[row]] = shown(benchmark.corpus.inputs[row])
    about = scores[ways[0]].row
    return {
        **{name: getattr(about, name) for name in ("model", "benchmark", "task", "metric")},
        "kind": kind,
        "query": {"id": benchmark.queries.ids[query], **shown(benchmark.queries.inputs[query])},
        "relevant": [{"document": ids[row], "gain": gain} for row, gain in wanted[:RELEVANT]],
        "relevant_count": len(wanted),
        "searches": searches,
    }


def _search(query: int, way: Way, benchmark: Benchmark, value: float, ranking: Ranking) -> dict[str, Any]:
    gains, ids = benchmark.relevance[query], benchmark.corpus.ids
    found = [
        {"document": ids[row], "score": float(score), "gain": gains.get(int(row), 0)}
        for row, score in zip(ranking.rows[query][:FOUND], ranking.scores[query][:FOUND], strict=True)
        if row >= 0
    ]
    told = {name: value for name, value in asdict(way).items() if name not in ("task", "baseline")}
    return {
        **told,
        "value": value,
        "first_relevant": _first_relevant(benchmark, ranking, query),
        "found": found,
    }


def shown(value: Input) -> dict[str, str]:
    """A text of at most 600 characters and a picture of at most 160 pixels a side, as a data URI.

    Args:
        value: what the embedder takes: a text, a picture, or a mapping with "text", "image" or both.
    """
    parts = value if isinstance(value, dict) else {"text" if isinstance(value, str) else "image": value}
    text = parts.get("text") or ""
    if len(text) > TEXT_CHARS:
        text = text[: TEXT_CHARS - 1].rstrip() + "…"
    return {"text": text, "picture": _small(parts["image"]) if has_picture(value) else ""}


def _small(picture: Any) -> str:  # noqa: ANN401 - a PIL image, a path or bytes
    try:
        image = load_image(picture).image
    except InputError:  # the file has gone since it was encoded
        return ""
    image.thumbnail((SIDE, SIDE))
    data = io.BytesIO()
    image.save(data, "WEBP", quality=_WEBP_QUALITY, method=6)
    return f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}"
