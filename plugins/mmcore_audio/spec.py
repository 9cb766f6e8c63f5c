"""What is remembered of sounds, and how an encoder wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

import mmcore


class AudioDescription(mmcore.Description):
    """The training sounds.

    Args:
        rate: samples a second, the median.
        seconds: how long a sound lasts, the median.
        mean, sd: of the log-mel values, as `LogMel` with its defaults gives them.
    """

    rate: float = Field(16_000.0, gt=0)
    seconds: float = Field(1.0, gt=0)
    mean: float = 0.0
    sd: float = Field(1.0, gt=0)


@dataclass(frozen=True)
class AudioSpec(mmcore.InputSpec):
    """The stretch of sound that an encoder hears, and in which form.

    Args:
        rate: samples a second, to which sounds are resampled.
        seconds: how much is heard, from the start; shorter sounds are followed by silence.
        form: log-mel energies, or the waveform itself.
        mels: bands of the mel scale.
        scale: how energies are measured: Slaney's bands and log10, or Kaldi's (pre-emphasis, its own mel scale, ln).
        window, hop: samples of a frame, and from frame to frame.
        mean, sd: of what enters: subtracted, and divided by.
        normalise: each waveform by its own mean and standard deviation (wav2vec 2.0).
    """

    rate: int = 16_000
    seconds: float = 1.0
    form: Literal["log_mel", "waveform"] = "log_mel"
    mels: int = 64
    scale: Literal["slaney", "kaldi"] = "slaney"
    window: int = 400
    hop: int = 160
    mean: float = 0.0
    sd: float = 1.0
    normalise: bool = False

    @property
    def samples(self) -> int:
        """Samples that are heard."""
        return max(self.window, round(self.rate * self.seconds))

    @property
    def frames(self) -> int:
        """Frames of the log-mel form.

        >>> AudioSpec(rate=16_000, seconds=1.0).frames
        98
        """
        return 1 + (self.samples - self.window) // self.hop
