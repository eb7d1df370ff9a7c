"""The Python that draws the same kind of map from the same vectors."""

from collections.abc import Sequence

from ui import snippets
from ui.collection import Item
from ui.projection import NEIGHBOURS, PERPLEXITY, SEED

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
        shown = len(items)
    else:
        start = snippets.embed_python(items, load=load, task=task, prompt_name=prompt_name, dim=dim)
        shown = min(len(items), snippets.MAX_LITERALS)
    return f"{start}\n{_projection(method, count, shown)}print(layout.shape)\n"


def _projection(method: str, count: int, items: int) -> str:
    if method == "PCA":
        made = f"layout = PCA(n_components={count}).fit_transform(vectors)"
        return f"from sklearn.decomposition import PCA\n\n{made}\n"
    if method == "UMAP":
        near = min(NEIGHBOURS, items - 1)
        options = (
            f'n_components={count}, n_neighbors={near}, metric="cosine", init="pca", random_state={SEED}'
        )
        return f"from umap import UMAP\n\nlayout = UMAP({options}).fit_transform(vectors)\n"
    perplexity = round(min(PERPLEXITY, (items - 1) / 3), 2)
    options = f'n_components={count}, perplexity={perplexity}, init="pca", random_state={SEED}'
    return f"from sklearn.manifold import TSNE\n\nlayout = TSNE({options}).fit_transform(vectors)\n"
