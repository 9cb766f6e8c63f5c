"""Sounds out of files: decoded by PyAV, and checked against what their headers promise."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import mmcore

HIGHEST_RATE = 768_000
"""Samples a second above which a rate is taken for a mistake."""

SHORTFALL = 0.05
"""How much shorter than its header says a sound may be; encoders pad by a little."""


@dataclass(frozen=True)
class Sound:
    """A waveform of one channel.

    Args:
        values: `(T,)` float32, by custom from -1 to 1.
        rate: samples a second.
    """

    values: np.ndarray
    rate: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.values) / self.rate


def decode_sound(value: Any, root: Path, budget: mmcore.Budget) -> Sound:
    """A sound from a file (any that PyAV reads: wav, flac, mp3, ogg …), its bytes, or a mapping of an array and a rate.

    Several channels become their mean.

    Raises:
        InputError: it can't be read, is shorter than its header says, has no sample, or is over the budget.
    """
    if isinstance(value, Sound):
        return checked(value.values, value.rate, budget)
    if isinstance(value, Mapping):
        for key in ("array", "values"):
            if value.get(key) is not None:
                rate = value.get("sampling_rate", value.get("rate"))
                return checked(value[key], rate, budget)
        for key in ("path", "bytes"):
            if value.get(key) is not None:
                return decode_sound(value[key], root, budget)
        raise mmcore.InputError("wrong type", f"a mapping of {', '.join(map(str, value))}, with no sound in it")
    content = mmcore.input_bytes(value, root, budget)
    _check_wave(content)
    return _decoded(content, budget)


def checked(values: Any, rate: Any, budget: mmcore.Budget) -> Sound:
    """A sound from an array `(T,)` or `(channels, T)` and its rate.

    Raises:
        InputError: it is no such array, is empty, holds what is no finite number, or has no sensible rate.
    """
    try:
        array, number = np.asarray(values, dtype=np.float32), float(rate)
    except (TypeError, ValueError) as error:
        raise mmcore.InputError("wrong type", "a sound is an array of numbers and a rate") from error
    if array.ndim == 2:
        array = array.mean(0 if len(array) <= array.shape[1] else 1)
    if array.ndim != 1:
        raise mmcore.InputError("wrong type", f"a sound has one dimension or two, not {array.ndim}")
    if not 0 < number <= HIGHEST_RATE:
        raise mmcore.InputError("no sampling rate", f"a rate of {number:g} samples a second")
    if not len(array):
        raise mmcore.InputError("empty", "a sound without a sample")
    if not np.isfinite(array).all():
        raise mmcore.InputError("not finite", "it holds a value that is no finite number")
    if len(array) / number > budget.seconds:
        raise mmcore.InputError("too long", f"{len(array) / number:,.0f} s; the limit is {budget.seconds:,.0f} s")
    return Sound(array, number)


def _decoded(content: bytes, budget: mmcore.Budget) -> Sound:
    import av

    parts, rate, promised = [], 0, None
    try:
        with av.open(io.BytesIO(content), "r", options={"protocol_whitelist": "pipe,file"}) as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None:
                raise mmcore.InputError("wrong type", "it holds no sound")
            rate = int(stream.rate or 0)
            if stream.duration and stream.time_base:
                promised = float(stream.duration * stream.time_base)
            elif container.duration:
                promised = container.duration / av.time_base
            if not 0 < rate <= HIGHEST_RATE:
                raise mmcore.InputError("no sampling rate", f"a rate of {rate} samples a second")
            resampler, seen = av.AudioResampler(format="fltp", layout="mono"), 0
            for frame in container.decode(stream):
                for made in resampler.resample(frame):
                    parts.append(made.to_ndarray()[0])
                    seen += made.samples
                if seen / rate > budget.seconds:
                    raise mmcore.InputError("too long", f"over {budget.seconds:,.0f} s")
            parts += [made.to_ndarray()[0] for made in resampler.resample(None)]
    except mmcore.InputError:
        raise
    except Exception as error:
        raise mmcore.InputError("damaged", f"{type(error).__name__}: {str(error)[:120]}") from error
    sound = checked(np.concatenate(parts) if parts else np.zeros(0), rate, budget)
    if promised and sound.seconds < (1 - SHORTFALL) * promised:
        raise mmcore.InputError("truncated", f"{sound.seconds:.2f} s of {promised:.2f} s")
    return sound


def _check_wave(content: bytes) -> None:
    """Compare what a RIFF header promises with what is there: decoders read a cut file without a word."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return
    place = 12
    while place + 8 <= len(content):
        name, size = content[place : place + 4], int.from_bytes(content[place + 4 : place + 8], "little")
        if name == b"data":
            there = len(content) - place - 8
            if size not in (0, 0xFFFFFFFF) and there < size:  # written to a pipe, the size is unknown
                raise mmcore.InputError("truncated", f"{there:,} bytes of sound, and its header promises {size:,}")
            return
        place += 8 + size + size % 2
    raise mmcore.InputError("truncated", "its header is there, and no sound behind it")
