"""Maps of vectors: PCA, UMAP and t-SNE in two or three dimensions, aligned with each other and judged.

Pure functions of arrays. PCA, alignment and the measures are numpy alone; UMAP, t-SNE and clusters import
their libraries when they are called, which takes seconds: the page lets a process of its own do that
(:mod:`ui.projector`).
"""

import io
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Report = Callable[[float, str], None]
"""Told the share done, 0 to 1, and what is going on; may raise to end the work."""

METHODS = ("PCA", "UMAP", "t-SNE")
CLUSTERINGS = ("k-means", "HDBSCAN")
SEED = 42
NEIGHBOURS = 15
"""UMAP's own default: how far "near" reaches."""
PERPLEXITY = 30.0
"""t-SNE's usual value; smaller collections take a third of their items."""
FEWEST = {"PCA": 2, "UMAP": 5, "t-SNE": 5}
MOST = {"PCA": 50_000, "UMAP": 50_000, "t-SNE": 5_000}
"""Points that are drawn in a time worth waiting for: t-SNE of 5,000 takes a minute, of 50,000 an hour."""
MOST_DENSITY = 5_000
"""HDBSCAN compares each point with each."""
EXACT_PCA = 512
TSNE_STAGE = 250
TSNE_STAGES = 4
TSNE_FEW = 200
"""Below so many items t-SNE goes in smaller steps: the library's least step throws them out of place."""
JUDGED_ROWS = 500
JUDGED_PAIRS = 10_000_000
NOISE = -1


def pca(vectors: Array, count: int) -> tuple[Array, Array]:
    """The directions in which the vectors spread most.

    Exact up to 512 dimensions or 512 vectors, by subspace iteration where there are more of both. The sign
    of each axis is such that its largest weight is positive, so that equal input gives equal maps.

    Args:
        vectors: float32 (n, dim), n 1 or more.
        count: axes; those the vectors do not have are zero.

    Returns:
        (float32 (n, count), float64 (count,) shares of the whole spread, 0 to 1, descending)
    """
    centred = (vectors - vectors.mean(axis=0)).astype(np.float32)
    spread = float(np.square(centred, dtype=np.float64).sum())
    dim = vectors.shape[1]
    axes = _principal_axes(centred, min(count, dim))
    heaviest = np.abs(axes).argmax(axis=0)
    signs = np.sign(axes[heaviest, np.arange(axes.shape[1])])
    layout = np.zeros((len(vectors), count), dtype=np.float32)
    layout[:, : axes.shape[1]] = centred @ (axes * np.where(signs == 0, 1, signs)).astype(np.float32)
    shares = np.square(layout, dtype=np.float64).sum(axis=0) / spread if spread > 0 else np.zeros(count)
    return layout, shares


def _principal_axes(centred: Array, count: int) -> Array:
    """Orthonormal columns (dim, count), those of the largest variance first."""
    dim = centred.shape[1]
    if dim <= EXACT_PCA:
        _, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
        return np.asarray(vectors[:, ::-1][:, :count])
    if len(centred) <= EXACT_PCA:  # the same axes from the smaller matrix of inner products
        strengths, mixes = np.linalg.eigh((centred @ centred.T).astype(np.float64))
        axes = centred.T @ mixes[:, ::-1][:, :count]
        lengths = np.linalg.norm(axes, axis=0)
        return np.asarray(axes / np.where(strengths[::-1][: axes.shape[1]] > 1e-9, lengths, np.inf))
    rng = np.random.default_rng(SEED)
    basis = rng.standard_normal((dim, min(dim, count + 8))).astype(np.float32)
    for _ in range(12):
        basis, _ = np.linalg.qr(centred.T @ (centred @ basis))
    _, _, turned = np.linalg.svd(centred @ basis, full_matrices=False)
    return np.asarray((basis @ turned.T)[:, :count])


def neighbours(vectors: Array, count: int) -> tuple[Array, Array]:
    """The nearest of each vector by cosine, itself first as UMAP wants it.

    Args:
        vectors: float32 (n, dim), unit rows.
        count: how many, itself included; at most n.

    Returns:
        (int32 (n, count) rows, float32 (n, count) cosine distances, ascending)
    """
    import torch  # its top-k of 50,000 rows takes a quarter of numpy's partition

    table = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))
    rows, distances = [], []
    for begin in range(0, len(vectors), 1024):
        scores = table[begin : begin + 1024] @ table.T
        here = torch.arange(len(scores))
        scores[here, begin + here] = 2.0  # itself comes first, whatever rounding or a twin says
        best, at = scores.topk(count, dim=1)
        rows.append(at.numpy().astype(np.int32))
        distances.append(np.clip(1.0 - best.numpy(), 0.0, None).astype(np.float32))
    return np.concatenate(rows), np.concatenate(distances)


class _Told(io.StringIO):
    """A file for tqdm that reports how far UMAP's epochs have come; tqdm rewrites one line of percentages."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report

    def write(self, text: str) -> int:
        share = text.strip().removesuffix("%")
        if share.isdigit():
            self.report(0.1 + 0.9 * int(share) / 100, "placing the points")
        return len(text)


def umap(vectors: Array, count: int, report: Report = lambda share, what: None) -> Array:
    """UMAP from cosine neighbours, starting at PCA, with a fixed seed.

    Exact neighbours are found here: the library's own search would be compiled for longer than it runs.

    Args:
        vectors: float32 (n, dim), unit rows, n 5 or more.
        count: 2 or 3.
        report: told how far it has come; what it raises ends the work.

    Returns:
        float32 (n, count).
    """
    from umap import UMAP

    report(0.0, "finding neighbours")
    near = min(NEIGHBOURS, len(vectors) - 1)
    known = neighbours(vectors, near)
    report(0.1, "placing the points")
    # said for want of a search index, which only new points would need
    warnings.filterwarnings("ignore", message="precomputed_knn", module="umap")
    told = {"file": _Told(report), "disable": False, "bar_format": "{percentage:.0f}%", "mininterval": 0.2}
    reducer = UMAP(
        n_neighbors=near,
        n_components=count,
        metric="cosine",
        init=_start(vectors, count),
        random_state=SEED,
        n_jobs=1,
        precomputed_knn=(*known, None),
        force_approximation_algorithm=True,
        tqdm_kwds=told,
    )
    return np.asarray(reducer.fit_transform(vectors), dtype=np.float32)


def tsne(vectors: Array, count: int, report: Report = lambda share, what: None) -> Array:
    """t-SNE from PCA, with a fixed seed, in four stages between which it can be stopped.

    The first stage has the early exaggeration; the others go on from where it ended. Fewer than
    ``TSNE_FEW`` items go without it and in steps of a quarter of their number, the library's own rule
    without its floor of 50: with it three dimensions of a few dozen points come out as if drawn by lot.

    Args:
        vectors: float32 (n, dim), unit rows, n 5 or more.
        count: 2 or 3.
        report: as in :func:`umap`.

    Returns:
        float32 (n, count).
    """
    from sklearn.manifold import TSNE

    layout = _start(vectors, count) * 1e-4
    is_few = len(vectors) < TSNE_FEW
    for stage in range(TSNE_STAGES):
        report(stage / TSNE_STAGES, "placing the points")
        reducer = TSNE(
            n_components=count,
            perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3),
            early_exaggeration=12.0 if stage == 0 and not is_few else 1.0,
            learning_rate=len(vectors) / 4 if is_few else "auto",
            max_iter=TSNE_STAGE,
            init=layout,
            random_state=SEED,
            n_jobs=1,
        )
        layout = np.asarray(reducer.fit_transform(vectors), dtype=np.float32)
    return layout


def _start(vectors: Array, count: int) -> Array:
    """PCA brought to a spread of 10 on its widest axis, as UMAP does with its own first guess."""
    layout, _ = pca(vectors, count)
    noise = np.random.default_rng(SEED).normal(scale=1e-4, size=layout.shape)  # twins must be able to part
    reach = float(np.abs(layout).max()) or 1.0
    return np.asarray(layout * (10.0 / reach) + noise, dtype=np.float32)


def normalised(layout: Array) -> Array:
    """A layout around the origin with a root mean square distance of 1 from it: float32 (n, count)."""
    centred = layout - layout.mean(axis=0)
    size = float(np.sqrt(np.square(centred, dtype=np.float64).sum(axis=1).mean()))
    return np.asarray(centred / (size or 1.0), dtype=np.float32)


def aligned(layout: Array, reference: Array) -> tuple[Array, float]:
    """A layout turned, mirrored, moved and sized onto another of the same points (Procrustes analysis).

    The rotation is the orthogonal matrix nearest to the cross-covariance (Schönemann 1966). Sizes are made
    equal instead of fitted: a fit would shrink a map the less it agrees.

    Args:
        layout: float32 (n, count).
        reference: float32 (n, m); axes that one of the two lacks count as zero.

    Returns:
        (float32 (n, count), how much they differ: 0 the same picture, 1 nothing in common)
    """
    count = layout.shape[1]
    moving, fixed = normalised(layout), normalised(_as_wide(reference, count))
    left, strength, right = np.linalg.svd(moving.astype(np.float64).T @ fixed.astype(np.float64))
    turned = np.asarray(moving @ (left @ right), dtype=np.float32)
    return turned, float(np.clip(1.0 - (strength.sum() / len(layout)) ** 2, 0.0, 1.0))


def _as_wide(layout: Array, count: int) -> Array:
    wide = np.zeros((len(layout), count), dtype=np.float32)
    shared = min(count, layout.shape[1])
    wide[:, :shared] = layout[:, :shared]
    return wide


def quality(vectors: Array, layout: Array, near: int = 10) -> tuple[float, float]:
    """How far the neighbours on a map are the vectors' own.

    Trustworthiness after Venna and Kaski (2001): each false neighbour costs by how far down it really
    ranks. At most 500 points are judged (fewer of more than 20,000), an evenly spaced choice, each
    against all.

    Args:
        vectors: float32 (n, dim), unit rows; distances are cosine.
        layout: float32 (n, count).
        near: neighbours looked at; made smaller for few points, as the measure needs fewer than n / 2.

    Returns:
        (trustworthiness, share of true neighbours kept), each 0 to 1; NaN below 4 points.
    """
    total = len(vectors)
    near = min(near, (total - 1) // 2)
    if total < 4:
        return float("nan"), float("nan")
    judged = min(total, JUDGED_ROWS, max(1, JUDGED_PAIRS // total))
    rows = np.unique(np.linspace(0, total - 1, judged).astype(int))
    penalty, kept = 0.0, 0
    for begin in range(0, len(rows), 64):
        part = rows[begin : begin + 64]
        apart = 1.0 - vectors[part] @ vectors.T  # (part, n)
        apart[np.arange(len(part)), part] = -1.0
        shown = _nearest(_squared(layout[part], layout), part, near)  # (part, near)
        reach = np.take_along_axis(apart, shown, axis=1)
        for row, limits in enumerate(reach):
            # rank from 1 of each shown neighbour; the point itself, at -1, is the 0th
            ranks = (apart[row][None, :] < limits[:, None]).sum(axis=1)
            penalty += float(np.maximum(ranks - near, 0).sum())
            kept += int((ranks <= near).sum())
    count = len(rows)
    worst = count * near * (2 * total - 3 * near - 1) / 2
    return 1.0 - penalty / worst, kept / (count * near)


def _squared(points: Array, others: Array) -> Array:
    """Squared distances (n, m) by differences: exact enough to rank what lies close together."""
    result = np.zeros((len(points), len(others)), dtype=np.float32)
    for axis in range(points.shape[1]):
        result += np.square(points[:, axis, None] - others[None, :, axis])
    return result


def _nearest(distances: Array, own: Array, count: int) -> Array:
    distances[np.arange(len(own)), own] = np.inf
    return np.asarray(np.argpartition(distances, count - 1, axis=1)[:, :count])


def clusters(vectors: Array, method: str, count: int, report: Report = lambda share, what: None) -> Array:
    """Groups of alike vectors, numbered from the largest.

    Args:
        vectors: float32 (n, dim), unit rows.
        method: "k-means" (as many groups as asked for) or "HDBSCAN" (as many as are dense enough).
        count: groups of k-means, at most n; for HDBSCAN the fewest items that make a group, 2 or more.
        report: as in :func:`umap`.

    Returns:
        int32 (n,): the group of each, -1 (HDBSCAN alone) for those in none.

    Raises:
        ValueError: no such method, or too many points for HDBSCAN.
    """
    report(0.1, "grouping")
    if method == "k-means":
        from sklearn.cluster import KMeans, MiniBatchKMeans

        kind = KMeans if len(vectors) <= MOST_DENSITY else MiniBatchKMeans
        found = kind(min(count, len(vectors)), n_init=4, random_state=SEED).fit_predict(vectors)
    elif method == "HDBSCAN":
        if len(vectors) > MOST_DENSITY:
            raise ValueError(
                f"HDBSCAN compares each point with each and takes at most {MOST_DENSITY:,} of them, "
                f"there are {len(vectors):,}; use k-means"
            )
        from sklearn.cluster import HDBSCAN

        found = HDBSCAN(min_cluster_size=max(2, count), copy=True).fit_predict(vectors)
    else:
        raise ValueError(f"clusters are {method!r}; choose one of {', '.join(CLUSTERINGS)}")
    return by_size(found)


def by_size(groups: Array) -> Array:
    """Group numbers so that 0 is the largest; equally large ones in order of their first member."""
    names, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    real = [at for at in range(len(names)) if names[at] != NOISE]
    order = sorted(real, key=lambda at: (-sizes[at], first[at]))
    renamed = {int(names[at]): place for place, at in enumerate(order)}
    return np.array([renamed.get(int(group), NOISE) for group in groups], dtype=np.int32)


def central(vectors: Array, groups: Array) -> Iterator[int]:
    """The row nearest to the middle of each group, groups in ascending order without -1."""
    for group in range(int(groups.max(initial=NOISE)) + 1):
        members = np.flatnonzero(groups == group)
        yield int(members[np.argmax(vectors[members] @ vectors[members].mean(axis=0))])
