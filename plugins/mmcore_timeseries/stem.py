"""Signals as tokens, for early fusion: stretches of time, embedded linearly."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

import mmcore
from mmcore_timeseries.spec import TimeseriesDescription, spec_for

TOKENS, SAMPLES = 16, 16


class StretchStem(nn.Module):
    """`values (B, C, 256)` → `tokens (B, 16, dim)`: one for each 16 samples, with learned places."""

    def __init__(self, description: TimeseriesDescription, dim: int):
        super().__init__()
        self.dim = dim
        self.input_spec = spec_for(description, rate=TOKENS * SAMPLES / description.seconds)
        self.embed = nn.Conv1d(description.channels, dim, SAMPLES, SAMPLES)
        self.place = nn.Parameter(0.02 * torch.randn(TOKENS, dim))

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Embed each stretch and add its place."""
        tokens = self.embed(inputs["values"]).transpose(1, 2) + self.place
        return mmcore.Representation(tokens.mean(1), tokens)
