"""What is remembered of pictures, and how an encoder wants them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import mmcore


class ImageDescription(mmcore.Description):
    """The training pictures."""

    channels: int = 3


@dataclass(frozen=True)
class ImageSpec(mmcore.InputSpec):
    """The square that an encoder sees, and how its values are scaled.

    Args:
        size: height and width, in pixels.
        mean, std: of the channels red, green, blue, of values from 0 to 1.
        interpolation: "nearest", "bilinear", "bicubic" or "lanczos".
        crop: share of the shorter side that the square covers; it is cut out of the middle.
        squash: whether a picture is made square by changing its proportions, so that nothing beside the middle is lost.
    """

    size: int = 224
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"
    crop: float = 0.875
    squash: bool = False

    @property
    def resized(self) -> int:
        """What the shorter side is resized to before the square is cut out."""
        return max(self.size, math.floor(self.size / self.crop))
