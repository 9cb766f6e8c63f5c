"""What masked tubes become."""

from __future__ import annotations

from math import ceil

import torch
from torchvision.transforms.functional import gaussian_blur

BLUR = 16
"""The side of a frame over the standard deviation of its blur."""


def baseline_frames(frames: torch.Tensor, baseline: str) -> torch.Tensor:
    """What stands in for `frames (…, C, T, S, S)`, broadcastable: zero, its mean colour, or frames blurred."""
    if baseline == "mean":
        return frames.mean((-3, -2, -1), keepdim=True)
    if baseline == "blur":
        sigma = frames.shape[-1] / BLUR
        reach = min(ceil(2 * sigma), frames.shape[-1] - 1)
        flat = frames.flatten(0, -4)  # every channel's frames: (C, T, S, S)
        return gaussian_blur(flat, [2 * reach + 1] * 2, [sigma, sigma]).reshape(frames.shape)
    return torch.zeros((), dtype=frames.dtype)
