"""Signals and their attributions on matplotlib axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    import mmcore
    from mmcore_timeseries.signal import Signal

MOST_POINTS = 2000
"""Samples of a channel that are drawn; of longer signals every so manieth."""


def draw_signal(axes: Axes, values: np.ndarray, rate: float, names: Sequence[str] = ()) -> None:
    """Channels `(C, T)` one below the other, each scaled to its row, over seconds."""
    step = max(1, values.shape[1] // MOST_POINTS)
    shown = values[:, ::step]
    times = np.arange(shown.shape[1]) * step / rate
    for row, channel in enumerate(shown):
        middle, spread = np.nanmedian(channel), np.nanmax(np.abs(channel - np.nanmedian(channel))) or 1.0
        axes.plot(times, row - 0.45 * (channel - middle) / spread, color="0.15", linewidth=0.7)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xlim(0, values.shape[1] / rate)
    axes.set_yticks(range(len(values)), list(names) or [str(number + 1) for number in range(len(values))], fontsize=7)
    axes.set_xlabel("seconds")
    axes.spines[["top", "right"]].set_visible(False)


def draw_stretches(axes: Axes, sample: Signal, players: mmcore.Players, values: np.ndarray) -> None:
    """The signal over its stretches, orange for and blue against, darker where the value is larger.

    Windows that were read apart are laid over the whole signal, one after the other.
    """
    from mmcore_timeseries.windows import ordered

    assert players.grid is not None
    spec = players.notes["spec"]
    draw_signal(axes, ordered(sample, spec), sample.rate, spec.names)
    strengths = values.reshape(players.grid)
    largest = float(np.abs(strengths).max()) or 1.0
    seconds = sample.seconds if spec.windows > 1 else min(sample.seconds, spec.seconds)
    edges = players.cells / players.cells[-1] * (seconds if spec.windows > 1 else spec.seconds)
    height = spec.channels / players.grid[0]
    for row in range(players.grid[0]):
        for start, end, value in zip(edges, edges[1:], strengths[row], strict=False):
            if start >= sample.seconds:
                continue
            axes.fill_between(
                [start, min(end, sample.seconds)], row * height - 0.5, (row + 1) * height - 0.5,
                color="tab:orange" if value > 0 else "tab:blue", alpha=0.65 * abs(value) / largest, linewidth=0,
            )  # fmt: skip
