"""From a cell to a volume in millimetres, its axes pointing right, front and up, or to the reason why there is none."""

from __future__ import annotations

import gzip
import io
import logging
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

import mmcore
from mmcore_ai4brain.spec import Spacing

HEADER = 544
"""Bytes that hold the header of either version of NIfTI."""

SLACK = 2**20
"""Bytes that a file may hold after the voxels that its header announces."""

UNPACKED = 4
"""Times the budget of bytes that a compressed volume may unpack to."""

LONGEST = 4096
"""Voxels along one axis."""

MILLIMETRES = {1: 1000.0, 2: 1.0, 3: 0.001}
"""NIfTI's codes of units of length, in millimetres; a file that states none means millimetres."""


@dataclass(frozen=True)
class Volume:
    """A decoded volume.

    Args:
        values: `(X, Y, Z)` float32; x grows to the person's right, y to the front, z upwards (RAS).
        spacing: millimetres from voxel to voxel along each axis.
    """

    values: np.ndarray
    spacing: Spacing = (1.0, 1.0, 1.0)


def decode_volume(value: Any, root: Path, budget: mmcore.Budget) -> Volume:
    """A volume out of a NIfTI file (`.nii`, `.nii.gz`), a NumPy file (`.npy`, `.npz`) or an array.

    The content decides, not the name. Arrays and `.npy` are taken to point right, front and up with 1 mm; an `.npz`
    may hold `spacing`. How many voxels a header claims is looked at before anything is unpacked or allocated.

    Args:
        value: a path relative to `root`, the bytes of a file, an array `(X, Y, Z)` or a `Volume`.

    Raises:
        InputError: not found, not a file, unreadable, empty file, too large, not a volume, wrong shape, wrong type,
            no orientation, not finite, truncated, damaged.
    """
    try:
        if isinstance(value, Volume):
            return _checked(np.asarray(value.values), value.spacing, budget)
        if isinstance(value, np.ndarray):
            _require_room(value.shape, value.dtype, budget)
            return _checked(value, (1.0, 1.0, 1.0), budget)
        content = mmcore.input_bytes(value, root, budget)
        if content[:6] == b"\x93NUMPY":
            return _checked(_array(io.BytesIO(content), budget), (1.0, 1.0, 1.0), budget)
        if content[:2] == b"PK":
            return _from_npz(content, budget)
        if content[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
                return _from_nifti(stream, budget)  # type: ignore[arg-type]
        return _from_nifti(io.BytesIO(content), budget)
    except (mmcore.InputError, MemoryError):
        raise
    except EOFError as error:
        raise mmcore.InputError("truncated", "it breaks off") from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise mmcore.InputError("damaged", f"can't be unpacked ({error})") from error
    except Exception as error:  # whatever a reader stumbles over is the file's fault
        raise mmcore.InputError("damaged", f"can't be decoded ({type(error).__name__}: {error})"[:300]) from error


def _from_nifti(stream: IO[bytes], budget: mmcore.Budget) -> Volume:
    import nibabel

    start = stream.read(HEADER)
    version = _version(start)
    image_class = {1: nibabel.Nifti1Image, 2: nibabel.Nifti2Image}[version]
    # the header alone, without nibabel's own checks, which mend silently what is wrong
    header = image_class.header_class(start[: 348 if version == 1 else 540], check=False)
    length = _length(header, budget)
    content = start + stream.read(max(0, length - len(start)))
    if len(content) < length:
        raise mmcore.InputError("truncated", f"{len(content):,} bytes; its header announces {length:,}")
    if len(stream.read(SLACK + 1)) > SLACK:  # reads to the end too, where gzip keeps its check sum
        raise mmcore.InputError("damaged", f"it goes on after the {length:,} bytes that its header announces")
    with _quiet():
        image = image_class.from_bytes(content)
        values = image.get_fdata(dtype=np.float32, caching="unchanged")
    return _upright(values, _affine(header), MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0), budget)


def _version(start: bytes) -> int:
    if len(start) >= 348:
        size, order = start[:4], ("little", "big")
        if any(int.from_bytes(size, each) == 348 for each in order):  # type: ignore[arg-type]
            if start[344:347] == b"ni1":
                raise mmcore.InputError(
                    "not a volume", "the header of a pair of files; convert them into one .nii file"
                )
            if start[344:347] == b"n+1":
                return 1
        if any(int.from_bytes(size, each) == 540 for each in order) and start[4:7] == b"n+2":  # type: ignore[arg-type]
            return 2
    if start[:3] in (b"n+1", b"n+2") or len(start) < 348:
        raise mmcore.InputError("truncated" if len(start) < 348 else "not a volume", "no whole NIfTI header is in it")
    raise mmcore.InputError("not a volume", "neither NIfTI nor NumPy is recognised in it")


def _length(header: Any, budget: mmcore.Budget) -> int:
    """Bytes to the last voxel; refuses what would not fit before anything is read."""
    dimensions = [int(count) for count in header["dim"]]
    if not 1 <= dimensions[0] <= 7 or min(dimensions[1 : dimensions[0] + 1]) < 1:
        raise mmcore.InputError("damaged", f"its header states the dimensions {dimensions}")
    try:
        dtype = np.dtype(header.get_data_dtype())
    except Exception as error:
        raise mmcore.InputError("damaged", f"voxels of no known type ({error})") from error
    _require_room(dimensions[1 : dimensions[0] + 1], dtype, budget)
    offset = float(header["vox_offset"])
    if not 0 <= offset <= 64 * SLACK:
        raise mmcore.InputError("damaged", f"its voxels begin at byte {offset:g}")
    return int(offset) + math.prod(dimensions[1 : dimensions[0] + 1]) * dtype.itemsize


def _require_room(shape: Any, dtype: np.dtype, budget: mmcore.Budget) -> None:
    """A single volume of numbers, within the budget of voxels and bytes."""
    voxels = math.prod(int(count) for count in shape)
    if voxels > budget.pixels:
        raise mmcore.InputError("too large", f"{voxels:,} voxels; the limit is {budget.pixels:,}")
    if voxels * dtype.itemsize > UNPACKED * budget.bytes:
        raise mmcore.InputError(
            "too large", f"{voxels * dtype.itemsize:,} bytes of voxels; the limit is {UNPACKED * budget.bytes:,}"
        )
    if dtype.kind not in "biuf":
        raise mmcore.InputError("wrong type", f"voxels of {dtype} are no numbers")
    if len(shape) < 3 or math.prod(int(count) for count in shape[3:]) > 1:
        raise mmcore.InputError(
            "wrong shape",
            f"{' x '.join(str(int(count)) for count in shape)} is not one volume",
            hint="Give a volume of three dimensions: of a series one of its volumes, or their mean.",
        )
    if not voxels:
        raise mmcore.InputError("damaged", "it has no voxels")
    if max(shape) > LONGEST:
        raise mmcore.InputError("too large", f"{max(shape):,} voxels along one axis; the limit is {LONGEST:,}")


def _affine(header: Any) -> np.ndarray:
    """From voxel to millimetres of the scanner."""
    if int(header["sform_code"]) > 0:
        affine = header.get_sform()
    elif int(header["qform_code"]) > 0:
        affine = header.get_qform()
    else:
        raise mmcore.InputError(
            "no orientation",
            "its header does not say where left and right are (qform_code and sform_code are 0)",
            hint="Set one of them, or give an array (.npy) whose axes point right, front and up.",
        )
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise mmcore.InputError("damaged", "its header puts all voxels in one plane, or nowhere")
    return np.asarray(affine)


def _upright(values: np.ndarray, affine: np.ndarray, unit: float, budget: mmcore.Budget) -> Volume:
    """Axes swapped and turned so that they point right, front and up, as nearly as they can without resampling."""
    from nibabel.affines import voxel_sizes
    from nibabel.orientations import apply_orientation, io_orientation

    orientation = io_orientation(affine)
    values = values.reshape(values.shape[:3])
    steps = np.empty(3)
    steps[orientation[:, 0].astype(int)] = voxel_sizes(affine) * unit
    x, y, z = (float(step) for step in steps)
    return _checked(apply_orientation(values, orientation), (x, y, z), budget)


def _from_npz(content: bytes, budget: mmcore.Budget) -> Volume:
    import zipfile

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".npy"))
        volumes = [name for name in names if name != "spacing.npy"]
        if len(volumes) != 1:
            raise mmcore.InputError(
                "not a volume",
                f"an archive of {len(volumes)} arrays",
                hint="Keep one array, and `spacing` if you like.",
            )
        with archive.open(volumes[0]) as stream:
            values = _array(stream, budget)
        spacing = np.ones(3)
        if "spacing.npy" in names:
            with archive.open("spacing.npy") as stream:
                spacing = np.lib.format.read_array(io.BytesIO(stream.read(4096)), allow_pickle=False)
    if spacing.shape != (3,) or spacing.dtype.kind not in "iuf":
        raise mmcore.InputError("damaged", f"`spacing` is {spacing.dtype} {spacing.shape}, not three numbers")
    x, y, z = (float(step) for step in spacing)
    return _checked(values, (x, y, z), budget)


def _array(stream: IO[bytes], budget: mmcore.Budget) -> np.ndarray:
    """An array out of NumPy's own format, its header looked at first; pickled objects are refused."""
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[np.lib.format.read_magic(stream)]
    shape, by_columns, dtype = read_header(stream)
    _require_room(shape, dtype, budget)
    wanted = math.prod(shape) * dtype.itemsize
    content = stream.read(wanted)
    if len(content) < wanted:
        raise mmcore.InputError("truncated", f"{len(content):,} bytes of voxels; its header announces {wanted:,}")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if by_columns else "C")


def _checked(values: np.ndarray, spacing: Spacing, budget: mmcore.Budget) -> Volume:
    _require_room(values.shape, values.dtype, budget)
    with np.errstate(over="ignore"):  # beyond single precision: infinite, and refused below
        values = np.ascontiguousarray(values.reshape(values.shape[:3]), dtype=np.float32)
    if not np.isfinite(values).all():
        raise mmcore.InputError("not finite", f"{int((~np.isfinite(values)).sum()):,} voxels are NaN or infinite")
    if len(spacing) != 3 or not all(math.isfinite(step) and 1e-3 <= step <= 1e3 for step in spacing):
        raise mmcore.InputError("damaged", f"voxels of {' x '.join(f'{step:g}' for step in spacing)} mm")
    return Volume(values, spacing)


class _quiet:  # noqa: N801 - used as a function
    """Keeps nibabel from printing what it mends: all that matters has been looked at."""

    def __enter__(self) -> None:
        self._logger = logging.getLogger("nibabel.batteryrunners")
        self._level = self._logger.level
        self._logger.setLevel(logging.CRITICAL + 1)

    def __exit__(self, *error: object) -> None:
        self._logger.setLevel(self._level)
