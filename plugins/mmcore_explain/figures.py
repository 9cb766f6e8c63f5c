"""Figures of measures: maps of rows side by side, and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b4bb5", "#7a4a1e", "#1a1a1a")
"""Told apart by colour-blind readers (the first six: Okabe & Ito 2008); marks differ as well."""

MARKS = "os^DvPX<>"
GREY, INK = "#b0b0b0", "#1a1a1a"
ACROSS = 4
"""Panels in a line."""


@dataclass(frozen=True)
class Map:
    """Rows in a representation: `points (n, D)`, their classes `labels (n,)`, and what to say of it."""

    name: str
    points: np.ndarray
    labels: np.ndarray
    words: str


def draw_maps(maps: Sequence[Map], classes: Sequence[str], title: str) -> Figure:
    """Points `(n, 2)` side by side, with the same colours; classes beyond the most frequent nine are grey."""
    from matplotlib.lines import Line2D

    counts = np.bincount(np.concatenate([each.labels for each in maps]), minlength=len(classes))
    frequent = sorted(np.argsort(-counts, kind="stable")[: len(COLOURS)])
    named = [int(label) for label in frequent if counts[label]]
    across = min(ACROSS, len(maps))
    figure, axes = _grid(len(maps), across, (3.1, 3.3), below=0.3 * ceil((len(named) + 1) / (2 * across)) + 0.1)
    for axis, each in zip(axes, maps, strict=True):
        others = ~np.isin(each.labels, named)
        axis.scatter(each.points[others, 0], each.points[others, 1], s=9, c=GREY, linewidths=0)
        for place, label in enumerate(named):
            here = each.points[each.labels == label]
            axis.scatter(here[:, 0], here[:, 1], s=14, c=COLOURS[place], marker=MARKS[place], linewidths=0, alpha=0.85)
        axis.set(xticks=[], yticks=[])
        axis.set_title(f"{each.name}\n{each.words}", fontsize=9, color=INK)
    handles = [
        Line2D([], [], color=COLOURS[place], marker=MARKS[place], linestyle="", label=shorten(classes[label], 28))
        for place, label in enumerate(named)
    ]
    if np.count_nonzero(counts) > len(named):
        handles.append(Line2D([], [], color=GREY, marker="o", linestyle="", label="others"))
    figure.legend(handles=handles, loc="lower center", ncols=2 * across, fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=10, color=INK)
    return figure


def draw_curves(shares: np.ndarray, curves: Mapping[str, Sequence[float]], across: str, up: str, title: str) -> Figure:
    """A curve for each modality over shares of rows `(S,)`."""
    figure, (axis,) = _grid(1, 1, (5.2, 3.6), below=0.15)
    for place, (name, curve) in enumerate(curves.items()):
        style = place % len(COLOURS)
        axis.plot(100 * shares, curve, color=COLOURS[style], marker=MARKS[style], markersize=4, label=name)
    axis.set_xlabel(across, fontsize=9)
    axis.set_ylabel(up, fontsize=9)
    axis.grid(color="#e4e4e4", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=10, color=INK)
    return figure


def _grid(panels: int, across: int, panel: tuple[float, float], *, below: float) -> tuple[Figure, Sequence[Axes]]:
    """A figure without pyplot, so that nothing global is touched, and its panels; `below` inches stay free."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    down = ceil(panels / across)
    height = down * panel[1] + below
    figure = Figure(figsize=(across * panel[0], height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(rect=(0, below / height, 1, 1 - below / height))  # type: ignore[union-attr,call-arg]
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for spare in axes[panels:]:
        spare.set_visible(False)
    return figure, list(axes[:panels])
