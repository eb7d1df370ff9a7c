"""The code that repeats what a tab did: complete, to be run from the repository's folder."""

from collections.abc import Sequence

from ui import curl
from ui.collection import Item
from ui.examples import shown_path

MARK = f"\n# The same over REST, at {curl.ORIGIN}:\n"
"""Where the Python ends; the page puts its own address in the place of this one."""
MAX_LITERALS = 40
"""Items written out in a snippet; a longer collection is cut, and the snippet says so."""


class Snippet(str):
    """Python that repeats a result, with the same over REST behind it, as comments.

    So it is one text that runs as Python; the page shows the two apart (``assets/ui/code.js``).

    Attributes:
        rest: lines for a shell.
    """

    __slots__ = ("rest",)
    rest: str

    def __new__(cls, python: str, rest: str) -> "Snippet":
        """Put both together."""
        both = super().__new__(
            cls, python + MARK + "".join(f"# {line}\n" for line in rest.rstrip("\n").split("\n"))
        )
        both.rest = rest
        return both


def _literal(item: Item) -> str:
    if item.kind == "text":
        return repr(item.text)
    path = f"Path({shown_path(item)!r})"
    return path if item.kind == "image" else f'{{"text": {item.text!r}, "image": {path}}}'


def _inputs(name: str, items: Sequence[Item]) -> list[str]:
    shown = items[:MAX_LITERALS]
    lines = [f"{name} = [", *(f"    {_literal(item)}," for item in shown), "]"]
    if len(items) > len(shown):
        lines.append(f"# {len(items) - len(shown)} more were in the app: add them here")
    return lines


def _header(load: str, items: Sequence[Item], *names: str) -> list[str]:
    paths = ["from pathlib import Path", ""] if any(item.path for item in items) else []
    return [*paths, f"from embedder import {', '.join(('Embedder', *names))}", "", f"model = {load}"]


def _options(items: Sequence[Item], task: str, dim: int) -> str:
    """Keywords of the call; pictures are turned upright here, which the library does only when asked."""
    upright = ", upright=True" if any(item.path for item in items) else ""
    return f"options = dict(task={task!r}, truncate_dim={dim}, vectors=('dense',){upright})"


def _join(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def embed_python(items: Sequence[Item], *, load: str, task: str, prompt_name: str, dim: int) -> str:
    """The vectors of these items, cut to ``dim``; ``load`` is the expression that loads the model."""
    return _join(
        [
            *_header(load, items),
            *_inputs("inputs", items),
            _options(items, task, dim),
            f"result = model.embed(inputs, prompt_name={prompt_name!r}, **options)",
            "vectors = result.dense  # float32, one row per input, length 1",
            "print(vectors.shape, result.tokens)",
        ]
    )


def embed_code(
    items: Sequence[Item], *, load: str, model: str, task: str, prompt_name: str, dim: int
) -> Snippet:
    """As :func:`embed_python`, and over REST, where the model's name is ``model``."""
    rest = curl.embeddings(items, model=model, task=task, prompt_name=prompt_name, dim=dim)
    return Snippet(embed_python(items, load=load, task=task, prompt_name=prompt_name, dim=dim), rest)


_SAVED = {
    "npz": "np.savez_compressed('collection.npz', vectors=codes)",
    "npy": "np.save('collection.npy', codes)",
    "csv": "np.savetxt('collection.csv', codes, fmt='%s', delimiter=',')",
    "json": "Path('collection.json').write_text(json.dumps(codes.tolist()))",
    "parquet": "pq.write_table(pa.table({'vector': list(codes)}), 'collection.parquet')",
}
_NEEDS = {
    "json": ["import json", "from pathlib import Path"],
    "parquet": ["import pyarrow as pa", "import pyarrow.parquet as pq"],
}


def export_code(
    items: Sequence[Item],
    *,
    load: str,
    model: str,
    task: str,
    prompt_name: str,
    dim: int,
    number_format: str,
    kind: str,
) -> Snippet:
    """The vectors of these items in one of :data:`ui.exports.FORMATS`, as one of :data:`ui.exports.KINDS`."""
    embedding = embed_python(items, load=load, task=task, prompt_name=prompt_name, dim=dim)
    codes = "vectors"
    if number_format == "float16":
        codes = "vectors.astype('float16')"
    elif number_format != "float32":
        codes = f"Quantizer.fit(vectors, {number_format!r}).quantize(vectors)"
    imports = [*_NEEDS.get(kind, []), *([] if kind in _NEEDS else ["import numpy as np"])]
    fitted = ["from embedder.quantization import Quantizer"] if "Quantizer" in codes else []
    python = _join([*sorted(set(imports)), *fitted]) + embedding + _join([f"codes = {codes}", _SAVED[kind]])
    rest = curl.embeddings(items, model=model, task=task, prompt_name=prompt_name, dim=dim)
    return Snippet(python, rest)


def similarity_code(
    items: Sequence[Item], *, load: str, task: str, prompt_name: str, dim: int, metric: str
) -> Snippet:
    """The matrix of similarities between these items."""
    python = _join(
        [
            *_header(load, items, "similarity"),
            *_inputs("inputs", items),
            _options(items, task, dim),
            f"vectors = model.embed(inputs, prompt_name={prompt_name!r}, **options).dense",
            f"matrix = similarity.{metric}(vectors, vectors)",
            "print(matrix.round(3))",
        ]
    )
    rest = curl.similarity(items, task=task, prompt_name=prompt_name, dim=dim, metric=metric)
    return Snippet(python, rest)


def search_code(
    query: Item,
    items: Sequence[Item],
    *,
    load: str,
    task: str,
    prompt_name: str,
    passage: str,
    dim: int,
    metric: str,
    temperature: float,
) -> Snippet:
    """A ranking of these items for the query, with softmax shares; ``passage`` is the items' role."""
    sign = "-" if metric == "euclidean" else ""
    python = _join(
        [
            *_header(load, [query, *items], "similarity"),
            *_inputs("documents", items),
            *_inputs("queries", [query]),
            _options([query, *items], task, dim),
            f"asked = model.embed(queries, prompt_name={prompt_name!r}, **options).dense",
            f"found = model.embed(documents, prompt_name={passage!r}, **options).dense",
            f"scores = similarity.{metric}(asked, found)[0]",
            f"shares = similarity.softmax({sign}scores, temperature={temperature})",
            f"for place, i in enumerate(({sign}scores).argsort()[::-1], start=1):",
            "    print(place, documents[i], round(float(scores[i]), 3), f'{shares[i]:.1%}')",
        ]
    )
    asked = {"task": task, "prompt_name": prompt_name, "dim": dim, "metric": metric}
    return Snippet(python, curl.search(query, items, **asked, limit=max(1, len(items))))


def late_code(
    query: Item,
    items: Sequence[Item],
    *,
    load: str,
    model: str,
    task: str,
    passage: str,
    lengths: tuple[int, int],
    max_pixels: int | None,
) -> Snippet:
    """Max-sim of these items for the query, and the best one's map of every query token.

    ``passage`` is the items' role, ``lengths`` the longest query and item in tokens. Over REST there are the
    token vectors of both, of whole texts and of pictures at the model's own size.
    """
    pixels = f", max_pixels={max_pixels}" if max_pixels else ""
    options = _options([query, *items], task, 0).replace(
        "truncate_dim=0, vectors=('dense',)", "vectors=('late',)"
    )
    python = _join(
        [
            *_header(load, [query, *items], "similarity"),
            *_inputs("documents", items),
            *_inputs("queries", [query]),
            options.removesuffix(")") + pixels + ")",
            f"asked = model.embed(queries, prompt_name='query', max_length={lengths[0]}, **options)",
            f"found = model.embed(documents, prompt_name={passage!r}, max_length={lengths[1]}, **options)",
            "scores = similarity.max_sim(asked.late, found.late)[0]",
            "best = int(scores.argmax())",
            "print(documents[best], round(float(scores[best]), 3), found.grids[best])",
            "products = asked.late[0] @ found.late[best].T  # (query tokens, tokens of the best document)",
            "for piece, row in zip(model.pieces(queries[0], grid=asked.grids[0]), products):",
            "    print(repr(piece.text), piece.kind, int(row.argmax()), round(float(row.max()), 3))",
        ]
    )
    rest = "# token vectors of the items, then of the query: whole texts, pictures at the model's own size\n"
    rest += curl.embeddings(items, model=model, task=task, prompt_name=passage, dim=None, late=True)
    rest += curl.embeddings([query], model=model, task=task, prompt_name="query", dim=None, late=True)
    return Snippet(python, rest)
