"""Volumes as tokens, for early fusion: one for each box of a grid."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

import mmcore
from mmcore_ai4brain.spec import VolumeDescription, cube_of

SIDE, PATCH = 4, 8


class VolumeStem(nn.Module):
    """A cube of 32 voxels a side as `tokens (B, 64, dim)`: boxes of 8 x 8 x 8, a linear map, a learned place each.

    `vector` is the tokens' mean. Reference: the patch embedding of arXiv:2010.11929, equation 1, in three dimensions.
    """

    def __init__(self, description: VolumeDescription, dim: int):
        super().__init__()
        self.input_spec = cube_of(description, SIDE * PATCH)
        self.dim = dim
        self.patches = nn.Conv3d(description.channels, dim, PATCH, stride=PATCH)
        self.places = nn.Parameter(torch.randn(1, SIDE**3, dim) * 0.02)

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Embed `voxels (B, C, 32, 32, 32)`."""
        tokens = self.patches(inputs["voxels"]).flatten(2).transpose(1, 2) + self.places  # (B, 64, dim)
        return mmcore.Representation(tokens.mean(1), tokens)
