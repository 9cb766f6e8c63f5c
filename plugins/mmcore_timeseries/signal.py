"""A signal as it was read, and the rules that every signal keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import mmcore

HIGHEST_RATE = 1e6
"""Samples a second above which a rate is taken for a mistake."""


@dataclass(frozen=True)
class Signal:
    """Channels over time.

    Args:
        values: `(C, T)` float32; NaN where there is a gap.
        rate: samples a second.
        names: of the channels, or empty.
    """

    values: np.ndarray
    rate: float
    names: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.values.shape[1] / self.rate


def checked(values: Any, rate: Any, names: Any, budget: mmcore.Budget) -> Signal:
    """A signal from an array `(T,)` or `(C, T)`, its rate and its channels' names.

    Raises:
        InputError: it is no such array, has no sample, a channel without any value, an infinite value, no sensible
            rate, or is longer than the budget allows.
    """
    try:
        array = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise mmcore.InputError("wrong type", f"{type(values).__name__} is no array of numbers") from error
    array = array[None] if array.ndim == 1 else array
    if array.ndim != 2:
        raise mmcore.InputError("wrong type", f"a signal has channels and time, not {array.ndim} dimensions")
    if not array.size:
        raise mmcore.InputError("empty", f"a signal of {array.shape[0]} channels and {array.shape[1]} samples")
    if array.nbytes > budget.bytes:
        raise mmcore.InputError("too large", f"{array.nbytes:,} bytes of samples; the limit is {budget.bytes:,}")
    named = tuple(str(name) for name in names or ())
    if named and len(named) != len(array):
        raise mmcore.InputError("damaged", f"{len(named)} names for {len(array)} channels")
    if len(set(named)) < len(named):
        raise mmcore.InputError("damaged", "two channels have one name")
    if np.isinf(array).any():
        raise mmcore.InputError("not finite", "it holds an infinite value")
    silent = np.isnan(array).all(1)
    if silent.any():
        which = named[int(silent.argmax())] if named else str(int(silent.argmax()) + 1)
        raise mmcore.InputError("empty channel", f"channel {which} has no value at all")
    signal = Signal(array, _rate(rate), named)
    if signal.seconds > budget.seconds:
        raise mmcore.InputError("too long", f"{signal.seconds:,.0f} s; the limit is {budget.seconds:,.0f} s")
    return signal


def _rate(value: Any) -> float:
    try:
        rate = float(value)
    except (TypeError, ValueError):
        rate = float("nan")
    if not 0 < rate <= HIGHEST_RATE:
        raise mmcore.InputError("no sampling rate", f"a rate of {value} samples a second")
    return rate
