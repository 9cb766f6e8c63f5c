"""Sounds and their attributions on matplotlib axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmcore_audio.mel import log_mel
from mmcore_audio.spec import AudioSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    import mmcore
    from mmcore_audio.decoding import Sound


def draw_spectrogram(axes: Axes, sample: Sound, spec: AudioSpec | None = None) -> None:
    """Log-mel energies over seconds, darker where there is more."""
    from mmcore_audio.kind import heard

    shown = AudioSpec(seconds=min(sample.seconds, 60.0)) if spec is None else spec
    plain = AudioSpec(rate=shown.rate, seconds=shown.samples / shown.rate, mels=64)
    energies = log_mel(heard(sample, plain), plain)
    axes.imshow(
        energies, origin="lower", aspect="auto", cmap="Greys", extent=(0, shown.samples / shown.rate, 0, 1),
        vmin=float(np.percentile(energies, 5)),
    )  # fmt: skip
    axes.set_xlabel("seconds")
    axes.set_ylabel("pitch")
    axes.set_yticks([])


def draw_tiles(axes: Axes, sample: Sound, players: mmcore.Players, values: np.ndarray) -> None:
    """The spectrogram under tiles, orange for and blue against, darker where the value is larger."""
    assert players.grid is not None
    spec = players.notes["spec"]
    draw_spectrogram(axes, sample, spec)
    strengths = values.reshape(players.grid)
    largest = float(np.abs(strengths).max()) or 1.0
    rows, columns = (np.asarray(edges) / edges[-1] for edges in players.cells)
    seconds = spec.samples / spec.rate
    for row in range(players.grid[0]):
        for column in range(players.grid[1]):
            value = float(strengths[row, column])
            axes.fill_between(
                [columns[column] * seconds, columns[column + 1] * seconds], rows[row], rows[row + 1],
                color="tab:orange" if value > 0 else "tab:blue", alpha=0.65 * abs(value) / largest, linewidth=0,
            )  # fmt: skip
