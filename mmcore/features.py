"""The feature cache: vectors of frozen encoders, computed once, memory-mapped, complete batch by batch.

A pass over a data set is split into fixed batches. A batch's vectors reach the disk before its mark does, so a pass
that was killed goes on where it stopped, on the same batch boundaries, and ends with the same bits.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import BaseFileLock, FileLock, Timeout

from mmcore.errors import ComponentError
from mmcore.files import cache_folder, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

FORMAT_VERSION = 1
"""The version of the cache's layout; features of another version are computed again."""

_META, _VECTORS, _DONE = "features.json", "vectors.f32", "done"


class Features:
    """Vectors `(N, D)` of a data set on disk, some batches of which may still be missing.

    Rows that no batch holds (the modality is absent there) are zeros and take no disk space.
    """

    def __init__(self, folder: Path, n_rows: int, dim: int, batch_size: int, rows: np.ndarray):
        self.folder, self.n_rows, self.dim, self.batch_size, self.rows = folder, n_rows, dim, batch_size, rows
        self._done = np.fromfile(folder / _DONE, dtype=np.uint8)

    @property
    def n_batches(self) -> int:
        """How many batches the whole pass has."""
        return math.ceil(len(self.rows) / self.batch_size)

    @property
    def complete(self) -> bool:
        """Whether every batch is there."""
        return bool(self._done.all())

    def missing_batches(self) -> list[np.ndarray]:
        """Positions in `rows` of each batch that is not there yet, in order."""
        starts = (np.flatnonzero(self._done == 0) * self.batch_size).tolist()
        return [np.arange(start, min(start + self.batch_size, len(self.rows))) for start in starts]

    def write(self, batch: np.ndarray, vectors: np.ndarray) -> None:
        """Store one batch: `batch` as `missing_batches` gave it, `vectors (len(batch), D)` float32.

        Raises:
            ComponentError: the vectors have another shape, or one is not a finite number.
            ValueError: `batch` is not one of the fixed batches.
        """
        number = self._number(batch)
        if vectors.shape != (len(batch), self.dim):
            raise ComponentError(f"the encoder promised vectors {(len(batch), self.dim)}, returned {vectors.shape}")
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            row = int(self.rows[batch[int(np.argmin(finite))]])
            raise ComponentError(f"the encoder returned NaN or infinity for row {row}")
        rows = self.rows[batch]
        data = np.ascontiguousarray(vectors, dtype="<f4")
        runs = np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) != 1) + 1)
        # written, not mapped: a full disk is then an error that can be told, not a bus error
        with (self.folder / _VECTORS).open("r+b") as stream:
            for run in runs:
                stream.seek(int(rows[run[0]]) * self.dim * 4)
                stream.write(data[run].tobytes())
            _sync(stream)
        with (self.folder / _DONE).open("r+b") as stream:
            stream.seek(number)
            stream.write(b"\x01")
            _sync(stream)
        self._done[number] = 1

    def array(self) -> np.ndarray:
        """The vectors `(N, D)` float32, memory-mapped, read-only.

        Raises:
            ValueError: a batch is missing.
        """
        if not self.complete:
            raise ValueError(f"{int((self._done == 0).sum())} of {self.n_batches} batches are missing")
        if self.n_rows == 0:
            return np.zeros((0, self.dim), dtype=np.float32)
        return np.memmap(self.folder / _VECTORS, dtype="<f4", mode="r", shape=(self.n_rows, self.dim))

    def _number(self, batch: np.ndarray) -> int:
        number, rest = divmod(int(batch[0]), self.batch_size)
        end = min((number + 1) * self.batch_size, len(self.rows))
        if rest or not np.array_equal(batch, np.arange(number * self.batch_size, end)):
            raise ValueError("not one of this pass's batches; take them from missing_batches()")
        return number


@contextmanager
def open_features(
    key: str,
    n_rows: int,
    dim: int,
    *,
    batch_size: int,
    rows: Sequence[int] | np.ndarray | None = None,
    about: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> Iterator[Features]:
    """Open the features of one encoder over one data set; one process writes them at a time, another waits for it.

    Args:
        key: stands for everything that the vectors depend on, as letters and digits.
        n_rows: N, the rows of the data set.
        dim: D.
        batch_size: rows per batch.
        rows: the rows that are encoded, ascending; None for all. The others stay zero.
        about: what a person should know of them, for listings.
        folder: where features are kept; by default in the user's cache folder.

    What `array()` returned stays valid afterwards.
    """
    wanted = np.arange(n_rows) if rows is None else np.asarray(rows, dtype=np.int64)
    place = (folder or features_folder()) / key
    shape = {
        "format_version": FORMAT_VERSION, "n_rows": n_rows, "dim": dim, "batch_size": batch_size,
        "rows": _rows_digest(wanted),
    }  # fmt: skip
    with _lock(place):
        place.mkdir(parents=True, exist_ok=True)
        if not _fits(place, shape, len(wanted)):
            _start(place, shape, len(wanted), about or {})
        os.utime(place / _META)  # when it was used last
        yield Features(place, n_rows, dim, batch_size, wanted)


@dataclass(frozen=True)
class StoredFeatures:
    """Features in the cache: what they are, how large they are on disk in bytes, when they were used last."""

    key: str
    folder: Path
    n_rows: int
    dim: int
    complete: bool
    bytes: int
    used: float
    about: Mapping[str, Any]


def list_features(folder: Path | None = None) -> list[StoredFeatures]:
    """All features in the cache, the last used first."""
    found = []
    for meta_path in sorted((folder or features_folder()).glob(f"*/{_META}")):
        meta = _read_meta(meta_path.parent)
        if meta is None:
            continue
        place = meta_path.parent
        done = place / _DONE
        found.append(
            StoredFeatures(
                place.name, place, int(meta["n_rows"]), int(meta["dim"]),
                done.is_file() and b"\x00" not in done.read_bytes(),
                sum(_bytes_on_disk(item) for item in place.iterdir()), meta_path.stat().st_mtime, meta.get("about", {}),
            )
        )  # fmt: skip
    return sorted(found, key=lambda stored: (-stored.used, stored.key))


def clear_features(folder: Path | None = None, *, unused_for: float = 0.0) -> int:
    """Delete features that have not been used for `unused_for` seconds; those being written stay. The bytes freed."""
    freed = 0
    for stored in list_features(folder):
        if time.time() - stored.used < unused_for:
            continue
        try:
            with _lock(stored.folder, wait=False):
                shutil.rmtree(stored.folder, ignore_errors=True)
        except Timeout:
            continue
        freed += stored.bytes
    return freed


def features_folder() -> Path:
    """Where features are kept."""
    return cache_folder() / "features"


def _lock(place: Path, *, wait: bool = True) -> BaseFileLock:
    # beside the folder: a lock inside it would be deleted with it, under somebody who waits for it
    locks = place.parent / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    return FileLock(locks / place.name, timeout=-1 if wait else 0, is_singleton=wait)


def _fits(place: Path, shape: Mapping[str, Any], n_wanted: int) -> bool:
    meta = _read_meta(place)
    if meta is None or any(meta.get(name) != value for name, value in shape.items()):
        return False
    vectors, done = place / _VECTORS, place / _DONE
    return (
        vectors.is_file()
        and vectors.stat().st_size == shape["n_rows"] * shape["dim"] * 4
        and done.is_file()
        and done.stat().st_size == math.ceil(n_wanted / shape["batch_size"])
    )


def _start(place: Path, shape: Mapping[str, Any], n_wanted: int, about: Mapping[str, Any]) -> None:
    """An empty cache: the description comes last, so that a half-made one is made again."""
    (place / _META).unlink(missing_ok=True)
    for name, size in (
        (_VECTORS, shape["n_rows"] * shape["dim"] * 4),
        (_DONE, math.ceil(n_wanted / shape["batch_size"])),
    ):
        (place / name).unlink(missing_ok=True)  # never shorten a file that somebody has mapped
        with (place / name).open("wb") as stream:
            stream.truncate(size)  # sparse: zeros that take no space
            _sync(stream)
    write_json(place / _META, {**shape, "about": dict(about)})


def _read_meta(place: Path) -> dict[str, Any] | None:
    try:
        meta = json.loads((place / _META).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return meta if isinstance(meta, dict) else None


def _rows_digest(rows: np.ndarray) -> str:
    import xxhash

    return xxhash.xxh3_128_hexdigest(np.ascontiguousarray(rows, dtype="<i8").tobytes())


def _bytes_on_disk(path: Path) -> int:
    status = path.stat()
    return getattr(status, "st_blocks", math.ceil(status.st_size / 512)) * 512


def _sync(stream: Any) -> None:
    stream.flush()
    os.fsync(stream.fileno())
