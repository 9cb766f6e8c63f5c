"""One pass of an encoder over a data set, on disk: vectors and, where they are asked for, tokens."""

from __future__ import annotations

import json
import math
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import BaseFileLock, FileLock

from mmcore.errors import ComponentError
from mmcore.features.disk import new_file, sync, write_rows
from mmcore.features.tokens import VECTORS, TokenFeatures, TokenFiles, mapped
from mmcore.files import cache_folder, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

FORMAT_VERSION = 1
"""The version of the cache's layout; features of another version are computed again."""

META, DONE = "features.json", "done"


class Features:
    """Vectors `(N, D)`, perhaps tokens, of a data set on disk, some batches of which may still be missing.

    Rows that no batch holds (the modality is absent there) are zeros, have no tokens and take no disk space.
    """

    def __init__(self, folder: Path, n_rows: int, dim: int, batch_size: int, rows: np.ndarray, tokens: bool = False):
        self.folder, self.n_rows, self.dim, self.batch_size, self.rows = folder, n_rows, dim, batch_size, rows
        self._done = np.fromfile(folder / DONE, dtype=np.uint8)
        self._tokens = TokenFiles(folder, n_rows, dim, _rows_done(folder, rows, batch_size)) if tokens else None

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

    def write(
        self,
        batch: np.ndarray,
        vectors: np.ndarray,
        tokens: np.ndarray | None = None,
        mask: np.ndarray | None = None,
    ) -> None:
        """Store one batch: `batch` as `missing_batches` gave it, `vectors (len(batch), D)` float32.

        Args:
            tokens: `(len(batch), L, D)`, where they are kept too; None for an encoder that has none.
            mask: `(len(batch), L)`, true for tokens that count; None when all do.

        Raises:
            ComponentError: the vectors or tokens have another shape, or one is not a finite number.
            ValueError: `batch` is not one of the fixed batches, or with tokens not the next one.
        """
        number = self._number(batch)
        if vectors.shape != (len(batch), self.dim):
            raise ComponentError(f"the encoder promised vectors {(len(batch), self.dim)}, returned {vectors.shape}")
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            row = int(self.rows[batch[int(np.argmin(finite))]])
            raise ComponentError(f"the encoder returned NaN or infinity for row {row}")
        rows = self.rows[batch]
        if self._tokens is not None:
            if number != int(self._done.sum()):
                raise ValueError("tokens are stored in order: this is not the next batch")
            self._tokens.write(rows, tokens, mask)
        write_rows(self.folder / VECTORS, rows, vectors.astype("<f4"))
        with (self.folder / DONE).open("r+b") as stream:
            stream.seek(number)
            stream.write(b"\x01")
            sync(stream)
        self._done[number] = 1

    def token_bytes_per_row(self) -> float | None:
        """Bytes of a row's tokens, the mean of the first batch; None while it is not there."""
        first = self.rows[: self.batch_size]
        if self._tokens is None or not len(first) or not self._done[0]:
            return None
        return self._tokens.count(first) * (self.dim * 4 + 1) / len(first)

    def array(self) -> np.ndarray:
        """The vectors `(N, D)` float32, memory-mapped, read-only.

        Raises:
            ValueError: a batch is missing.
        """
        if not self.complete:
            raise ValueError(f"{int((self._done == 0).sum())} of {self.n_batches} batches are missing")
        return mapped(self.folder / VECTORS, "<f4", (self.n_rows, self.dim))

    def stored(self) -> np.ndarray | TokenFeatures:
        """What is there of each row: its vector, and its tokens where the encoder has any.

        Raises:
            ValueError: a batch is missing.
        """
        vectors = self.array()
        if self._tokens is None or not self._tokens.total:
            return vectors
        return TokenFeatures(self.folder, self.n_rows, self.dim)

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
    tokens: bool = False,
    about: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> Iterator[Features]:
    """Open the features of one encoder over one data set; one process writes them at a time, another waits for it.

    Args:
        key: stands for everything that the features depend on, as letters and digits.
        n_rows: N, the rows of the data set.
        dim: D.
        batch_size: rows per batch.
        rows: the rows that are encoded, ascending; None for all. The others stay zero.
        tokens: whether tokens are kept beside the vectors.
        about: what a person should know of them, for listings.
        folder: where features are kept; by default in the user's cache folder.

    What `array()` and `stored()` returned stays valid afterwards.
    """
    wanted = np.arange(n_rows) if rows is None else np.asarray(rows, dtype=np.int64)
    place = (folder or features_folder()) / key
    shape: dict[str, Any] = {
        "format_version": FORMAT_VERSION, "n_rows": n_rows, "dim": dim, "batch_size": batch_size,
        "rows": rows_digest(wanted),
    }  # fmt: skip
    if tokens:
        shape["tokens"] = True
    with lock(place):
        place.mkdir(parents=True, exist_ok=True)
        if not _fits(place, shape, wanted):
            _start(place, shape, len(wanted), about or {})
        os.utime(place / META)  # when it was used last
        yield Features(place, n_rows, dim, batch_size, wanted, tokens)


def features_folder() -> Path:
    """Where features are kept."""
    return cache_folder() / "features"


def rows_digest(rows: np.ndarray) -> str:
    """A text that stands for these row numbers."""
    import xxhash

    return xxhash.xxh3_128_hexdigest(np.ascontiguousarray(rows, dtype="<i8").tobytes())


def lock(place: Path, *, wait: bool = True) -> BaseFileLock:
    """Keeps other processes from writing the features at `place`."""
    # beside the folder: a lock inside it would be deleted with it, under somebody who waits for it
    locks = place.parent / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    return FileLock(locks / place.name, timeout=-1 if wait else 0, is_singleton=wait)


def read_meta(place: Path) -> dict[str, Any] | None:
    """The description of the features at `place`; None where there is none that can be read."""
    try:
        meta = json.loads((place / META).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return meta if isinstance(meta, dict) else None


def _fits(place: Path, shape: Mapping[str, Any], wanted: np.ndarray) -> bool:
    meta = read_meta(place)
    if meta is None or any(meta.get(name) != value for name, value in {"tokens": None, **shape}.items()):
        return False
    vectors, done = place / VECTORS, place / DONE
    return (
        vectors.is_file()
        and vectors.stat().st_size == shape["n_rows"] * shape["dim"] * 4
        and done.is_file()
        and done.stat().st_size == math.ceil(len(wanted) / shape["batch_size"])
        and (
            "tokens" not in shape
            or TokenFiles.fit(place, shape["n_rows"], shape["dim"], _rows_done(place, wanted, shape["batch_size"]))
        )
    )


def _start(place: Path, shape: Mapping[str, Any], n_wanted: int, about: Mapping[str, Any]) -> None:
    """An empty cache: the description comes last, so that a half-made one is made again."""
    (place / META).unlink(missing_ok=True)
    new_file(place / VECTORS, shape["n_rows"] * shape["dim"] * 4)
    new_file(place / DONE, math.ceil(n_wanted / shape["batch_size"]))
    if "tokens" in shape:
        TokenFiles.make(place, shape["n_rows"])
    write_json(place / META, {**shape, "about": dict(about)})


def _rows_done(folder: Path, rows: np.ndarray, batch_size: int) -> np.ndarray:
    done = np.fromfile(folder / DONE, dtype=np.uint8).astype(bool)
    return rows[np.repeat(done, batch_size)[: len(rows)]]
