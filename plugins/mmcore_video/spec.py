"""What is remembered of clips, and how an encoder wants them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import mmcore

MEAN, STD = (0.45, 0.45, 0.45), (0.225, 0.225, 0.225)
"""Of red, green and blue from 0 to 1, as the networks trained on Kinetics want them."""


class VideoDescription(mmcore.Description):
    """The training clips.

    Args:
        channels: 3 for RGB, 1 for depth or grey, any other number for stacked or multispectral frames.
        parts: the channels of each modality where several are stacked; one part otherwise.
        rate: frames per second, the median.
        seconds: how long a clip lasts, the median.
        frames: frames of a clip, the median.
        size: height and width in pixels, the medians.
        mean, std: of each channel, of values from 0 to 1.
    """

    channels: int = 3
    parts: tuple[int, ...] = (3,)
    rate: float = 25.0
    seconds: float = 1.0
    frames: int = 25
    size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD

    def moments(
        self, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """What to subtract from each channel and to divide it by.

        RGB is scaled as its network was trained (`mean`, `std`). Other channels are scaled by their own numbers, to
        spread as RGB does then: depth in millimetres fills a small part of the range of 16 bits only.

        >>> VideoDescription(channels=4, parts=(3, 1), mean=(0.4,) * 3 + (0.1,), std=(0.2,) * 3 + (0.02,)).moments()
        ((0.45, 0.45, 0.45, 0.1), (0.225, 0.225, 0.225, 0.02))
        """
        spread = sum(std) / sum(STD)  # 1 for networks that read values of unit variance
        means, stds, start = list(self.mean), [value * spread for value in self.std], 0
        for part in self.parts:
            if part == 3:
                means[start : start + 3], stds[start : start + 3] = mean, std
            start += part
        return tuple(means), tuple(stds)


@dataclass(frozen=True)
class VideoSpec(mmcore.InputSpec):
    """Which frames an encoder sees, how large, and how their values are scaled.

    Args:
        frames: frames of one view.
        size: height and width, in pixels.
        sampling: "uniform" takes frames evenly from the whole clip; "dense" takes neighbours, `stride` frames apart.
        stride: of dense sampling, in frames; at `rate` where that is given.
        rate: frames per second that dense sampling starts from, whatever the clip's own rate; None takes the clip's.
        views: how many clips are taken of one sample; the encoder pools them.
        channels: what frames are made of.
        mean, std: of each channel, of values from 0 to 1.
        crop: share of the shorter side that the square covers; it is cut out of the middle.
        squash: whether frames are made square by changing their proportions, so that nothing beside the middle is lost.
    """

    frames: int = 16
    size: int = 112
    sampling: Literal["uniform", "dense"] = "uniform"
    stride: int = 1
    rate: float | None = None
    views: int = 1
    channels: int = 3
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    crop: float = 0.875
    squash: bool = False

    @property
    def resized(self) -> int:
        """What the shorter side is resized to before the square is cut out."""
        return max(self.size, math.floor(self.size / self.crop))

    @property
    def shape(self) -> tuple[int, ...]:
        """What `prepare` gives: `(C, T, S, S)`, or `(V, C, T, S, S)` with several views."""
        clip = (self.channels, self.frames, self.size, self.size)
        return (self.views, *clip) if self.views > 1 else clip

    def part(self, start: int, channels: int) -> VideoSpec:
        """The spec of the `channels` channels from `start` on, everything else alike."""
        chosen = slice(start, start + channels)
        return replace(self, channels=channels, mean=self.mean[chosen], std=self.std[chosen])
