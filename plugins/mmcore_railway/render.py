"""From a scene to what the cameras deliver: an RGB clip and a depth clip of the same pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmcore_railway.ground import ground_colours
from mmcore_railway.raster import rasterise, shade
from mmcore_railway.solids import triangles_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmcore_railway.scene import Scene
    from mmcore_railway.solids import Box

RANGE = 37.0
"""Metres: how far the depth camera measures; farther is as far."""

NOISE = 0.012
"""Standard deviation of the picture's noise, of full brightness."""


@dataclass(frozen=True)
class Clip:
    """RGB `(F, H, W, 3)` uint8 and depth `(F, H, W)` in metres, at most `RANGE`; pixel by pixel of the same place."""

    rgb: np.ndarray
    depth: np.ndarray


def render(scene: Scene, generator: np.random.Generator | None = None) -> Clip:
    """Draw a scene, with noise in the picture where a generator is given; depth has none.

    What stands still is drawn once, what moves in every frame, and the nearer of both is seen.
    """
    frames = len(scene.excavator.swing)
    moving = [*scene.excavator.boxes(), *(box for each in scene.uprights for box in each.boxes())]
    points, depth = scene.camera.ground()
    colours = np.where(np.isfinite(depth)[..., None], ground_colours(scene, points), scene.sky)
    still, painted = _draw(scene, scene.objects, 1)
    nearer = still[0] < depth
    depth, colours = np.where(nearer, still[0], depth), np.where(nearer[..., None], painted[0], colours)
    moved, painted = _draw(scene, moving, frames)
    nearer = moved < depth
    depths = np.where(nearer, moved, depth)
    pictures = np.where(nearer[..., None], painted, colours) * scene.exposure
    if generator is not None:
        pictures = pictures + generator.normal(0, NOISE, size=pictures.shape)
    return Clip((np.clip(pictures, 0, 1) * 255 + 0.5).astype(np.uint8), np.minimum(depths, RANGE))


def _draw(scene: Scene, boxes: Sequence[Box], frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Depth `(frames, H, W)` and colours `(frames, H, W, 3)` of boxes by themselves."""
    triangles = triangles_of(boxes, frames)
    depth, number = rasterise(scene.camera, triangles, frames)
    colours = shade(triangles, scene.light, scene.ambient)
    return depth, colours[number]  # where nothing is seen, depth is infinite and the colour is not used
