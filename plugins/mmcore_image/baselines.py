"""What masked patches become."""

from __future__ import annotations

from math import ceil

import torch
from torchvision.transforms.functional import gaussian_blur

BLUR = 16
"""The side of a picture over the standard deviation of its blur."""


def baseline_pixels(pixels: torch.Tensor, baseline: str) -> torch.Tensor:
    """What stands in for `pixels (3, S, S)`, broadcastable: zero, its own mean colour, or itself blurred."""
    if baseline == "mean":
        return pixels.mean((-2, -1), keepdim=True)
    if baseline == "blur":
        sigma = pixels.shape[-1] / BLUR
        reach = min(ceil(2 * sigma), pixels.shape[-1] - 1)
        return gaussian_blur(pixels, [2 * reach + 1] * 2, [sigma, sigma])
    return torch.zeros((), dtype=pixels.dtype)
