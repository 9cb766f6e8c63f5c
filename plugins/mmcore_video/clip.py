"""A clip: frames and their rate. What every reader of this package returns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

import mmcore

RATE = 25.0
"""Frames per second where nothing says how many: of folders and arrays without a rate."""

FASTEST = 1000.0
"""Frames per second that are believed."""

CHANNELS = 64
"""Channels that an array may have in its last axis before it counts as no clip."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames `(T, H, W, C)` and their rate.

    Args:
        frames: uint8 or uint16 (whose whole range stands for 0 to 1), or float32 as it is.
        rate: frames per second.
        scale: what the value 1 stands for, and what 0: (low, high); of depth in `unit`. None where nobody said.
        unit: "metre", "relative" (of inverse depth that is known up to scale and shift), or empty.
    """

    frames: np.ndarray
    rate: float = RATE
    scale: tuple[float, float] | None = None
    unit: str = ""

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def channels(self) -> int:
        """3 for RGB, 1 for depth."""
        return int(self.frames.shape[3])

    @property
    def seconds(self) -> float:
        """How long it lasts: a frame lasts until the next."""
        return len(self.frames) / self.rate

    def until(self, seconds: float) -> Clip:
        """The frames of the first `seconds`; at least one."""
        return replace(self, frames=self.frames[: max(1, round(seconds * self.rate))])


def unit_values(frames: np.ndarray) -> np.ndarray:
    """Frames as float32: integers by their whole range to 0 … 1, floats as they are.

    >>> unit_values(np.array([0, 65535], dtype=np.uint16)).tolist()
    [0.0, 1.0]
    """
    if np.issubdtype(frames.dtype, np.integer):
        return frames.astype(np.float32) / np.float32(np.iinfo(frames.dtype).max)
    return np.asarray(frames, dtype=np.float32)


def checked(frames: np.ndarray, rate: float, budget: mmcore.Budget, **more: object) -> Clip:
    """A clip from an array `(T, H, W)` or `(T, H, W, C)`, or the reason why it is none.

    Raises:
        InputError: wrong type, no frames, not finite, no frame rate, too large.
    """
    if frames.ndim == 3:
        frames = frames[..., None]
    if frames.dtype in (np.float16, np.float64):
        frames = frames.astype(np.float32)
    if frames.ndim != 4 or frames.dtype not in (np.uint8, np.uint16, np.float32) or frames.shape[3] > CHANNELS:
        raise mmcore.InputError(
            "wrong type",
            f"an array of {frames.dtype} {frames.shape} is no clip: give uint8, uint16 or floats, (T, H, W) or "
            "(T, H, W, C)",
        )
    if not frames.size:
        raise mmcore.InputError("no frames", f"an array of {frames.shape} has no frames, or frames without pixels")
    within(len(frames), frames.shape[1:3], budget)
    if frames.dtype == np.float32 and not np.isfinite(frames).all():
        bad = np.flatnonzero(~np.isfinite(frames).all(axis=(0, 1, 2)))
        raise mmcore.InputError("not finite", f"channel {bad[0] + 1} of {frames.shape[3]} has NaN or infinite values")
    rate = checked_rate(rate)
    lasts_within(len(frames) / rate, budget)
    return Clip(np.ascontiguousarray(frames), rate, **more)  # type: ignore[arg-type]


def checked_rate(rate: object) -> float:
    """Frames per second as a number.

    Raises:
        InputError: it is none, 0, negative, not finite or beyond belief.

    >>> checked_rate(0)
    Traceback (most recent call last):
    mmcore.errors.InputError: 0 frames per second
    """
    try:
        number = float(rate)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise mmcore.InputError("no frame rate", f"{rate!r} is no number of frames per second") from None
    if not 0 < number <= FASTEST:  # false for NaN too
        raise mmcore.InputError("no frame rate", f"{rate} frames per second")
    return number


def within(count: int, size: tuple[int, ...], budget: mmcore.Budget) -> None:
    """Refuse more pixels than the budget allows, over all frames together."""
    pixels = count * size[0] * size[1]
    if pixels > budget.pixels:
        raise mmcore.InputError(
            "too large",
            f"{count:,} frames of {size[1]} x {size[0]} are {pixels:,} pixels; the limit is {budget.pixels:,}",
            hint="Cut it into shorter clips.",
        )


def lasts_within(seconds: float, budget: mmcore.Budget) -> None:
    """Refuse what lasts longer than the budget allows."""
    if seconds > budget.seconds:
        raise mmcore.InputError("too large", f"{seconds:,.0f} seconds; the limit is {budget.seconds:,.0f}")
