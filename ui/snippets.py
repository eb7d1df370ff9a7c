"""The Python that repeats what a tab did: complete, to be run from the repository's folder."""

from collections.abc import Sequence
from pathlib import Path

from ui.collection import Item

MAX_LITERALS = 40
"""Items written out in a snippet; a longer collection is cut, and the snippet says so."""


def _literal(item: Item, folder: Path) -> str:
    if item.kind == "text":
        return repr(item.text)
    path = f"Path({_shown_path(item, folder)!r})"
    return path if item.kind == "image" else f'{{"text": {item.text!r}, "image": {path}}}'


def _shown_path(item: Item, folder: Path) -> str:
    """A path that means something to the reader: the repository's own file, else the uploaded file's name."""
    path = Path(item.path)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else item.name


def _inputs(name: str, items: Sequence[Item], folder: Path) -> list[str]:
    shown = items[:MAX_LITERALS]
    lines = [f"{name} = ["]
    for item in shown:
        lines.append(f"    {_literal(item, folder)},")
    lines.append("]")
    if len(items) > len(shown):
        lines.append(f"# {len(items) - len(shown)} more were in the app: add them here")
    return lines


def _header(model_name: str, items: Sequence[Item], *names: str) -> list[str]:
    paths = ["from pathlib import Path", ""] if any(item.path for item in items) else []
    imports = f"from embedder import {', '.join(('Embedder', *names))}"
    return [*paths, imports, "", f"model = Embedder.from_pretrained({model_name!r})"]


def _options(items: Sequence[Item]) -> str:
    """Pictures are turned upright in the app, as their EXIF data says; the library leaves them as stored."""
    return ", upright=True" if any(item.path for item in items) else ""


def _join(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def embed_code(
    items: Sequence[Item], *, model_name: str, task: str, prompt_name: str, dim: int, folder: Path
) -> str:
    """The vectors of these items, cut to ``dim``."""
    return _join(
        [
            *_header(model_name, items),
            *_inputs("inputs", items, folder),
            f"result = model.embed(inputs, task={task!r}, prompt_name={prompt_name!r}, truncate_dim={dim}{_options(items)})",
            "vectors = result.dense  # float32, one row per input, length 1",
            "print(vectors.shape, result.tokens)",
        ]
    )


def similarity_code(
    items: Sequence[Item],
    *,
    model_name: str,
    task: str,
    prompt_name: str,
    dim: int,
    metric: str,
    folder: Path,
) -> str:
    """The matrix of similarities between these items."""
    return _join(
        [
            *_header(model_name, items, "similarity"),
            *_inputs("inputs", items, folder),
            f"result = model.embed(inputs, task={task!r}, prompt_name={prompt_name!r}, truncate_dim={dim}{_options(items)})",
            f"matrix = similarity.{metric}(result.dense, result.dense)",
            "print(matrix.round(3))",
        ]
    )


def search_code(
    query: Item,
    items: Sequence[Item],
    *,
    model_name: str,
    task: str,
    prompt_name: str,
    dim: int,
    metric: str,
    temperature: float,
    folder: Path,
) -> str:
    """A ranking of these items for the query, with softmax shares."""
    passage = "query" if task == "text-matching" else "passage"
    sign = "-" if metric == "euclidean" else ""
    return _join(
        [
            *_header(model_name, [query, *items], "similarity"),
            *_inputs("documents", items, folder),
            *_inputs("queries", [query], folder),
            f"options = dict(task={task!r}, truncate_dim={dim}{_options([query, *items])})",
            f"queries_at = model.embed(queries, prompt_name={prompt_name!r}, **options).dense",
            f"documents_at = model.embed(documents, prompt_name={passage!r}, **options).dense",
            f"scores = similarity.{metric}(queries_at, documents_at)[0]",
            f"shares = similarity.softmax({sign}scores, temperature={temperature})",
            f"for place, i in enumerate(({sign}scores).argsort()[::-1], start=1):",
            "    print(place, documents[i], round(float(scores[i]), 3), f'{shares[i]:.1%}')",
        ]
    )
