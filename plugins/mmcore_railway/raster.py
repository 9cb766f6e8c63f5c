"""A z-buffer for flat triangles, in NumPy: all triangles of all frames of a clip at once, span by span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mmcore_railway.camera import Camera

NEAREST = 0.3
"""Metres: triangles that reach closer to the camera than this are left out, as there is no clipping."""

_STEP = 2.0**-20
"""Metres: how finely two depths are told apart."""


@dataclass(frozen=True)
class Triangles:
    """Coloured triangles in the world, counter-clockwise when seen from outside.

    Args:
        corners: `(N, 3, 3)`, metres.
        colours: `(N, 3)`, red, green and blue in [0, 1].
        frames: `(N,)` int, the frame in which each is seen.
    """

    corners: np.ndarray
    colours: np.ndarray
    frames: np.ndarray


def rasterise(camera: Camera, triangles: Triangles, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """What is seen of the triangles: depth `(frames, H, W)`, infinite where nothing is, and the triangle's number.

    A pixel belongs to a triangle when its centre lies inside. Along a row the pixels inside are one span, whose ends
    follow from the three edge functions; 1/depth is linear over the picture, so it is right in perspective.
    """
    height, width = camera.size
    nearest = np.full(frames * height * width, np.iinfo(np.uint64).max, dtype=np.uint64)
    seen, edges, inverse = _set_up(camera, triangles.corners)
    number, row = _rows(camera, triangles.corners, seen)
    if len(number):
        first, count = _spans(edges, number, row, width)
        pixels = np.repeat(np.arange(len(number)), count)
        column = first[pixels] + np.arange(len(pixels)) - np.repeat(np.cumsum(count) - count, count)
        row, number = row[pixels], number[pixels]
        plane = inverse[number]
        depth = 1.0 / (plane[:, 0] * (column + 0.5) + plane[:, 1] * (row + 0.5) + plane[:, 2])
        order = (depth / _STEP).astype(np.uint64) << np.uint64(32) | number.astype(np.uint64)
        np.minimum.at(nearest, (triangles.frames[number] * height + row) * width + column, order)
    shape = (frames, height, width)
    empty = nearest == np.iinfo(np.uint64).max
    depths = np.where(empty, np.inf, (nearest >> np.uint64(32)).astype(np.float64) * _STEP)
    numbers = np.where(empty, -1, (nearest & np.uint64(0xFFFFFFFF)).astype(np.int64))
    return depths.reshape(shape), numbers.reshape(shape)


def shade(triangles: Triangles, light: np.ndarray, ambient: float) -> np.ndarray:
    """The colour of each triangle `(N, 3)` under a distant light from direction `light` (Lambert), plus ambient."""
    corners = triangles.corners
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    lit = ambient + (1 - ambient) * np.clip(normals @ (light / np.linalg.norm(light)), 0, None)
    return triangles.colours * lit[:, None]


def _set_up(camera: Camera, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which triangles face the camera, their barycentric planes `(N, 3, 3)`, and the plane of 1/depth `(N, 3)`.

    A plane (a, b, c) stands for a·x + b·y + c over the picture; barycentric coordinates are 0 on an edge and 1 at the
    corner opposite.
    """
    x, y, depth = camera.project(corners)  # (N, 3) each
    nearest = depth.min(axis=1) > NEAREST
    with np.errstate(divide="ignore", invalid="ignore"):
        area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
        following, last = np.roll(np.arange(3), -1), np.roll(np.arange(3), 1)
        edges = (
            np.stack(
                [
                    y[:, following] - y[:, last],
                    x[:, last] - x[:, following],
                    x[:, following] * y[:, last] - x[:, last] * y[:, following],
                ],
                axis=-1,
            )
            / area[:, None, None]
        )
        inverse = np.einsum("ni,nij->nj", 1.0 / depth, edges)
    # rows grow downwards, so what is counter-clockwise from outside has a negative area in the picture
    return nearest & (area < -1e-9), edges, inverse


def _rows(camera: Camera, corners: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each pair of a triangle that is seen and a row whose centre it covers: numbers and rows, `(R,)` each."""
    height, width = camera.size
    x, y, _ = camera.project(corners[seen])
    top = np.clip(np.ceil(y.min(axis=1) - 0.5), 0, height).astype(np.int64)
    bottom = np.clip(np.floor(y.max(axis=1) - 0.5), -1, height - 1).astype(np.int64)
    inside = (x.max(axis=1) > 0) & (x.min(axis=1) < width)
    count = np.where(inside, np.maximum(bottom - top + 1, 0), 0)
    number = np.repeat(np.flatnonzero(seen), count)
    row = np.repeat(top, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return number, row


def _spans(edges: np.ndarray, number: np.ndarray, row: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """For each pair of triangle and row: the first column inside, and how many there are."""
    slope = edges[number, :, 0]  # (R, 3)
    rest = edges[number, :, 1] * (row[:, None] + 0.5) + edges[number, :, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = -rest / slope
    low = np.where(slope > 0, crossing, np.where((slope == 0) & (rest < 0), np.inf, -np.inf)).max(axis=1)
    high = np.where(slope < 0, crossing, np.inf).min(axis=1)
    first = np.ceil(np.clip(low, -1.0, width + 1.0) - 0.5).astype(np.int64).clip(0, width)
    final = np.floor(np.clip(high, -1.0, width + 1.0) - 0.5).astype(np.int64).clip(-1, width - 1)
    return first, np.maximum(final - first + 1, 0)
