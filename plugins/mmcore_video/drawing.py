"""Clips on matplotlib axes: frames in a row, with the tubes of an explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmcore_video.clip import unit_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = 6
"""Frames in the row, at most."""

GAP = 0.04
"""White between frames, as a share of their width."""

COLOURS = "RdBu_r"
"""Red for tubes that speak for the prediction, blue for those against; told apart by colour-blind readers."""


def draw_frames(axes: Axes, frames: np.ndarray) -> None:
    """Some frames `(T, H, W, C)`, evenly over the clip."""
    chosen = shown_frames(len(frames))
    axes.imshow(in_a_row(visible(frames[chosen])), aspect="equal")
    axes.set_axis_off()


def draw_tubes(axes: Axes, pixels: np.ndarray, cells: tuple[np.ndarray, np.ndarray], values: np.ndarray) -> None:
    """Frames `(T, S, S, C)` in grey, each patch tinted by the value of its tube at that time `(t, p, p)`.

    The row holds a frame of every extent of time, or as many as there is room for.
    """
    from matplotlib import colormaps

    starts, edges = cells
    chosen = shown_frames(len(pixels), at_least=min(len(starts) - 1, 2 * SHOWN))
    extent = np.searchsorted(starts, chosen, side="right") - 1
    largest = float(np.abs(values).max()) if values.size else 0.0
    cell = np.searchsorted(edges, np.arange(edges[-1]), side="right") - 1
    spread = (values / (largest or 1.0))[extent][:, cell][:, :, cell]  # (n, S, S)
    tint = colormaps[COLOURS](0.5 + 0.5 * spread)[..., :3]
    grey = visible(pixels[chosen]).mean(-1, keepdims=True)
    grey = 0.25 + 0.75 * grey  # dark frames would swallow the tint
    weight = 0.75 * np.abs(spread)[..., None] ** 0.7
    tinted = grey * (1 - weight) + tint * weight
    for edge in edges[1:-1]:
        tinted[:, edge] = 0.3 * tinted[:, edge] + 0.7
        tinted[:, :, edge] = 0.3 * tinted[:, :, edge] + 0.7
    axes.imshow(in_a_row(np.clip(tinted, 0, 1)), aspect="equal")
    axes.set_axis_off()


def shown_frames(count: int, at_least: int = 1) -> np.ndarray:
    """Which of `count` frames are drawn: the middles of equal parts.

    >>> shown_frames(4).tolist(), shown_frames(24).tolist()
    ([0, 1, 2, 3], [2, 6, 10, 14, 18, 22])
    """
    shown = min(count, max(SHOWN, at_least))
    return ((np.arange(shown) + 0.5) * count / shown).astype(int)


def visible(frames: np.ndarray) -> np.ndarray:
    """Frames `(T, H, W, C)` as RGB from 0 to 1: depth and the like by its own range, without the outer 2 %."""
    values = unit_values(frames).astype(float)
    if values.shape[-1] == 3 and np.issubdtype(frames.dtype, np.integer):
        return values
    chosen = values[..., :3] if values.shape[-1] >= 3 else np.repeat(values[..., :1], 3, axis=-1)
    if values.shape[-1] >= 3 and chosen.min() >= 0 and chosen.max() <= 1:
        return chosen
    low, high = np.percentile(chosen, [2, 98])
    return np.clip((chosen - low) / ((high - low) or 1.0), 0, 1)


def in_a_row(frames: np.ndarray) -> np.ndarray:
    """Frames `(n, H, W, 3)` side by side on white: `(H, W', 3)`."""
    gap = np.ones((frames.shape[1], max(1, round(GAP * frames.shape[2])), 3))
    row = [part for frame in frames for part in (frame, gap)][:-1]
    return np.concatenate(row, axis=1)
