"""Boxes, the only solids of the scene: placed, turned and coloured, one pose per frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmcore_railway.raster import Triangles

Colour = tuple[float, float, float]
"""Red, green and blue, each from 0 to 1."""

_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)

_FACES = np.array(
    [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ]
)  # fmt: skip
"""Two triangles a side, counter-clockwise from outside."""


@dataclass(frozen=True)
class Box:
    """A box over time.

    Args:
        centre: `(F, 3)`, metres; with one row it stands still.
        half: half its length, width and height.
        turn: `(F, 3, 3)` or `(3, 3)`, its axes in the world as columns; None is the world's own.
        colour: red, green, blue in [0, 1].
        taper: the width and length of its bottom as a share of its top's; 1 is a box, less a hopper.
    """

    centre: np.ndarray
    half: tuple[float, float, float]
    colour: Colour
    turn: np.ndarray | None = None
    taper: float = 1.0

    def corners(self) -> np.ndarray:
        """Its corners in the world, `(F, 8, 3)`."""
        local = _CORNERS * self.half
        local[_CORNERS[:, 2] < 0, :2] *= self.taper
        centre = np.atleast_2d(self.centre)[:, None, :]
        if self.turn is None:
            return centre + local
        return centre + np.einsum("...ij,kj->...ki", np.broadcast_to(self.turn, (len(centre), 3, 3)), local)


def triangles_of(boxes: Sequence[Box], frames: int) -> Triangles:
    """All boxes' triangles in each of `frames` frames."""
    corners, colours, times = [], [], []
    for box in boxes:
        placed = np.broadcast_to(box.corners(), (frames, 8, 3))
        corners.append(placed[:, _FACES].reshape(-1, 3, 3))
        colours.append(np.broadcast_to(box.colour, (frames * len(_FACES), 3)))
        times.append(np.repeat(np.arange(frames), len(_FACES)))
    if not boxes:
        return Triangles(np.empty((0, 3, 3)), np.empty((0, 3)), np.empty(0, dtype=np.int64))
    return Triangles(np.concatenate(corners), np.concatenate(colours), np.concatenate(times))


def turned(angle: np.ndarray | float) -> np.ndarray:
    """Rotations about the vertical, `(…, 3, 3)`, for angles in radians, counter-clockwise from above.

    >>> np.round(turned(np.pi / 2) @ [1.0, 0.0, 0.0], 6).tolist()
    [0.0, 1.0, 0.0]
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    zero, one = np.zeros_like(cosine), np.ones_like(cosine)
    rows = [[cosine, -sine, zero], [sine, cosine, zero], [zero, zero, one]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def pitched(angle: np.ndarray | float) -> np.ndarray:
    """Rotations about the y axis that lift the x axis by `angle`, `(…, 3, 3)`.

    >>> np.round(pitched(np.pi / 2) @ [1.0, 0.0, 0.0], 6).tolist()
    [0.0, 0.0, 1.0]
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    zero, one = np.zeros_like(cosine), np.ones_like(cosine)
    rows = [[cosine, zero, -sine], [zero, one, zero], [sine, zero, cosine]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
