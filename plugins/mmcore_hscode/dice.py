"""Draws of one declaration: seeded by data set, row and purpose, so that no row depends on another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Dice:
    """A generator with the few draws that the simulator needs.

    >>> Dice(0, 5, 1).whole(1, 1000) == Dice(0, 5, 1).whole(1, 1000)
    True
    """

    def __init__(self, seed: int, row: int, purpose: int):
        self._generator = np.random.Generator(np.random.PCG64([seed, row, purpose]))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self._generator.random() < probability)

    def real(self, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        return float(low + (high - low) * self._generator.random())

    def whole(self, low: int, high: int) -> int:
        """Uniform among low, …, high."""
        return low + int(self._generator.random() * (high - low + 1))

    def one_of(self, choices: Sequence[T]) -> T:
        """One of them, each as likely."""
        return choices[int(self._generator.random() * len(choices))]

    def weighted(self, choices: Sequence[T], weights: Sequence[float]) -> T:
        """One of them, as likely as its weight."""
        edges = np.cumsum(weights)
        found = int(np.searchsorted(edges, self._generator.random() * edges[-1], side="right"))
        return choices[min(found, len(choices) - 1)]

    def normal(self, shape: tuple[int, ...], scale: float) -> np.ndarray:
        """Gaussian noise, mean 0."""
        return self._generator.standard_normal(shape) * scale
