"""Pictures as tokens, for early fusion: patches, embedded linearly as in ViT (arXiv:2010.11929, equation 1)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

import mmcore
from mmcore_image.spec import ImageSpec

SIZE, PATCH = 112, 16


class PatchStem(nn.Module):
    """`pixels (B, C, 112, 112)` → `tokens (B, 49, dim)`: one for each patch of 16 x 16 pixels; their mean as vector."""

    def __init__(self, channels: int, dim: int):
        super().__init__()
        self.dim, self.input_spec = dim, ImageSpec(SIZE)
        self.embed = nn.Conv2d(channels, dim, PATCH, PATCH)
        self.place = nn.Parameter(0.02 * torch.randn((SIZE // PATCH) ** 2, dim))

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Embed each patch and add its place."""
        tokens = self.embed(inputs["pixels"]).flatten(2).transpose(1, 2) + self.place
        return mmcore.Representation(tokens.mean(1), tokens)
