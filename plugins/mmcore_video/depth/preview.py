"""The preview: a frame beside its depth in colours."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

import mmcore
from mmcore_video.depth.models import About

WIDTH = 640
"""Pixels of each of both pictures, at most."""

PERCENTILE = 95.0
"""Of closeness; what is closer is drawn in the brightest colour."""


def preview(frame: np.ndarray, values: np.ndarray, about: About) -> bytes:
    """A PNG: the frame `(H, W, 3)` on the left, its depth `(H, W)` on the right, near bright and far dark (magma)."""
    from matplotlib import colormaps

    colours = (colormaps["magma"](closeness(values, about.quantity == "depth"))[..., :3] * 255).round().astype(np.uint8)
    gap = np.full((frame.shape[0], max(1, frame.shape[1] // 50), 3), 255, np.uint8)
    picture = Image.fromarray(np.concatenate([frame, gap, colours], axis=1))
    picture.thumbnail((2 * WIDTH, 2 * WIDTH))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def closeness(values: np.ndarray, is_depth: bool) -> np.ndarray:
    """From 0 (farthest) to 1 (the 95th percentile of nearness, and nearer).

    >>> closeness(np.array([1.0, 2.0, 4.0]), True).round(2).tolist()
    [1.0, 0.36, 0.0]
    """
    near = 1 / np.maximum(values, 1e-6) if is_depth else values
    low, high = float(near.min()), float(np.percentile(near, PERCENTILE))
    return np.asarray(np.clip((near - low) / ((high - low) or 1.0), 0, 1))


def png16(units: np.ndarray) -> bytes:
    """A grey PNG of 16 bits from `(H, W)` uint16."""
    if units.dtype != np.uint16:
        raise mmcore.ComponentError(f"depth of {units.dtype} can't be written as 16 bits")
    stream = io.BytesIO()
    Image.fromarray(units).save(stream, "PNG")
    return stream.getvalue()
