"""Three notes, struck, plucked or blown, in some noise."""

from __future__ import annotations

import io
import wave
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from mmcore_digits.instruments import Way

RATE = 8000
"""Samples a second."""

STEPS = (0, 2, 4, 7, 9, 12)
"""Semitones above the lowest note: a pentatonic scale."""

BAR = (1.0, 2.756, 5.404)
"""Partials of a bar with free ends, by the lowest one."""


TREMBLE = 0.006
"""How far a blown note's pitch leaves its mean, 5.5 times a second: a tenth of a semitone."""


class Tune(NamedTuple):
    """What is played: nothing of it depends on the instrument.

    Args:
        tempo: notes a minute.
        pitch: the lowest possible note, in hertz.
        steps: semitones above it, one for each note.
        loudness: the peak without noise, from 0 to 1.
        clearness: the tune's power by the noise's, in decibels.
        before: seconds of noise before the first note.
    """

    tempo: float
    pitch: float
    steps: tuple[int, ...]
    loudness: float
    clearness: float
    before: float


def draw_tune(generator: np.random.Generator) -> Tune:
    """Three notes of any height, speed and loudness, more or less clear."""
    return Tune(
        tempo=float(round(generator.uniform(150, 240), 1)),
        pitch=float(round(220 * 2 ** generator.uniform(0, 1), 1)),
        steps=tuple(int(step) for step in generator.choice(STEPS, 3)),
        loudness=float(generator.uniform(0.15, 0.8)),
        clearness=float(generator.uniform(0, 20)),
        before=float(generator.uniform(0, 0.1)),
    )


def play(tune: Tune, way: Way, generator: np.random.Generator) -> np.ndarray:
    """The waveform `(T,)`, from -1 to 1."""
    seconds = 60 / tune.tempo
    notes = [note(way, tune.pitch * 2 ** (step / 12), seconds) for step in tune.steps]
    sound = np.concatenate([np.zeros(round(tune.before * RATE)), *notes])
    sound *= tune.loudness / np.abs(sound).max()
    noise = np.sqrt(np.mean(sound**2) / 10 ** (tune.clearness / 10))
    return np.clip(sound + noise * generator.standard_normal(len(sound)), -1, 1)


def note(way: Way, hertz: float, seconds: float) -> np.ndarray:
    """One note `(T,)`; partials above half the sampling rate are left out.

    * struck: the partials of a bar, which are no multiples of the lowest, and die away the faster the higher they are;
    * plucked: all multiples, the k-th 1/k as strong, dying away likewise;
    * blown: odd multiples, 1/k as strong, that swell, stay and tremble.
    """
    times = np.arange(round(seconds * RATE)) / RATE
    if way == "struck":
        partials = [(ratio, 1 / ratio, np.exp(-times * 6 * ratio**0.5)) for ratio in BAR]
    elif way == "plucked":
        partials = [(float(k), 1 / k, np.exp(-times * (4 + k))) for k in range(1, 9)]
    else:
        swell = np.minimum(1, times / 0.06) * np.minimum(1, (times[-1] - times) / 0.03)
        partials = [(float(k), 1 / k, swell) for k in (1, 3, 5, 7)]
    bend = TREMBLE * np.sin(2 * np.pi * 5.5 * times) / (2 * np.pi * 5.5) if way == "blown" else np.zeros_like(times)
    parts = [
        strength * course * np.sin(2 * np.pi * hertz * ratio * (times + bend))
        for ratio, strength, course in partials
        if hertz * ratio < RATE / 2
    ]
    return np.sum(parts, axis=0)


def as_wave(values: np.ndarray) -> bytes:
    """A WAV file of 16 bits from a waveform `(T,)`, -1 to 1."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(values * 32767).astype("<i2").tobytes())
    return buffer.getvalue()
