"""From a cell to an upright RGB picture, or to the reason why there is none."""

from __future__ import annotations

import io
import stat
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

import mmcore

FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF", "ICO", "PCX")
"""What is looked for in a file. Pillow knows more, some of which start other programs (EPS starts Ghostscript)."""


def decode_image(value: Any, root: Path, budget: mmcore.Budget) -> Image.Image:
    """An RGB picture as a camera meant it: turned by its EXIF orientation, transparency on white, 16 bits scaled to 8.

    Of an animation, it is the first frame.

    Args:
        value: a path relative to `root`, the bytes of a file, a PIL image or a uint8 array `(H, W)`, `(H, W, 3)` or,
            with transparency, `(H, W, 4)`.

    Raises:
        InputError: not found, not a file, unreadable, empty file, too large, not an image, truncated, damaged,
            not finite, wrong type.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow: large pictures, of which the budget decides; odd metadata
            if isinstance(value, Image.Image):
                return _upright_rgb(_within(value, budget))
            if isinstance(value, np.ndarray):
                return _upright_rgb(_within(_from_array(value), budget))
            content = _content(value, root, budget)
            with Image.open(io.BytesIO(content), formats=_formats()) as picture:
                return _upright_rgb(_within(picture, budget))
    except mmcore.InputError:
        raise
    except UnidentifiedImageError as error:
        raise mmcore.InputError("not an image", "no image format is recognised in it") from error
    except Image.DecompressionBombError as error:
        raise mmcore.InputError("too large", str(error)) from error
    except Exception as error:  # whatever a decoder stumbles over is the file's fault
        reason = "truncated" if "truncated" in str(error).lower() or isinstance(error, EOFError) else "damaged"
        raise mmcore.InputError(reason, f"can't be decoded ({error})") from error


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _content(value: Any, root: Path, budget: mmcore.Budget) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        content = bytes(value)
        if len(content) > budget.bytes:
            raise _too_large(len(content), budget)
    elif isinstance(value, str | Path):
        content = _read_file(value, root, budget)
    else:
        raise mmcore.InputError("wrong type", f"{type(value).__name__} is no path and no picture")
    if not content:
        raise mmcore.InputError("empty file", "it has no content")
    return content


def _read_file(value: str | Path, root: Path, budget: mmcore.Budget) -> bytes:
    path = root / value
    try:
        status = path.stat()
    except PermissionError as error:
        raise mmcore.InputError("unreadable", f"{str(value)!r} can't be read ({error.strerror})") from error
    except (OSError, ValueError) as error:  # also a link that leads to itself, and what can't be a path
        raise mmcore.InputError("not found", f"there is no file {str(value)[:200]!r}") from error
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
        raise mmcore.InputError("not a file", f"{str(value)!r} is no regular file")
    if status.st_size > budget.bytes:
        raise _too_large(status.st_size, budget)
    try:
        return path.read_bytes()
    except OSError as error:
        raise mmcore.InputError("unreadable", f"{str(value)!r} can't be read ({error.strerror})") from error


def _too_large(size: int, budget: mmcore.Budget) -> mmcore.InputError:
    return mmcore.InputError("too large", f"{size:,} bytes; the limit is {budget.bytes:,}")


def _within(picture: Image.Image, budget: mmcore.Budget) -> Image.Image:
    pixels = picture.width * picture.height
    if not pixels:
        raise mmcore.InputError("damaged", f"a picture of {picture.width} x {picture.height} pixels")
    if pixels > budget.pixels:
        raise mmcore.InputError("too large", f"{pixels:,} pixels; the limit is {budget.pixels:,}")
    return picture


def _from_array(array: np.ndarray) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise mmcore.InputError(
            "wrong type", f"an array of {array.dtype} {array.shape} is no picture: give uint8, (H, W) or (H, W, 3)"
        )
    if not array.size:
        raise mmcore.InputError("damaged", f"an array of {array.shape} has no pixels")
    return Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array)


def _upright_rgb(picture: Image.Image) -> Image.Image:
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):
        return _from_wide_values(picture)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        canvas = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(canvas, layer).convert("RGB")
    return picture.convert("RGB")


def _from_wide_values(picture: Image.Image) -> Image.Image:
    """More than 8 bits: Pillow would clip at 255, so 16 bits are scaled, and other ranges by their own extremes."""
    values = np.asarray(picture, dtype=np.float64)
    if not np.isfinite(values).all():
        raise mmcore.InputError("not finite", "some of its pixels are NaN or infinite")
    low, high = (0.0, 65535.0) if picture.mode.startswith("I;16") else (float(values.min()), float(values.max()))
    if picture.mode == "I" and values.min() >= 0 and values.max() <= 65535:
        low, high = 0.0, 65535.0
    scaled = (values - low) / (high - low) * 255 if high > low else np.zeros_like(values)
    return Image.fromarray(scaled.round().astype(np.uint8)).convert("RGB")
