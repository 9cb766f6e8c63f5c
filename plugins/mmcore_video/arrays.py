"""Clips as NumPy files: `.npy`, and `.npz` with `frames` and perhaps `rate`, `scale` and `unit`."""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any

import numpy as np
from numpy.lib import format as npy

import mmcore
from mmcore_video.clip import RATE, Clip, checked

NPY, NPZ = b"\x93NUMPY", b"PK\x03\x04"
"""How the files begin."""


def read_npy(content: bytes, budget: mmcore.Budget) -> Clip:
    """One array `(T, H, W)` or `(T, H, W, C)`; its rate is not known.

    Raises:
        InputError: damaged, truncated, wrong type, no frames, not finite, too large.
    """
    return checked(_array(io.BytesIO(content), budget), RATE, budget)


def read_npz(content: bytes, budget: mmcore.Budget) -> Clip:
    """The array `frames`, or the only one of more than two dimensions; `rate` (frames per second), `scale`, `unit`.

    Raises:
        InputError: damaged, truncated, no frames, wrong type, no frame rate, not finite, too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > 8 * budget.bytes:
                raise mmcore.InputError("too large", f"{unpacked:,} bytes when unpacked")
            held = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            arrays = {}
            for name, entry in held.items():
                with archive.open(entry) as member:
                    arrays[name] = _array(member, budget)
    except mmcore.InputError:
        raise
    except Exception as error:  # a broken archive raises many things
        raise mmcore.InputError("damaged", f"can't be read as .npz ({error})") from error
    grids = [name for name, array in arrays.items() if array.ndim > 2]
    if "frames" not in arrays and len(grids) != 1:
        raise mmcore.InputError("no frames", f"it holds no array 'frames', but {sorted(arrays)}")
    more: dict[str, Any] = {}
    if "scale" in arrays:
        more["scale"] = _pair(arrays["scale"])
    if "unit" in arrays:
        more["unit"] = str(arrays["unit"].reshape(-1)[0]) if arrays["unit"].size else ""
    rate = arrays["rate"].reshape(-1)[0] if "rate" in arrays and arrays["rate"].size else RATE
    return checked(arrays["frames" if "frames" in arrays else grids[0]], rate, budget, **more)


def _pair(array: np.ndarray) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in array.reshape(-1))
    except (TypeError, ValueError):
        raise mmcore.InputError("wrong type", "its 'scale' is not two numbers") from None
    return low, high


def _array(stream: Any, budget: mmcore.Budget) -> np.ndarray:
    """An array whose header was read before its content: a header may claim any size."""
    try:
        version = npy.read_magic(stream)
        shape, fortran, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(stream)
    except Exception as error:  # it is read as Python is, with as many ways to fail
        raise mmcore.InputError("damaged", f"its header can't be read ({error})") from error
    count = math.prod(shape)
    if dtype.hasobject:
        raise mmcore.InputError("wrong type", "it holds Python objects, which are not read")
    if count * dtype.itemsize > 8 * budget.bytes or any(side < 0 for side in shape):
        raise mmcore.InputError("too large", f"its header says {shape} of {dtype}")
    content = stream.read(count * dtype.itemsize)
    if len(content) < count * dtype.itemsize:
        raise mmcore.InputError(
            "truncated", f"{len(content):,} bytes of the {count * dtype.itemsize:,} of {shape} {dtype}"
        )
    array = np.frombuffer(content, dtype=dtype, count=count).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)
