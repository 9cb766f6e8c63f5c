"""From a cell to a clip, or to the reason why there is none."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import numpy as np

import mmcore
from mmcore_video.arrays import NPY, NPZ, read_npy, read_npz
from mmcore_video.clip import RATE, Clip, checked
from mmcore_video.containers import read_container
from mmcore_video.frame_files import read_folder, read_gif


def decode_video(value: Any, root: Path, budget: mmcore.Budget) -> Clip:
    """A clip from whatever holds one.

    Args:
        value: a path relative to `root`, of a video file, a GIF, an `.npy` or `.npz` file or a folder of pictures; the
            bytes of such a file; an array `(T, H, W)` or `(T, H, W, C)` of uint8, uint16 or floats; or a clip.

    Raises:
        InputError: not found, not a file, unreadable, empty file, too large, no video, no frames, no frame rate,
            truncated, damaged, frames differ, not an image, not finite, wrong type.
    """
    if isinstance(value, Clip):
        return checked(value.frames, value.rate, budget, scale=value.scale, unit=value.unit)
    if isinstance(value, np.ndarray):
        return checked(value, RATE, budget)
    if isinstance(value, str | Path) and _is_folder(root / value):
        return read_folder(root / value, budget)
    if isinstance(value, str | Path):
        path = mmcore.input_file(value, root, budget)
        head = _beginning(path)
        if not head.startswith((NPY, NPZ, b"GIF8")):
            return read_container(path, budget)
    content = mmcore.input_bytes(value, root, budget)
    if content.startswith(NPY):
        return read_npy(content, budget)
    if content.startswith(NPZ):
        return read_npz(content, budget)
    if content.startswith(b"GIF8"):
        return read_gif(content, budget)
    return read_container(content, budget)


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(8)
    except OSError as error:
        raise mmcore.InputError("unreadable", f"{path.name!r} can't be read ({error.strerror})") from error
