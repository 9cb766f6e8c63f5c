"""What is remembered of signals, and how an encoder wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

import mmcore


class TimeseriesDescription(mmcore.Description):
    """The training signals.

    Args:
        channels: how many run side by side.
        rate: samples a second, the median over the signals.
        seconds: how long a signal lasts, the median.
        names: of the channels, where the data name them.
        mean, sd: of each channel; empty stands for 0 and 1.

    >>> TimeseriesDescription(channels=8, rate=128).seconds
    1.0
    """

    channels: int = Field(1, ge=1)
    rate: float = Field(1.0, gt=0)
    seconds: float = Field(1.0, gt=0)
    names: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    sd: tuple[float, ...] = ()


@dataclass(frozen=True)
class TimeseriesSpec(mmcore.InputSpec):
    """The windows that an encoder sees, and how their values are scaled.

    Args:
        rate: samples a second, to which signals are resampled.
        seconds: length of a window.
        windows: how many windows, evenly spaced over the signal; with more than one, the encoder pools over them.
        channels: how many run side by side.
        names: the order of the channels; a signal that names its own is brought to it.
        mean, sd: of each channel; empty stands for 0 and 1.
        gaps: what stands where a signal has no value: a straight line between its neighbours, or the channel's mean.
    """

    rate: float = 1.0
    seconds: float = 1.0
    windows: int = 1
    channels: int = 1
    names: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    sd: tuple[float, ...] = ()
    gaps: Literal["interpolate", "mean"] = "interpolate"

    @property
    def length(self) -> int:
        """Samples of a window."""
        return max(1, round(self.rate * self.seconds))


def spec_for(
    description: TimeseriesDescription, *, rate: float | None = None, seconds: float | None = None, windows: int = 1
) -> TimeseriesSpec:
    """Windows over signals as described; what is not asked for is as in the training rows.

    >>> spec_for(TimeseriesDescription(channels=2, rate=100, seconds=3), rate=50).length
    150
    """
    return TimeseriesSpec(
        rate=rate or description.rate,
        seconds=seconds or description.seconds,
        windows=windows,
        channels=description.channels,
        names=description.names,
        mean=description.mean,
        sd=description.sd,
    )
