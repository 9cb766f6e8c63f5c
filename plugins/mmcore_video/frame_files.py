"""Frames as picture files: a folder of them, and animated GIFs."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import mmcore
from mmcore_video.clip import RATE, Clip, checked_rate, lasts_within, within
from mmcore_video.containers import SHORT_SIDE

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
"""Files of a folder that are taken for frames."""

SIDECAR = "video.json"
"""The file beside the frames that may say their `rate`, `scale` (what the values 0 and 1 stand for) and `unit`."""

GIF_FRAME = 0.1
"""Seconds that a frame of a GIF lasts which says 0, as browsers have it."""


def natural_key(name: str) -> list[Any]:
    """Sorts names as a person counts.

    >>> sorted(["f10.png", "f9.png", "f1.png"], key=natural_key)
    ['f1.png', 'f9.png', 'f10.png']
    """
    parts = re.split(r"(\d+)", name)
    return [[int(part), ""] if part.isdecimal() else [-1, part.casefold()] for part in parts] + [[-1, name]]


def frame_paths(folder: Path) -> list[Path]:
    """The picture files of a folder, in natural order; hidden files and other files are passed over.

    Raises:
        InputError: the folder is unreadable.
    """
    try:
        names = [entry.name for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError as error:
        raise mmcore.InputError("unreadable", f"{folder.name!r} can't be read ({error.strerror})") from error
    names = [name for name in names if os.path.splitext(name)[1].lower() in SUFFIXES]
    return [folder / name for name in sorted(names, key=natural_key)]


def read_folder(folder: Path, budget: mmcore.Budget) -> Clip:
    """The pictures of a folder as frames: all of one size, 8 or 16 bits, RGB or grey.

    Raises:
        InputError: no frames, unreadable, frames differ, not an image, truncated, damaged, too large, no frame rate.
    """
    paths = frame_paths(folder)
    if not paths:
        raise mmcore.InputError("no frames", f"the folder {folder.name!r} holds no pictures")
    about = sidecar(folder)
    rate = checked_rate(about.get("rate", RATE))
    lasts_within(len(paths) / rate, budget)
    frames: list[np.ndarray] = []
    read = 0
    for path in paths:
        content = mmcore.input_bytes(path.name, folder, budget)
        read += len(content)
        if read > budget.bytes:
            raise mmcore.InputError("too large", f"its frames are more than {budget.bytes:,} bytes")
        frames.append(_smaller(read_picture(content, path.name, budget)))
        within(len(paths), frames[0].shape[:2], budget)
        if frames[-1].shape != frames[0].shape or frames[-1].dtype != frames[0].dtype:
            raise mmcore.InputError(
                "frames differ", f"{path.name!r} is {_form(frames[-1])}, and {paths[0].name!r} is {_form(frames[0])}"
            )
    return Clip(np.stack(frames), rate, about.get("scale"), about.get("unit", ""))


def read_picture(content: bytes, name: str, budget: mmcore.Budget) -> np.ndarray:
    """A picture `(H, W, C)`: uint8 RGB or grey, uint16 grey, or float32 grey.

    Raises:
        InputError: not an image, truncated, damaged, too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow: large pictures, of which the budget decides
            with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP", "BMP", "TIFF", "MPO")) as picture:
                within(1, (picture.height, picture.width), budget)
                return _pixels(picture)
    except mmcore.InputError as error:
        raise mmcore.InputError(error.reason, f"{name!r}: {error.what}") from error
    except Image.UnidentifiedImageError as error:
        raise mmcore.InputError("not an image", f"no image format is recognised in {name!r}") from error
    except Exception as error:  # whatever a decoder stumbles over is the file's fault
        reason = "truncated" if "truncated" in str(error).lower() or isinstance(error, EOFError) else "damaged"
        raise mmcore.InputError(reason, f"{name!r} can't be decoded ({error})") from error


def read_gif(content: bytes, budget: mmcore.Budget) -> Clip:
    """An animated GIF: RGB frames, at the mean of the rates that they ask for.

    Raises:
        InputError: truncated, damaged, too large, no frame rate.
    """
    if not content.rstrip(b"\0").endswith(b";"):
        raise mmcore.InputError("truncated", "the mark at its end is missing")
    try:
        with Image.open(io.BytesIO(content), formats=("GIF",)) as picture:
            count = int(getattr(picture, "n_frames", 1))
            within(count, (picture.height, picture.width), budget)
            frames, seconds = [], 0.0
            for number in range(count):
                picture.seek(number)
                seconds += (picture.info.get("duration") or 1000 * GIF_FRAME) / 1000
                frames.append(_smaller(np.asarray(picture.convert("RGB"))))
                if frames[-1].shape != frames[0].shape:
                    raise mmcore.InputError("damaged", "its frames are not all of one size")
    except mmcore.InputError:
        raise
    except Exception as error:  # whatever a decoder stumbles over is the file's fault
        reason = "truncated" if "truncated" in str(error).lower() or isinstance(error, EOFError) else "damaged"
        raise mmcore.InputError(reason, f"can't be decoded ({error})") from error
    lasts_within(seconds, budget)
    return Clip(np.stack(frames), checked_rate(count / seconds))


def _pixels(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith("I;16") or picture.mode == "I":
        wide = np.asarray(picture)
        if wide.min() < 0 or wide.max() > 65535:
            raise mmcore.InputError("wrong type", "its values are no numbers of 16 bits")
        return wide.astype(np.uint16)[..., None]
    if picture.mode == "F":
        values = np.asarray(picture, dtype=np.float32)
        if not np.isfinite(values).all():
            raise mmcore.InputError("not finite", "some of its values are NaN or infinite")
        return values[..., None]
    if picture.mode in ("L", "1"):
        return np.asarray(picture.convert("L"))[..., None]
    return np.asarray(picture.convert("RGB"))


def _smaller(frame: np.ndarray) -> np.ndarray:
    """Frames whose shorter side is above `SHORT_SIDE` by whole-numbered steps; means over boxes."""
    high, wide = frame.shape[:2]
    if min(high, wide) <= SHORT_SIDE:
        return frame
    scale = SHORT_SIDE / min(high, wide)
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    if frame.dtype == np.uint8:
        picture = Image.fromarray(frame[..., 0] if frame.shape[2] == 1 else frame)
        small = np.asarray(picture.resize(size, Image.Resampling.BOX))
    else:
        picture = Image.fromarray(frame[..., 0].astype(np.float32))
        small = np.asarray(picture.resize(size, Image.Resampling.BOX))
        small = small.round().astype(frame.dtype) if frame.dtype == np.uint16 else small
    return small[..., None] if small.ndim == 2 else small


def sidecar(folder: Path) -> dict[str, Any]:
    """What the file beside the frames says; nothing when there is none.

    Raises:
        InputError: it is damaged.
    """
    path = folder / SIDECAR
    try:
        status = path.stat()
    except OSError:
        return {}
    if not stat.S_ISREG(status.st_mode) or status.st_size > 1_000_000:
        raise mmcore.InputError("damaged", f"{SIDECAR} is no small file")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        scale = about.get("scale")
        low, high = (float(value) for value in scale) if scale is not None else (0.0, 1.0)
        return {
            "rate": about.get("rate", RATE),
            "scale": None if scale is None else (low, high),
            "unit": str(about.get("unit", "")),
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise mmcore.InputError("damaged", f"{SIDECAR} can't be understood ({error})") from error


def _form(frame: np.ndarray) -> str:
    return f"{frame.shape[1]} x {frame.shape[0]} of {frame.shape[2]} x {frame.dtype}"
