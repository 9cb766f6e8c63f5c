"""Which columns look like volumes, and volumes to try."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def looks_like_volumes(name: str, values: list[Any]) -> float:
    """From 0 to 1: the share of cells that name a NIfTI file; a NumPy file may be anything, and counts a third."""
    cells = [value for value in values if value is not None and value == value and value != ""]
    return sum(_likeness(cell) for cell in cells) / len(cells) if cells else 0.0


def examples(folder: Path, count: int) -> list[Any]:
    """Small blobs in files of several shapes, types, orientations and formats."""
    import gzip

    import nibabel
    import numpy as np

    names = []
    for number in range(count):
        shape = (14 + number % 3, 16, 12 + number % 2)
        x, y, z = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
        inside = x**2 + y**2 + z**2 < 0.8
        values = np.where(inside, 100 + 40 * np.cos(3 * x + number) + 20 * y, 3.0)
        if number % 3 == 2:
            names.append(f"volume-{number}.npy")
            np.save(folder / names[-1], values.astype(np.float32))
            continue
        affine = np.diag([3.0 if number % 2 else -3.0, 3.0, 4.0, 1.0])  # the second kind points left
        image = nibabel.Nifti1Image(values.astype(np.int16 if number % 2 else np.float32), affine)
        content = image.to_bytes()
        names.append(f"volume-{number}.nii{'' if number % 2 else '.gz'}")
        (folder / names[-1]).write_bytes(content if number % 2 else gzip.compress(content, mtime=0))
    return names


def _likeness(cell: Any) -> float:
    if not isinstance(cell, str) or "\n" in cell:
        return 0.0
    name = cell.strip().lower()
    if name.endswith((".nii", ".nii.gz")):
        return 1.0
    return 1 / 3 if name.endswith((".npy", ".npz")) else 0.0
