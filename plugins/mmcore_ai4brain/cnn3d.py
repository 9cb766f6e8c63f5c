"""A small network of convolutions in three dimensions, for cohorts of a few hundred."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor, nn

import mmcore
from mmcore_ai4brain.spec import VolumeDescription, cube_of

if TYPE_CHECKING:
    from mmcore_ai4brain import CNN3DOptions


MOMENTUM = 0.3
"""What the last batch counts in running statistics: cohorts have few batches an epoch, and a smaller share lags behind
the weights."""


class CNN3D(nn.Module):
    """Convolutions of 3 x 3 x 3, a stage for each of `widths`, each but the last halving the sides.

    The design is ours: batch normalisation, which keeps how much of something a volume holds (normalised by itself, a
    channel's mean says nothing any more); a vector `(B, widths[-1])` by the mean over the last map, whose places are
    the tokens.
    """

    def __init__(self, options: CNN3DOptions, description: VolumeDescription):
        super().__init__()
        self.input_spec = cube_of(description, options.size, options.normalise)
        self.dim = options.widths[-1]
        stages, before = [], description.channels
        for number, width in enumerate(options.widths):
            last = number == len(options.widths) - 1
            layers: list[nn.Module] = [
                nn.Conv3d(before, width, 3, padding=1, bias=False),
                nn.BatchNorm3d(width, momentum=MOMENTUM),
                nn.ReLU(),
            ]
            stages.append(nn.Sequential(*layers, nn.Identity() if last else nn.MaxPool3d(2)))
            before = width
        self.stages = nn.ModuleList(stages)
        self.dropout = nn.Dropout(options.dropout)

    @property
    def blocks(self) -> list[nn.Module]:
        """The stages, input side first."""
        return list(self.stages)

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `voxels (B, C, S, S, S)`."""
        maps = inputs["voxels"]
        for stage in self.stages:
            maps = stage(maps)
        tokens = maps.flatten(2).transpose(1, 2)  # (B, places, width)
        return mmcore.Representation(self.dropout(tokens.mean(1)), tokens)
