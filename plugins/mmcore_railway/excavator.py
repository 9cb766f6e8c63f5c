"""The excavator: where its parts are at every moment of a clip, and what they look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcore_railway.solids import Box, Colour, pitched, turned

BOOM, STICK = 2.6, 1.5
"""Metres: boom and stick, between their joints."""

PIVOT = np.array([0.5, 0.0, 1.25])
"""Where the boom is hinged, in metres from the swing axis at the ground, in the axes of the house."""

CHASSIS = (1.35, 1.0)
"""Metres: half the length and the width that the tracks cover."""

HOUSE = (-1.15, 0.85, -0.9, 0.9)
"""Metres: the turning house with the cabin, from rear to front and from right to left, in its own axes."""

BUCKET = (0.42, 0.45, 0.3)
"""Metres: half the bucket's length, width and height."""


@dataclass(frozen=True)
class Excavator:
    """The excavator in each of F frames; angles in radians, lengths in metres.

    Args:
        position: `(F, 2)`, the swing axis on the ground.
        heading: which way its tracks point; it drives forward or backward along it.
        swing: `(F,)`, the house's angle against the world's x axis.
        boom: `(F,)`, the boom's angle above the horizontal.
        stick: `(F,)`, the stick's angle above the horizontal; below it, as is usual, it is negative.
        colour: of its sheet metal.
    """

    position: np.ndarray
    heading: float
    swing: np.ndarray
    boom: np.ndarray
    stick: np.ndarray
    colour: Colour

    @property
    def axis(self) -> np.ndarray:
        """The swing axis at ground level, `(F, 3)`."""
        return np.concatenate([self.position, np.zeros((len(self.position), 1))], axis=1)

    def bucket(self) -> np.ndarray:
        """The middle of the bucket, `(F, 3)`: it hangs from the end of the stick."""
        return self._joint(2) - [0.0, 0.0, BUCKET[2]]

    def bucket_bottom(self) -> np.ndarray:
        """How high the bucket's lower side is above the ground, `(F,)`."""
        return self.bucket()[:, 2] - BUCKET[2]

    def house_corners(self) -> np.ndarray:
        """The house's outline on the ground, `(F, 4, 2)`, counter-clockwise."""
        rear, front, right, left = HOUSE
        outline = np.array([[rear, right], [front, right], [front, left], [rear, left]])
        return self.position[:, None] + np.einsum("fij,kj->fki", turned(self.swing)[:, :2, :2], outline)

    def chassis_corners(self) -> np.ndarray:
        """The tracks' outline on the ground, `(F, 4, 2)`, counter-clockwise."""
        length, width = CHASSIS
        outline = np.array([[-length, -width], [length, -width], [length, width], [-length, width]])
        return self.position[:, None] + outline @ turned(self.heading)[:2, :2].T

    def boxes(self) -> list[Box]:
        """All its parts."""
        metal, dark, glass = self.colour, (0.13, 0.13, 0.14), (0.25, 0.36, 0.42)
        base, house = turned(self.heading), turned(self.swing)
        parts = []
        for side in (-1, 1):
            parts.append(Box(self._at(base, [0.0, side * 0.74, 0.31]), (CHASSIS[0], 0.26, 0.31), dark, base))
            parts.append(Box(self._at(base, [0.0, side * 0.74, 0.31]), (0.85, 0.28, 0.14), (0.3, 0.3, 0.3), base))
        parts += [
            Box(self._at(base, [0.0, 0.0, 0.45]), (0.7, 0.5, 0.2), dark, base),
            Box(self._at(house, [-0.15, 0.0, 1.05]), (1.0, 0.9, 0.38), metal, house),
            Box(self._at(house, [-0.9, 0.0, 1.2]), (0.25, 0.85, 0.5), (0.22, 0.22, 0.22), house),
            Box(self._at(house, [0.25, 0.45, 1.8]), (0.55, 0.42, 0.75), metal, house),
            Box(self._at(house, [0.3, 0.45, 2.0]), (0.53, 0.44, 0.42), glass, house),
            Box(self._at(house, [0.25, -0.5, 1.5]), (0.4, 0.3, 0.1), metal, house),
        ]
        for number, (angle, length, thick) in enumerate(((self.boom, BOOM, 0.17), (self.stick, STICK, 0.12))):
            middle = (self._joint(number) + self._joint(number + 1)) / 2
            parts.append(Box(middle, (length / 2 + 0.08, thick * 0.8, thick), metal, house @ pitched(angle)))
        parts.append(Box(self.bucket(), BUCKET, (0.2, 0.19, 0.18), house, taper=0.6))
        return parts

    def _at(self, turn: np.ndarray, offset: list[float]) -> np.ndarray:
        return self.axis + turn @ np.array(offset)

    def _joint(self, number: int) -> np.ndarray:
        """The boom's hinge (0), the stick's (1), the bucket's (2): `(F, 3)`."""
        reach, height = np.full(len(self.swing), PIVOT[0]), np.full(len(self.swing), PIVOT[2])
        for angle, length in ((self.boom, BOOM), (self.stick, STICK))[:number]:
            reach, height = reach + length * np.cos(angle), height + length * np.sin(angle)
        around = np.stack([np.cos(self.swing) * reach, np.sin(self.swing) * reach, height], axis=1)
        return self.axis + around
