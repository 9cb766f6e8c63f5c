"""Which columns of a table look like signals, and examples of such."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ENDINGS = (".npy", ".npz", ".edf", ".bdf", ".vhdr")


def looks_like_signals(name: str, values: list[Any]) -> float:
    """From 0 (not at all) to 1: names of recordings, or lists of numbers.

    >>> looks_like_signals("eeg", ["a.edf", "b.edf"]), looks_like_signals("x", [[0.1, 0.2, 0.3, 0.4] * 4])
    (1.0, 0.9)
    """
    given = [value for value in values if value is not None]
    if not given:
        return 0.0
    if all(isinstance(value, str) and value.lower().endswith(ENDINGS) for value in given):
        return 1.0
    numbers = [_is_series(value) for value in given]
    return 0.9 if all(numbers) else 0.0


def examples(folder: Path, count: int) -> list[Any]:
    """Two channels of waves, some shorter than others, one with a gap; files of several formats."""
    import numpy as np

    generator, cells = np.random.default_rng(0), []
    for number in range(count):
        times = np.arange(96 - 8 * (number % 3)) / 32
        values = np.stack([np.sin(2 * np.pi * (1 + number % 4) * times), np.cos(3 * times)])
        values = (values + 0.1 * generator.standard_normal(values.shape)).astype(np.float32)
        if number % 4 == 1:
            values[0, 5:9] = np.nan
        name = f"signal-{number}.npz"
        np.savez(folder / name, values=values, rate=32.0, names=np.array(["left", "right"]))
        cells.append(name)
    return cells


def _is_series(value: Any) -> bool:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, list | tuple) or not value:
        return False
    if all(isinstance(item, list | tuple) for item in value):
        return all(_is_series(item) for item in value)
    return len(value) >= 8 and all(isinstance(item, int | float) or item is None for item in value)
