"""Volumes on matplotlib axes: three slices side by side, with the boxes of an explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = "RdBu_r"
"""Red for boxes that speak for the prediction, blue for those against; told apart by colour-blind readers."""

SIDES = ((0, "P", "A"), (1, "L", "R"), (2, "L", "R"))
"""The axis that a slice is cut across, and what stands at its left and its right border."""


def draw_slices(axes: Axes, values: np.ndarray, spacing: tuple[float, float, float]) -> None:
    """Through the middle: from the side, from the front, from above. Left is left."""
    places = [count // 2 for count in values.shape]
    _draw(axes, _grey(values), spacing, places)


def draw_boxes(
    axes: Axes,
    values: np.ndarray,
    spacing: tuple[float, float, float],
    edges: tuple[np.ndarray, ...],
    strengths: np.ndarray,
) -> None:
    """Slices through the middle of the strongest box, each box tinted by its value: the stronger, the more."""
    from matplotlib import colormaps

    strongest = np.unravel_index(int(np.abs(strengths).argmax()), strengths.shape)
    places = [int(edge[index] + edge[index + 1]) // 2 for edge, index in zip(edges, strongest, strict=True)]
    spread = strengths / (float(np.abs(strengths).max()) or 1.0)
    for axis, edge in enumerate(edges):
        spread = np.repeat(spread, np.diff(edge), axis=axis)
    tint = colormaps[COLOURS](0.5 + 0.5 * spread)[..., :3]
    weight = 0.7 * np.abs(spread)[..., None] ** 0.7
    grey = 0.25 + 0.75 * _grey(values)  # the dark background would swallow the tint
    _draw(axes, grey * (1 - weight) + tint * weight, spacing, places)


def _grey(values: np.ndarray) -> np.ndarray:
    """`(X, Y, Z, 3)` from 0 to 1; the brightest half per cent is cut off, so that one bright vessel does not darken."""
    low, high = float(values.min()), float(np.quantile(values, 0.995))
    scaled = np.clip((values - low) / (high - low), 0, 1) if high > low else np.full(values.shape, 0.5)
    return np.repeat(scaled[..., None], 3, axis=-1)


def _draw(axes: Axes, colours: np.ndarray, spacing: tuple[float, float, float], places: list[int]) -> None:
    """The three slices on one canvas, in millimetres."""
    left, tallest = 0.0, 0.0
    for axis, start, end in SIDES:
        across, up = (other for other in range(3) if other != axis)
        slice_ = np.take(colours, places[axis], axis=axis).transpose(1, 0, 2)
        wide, high = colours.shape[across] * spacing[across], colours.shape[up] * spacing[up]
        axes.imshow(slice_, origin="lower", extent=(left, left + wide, 0, high), interpolation="nearest")
        axes.text(left, high, start, ha="left", va="bottom", fontsize=7)
        axes.text(left + wide, high, end, ha="right", va="bottom", fontsize=7)
        left, tallest = left + wide + 0.04 * wide, max(tallest, high)
    axes.set_xlim(0, left)
    axes.set_ylim(0, 1.1 * tallest)
    axes.set_aspect("equal")
    axes.set_axis_off()
