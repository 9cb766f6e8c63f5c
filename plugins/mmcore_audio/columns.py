"""Which columns of a table look like sounds, and examples of such."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aiff", ".wma")


def looks_like_sounds(name: str, values: list[Any]) -> float:
    """1 where every value is the name of a sound file, else 0.

    >>> looks_like_sounds("voice", ["a.wav", "b.mp3"]), looks_like_sounds("voice", ["hello"])
    (1.0, 0.0)
    """
    given = [value for value in values if value is not None]
    return float(bool(given) and all(isinstance(value, str) and value.lower().endswith(ENDINGS) for value in given))


def examples(folder: Path, count: int) -> list[Any]:
    """Tones of different pitch and length, as WAV files of 16 bits."""
    import wave

    import numpy as np

    cells, generator = [], np.random.default_rng(0)
    for number in range(count):
        times = np.arange(int(8000 * (0.5 + 0.05 * (number % 3)))) / 8000
        tone = 0.5 * np.sin(2 * np.pi * (300 + 200 * (number % 5)) * times) + 0.02 * generator.standard_normal(
            len(times)
        )
        with wave.open(str(folder / f"sound-{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes((tone * 32767).clip(-32768, 32767).astype("<i2").tobytes())
        cells.append(f"sound-{number}.wav")
    return cells
