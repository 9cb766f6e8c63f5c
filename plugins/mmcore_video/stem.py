"""Clips as light tokens, for early fusion."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

import mmcore
from mmcore_video.spec import VideoDescription, VideoSpec

FRAMES, SIZE, TUBELET = 8, 96, (2, 16, 16)
"""What the stem sees of a clip, and what becomes one token: 4 x 6 x 6 tokens."""


class VideoStem(nn.Module):
    """Tubelet embedding (ViViT, arXiv:2103.15691, section 3.2): a linear map of 2 x 16 x 16 pixels, and its place.

    `tokens (B, 144, dim)`; `vector (B, dim)` is their mean.
    """

    def __init__(self, description: VideoDescription, dim: int):
        super().__init__()
        mean, std = description.moments()
        self.input_spec = VideoSpec(FRAMES, SIZE, channels=description.channels, mean=mean, std=std)
        self.dim = dim
        self.embed = nn.Conv3d(description.channels, dim, TUBELET, TUBELET)
        count = (FRAMES // TUBELET[0]) * (SIZE // TUBELET[1]) * (SIZE // TUBELET[2])
        self.places = nn.Parameter(torch.empty(1, count, dim))
        nn.init.trunc_normal_(self.places, std=0.02)

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Embed `frames (B, C, T, S, S)`."""
        tokens = self.embed(inputs["frames"]).flatten(2).transpose(1, 2) + self.places
        return mmcore.Representation(tokens.mean(1), tokens)
