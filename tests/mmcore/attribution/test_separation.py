"""Figures of separation against scikit-learn's own classifiers and scores, and laws of the maps."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_score
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from mmcore.attribution.separation import projected, separation
from mmcore.errors import MissingDependency


def blobs(apart, rows=60, width=5, classes=3, seed=0):
    draw = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    centres = apart * draw.normal(size=(classes, width))
    return centres[labels] + draw.normal(size=(rows, width)), labels


@pytest.mark.parametrize("apart", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("neighbours", [1, 5])
def test_figures_are_those_of_scikit_learn(apart, neighbours):
    vectors, labels = blobs(apart)
    found = separation(vectors, labels, neighbours=neighbours)
    left_out = cross_val_score(KNeighborsClassifier(neighbours), vectors, labels, cv=LeaveOneOut())
    assert found.overall.silhouette == pytest.approx(silhouette_score(vectors, labels))
    assert found.overall.neighbours == pytest.approx(left_out.mean())
    for label, each in found.classes.items():
        assert each.neighbours == pytest.approx(left_out[labels == label].mean())
    assert sum(each.n for each in found.classes.values()) == found.overall.n == len(labels)


def test_a_class_apart_from_mixed_others_is_seen_in_its_own_line():
    vectors, labels = blobs(0.0)
    vectors[labels == 2] += 50
    found = separation(vectors, labels)
    assert found.classes[2].silhouette > 0.8 > 0.6 > found.classes[0].silhouette
    assert found.classes[2].neighbours == 1 > found.classes[0].neighbours


def test_what_is_undefined_is_none():
    vectors, _ = blobs(1.0, rows=6)
    assert separation(vectors, np.zeros(6, dtype=int)).overall.silhouette is None
    assert separation(vectors, np.arange(6)).overall.silhouette is None
    assert separation(vectors[:3], np.array([0, 0, 1]), neighbours=3).overall.neighbours is None


@pytest.mark.parametrize("how", ["tsne", "pca"])
def test_a_map_keeps_groups_together_and_is_the_same_each_time(how):
    vectors, labels = blobs(8.0, width=80, rows=70)
    places = projected(vectors, how)
    assert places.shape == (70, 2)
    np.testing.assert_array_equal(places, projected(vectors, how))
    assert separation(places, labels).overall.neighbours == 1


def test_umap_says_what_it_needs():
    vectors, labels = blobs(8.0)
    try:
        import umap  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependency, match="umap-learn"):
            projected(vectors, "umap")
    else:
        assert separation(projected(vectors, "umap"), labels).overall.neighbours == 1
