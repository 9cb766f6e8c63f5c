"""Simulated MRI: a head of ellipsoids, in which hippocampi shrink and ventricles grow."""

from __future__ import annotations

from functools import cache

import numpy as np

SIDE = 48
"""Voxels along each side."""

STEP = 4.0
"""Millimetres from voxel to voxel."""

HEAD: tuple[tuple[tuple[int, int, int], tuple[int, int, int], float], ...] = (
    ((0, 0, 0), (78, 94, 88), 90.0),  # skin and fat
    ((0, 0, 0), (73, 89, 83), 18.0),  # bone
    ((0, 0, 0), (69, 85, 77), 35.0),  # fluid
    ((0, 0, 0), (67, 83, 75), 76.0),  # grey matter
    ((0, 0, 2), (58, 74, 65), 112.0),  # white matter
)
"""Middle (mm), radii (mm) and brightness, from outside in."""

FLUID, GREY = 35.0, 76.0

VENTRICLE = ((11.0, 2.0, 12.0), (7.0, 26.0, 10.0))
"""Middle of the right one, and its form; its volume is measured."""

POCKET = ((30.0, -18.0, -18.0), (9.0, 22.0, 9.0))
"""Where the right hippocampus lies; what it does not fill is fluid."""

HIPPOCAMPUS = (7.0, 20.0, 7.0)
"""Its form; its volume is measured."""


def head(hippocampus: float, ventricles: float, generator: np.random.Generator) -> np.ndarray:
    """`(48, 48, 48)` float: brightness; x to the right, y to the front, z upwards.

    Args:
        hippocampus: volume of both, in ml.
        ventricles: log of the volume of both, in ml.
        generator: of everything that tells nothing: size and place of the head, the scanner's gain, bias and noise.
    """
    size = float(np.clip(generator.normal(1.0, 0.03), 0.9, 1.05))
    place = generator.normal(0.0, 2.5, 3)
    values = np.zeros((SIDE,) * 3)
    for middle, radii, brightness in HEAD:
        _paint(values, size * np.array(middle) + place, size * np.array(radii), brightness)
    volume = float(np.exp(np.clip(ventricles, 2.0, 4.8)))
    for side in (-1.0, 1.0):
        turned = np.array([side, 1.0, 1.0])
        _paint(values, turned * VENTRICLE[0] + place, _radii(VENTRICLE[1], volume / 2), FLUID)
        _paint(values, turned * POCKET[0] + place, np.array(POCKET[1]), FLUID)
        _paint(values, turned * POCKET[0] + place, _radii(HIPPOCAMPUS, max(hippocampus, 1.0) / 2), GREY)
    slope = generator.normal(0.0, 0.04, 3)
    bias = 1 + sum(slope[axis] * _millimetres()[axis] / 90 for axis in range(3))
    gain = 8.0 * np.exp(generator.normal(0.0, 0.2))
    noisy = values * bias + 2.5 * generator.normal(size=values.shape)
    return np.asarray(gain * np.abs(noisy))


def _radii(form: tuple[float, float, float], millilitres: float) -> np.ndarray:
    """The radii of an ellipsoid of this form and volume."""
    volume = 4 / 3 * np.pi * np.prod(form) / 1000
    return np.asarray(form) * float(np.cbrt(millilitres / volume))


def _paint(values: np.ndarray, middle: np.ndarray, radii: np.ndarray, brightness: float) -> None:
    """Mix an ellipsoid into the picture; voxels at its border by the share that it covers."""
    away = np.sqrt(sum(((_millimetres()[axis] - middle[axis]) / radii[axis]) ** 2 for axis in range(3)))
    thickness = float(np.cbrt(np.prod(radii)))
    share = np.clip(0.5 - (away - 1) * thickness / STEP, 0, 1)
    values += share * (brightness - values)


@cache
def _millimetres() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    line = (np.arange(SIDE) - (SIDE - 1) / 2) * STEP
    return line[:, None, None], line[None, :, None], line[None, None, :]
