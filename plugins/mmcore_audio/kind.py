"""The kind `audio`: sounds; players are tiles of the spectrogram, or stretches of time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import mmcore
from mmcore_audio.decoding import Sound, decode_sound
from mmcore_audio.mel import log_mel
from mmcore_audio.spec import AudioDescription, AudioSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor, nn

    Inputs = dict[str, Tensor]

SIDE = 4
"""Tiles along each side when nobody says how many."""


class AudioKind(mmcore.Kind):
    """Samples are `Sound`s. Prepared: `values`, `(mels, frames)` of log-mel energies or `(T,)` of the waveform."""

    baselines = MappingProxyType(
        {
            "default": "the mean log-mel energy of the training sounds, or silence (zero after scaling)",
            "mean": "each band's own mean over this sound",
        }
    )

    def is_missing(self, value: Any) -> bool:
        """Whether there is nothing: no value, or a mapping without a path, bytes or an array."""
        if isinstance(value, dict):
            return all(value.get(key) is None for key in ("array", "values", "path", "bytes"))
        return super().is_missing(value)

    def decode(self, value: Any, *, root: Path, budget: mmcore.Budget) -> Sound:
        """Read a sound; see `decode_sound`."""
        return decode_sound(value, root, budget)

    def describe(self, samples: Iterable[Sound]) -> AudioDescription:
        """Median rate and length; mean and spread of log-mel energies at 16 kHz. One pass."""
        rates, lengths, moments = [], [], []
        for sample in samples:
            rates.append(sample.rate)
            lengths.append(sample.seconds)
            energies = log_mel(heard(sample, AudioSpec(seconds=sample.seconds)), AudioSpec(seconds=sample.seconds))
            moments.append((float(energies.mean()), float((energies**2).mean())))
        if not rates:
            return AudioDescription()
        mean, square = np.mean(moments, axis=0)
        sd = float(np.sqrt(max(square - mean**2, 0.0)))
        return AudioDescription(
            rate=float(np.median(rates)), seconds=float(np.median(lengths)), mean=float(mean), sd=sd or 1.0
        )

    def default_spec(self, description: mmcore.Description) -> AudioSpec:
        """Log-mel energies at 16 kHz, as long as the training sounds."""
        assert isinstance(description, AudioDescription)
        return AudioSpec(seconds=description.seconds, mean=description.mean, sd=description.sd)

    def prepare(self, sample: Sound, spec: mmcore.InputSpec) -> Inputs:
        """Resample, cut or fill with silence, scale."""
        assert isinstance(spec, AudioSpec)
        values = heard(sample, spec)
        if spec.form == "log_mel":
            values = log_mel(values, spec)
        elif spec.normalise:
            values = (values - values.mean()) / np.sqrt(values.var() + 1e-7)
        scaled = ((values - spec.mean) / spec.sd).astype(np.float32)
        return {"values": torch.from_numpy(np.ascontiguousarray(scaled))}

    def blank(self, spec: mmcore.InputSpec, description: mmcore.Description) -> Inputs:
        """Silence, as a masked tile is."""
        assert isinstance(spec, AudioSpec)
        shape = (spec.mels, spec.frames) if spec.form == "log_mel" else (spec.samples,)
        return {"values": torch.zeros(shape)}

    def players(
        self, sample: Sound, inputs: Inputs, spec: mmcore.InputSpec, *, granularity: str | int = "auto"
    ) -> mmcore.Players:
        """Tiles of time x pitch of the spectrogram, or stretches of time of a waveform; `granularity` along each side.

        Raises:
            OptionError: another granularity than "auto", "tiles" or a number that fits.
        """
        assert isinstance(spec, AudioSpec)
        high, wide = (spec.mels, spec.frames) if spec.form == "log_mel" else (1, spec.samples)
        most = min(high, wide) if high > 1 else wide
        side = min(SIDE, most) if granularity in ("auto", "tiles") else granularity
        if not isinstance(side, int) or isinstance(side, bool) or not 1 <= side <= most:
            raise mmcore.OptionError(
                f"sounds have no granularity {granularity!r}", hint=f"Allowed: tiles, or 1 to {most} along each side."
            )
        rows = np.linspace(0, high, (side if high > 1 else 1) + 1).round().astype(int)
        columns = np.linspace(0, wide, side + 1).round().astype(int)
        step = spec.hop / spec.rate if spec.form == "log_mel" else 1 / spec.rate
        spans = [f"{start * step:.3g}–{end * step:.3g} s" for start, end in pairwise(columns)]
        bands = [f", band {number + 1} of {len(rows) - 1}" if len(rows) > 2 else "" for number in range(len(rows) - 1)]
        labels = tuple(f"{span}{band}" for band in bands for span in spans)
        return mmcore.Players(labels, (rows, columns), (len(bands), len(spans)), {"spec": spec})

    def mask(self, inputs: Inputs, players: mmcore.Players, keep: np.ndarray, *, baseline: str = "default") -> Inputs:
        """Masked tiles take the baseline's values."""
        assert players.grid is not None
        rows, columns = players.cells
        kept = np.asarray(keep, dtype=bool).reshape(-1, *players.grid)
        kept = np.repeat(np.repeat(kept, np.diff(rows), axis=1), np.diff(columns), axis=2)
        values = inputs["values"]
        shaped = torch.from_numpy(kept).reshape(len(kept), *values.shape)
        still = values.mean(-1, keepdim=True) if baseline == "mean" else torch.zeros(())
        return {"values": torch.where(shaped, values[None], still)}

    def render(
        self,
        axes: Axes,
        sample: Sound,
        players: mmcore.Players | None = None,
        values: np.ndarray | None = None,
    ) -> None:
        """The spectrogram; with values, its tiles coloured, orange for and blue against."""
        from mmcore_audio.drawing import draw_spectrogram, draw_tiles

        if players is None or values is None:
            draw_spectrogram(axes, sample)
        else:
            draw_tiles(axes, sample, players, np.asarray(values, dtype=float))

    def stem(self, description: mmcore.Description, dim: int) -> nn.Module:
        """Sixteen stretches of the log-mel spectrogram, embedded linearly."""
        from mmcore_audio.networks import SpectrogramStem

        return SpectrogramStem(self.default_spec(description), dim)

    def duration(self, sample: Sound) -> float:
        """Seconds."""
        return sample.seconds

    def cut(self, sample: Sound, seconds: float) -> Sound:
        """Its first seconds; at least one sample."""
        return replace(sample, values=sample.values[: max(1, round(seconds * sample.rate))])

    def augment(self, sample: Sound, generator: np.random.Generator) -> Sound:
        """Up to 6 dB louder or softer, moved by up to a tenth, with faint noise."""
        gain = 10 ** generator.uniform(-0.3, 0.3)
        reach = len(sample.values) // 10
        values = np.roll(sample.values, int(generator.integers(-reach, reach + 1)))
        noise = generator.normal(0.0, 0.005, len(values)) * (np.abs(values).max() or 1.0)
        return replace(sample, values=(gain * values + noise).astype(np.float32))


def heard(sample: Sound, spec: AudioSpec) -> np.ndarray:
    """What is heard of a sound, at the encoder's rate: `(samples,)`, silence behind its end."""
    values = sample.values
    ratio = Fraction(spec.rate / sample.rate).limit_denominator(2000)
    if ratio not in (0, 1):
        from scipy.signal import resample_poly

        values = resample_poly(values, ratio.numerator, ratio.denominator)
    values = values[: spec.samples]
    return np.pad(values, (0, spec.samples - len(values))).astype(np.float32)
