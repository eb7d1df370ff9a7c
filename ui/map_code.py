"""The Python that draws the same map from the same vectors."""

from collections.abc import Sequence

from ui import snippets
from ui.collection import Item

OWN = "vectors.npy"


def code(
    items: Sequence[Item],
    *,
    load: str,
    task: str | None,
    prompt_name: str,
    dim: int,
    method: str,
    count: int,
) -> str:
    """Vectors, then their map.

    Args:
        items: what is on the map.
        load: the expression that loads the model.
        task: adapter; None for vectors that came as a file, which the snippet then reads.
        prompt_name: role of the texts.
        dim: width of the vectors.
        method: "PCA", "UMAP" or "t-SNE".
        count: axes, 2 or 3.
    """
    if task is None:
        cut = f"truncate(np.load({OWN!r}), {dim})  # the file you gave"
        start = f"import numpy as np\n\nfrom embedder import truncate\n\nvectors = {cut}\n"
    else:
        start = snippets.embed_python(items, load=load, task=task, prompt_name=prompt_name, dim=dim)
    return f"{start}\n{_projection(method, count)}print(layout.shape)\n"


def _projection(method: str, count: int) -> str:
    """The page's own functions: the libraries' with other settings or another start draw another map."""
    name = {"PCA": "pca", "UMAP": "umap", "t-SNE": "tsne"}[method]
    made = f"pca(vectors, {count})[0]" if method == "PCA" else f"{name}(vectors, {count})"
    turned = "# the page turns its maps onto one another"
    return f"from ui.projection import {name}\n\nlayout = {made}  {turned}\n"
