"""The ground and what lies flat on it: ballast, sleepers and rails, or a road. Depth can't tell them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mmcore_railway.scene import Scene

GAUGE = 1.435
"""Metres between the rails."""


def ground_colours(scene: Scene, points: np.ndarray) -> np.ndarray:
    """The colours `(…, 3)` of points on the ground `(…, 3)`, lit as a level surface is."""
    x, y, strip = points[..., 0], points[..., 1], scene.strip
    colours = np.broadcast_to(np.array(scene.ground), points.shape) * _patches(x, y)[..., None]
    on_strip = (x > strip.left) & (x < strip.right)
    colours = np.where(on_strip[..., None], strip.colour, colours)
    width = strip.right - strip.left
    if strip.tracks:
        for middle in (strip.right - 0.27 * width, strip.left + 0.27 * width):
            beside = np.abs(x - middle)
            sleeper = (beside < 1.2) & (y % 0.75 < 0.3)
            colours = np.where(sleeper[..., None], (0.62, 0.6, 0.56), colours)
            rail = np.abs(beside - GAUGE / 2) < 0.09
            colours = np.where(rail[..., None], (0.75, 0.76, 0.8), colours)
    else:
        middle = (strip.left + strip.right) / 2
        line = ((np.abs(x - middle) < 0.08) & (y % 2.0 < 1.2)) | (on_strip & (np.abs(x - strip.right + 0.15) < 0.06))
        colours = np.where(line[..., None], (0.85, 0.85, 0.82), colours)
    upward = scene.light[2] / np.linalg.norm(scene.light)
    return colours * (scene.ambient + (1 - scene.ambient) * upward)


def _patches(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Brighter and darker patches of earth."""
    return 1 + 0.06 * np.sin(1.7 * x + 0.8 * y) * np.sin(0.9 * x - 1.3 * y + 1)
