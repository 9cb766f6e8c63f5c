"""How rows lie in each modality's representation and in the fused one: t-SNE, side by side."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.attribution.separation import ClassSeparation, projected, separation
from mmcore.report.contents import FUSED, Contents
from mmcore.report.svg import document, key, markers
from mmcore.report.wording import number

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

FEWEST_ROWS = 12
MOST_ROWS = 1000
NAMED = 9
"""Classes with a colour of their own; the rest is grey."""
OTHERS = "others"
_SIDE = 300


def projections(contents: Contents) -> dict[str, Any] | None:
    """A map for every representation that enough rows have, all with the same rows, colours and marks.

    Beside each map: how well the classes are apart in the representation itself.
    """
    frame = contents.embeddings
    if frame is None:
        return None
    rows = len(frame)
    if rows > MOST_ROWS:
        chosen = np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False))
        frame = frame.iloc[chosen]
    groups = _groups(contents, frame)
    names = [name for name in frame.columns if name == FUSED or name.startswith("modality:")]
    names.sort(key=lambda name: (name == FUSED, _place(contents, name)))
    panels = [panel for name in names if (panel := _panel(name, frame, groups))]
    if not panels:
        return None
    return {
        "panels": panels,
        "legend": groups.legend,
        "by_value": groups.by_value,
        "rows": rows,
        "shown": len(frame),
        "hollow": groups.right is not None and not groups.right.all(),
        "several": contents.task == "multi_label",
    }


class _Groups:
    """Which colour each row has, and whether its prediction is right."""

    def __init__(self, labels: list[str], order: list[str], right: np.ndarray | None, *, by_value: bool = False):
        self.labels = np.asarray(labels, dtype=object)
        self.right, self.by_value = right, by_value
        counts = Counter(labels)
        if by_value:
            self.named = order
        else:
            named = {label for label, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:NAMED]}
            self.named = [label for label in order if label in named] + sorted(named - set(order))
        self.has_others = any(label not in set(self.named) for label in counts)

    @property
    def legend(self) -> list[dict[str, Any]]:
        entries = [(place, label) for place, label in enumerate(self.named)]
        shape = [0] * len(entries) if self.by_value else list(range(len(entries)))
        found = [{"label": label, "mark": key(shape[place], self.style(place))} for place, label in entries]
        return found + ([{"label": OTHERS, "mark": key(0, "other")}] if self.has_others else [])

    def style(self, place: int) -> str:
        return f"q{place}" if self.by_value else f"s{place}"


def _groups(contents: Contents, frame: pd.DataFrame) -> _Groups:
    right = None
    if contents.task == "regression":
        values = frame["target"].to_numpy(dtype=float)
        edges = np.unique(np.nanquantile(values, np.linspace(0, 1, 6)))
        inner = edges[1:-1]
        names = [f"{number(low)} to {number(high)}" for low, high in pairwise(edges)]
        names = names or [number(values[0])]
        places = np.digitize(values, inner)
        return _Groups([names[min(place, len(names) - 1)] for place in places], names, None, by_value=True)
    targets = list(frame["target"])
    if contents.task == "multi_label":
        frequent = Counter(str(label) for labels in targets for label in _each(labels))
        chosen = [
            min(
                (str(label) for label in _each(labels)), key=lambda label: (-frequent[label], label), default="no label"
            )
            for labels in targets
        ]
        return _Groups(chosen, contents.classes, None)
    if "prediction" in frame:
        right = np.array([str(a) == str(b) for a, b in zip(targets, frame["prediction"], strict=True)])
    return _Groups([str(label) for label in targets], contents.classes, right)


def _each(labels: Any) -> list[Any]:
    return list(labels) if isinstance(labels, list | tuple | np.ndarray) else [labels]


def _place(contents: Contents, column: str) -> tuple[int, str]:
    name = column.removeprefix("modality:")
    order = contents.modalities
    return (order.index(name) if name in order else len(order), name)


def _panel(column: str, frame: pd.DataFrame, groups: _Groups) -> dict[str, Any] | None:
    vectors, there = _vectors(frame[column])
    if len(there) < FEWEST_ROWS or vectors.shape[1] < 2 or len(np.unique(vectors, axis=0)) < FEWEST_ROWS:
        return None
    name = column.removeprefix("modality:")
    places = projected(vectors)
    labels = groups.labels[there]
    right = np.ones(len(there), dtype=bool) if groups.right is None else groups.right[there]
    apart = None if groups.right is None else separation(vectors, np.unique(labels, return_inverse=True)[1]).overall
    title = f"t-SNE of {'the fused representation' if column == FUSED else name}: {len(there)} rows"
    figures = _figures(apart)
    title += f", {figures}." if figures else "."
    return {
        "name": name,
        "fused": column == FUSED,
        "svg": _draw(places, labels, right, groups, title),
        "separation": figures,
        "n": len(there),
        "absent": len(frame) - len(there),
    }


def _figures(apart: ClassSeparation | None) -> str | None:
    if apart is None or apart.silhouette is None or apart.neighbours is None:
        return None
    silhouette = f"{apart.silhouette:.2f}".replace("-", "−")
    return f"silhouette {silhouette}, nearest neighbours right {apart.neighbours:.0%}"


def _vectors(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of the rows that have one, and where these rows are; absent ones are null or all zeros."""
    kept, there = [], []
    for place, value in enumerate(column):
        if value is None or np.ndim(value) == 0:
            continue
        vector = np.asarray(value, dtype=np.float64)
        if vector.size and np.isfinite(vector).all() and vector.any():
            kept.append(vector)
            there.append(place)
    return (np.stack(kept) if kept else np.zeros((0, 0))), np.asarray(there, dtype=int)


def _draw(places: np.ndarray, labels: np.ndarray, right: np.ndarray, groups: _Groups, title: str) -> Markup:
    low, spread = places.min(0), np.ptp(places, axis=0).max() or 1.0
    offset = (1 - np.ptp(places, axis=0) / spread) / 2
    points = 10 + ((places - low) / spread + offset) * (_SIDE - 20)
    size = 3.4 if len(points) <= 300 else 2.6
    parts = []
    grey = ~np.isin(labels, groups.named)
    layers = [(grey, 0, "other")] if grey.any() else []
    layers += [
        (labels == label, 0 if groups.by_value else place, groups.style(place))
        for place, label in enumerate(groups.named)
    ]
    for mask, shape, style in layers:
        for same, look in ((right, ""), (~right, " hollow")):
            parts.append(markers(points[mask & same].tolist(), shape, style + look, size))
    return document(_SIDE, _SIDE, parts, title=title, style="map")
