"""Files that grow in place: written, not mapped, so that a full disk is an error that can be told, not a bus error."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path


def new_file(path: Path, size: int) -> None:
    """A file of `size` zeros that take no space. One that somebody has mapped stays as it is, without a name."""
    path.unlink(missing_ok=True)
    with path.open("wb") as stream:
        stream.truncate(size)
        sync(stream)


def write_rows(path: Path, rows: np.ndarray, data: np.ndarray) -> None:
    """Write `data (n, …)` at its rows, which ascend; all rows of the file are as large."""
    data = np.ascontiguousarray(data)
    width = data.itemsize * int(np.prod(data.shape[1:], dtype=np.int64))
    with path.open("r+b") as stream:
        for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) != 1) + 1):
            stream.seek(int(rows[run[0]]) * width)
            stream.write(data[run].tobytes())
        sync(stream)


def sync(stream: Any) -> None:
    """Wait until what was written is on the disk."""
    stream.flush()
    os.fsync(stream.fileno())
