"""Log-mel energies."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mmcore_audio.spec import AudioSpec

FLOOR, KALDI_FLOOR = 1e-10, 1.192092955078125e-07


def log_mel(values: np.ndarray, spec: AudioSpec) -> np.ndarray:
    """`(T,)` at the spec's rate → `(mels, frames)` float32: logarithms of the energy in each band of the mel scale.

    Frames are not centred. "slaney": Hann windows, Slaney's filters of area 1, log10. "kaldi": as Kaldi's filter banks,
    which AST was trained with: no constant part, pre-emphasis 0.97, its own mel scale from 20 Hz, ln.
    """
    from transformers.audio_utils import spectrogram, window_function

    kaldi = spec.scale == "kaldi"
    found = spectrogram(
        values.astype(np.float64), window_function(spec.window, "hann", periodic=not kaldi), spec.window, spec.hop,
        fft_length=_fft_length(spec.window), power=2.0, center=False, mel_filters=_filters(spec),
        mel_floor=KALDI_FLOOR if kaldi else FLOOR, log_mel="log" if kaldi else "log10",
        preemphasis=0.97 if kaldi else None, remove_dc_offset=kaldi,
    )  # fmt: skip
    return found.astype(np.float32)


@cache
def _filters(spec: AudioSpec) -> np.ndarray:
    from transformers.audio_utils import mel_filter_bank

    kaldi = spec.scale == "kaldi"
    return mel_filter_bank(
        num_frequency_bins=_fft_length(spec.window) // 2 + 1, num_mel_filters=spec.mels,
        min_frequency=20.0 if kaldi else 0.0, max_frequency=spec.rate / 2, sampling_rate=spec.rate,
        norm=None if kaldi else "slaney", mel_scale="kaldi" if kaldi else "slaney", triangularize_in_mel_space=kaldi,
    )  # fmt: skip


def _fft_length(window: int) -> int:
    """The next power of two."""
    return 1 << (window - 1).bit_length()
