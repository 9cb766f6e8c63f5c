"""A pinhole camera: from metres in the world to pixels and depth, and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Camera:
    """A camera at `position` that looks at `target`; z is up in the world, all lengths are metres.

    A pixel (column i, row j) covers [i, i + 1) × [j, j + 1) of the picture plane, so its centre is at (i + ½, j + ½).
    Depth is the distance along the optical axis, as depth cameras and stereo give it, not the length of the ray.

    Args:
        position: `(3,)`, where the camera is.
        target: `(3,)`, what is in the middle of the picture.
        view: the vertical angle of view, in radians.
        size: rows and columns of the picture.

    >>> camera = Camera((0.0, -10.0, 2.0), (0.0, 0.0, 2.0), view=np.pi / 2, size=(100, 100))
    >>> columns, rows, depth = camera.project(np.array([0.0, 0.0, 2.0]))
    >>> [round(float(value), 6) for value in (columns, rows, depth)]
    [50.0, 50.0, 10.0]
    """

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    view: float
    size: tuple[int, int]

    @cached_property
    def axes(self) -> np.ndarray:
        """`(3, 3)`: the directions right, up and forward in the world, one a row; orthonormal."""
        forward = np.subtract(self.target, self.position)
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right = right / np.linalg.norm(right)
        return np.stack([right, np.cross(right, forward), forward])

    @property
    def focal(self) -> float:
        """The focal length in pixels."""
        return self.size[0] / 2 / float(np.tan(self.view / 2))

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """World points `(…, 3)` to column, row and depth, each `(…)`; only points of positive depth are in front.

        With (r, u, f) the point in the camera's axes: column = W/2 + F·r/f, row = H/2 − F·u/f, depth = f.
        """
        local = (np.asarray(points) - self.position) @ self.axes.T
        right, up, depth = local[..., 0], local[..., 1], local[..., 2]
        return self.size[1] / 2 + self.focal * right / depth, self.size[0] / 2 - self.focal * up / depth, depth

    def unproject(self, columns: np.ndarray, rows: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """The world points `(…, 3)` seen at columns and rows at a depth: the inverse of `project`."""
        right = (np.asarray(columns) - self.size[1] / 2) / self.focal
        up = (self.size[0] / 2 - np.asarray(rows)) / self.focal
        local = np.stack(np.broadcast_arrays(right, up, np.ones_like(right)), axis=-1)
        return np.asarray(self.position) + (local * np.asarray(depth)[..., None]) @ self.axes

    def pixel_points(self, depth: np.ndarray) -> np.ndarray:
        """The world points `(H, W, 3)` at the pixels' centres, for a depth map `(H, W)`."""
        rows, columns = np.mgrid[: self.size[0], : self.size[1]] + 0.5
        return self.unproject(columns, rows, depth)

    def ground(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each pixel's ray meets the ground z = 0: world points `(H, W, 3)` and depth `(H, W)`.

        Depth is infinite, and the point meaningless, where the ray never comes down.
        """
        directions = self.pixel_points(np.ones(self.size)) - self.position
        with np.errstate(divide="ignore"):
            depth = np.where(directions[..., 2] < -1e-9, -self.position[2] / directions[..., 2], np.inf)
        points = np.asarray(self.position) + directions * np.where(np.isfinite(depth), depth, 0.0)[..., None]
        return points, depth
