"""From a signal to windows: gaps filled, scaled, resampled, cut."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

import mmcore
from mmcore_timeseries.signal import Signal
from mmcore_timeseries.spec import TimeseriesSpec

FARTHEST = 1e4
"""Standard deviations beyond which a value counts as no farther away."""


def windows_of(signal: Signal, spec: TimeseriesSpec) -> tuple[np.ndarray, np.ndarray]:
    """Windows `(K, C, T)` float32, and which of their samples lie within the signal, `(K, T)` bool.

    What lies behind the end of a short signal is 0, the training mean.
    """
    values = ordered(signal, spec)
    mean, sd = (
        np.asarray(each or [blank], dtype=np.float32)[:, None] for each, blank in ((spec.mean, 0), (spec.sd, 1))
    )
    filled = fill_gaps(values, spec.gaps, np.broadcast_to(mean[:, 0], len(values)))
    scaled = np.clip((filled - mean) / sd, -FARTHEST, FARTHEST)
    resampled = resample(scaled, signal.rate, spec.rate)
    length, there = spec.length, resampled.shape[1]
    starts = np.linspace(0, max(there - length, 0), spec.windows).round().astype(int)
    padded = np.pad(resampled, ((0, 0), (0, max(length - there, 0))))
    known = np.arange(padded.shape[1]) < there
    return (
        np.stack([padded[:, start : start + length] for start in starts]).astype(np.float32),
        np.stack([known[start : start + length] for start in starts]),
    )


def ordered(signal: Signal, spec: TimeseriesSpec) -> np.ndarray:
    """The channels in the order that the encoder reads.

    Raises:
        InputError: there are others.
    """
    if len(signal.values) != spec.channels:
        raise mmcore.InputError("other channels", f"{len(signal.values)} channels; the model reads {spec.channels}")
    if not spec.names or not signal.names or signal.names == spec.names:
        return signal.values
    if set(signal.names) != set(spec.names):
        others = sorted(set(signal.names) - set(spec.names))
        raise mmcore.InputError("other channels", f"channel {others[0]!r}; the model reads {', '.join(spec.names)}")
    return signal.values[[signal.names.index(name) for name in spec.names]]


def fill_gaps(values: np.ndarray, how: str, mean: np.ndarray) -> np.ndarray:
    """NaN as a straight line between neighbours (at the ends, as the nearest), or as the channel's mean; `(C, T)`."""
    gaps = np.isnan(values)
    if not gaps.any():
        return values
    filled, times = values.copy(), np.arange(values.shape[1])
    for channel in np.flatnonzero(gaps.any(1)):
        there = ~gaps[channel]
        line = np.interp(times, times[there], values[channel, there]) if how == "interpolate" else mean[channel]
        filled[channel] = np.where(there, values[channel], line)
    return filled


def resample(values: np.ndarray, rate: float, wanted: float) -> np.ndarray:
    """`(C, T)` at another rate, by a polyphase filter that keeps out frequencies which the new rate can't hold."""
    ratio = Fraction(wanted / rate).limit_denominator(1000)
    if ratio == 1 or ratio == 0:
        return values
    from scipy.signal import resample_poly

    return resample_poly(values, ratio.numerator, ratio.denominator, axis=1, padtype="line")
