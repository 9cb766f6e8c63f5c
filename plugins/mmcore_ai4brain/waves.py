"""Simulated EEG at rest: background that falls with frequency, an alpha rhythm behind, a theta rhythm in front."""

from __future__ import annotations

from functools import cache

import numpy as np

RATE = 128
"""Samples per second."""

SECONDS = 20
"""How long a recording lasts."""

CHANNELS = (
    "Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz", "C4", "T8", "P7", "P3", "Pz", "P4", "P8", "O1", "O2",
)  # fmt: skip
"""The 19 electrodes of the 10-20 system."""

BEHIND = (0.2, 0.2, 0.2, 0.3, 0.3, 0.3, 0.2, 0.35, 0.5, 0.5, 0.5, 0.35, 0.8, 0.85, 0.9, 0.85, 0.8, 1.0, 1.0)
"""How strongly each electrode picks up alpha."""

IN_FRONT = (0.6, 0.6, 0.6, 0.9, 1.0, 0.9, 0.6, 0.6, 0.9, 1.0, 0.9, 0.6, 0.5, 0.6, 0.6, 0.6, 0.5, 0.4, 0.4)
"""How strongly each electrode picks up theta."""

THETA = 5.8
"""Hz."""

BLINKS = (1.0, 1.0, 0.4, 0.3, 0.3, 0.3, 0.4)
"""How strongly the first electrodes pick up blinks."""


def recording(alpha_peak: float, slowing: float, generator: np.random.Generator) -> np.ndarray:
    """`(19, 2560)` microvolts.

    Args:
        alpha_peak: Hz.
        slowing: log of the power of the theta rhythm over that of the alpha rhythm, summed over all electrodes.
        generator: of everything that tells nothing: phases, gains, blinks, mains.
    """
    alpha, theta = _rhythm(alpha_peak, 0.9, generator), _rhythm(THETA, 0.9, generator)
    ratio = np.sqrt(np.exp(slowing) * np.square(BEHIND).sum() / np.square(IN_FRONT).sum())
    waves = np.outer(BEHIND, alpha) + ratio * np.outer(IN_FRONT, theta)
    strength = 12.0 * np.exp(generator.normal(0, 0.25))  # skulls differ, so that power by itself says little
    background = 9.0 * np.stack([_background(generator) for _ in CHANNELS])
    time = np.arange(RATE * SECONDS) / RATE
    mains = generator.uniform(0.2, 1.0) * np.sin(2 * np.pi * 50 * time + generator.uniform(0, 2 * np.pi))
    total = strength * waves / np.sqrt(1 + ratio**2) + background + mains
    total[: len(BLINKS)] += np.outer(BLINKS, _blinks(time, generator))
    return np.asarray(total)


def _rhythm(peak: float, width: float, generator: np.random.Generator) -> np.ndarray:
    """`(n,)` of power 1: noise around a frequency, its strength falling like a bell."""
    frequencies = _frequencies()
    return _noise(np.exp(-((frequencies - peak) ** 2) / (4 * width**2)), generator)


def _background(generator: np.random.Generator) -> np.ndarray:
    """`(n,)` of power 1: its power falls with the frequency."""
    frequencies = _frequencies()
    return _noise(np.where(frequencies >= 0.5, 1 / np.sqrt(np.maximum(frequencies, 0.5)), 0.0), generator)


def _noise(amplitudes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    spectrum = amplitudes * (generator.normal(size=len(amplitudes)) + 1j * generator.normal(size=len(amplitudes)))
    wave = np.fft.irfft(spectrum, RATE * SECONDS)
    return np.asarray(wave / wave.std())


def _blinks(time: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Humps of 0.2 s and some 80 µV, a few in a recording."""
    moments = generator.uniform(0.5, SECONDS - 0.5, generator.poisson(4))
    heights = generator.uniform(50, 110, len(moments))
    return np.asarray((heights[:, None] * np.exp(-(((time - moments[:, None]) / 0.1) ** 2))).sum(0))


@cache
def _frequencies() -> np.ndarray:
    return np.asarray(np.fft.rfftfreq(RATE * SECONDS, 1 / RATE))
