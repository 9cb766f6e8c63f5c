"""The measure `separation`: how far classes lie apart in each modality's representation and in the fused one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

import mmcore
from mmcore.attribution.separation import PROJECTION_NAMES, projected, separation
from mmcore_explain.figures import Map, draw_maps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmcore.attribution.evaluated import EvaluatedRows
    from mmcore.attribution.separation import ClassSeparation
    from mmcore_explain.options import SeparationOptions

FEWEST = 12
"""Rows that a map needs."""

ALL = "all classes"


class Separation:
    """Silhouette and nearest-neighbour accuracy of each representation, over all rows and for each class."""

    def __init__(self, options: SeparationOptions):
        self.options = options

    def measure(self, rows: EvaluatedRows) -> mmcore.Measure:
        """A line for each representation, then one for each class in it.

        Raises:
            OptionError: the task has no classes, or the model represents nothing before its answer.
        """
        if not isinstance(rows.task, mmcore.SingleLabel) or rows.targets is None:
            raise mmcore.OptionError(f"separation needs rows with one class each; the task is {rows.task.type}")
        found = {name: each for name, each in rows.representations().items() if len(each[0]) > 1}
        if not found:
            raise mmcore.OptionError(
                "separation looks at representations, and this model has none between its inputs and its answer"
            )
        classes = list(rows.task.classes)
        overall, single, maps = [], [], []
        for name, (there, vectors) in found.items():
            labels = rows.targets[there]
            apart = separation(vectors, labels, neighbours=self.options.neighbours)
            overall.append(_line(name, ALL, apart.overall))
            single += [_line(name, classes[label], each) for label, each in apart.classes.items()]
            if len(there) >= FEWEST and vectors.shape[1] > 1 and len(np.unique(vectors, axis=0)) >= FEWEST:
                maps.append(Map(name, vectors, labels, _words(apart.overall)))
        chance = float(np.bincount(rows.targets).max() / len(rows))
        return mmcore.Measure(
            "separation",
            "How far apart do the classes lie in each modality's representation, and in the fused one?",
            ("representation", "class", "rows", "silhouette", "nearest neighbours right"),
            (*overall, *single), len(rows),
            notes=(
                "The silhouette goes from −1 (among another class) over 0 (between) to 1 (apart).",
                f"Naming the most frequent class is right for {chance:.3f} of the rows.",
            ),
            settings=self.options.model_dump(),
            draw=partial(self._draw, maps, classes) if maps else None,
        )  # fmt: skip

    def _draw(self, maps: list[Map], classes: list[str]) -> Figure:
        how, seed = self.options.projection, self.options.seed
        placed = [projected(each.points, how, seed=seed) for each in maps]
        laid = [Map(each.name, points, each.labels, each.words) for each, points in zip(maps, placed, strict=True)]
        return draw_maps(laid, classes, f"{PROJECTION_NAMES[how]} of each representation")


def _line(name: str, label: str, each: ClassSeparation) -> tuple[str, str, int, float | None, float | None]:
    return (name, label, each.n, each.silhouette, each.neighbours)


def _words(each: ClassSeparation) -> str:
    if each.silhouette is None or each.neighbours is None:
        return ""
    return f"silhouette {each.silhouette:.2f}, neighbours right {each.neighbours:.0%}".replace("-", "−")
