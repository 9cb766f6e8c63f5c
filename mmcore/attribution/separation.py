"""How well classes lie apart in a representation, as figures and as a map of the rows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import numpy as np

from mmcore.errors import MissingDependency

Projection = Literal["tsne", "pca", "umap"]
"""Ways to lay rows out in two dimensions."""

PROJECTION_NAMES: Mapping[Projection, str] = {"tsne": "t-SNE", "pca": "PCA", "umap": "UMAP"}


@dataclass(frozen=True)
class ClassSeparation:
    """How far rows lie from those of other classes.

    Args:
        n: rows.
        silhouette: its mean over these rows, from −1 (among another class) to 1 (apart); None where undefined.
        neighbours: the share of rows whose nearest neighbours name their class; None where undefined.
    """

    n: int
    silhouette: float | None
    neighbours: float | None


@dataclass(frozen=True)
class Separation:
    """Of a representation: over all rows, and for each class that has rows."""

    overall: ClassSeparation
    classes: Mapping[int, ClassSeparation]


def separation(vectors: np.ndarray, labels: np.ndarray, *, neighbours: int = 1) -> Separation:
    """Silhouette (Rousseeuw 1987) and leave-one-out nearest-neighbour accuracy, by Euclidean distance.

    Args:
        vectors: `(N, D)`.
        labels: `(N,)` int.
        neighbours: that vote on a row's class, itself left out; of equal votes the lowest class wins.

    >>> near = separation(np.array([[0.0], [0.1], [5.0], [5.1]]), np.array([0, 0, 1, 1]))
    >>> near.overall.neighbours, round(near.overall.silhouette, 2), near.classes[1].n
    (1.0, 0.98, 2)
    """
    silhouettes, right = _silhouettes(vectors, labels), _voted_right(vectors, labels, neighbours)

    def over(chosen: np.ndarray) -> ClassSeparation:
        return ClassSeparation(
            int(chosen.sum()),
            None if silhouettes is None else float(silhouettes[chosen].mean()),
            None if right is None else float(right[chosen].mean()),
        )

    return Separation(
        over(np.ones(len(labels), dtype=bool)), {int(label): over(labels == label) for label in np.unique(labels)}
    )


def projected(vectors: np.ndarray, how: Projection = "tsne", *, seed: int = 0) -> np.ndarray:
    """`(N, D)` → `(N, 2)`, the same for the same vectors and seed.

    t-SNE: van der Maaten & Hinton 2008, perplexity 30 or what few rows allow, on 50 principal components at most.

    Raises:
        MissingDependency: `umap` without the package umap-learn.
    """
    scaled = vectors - vectors.mean(axis=0)
    scaled = scaled / (np.abs(scaled).max() or 1.0)
    if how == "umap":
        return _umap(scaled, seed)
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if how == "pca":
        return np.asarray(PCA(2, svd_solver="full").fit_transform(scaled))
    if scaled.shape[1] > 50 and len(scaled) > 50:
        scaled = PCA(50, svd_solver="full").fit_transform(scaled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's own, on few or constant columns
        return np.asarray(
            TSNE(perplexity=min(30.0, (len(scaled) - 1) / 3), init="pca", random_state=seed).fit_transform(scaled)
        )


def _umap(scaled: np.ndarray, seed: int) -> np.ndarray:
    if find_spec("umap") is None:
        raise MissingDependency("the projection umap needs umap-learn", hint="pip install umap-learn")
    import umap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed costs it its threads
        made = umap.UMAP(n_neighbors=min(15, len(scaled) - 1), random_state=seed)
        return np.asarray(made.fit_transform(scaled), dtype=np.float64)


def _silhouettes(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
    from sklearn.metrics import silhouette_samples

    classes = len(np.unique(labels))
    return np.asarray(silhouette_samples(vectors, labels)) if 1 < classes < len(labels) else None


def _voted_right(vectors: np.ndarray, labels: np.ndarray, neighbours: int) -> np.ndarray | None:
    from sklearn.neighbors import NearestNeighbors

    if len(vectors) <= neighbours:
        return None
    near = NearestNeighbors(n_neighbors=neighbours).fit(vectors).kneighbors(return_distance=False)
    votes = np.apply_along_axis(np.bincount, 1, labels[near], minlength=int(labels.max()) + 1)
    return np.asarray(votes.argmax(axis=1) == labels)
