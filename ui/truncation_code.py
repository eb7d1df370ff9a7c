"""The Python and the REST request that repeat the lab's numbers."""

from collections.abc import Sequence

from ui import curl, snippets
from ui.collection import Item
from ui.snippets import Snippet

_MEASURE = """
from embedder import similarity, truncate
from eval.neighbours import overlap, rank_correlation
from eval.ranking import top_k, without

names = [f"{{row:06d}}" for row in range(len(vectors))]
own = {{row: row for row in range(len(vectors))}}  # an item is not its own neighbour


def nearest(dim):
    cut = truncate(vectors, dim)
    return without(top_k(similarity.cosine(cut, cut), names, {near} + 1), own, {near})


full = nearest(vectors.shape[1])
order = rank_correlation(vectors, vectors, {widths})
for dim in {widths}:
    kept = overlap(full, nearest(dim), {near})
    print(f"{{dim:>5}} dimensions, {{4 * dim:>6}} bytes: {{kept.mean():.3f}} of {near} neighbours kept,",
          f"rank correlation {{order[dim].mean():.3f}} (itself included)")
"""


def code(
    items: Sequence[Item], *, load: str, task: str, prompt_name: str, widths: Sequence[int], near: int
) -> Snippet:
    """Vectors of these items at full width, and what each of ``widths`` keeps of their neighbours."""
    dims = [int(width) for width in widths]
    near = min(near, max(1, min(len(items), snippets.MAX_LITERALS) - 2))
    start = snippets.embed_python(items, load=load, task=task, prompt_name=prompt_name, dim=max(dims))
    rest = curl.truncation_report(items, task=task, prompt_name=prompt_name, widths=dims, near=near)
    return Snippet(start + _MEASURE.format(near=near, widths=dims), rest)
