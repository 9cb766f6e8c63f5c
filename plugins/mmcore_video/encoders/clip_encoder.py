"""What the video encoders share: views are encoded one by one and averaged."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

import mmcore
from mmcore_video.spec import MEAN, STD, VideoDescription, VideoSpec


class ClipEncoder(nn.Module):
    """An encoder of `frames (B, C, T, S, S)`, or of several views `(B, V, C, T, S, S)`.

    The vector is the mean of the views' vectors; tokens are those of all views.
    """

    input_spec: VideoSpec
    dim: int

    @abstractmethod
    def encode(self, frames: Tensor) -> mmcore.Representation:
        """One view each: `(B, C, T, S, S)`, normalised; not to be changed."""

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `frames`."""
        frames = inputs["frames"]
        if frames.ndim == 5:
            return self.encode(frames)
        count, views = frames.shape[:2]
        each = self.encode(frames.flatten(0, 1))
        vector = each.vector.reshape(count, views, -1).mean(1)
        tokens = None if each.tokens is None else each.tokens.reshape(count, -1, each.tokens.shape[2])
        return mmcore.Representation(vector, tokens)


def clip_spec(
    options: Any,
    description: VideoDescription,
    *,
    frames: int | None = None,
    size: int | None = None,
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
    crop: float = 0.875,
) -> VideoSpec:
    """How an encoder with these options wants clips like those described."""
    means, stds = description.moments(mean, std)
    return VideoSpec(
        frames=frames or options.frames,
        size=size or options.size,
        sampling=options.sampling,
        stride=options.stride,
        rate=options.rate,
        views=options.views,
        channels=description.channels,
        mean=means,
        std=stds,
        crop=crop,
        squash=options.squash,
    )
