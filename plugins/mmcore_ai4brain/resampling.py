"""Volumes to tensors: which voxels are head, how bright they are, and the box that an encoder sees."""

from __future__ import annotations

import numpy as np

from mmcore_ai4brain.decoding import Volume
from mmcore_ai4brain.spec import Spacing, VolumeSpec

BINS = 256


def head_threshold(values: np.ndarray) -> float:
    """The brightness that parts background from head: Otsu's, over a histogram of 256 bins.

    Reference: doi:10.1109/TSMC.1979.4310076, equation 18 (the largest variance between both classes).

    >>> 0 <= head_threshold(np.array([0.0, 0.0, 0.0, 10.0, 10.0])) < 10
    True
    """
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return low
    counts, edges = np.histogram(values, bins=BINS, range=(low, high))
    middles = (edges[:-1] + edges[1:]) / 2
    weight = np.cumsum(counts) / counts.sum()
    moment = np.cumsum(counts * middles) / counts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (moment[-1] * weight - moment) ** 2 / (weight * (1 - weight))
    between[~np.isfinite(between)] = -1.0
    best = np.flatnonzero(between == between.max())  # several where bins between are empty: take their middle
    return float(edges[best[len(best) // 2] + 1])


def head_mask(values: np.ndarray) -> np.ndarray:
    """`(X, Y, Z)` bool: the voxels brighter than the background; all of them where there is no contrast."""
    mask = values > head_threshold(values)
    return mask if mask.any() else np.ones(values.shape, dtype=bool)


def head_statistics(values: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the voxels in the mask; the deviation is 1 where they are all alike."""
    inside = values[mask]
    mean, sd = float(inside.mean(dtype=np.float64)), float(inside.std(dtype=np.float64))
    return mean, sd if sd > 1e-6 * max(1.0, abs(mean)) else 1.0


def box_of(volume: Volume, spec: VolumeSpec) -> np.ndarray:
    """`(D, H, W)` float32: the spec's box out of a volume, normalised and resampled."""
    values = volume.values
    mask = head_mask(values)
    mean, sd = head_statistics(values, mask) if spec.normalise == "brain" else (spec.mean, spec.sd)
    background = float(np.median(values[~mask])) if not mask.all() else float(values.min())
    centre = _centre(mask) if spec.crop == "brain" else [(count - 1) / 2 for count in values.shape]
    resampled = resample(values - np.float32(background), volume.spacing, centre, spec.size, spec.spacing)
    return ((resampled + (background - mean)) / sd).astype(np.float32)


def resample(
    values: np.ndarray,
    spacing: Spacing,
    centre: list[float],
    size: tuple[int, int, int],
    wanted: Spacing,
) -> np.ndarray:
    """A box of another grid, zero outside the volume: linear, and where voxels grow, averaged by a triangle.

    Args:
        values: `(X, Y, Z)`.
        spacing: millimetres between its voxels.
        centre: the voxel coordinates on which the box is centred.
        size: voxels of the box.
        wanted: millimetres between its voxels.
    """
    box = values
    for axis in range(3):
        weights = _weights(values.shape[axis], centre[axis], size[axis], wanted[axis] / spacing[axis])
        box = np.moveaxis(np.tensordot(weights, box, axes=(1, axis)), 0, axis)
    return box


def _weights(length: int, centre: float, size: int, scale: float) -> np.ndarray:
    """`(size, length)`: what each voxel gives to each voxel of the box. A row sums to less than 1 at the border."""
    places = (centre + (np.arange(size) - (size - 1) / 2) * scale)[:, None]
    reach = max(1.0, scale)
    weights = np.clip(1 - np.abs(np.arange(length) - places) / reach, 0, None)
    return (weights / _whole(places - np.floor(places), reach)).astype(np.float32)


def _whole(offset: np.ndarray, reach: float) -> np.ndarray:
    """The sum of a triangle's weights over all whole numbers, those outside the volume too.

    Args:
        offset: how far the triangle's top lies above a whole number, from 0 to 1.
        reach: half the triangle's base, at least 1.
    """
    below = np.ceil(reach - offset)  # whole numbers at distances offset, offset + 1, …
    above = np.ceil(reach + offset) - 1  # and 1 - offset, 2 - offset, …
    distances = below * offset + below * (below - 1) / 2 + above * (above + 1) / 2 - above * offset
    return np.asarray(below + above - distances / reach)


def _centre(mask: np.ndarray) -> list[float]:
    """The centre of mass, in voxels."""
    total = mask.sum()
    return [
        float((mask.sum(axis=tuple(other for other in range(3) if other != axis)) * np.arange(count)).sum() / total)
        for axis, count in enumerate(mask.shape)
    ]
