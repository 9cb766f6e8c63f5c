"""What stands upright: workers, and posts of the very same outline that only their colours tell from workers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcore_railway.solids import Box, turned

RADIUS = 0.3
"""Metres: how far a worker or a post reaches from its own middle."""


@dataclass(frozen=True)
class Upright:
    """A worker, or a lamp post on a trolley that is as tall, as wide and moves as a worker does.

    Args:
        path: `(F, 2)`, metres on the ground.
        height: metres.
        girth: its width, as a share of what is usual at 1.75 m.
        worker: whether it is a worker.
        colours: of its lower, middle and upper part.
        facing: radians.
    """

    path: np.ndarray
    height: float
    girth: float
    worker: bool
    colours: tuple[tuple[float, float, float], ...]
    facing: float = 0.0

    def boxes(self) -> list[Box]:
        """Legs, body and head of a worker; trolley, drum and lamp of a post."""
        turn, unit = turned(self.facing), self.height / 1.75
        boxes = []
        for colour, (middle, length, width, half) in zip(
            self.colours, ((0.42, 0.15, 0.2, 0.42), (1.14, 0.19, 0.3, 0.32), (1.6, 0.13, 0.13, 0.15)), strict=True
        ):
            centre = np.concatenate([self.path, np.full((len(self.path), 1), middle * unit)], axis=1)
            boxes.append(Box(centre, (length * self.girth, width * self.girth, half * unit), colour, turn))
        return boxes


def worker_colours(generator: np.random.Generator) -> tuple[tuple[float, float, float], ...]:
    """Dark trousers, an orange jacket, a white, yellow or blue helmet."""
    shade = generator.uniform(0.85, 1.0)
    jacket = (shade, shade * generator.uniform(0.32, 0.48), generator.uniform(0.0, 0.12))
    trousers = [(0.12, 0.14, 0.3), (0.15, 0.15, 0.17), (0.9, 0.38, 0.05)]
    helmets = [(0.95, 0.95, 0.92), (0.95, 0.85, 0.2), (0.2, 0.35, 0.75)]
    return trousers[generator.integers(3)], jacket, helmets[generator.integers(3)]


def post_colours(generator: np.random.Generator) -> tuple[tuple[float, float, float], ...]:
    """Grey, blue, green, brown or white; never orange."""
    drums = [(0.5, 0.52, 0.55), (0.2, 0.32, 0.6), (0.2, 0.42, 0.28), (0.38, 0.28, 0.2), (0.8, 0.8, 0.78)]
    lamps = [(0.95, 0.95, 0.92), (0.95, 0.85, 0.2), (0.2, 0.35, 0.75)]
    trolleys = [(0.12, 0.14, 0.3), (0.15, 0.15, 0.17), (0.35, 0.33, 0.3)]
    return trolleys[generator.integers(3)], drums[generator.integers(5)], lamps[generator.integers(3)]
