"""The four classes, defined by geometry over time: what happens in a clip, read off the scene's true positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mmcore_railway.scene import Scene

CLASSES = ("Bucket-Worker", "Cabin-Worker", "Safe", "Track-Excavator")
"""In the order of the alphabet."""

UNDER_BUCKET = 1.0
"""Metres on the ground between a worker and the bucket's vertical axis."""

NEAR_CABIN = 0.9
"""Metres on the ground between a worker's middle and the outline of the turning house."""

TRACK_ENVELOPE = 0.3
"""Metres beside the track bed that the excavator must keep clear of."""

TOWARDS = 0.8
"""Metres that the excavator comes closer to the tracks, for it to move towards them."""

LASTING = 3
"""Frames for which a danger must last."""

OPERATING = 0.02
"""Radians a second of swing or boom, or metres a second of driving, on the mean of a clip."""


@dataclass(frozen=True)
class Dangers:
    """Which dangers are there, and how close things came, in metres (infinite where there is nobody)."""

    bucket: bool
    cabin: bool
    tracks: bool
    to_bucket: float
    to_cabin: float
    to_tracks: float

    @property
    def label(self) -> str:
        """The class.

        Raises:
            ValueError: there are several dangers; such a scene has no one class.
        """
        found = [name for name, there in zip(_DANGEROUS, (self.bucket, self.cabin, self.tracks), strict=True) if there]
        if len(found) > 1:
            raise ValueError(f"a scene of several classes: {', '.join(found)}")
        return found[0] if found else "Safe"


_DANGEROUS = ("Bucket-Worker", "Cabin-Worker", "Track-Excavator")


def dangers(scene: Scene) -> Dangers:
    """Judge a scene by the true positions of everything in it.

    * Bucket-Worker: a worker is within `UNDER_BUCKET` of the bucket's axis while the bucket is above the worker's head.
    * Cabin-Worker: a worker is within `NEAR_CABIN` of the turning house while the excavator is operated.
    * Track-Excavator: the excavator drives towards the tracks and gets into their envelope.

    Each must last `LASTING` frames.
    """
    machine = scene.excavator
    bucket, bottom, house = machine.bucket(), machine.bucket_bottom(), machine.house_corners()
    under = near = False
    to_bucket = to_cabin = np.inf
    for each in scene.uprights:
        if not each.worker:
            continue
        from_bucket = np.linalg.norm(each.path - bucket[:, :2], axis=1)
        from_cabin = distance_to_outline(each.path, house)
        under |= int(((from_bucket < UNDER_BUCKET) & (bottom > each.height)).sum()) >= LASTING
        near |= int((from_cabin < NEAR_CABIN).sum()) >= LASTING
        to_bucket, to_cabin = min(to_bucket, from_bucket.min()), min(to_cabin, from_cabin.min())
    gap = machine.chassis_corners()[:, :, 0].min(axis=1) - scene.strip.right
    reached = int((gap < TRACK_ENVELOPE).sum()) >= LASTING and gap[0] - gap[-1] >= TOWARDS
    return Dangers(
        bucket=under,
        cabin=near and is_operated(scene),
        tracks=bool(reached and scene.strip.tracks),
        to_bucket=float(to_bucket),
        to_cabin=float(to_cabin),
        to_tracks=float(gap.min()),
    )


def is_operated(scene: Scene) -> bool:
    """Whether the excavator swings, lifts or drives."""
    machine, seconds = scene.excavator, len(scene.excavator.swing) / scene.rate
    turning = max(np.abs(np.diff(angle)).sum() for angle in (machine.swing, machine.boom, machine.stick)) / seconds
    driving = np.linalg.norm(np.diff(machine.position, axis=0), axis=1).sum() / seconds
    return bool(max(turning, driving) > OPERATING)


def distance_to_outline(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """From points `(F, 2)` to convex outlines `(F, K, 2)`, counter-clockwise: metres `(F,)`, 0 inside.

    >>> square = np.array([[[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]])
    >>> [float(distance_to_outline(np.array([point]), square)[0]) for point in ([3.0, 1.0], [5.0, 6.0], [1.0, 1.0])]
    [1.0, 5.0, 0.0]
    """
    start, side = outline, np.roll(outline, -1, axis=1) - outline
    towards = points[:, None] - start
    along = np.clip((towards * side).sum(-1) / (side**2).sum(-1), 0, 1)
    distance = np.linalg.norm(towards - along[..., None] * side, axis=-1).min(axis=1)
    inside = (side[..., 0] * towards[..., 1] - side[..., 1] * towards[..., 0] >= 0).all(axis=1)
    return np.where(inside, 0.0, distance)
