"""What can be reached without fusion: an oracle with true geometry, and classifiers of one modality.

Written down with the data, before any fusion is trained on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore_railway.plan import alone

if TYPE_CHECKING:
    from mmcore_railway.render import Clip

MOMENTS = (0, 8, 16, 24, 31)
"""Frames that are looked at."""

GRID = 14
"""Cells along each side of a frame."""

FEWEST = 60
"""Clips, below which a score would say nothing."""


@dataclass
class Glimpses:
    """Engineered features of many clips, small enough to keep: a modality's name → one vector per clip."""

    features: dict[str, list[np.ndarray]] = field(default_factory=lambda: {"rgb": [], "depth": []})

    def add(self, clip: Clip) -> None:
        """Look at one clip."""
        self.features["rgb"].append(rgb_features(clip.rgb))
        self.features["depth"].append(depth_features(clip.depth))


def rgb_features(frames: np.ndarray) -> np.ndarray:
    """Of frames `(F, H, W, 3)` uint8, per cell of a grid and moment: how orange it is, its colour, and what changed.

    Orange as the jackets of workers: red well above green, green above blue.
    """
    seen = frames[list(MOMENTS)].astype(np.float32) / 255
    red, green, blue = seen[..., 0], seen[..., 1], seen[..., 2]
    brightest = np.maximum(seen.max(axis=-1), 1e-3)
    orange = ((red - green > 0.35 * brightest) & (green - blue > 0.1 * brightest)).astype(np.float32)
    grey = seen.mean(axis=-1)
    moved = np.abs(np.diff(grey, axis=0))
    parts = [_cells(orange), _cells(moved), *(_cells(seen[:1, ..., channel] / brightest[:1]) for channel in range(3))]
    return np.concatenate([part.ravel() for part in parts])


def depth_features(frames: np.ndarray) -> np.ndarray:
    """Of depth `(F, H, W)` in metres, per cell of a grid and moment: the nearest and the mean, and what changed."""
    seen = np.asarray(frames[list(MOMENTS)], dtype=np.float32)
    moved = np.abs(np.diff(seen, axis=0))
    parts = [_cells(seen), -_cells(-seen, np.max), _cells(moved)]
    return np.concatenate([part.ravel() for part in parts])


def figures(
    glimpses: Glimpses, labels: Sequence[str], parts: Sequence[str], truths: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Accuracies on the test part: the oracle's, and per modality the bound and what simple classifiers reach.

    * `oracle`: the rules applied to true positions, against the labels; on all clips.
    * `bound`: what no classifier of one modality can exceed, from the plans' probabilities.
    * `classifiers`: logistic regression on principal components, and extremely randomised trees, both on engineered
      features of one modality (`rgb_features`, `depth_features`), trained on the training part; None for few clips.
    """
    oracle = float(np.mean([truth["judged"] == label for truth, label in zip(truths, labels, strict=True)]))
    found: dict[str, Any] = {"oracle": oracle, "chance": 0.25}
    for modality, vectors in glimpses.features.items():
        classifiers = _scores(np.stack(vectors), np.array(labels), np.array(parts)) if len(labels) >= FEWEST else None
        found[modality] = {"bound": round(alone(modality), 4), "classifiers": classifiers}
    return found


def _scores(features: np.ndarray, labels: np.ndarray, parts: np.ndarray) -> dict[str, float]:
    from sklearn.decomposition import PCA
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = parts != "test", parts == "test"
    linear = make_pipeline(
        StandardScaler(), PCA(min(60, int(train.sum()) - 1), random_state=0), LogisticRegression(C=0.05, max_iter=2000)
    )
    candidates = {"logistic regression": linear, "extra trees": ExtraTreesClassifier(200, random_state=0)}
    return {
        name: round(float(model.fit(features[train], labels[train]).score(features[test], labels[test])), 4)
        for name, model in candidates.items()
    }


def _cells(pictures: np.ndarray, pool: Any = np.mean) -> np.ndarray:
    """Pooled over a grid: `(F, H, W)` to `(F, GRID, GRID)`."""
    frames, height, width = pictures.shape
    return pool(pictures.reshape(frames, GRID, height // GRID, GRID, width // GRID), axis=(2, 4))
