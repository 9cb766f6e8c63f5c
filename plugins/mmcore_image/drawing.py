"""Pictures on matplotlib axes, with the patches of an explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL import Image

COLOURS = "RdBu_r"
"""Red for patches that speak for the prediction, blue for those against; told apart by colour-blind readers."""


def draw_image(axes: Axes, picture: Image.Image) -> None:
    """The picture as it is."""
    axes.imshow(np.asarray(picture))
    axes.set_axis_off()


def draw_patches(axes: Axes, picture: Image.Image, edges: np.ndarray, values: np.ndarray) -> None:
    """The picture in grey, each patch tinted by its value: the stronger, the more it covers."""
    from matplotlib import colormaps

    side = len(edges) - 1
    largest = float(np.abs(values).max()) if values.size else 0.0
    strength = values.reshape(side, side) / (largest or 1.0)
    cell = np.searchsorted(edges, np.arange(edges[-1]), side="right") - 1
    spread = strength[cell][:, cell]
    tint = colormaps[COLOURS](0.5 + 0.5 * spread)[..., :3]
    grey = np.repeat(np.asarray(picture.convert("L"), dtype=float)[..., None], 3, axis=2) / 255
    grey = 0.25 + 0.75 * grey  # dark pictures would swallow the tint
    weight = 0.75 * np.abs(spread)[..., None] ** 0.7
    axes.imshow(np.clip(grey * (1 - weight) + tint * weight, 0, 1))
    for edge in edges[1:-1]:
        axes.axhline(edge - 0.5, color="#fff", lw=0.6, alpha=0.8)
        axes.axvline(edge - 0.5, color="#fff", lw=0.6, alpha=0.8)
    axes.set_axis_off()
