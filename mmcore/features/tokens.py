"""Tokens in the feature cache: `(L, D)` of each row, one row's after the other's, each as long as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.errors import ComponentError
from mmcore.features.disk import new_file, sync, write_rows

if TYPE_CHECKING:
    from pathlib import Path

VECTORS, TOKENS, COUNTED, LENGTHS = "vectors.f32", "tokens.f32", "counted.u1", "lengths.i4"


class TokenFiles:
    """Where a pass writes tokens, batch after batch.

    A row's tokens stand behind those of all rows before it, so the lengths alone say where. They end at the last one
    that counts: what pads a row to its batch is not kept. One byte per token says whether it counts.

    Args:
        done: the rows whose tokens are there.
    """

    def __init__(self, folder: Path, n_rows: int, dim: int, done: np.ndarray):
        self.folder, self.dim = folder, dim
        self._lengths = np.fromfile(folder / LENGTHS, dtype="<i4", count=n_rows)
        self.total = self.count(done)

    def count(self, rows: np.ndarray) -> int:
        """How many tokens these rows have."""
        return int(self._lengths[rows].sum(dtype=np.int64))

    @staticmethod
    def make(folder: Path, n_rows: int) -> None:
        """Empty files."""
        for name, size in ((TOKENS, 0), (COUNTED, 0), (LENGTHS, n_rows * 4)):
            new_file(folder / name, size)

    @staticmethod
    def fit(folder: Path, n_rows: int, dim: int, done: np.ndarray) -> bool:
        """Whether the files hold the tokens of the rows `done`."""
        lengths = folder / LENGTHS
        if not lengths.is_file() or lengths.stat().st_size != n_rows * 4:
            return False
        total = TokenFiles(folder, n_rows, dim, done).total
        sizes = ((folder / TOKENS, total * dim * 4), (folder / COUNTED, total))
        return all(path.is_file() and path.stat().st_size >= size for path, size in sizes)

    def write(self, rows: np.ndarray, tokens: np.ndarray | None, mask: np.ndarray | None) -> None:
        """Store the tokens `(B, L, D)` of the next rows; None for an encoder that has none.

        Raises:
            ComponentError: they have another shape than promised, or one that counts is not a finite number.
        """
        if tokens is None:
            tokens, mask = np.zeros((len(rows), 0, self.dim), dtype=np.float32), None
        counted = np.ones(tokens.shape[:2], dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
        self._check(rows, tokens, counted)
        lengths = (np.arange(1, counted.shape[1] + 1) * counted).max(axis=1, initial=0)
        kept = np.arange(counted.shape[1])[None] < lengths[:, None]
        values = np.where(counted[..., None], tokens, 0)[kept].astype("<f4")
        for name, data, place in (
            (TOKENS, values, self.total * self.dim * 4),
            (COUNTED, counted[kept].astype(np.uint8), self.total),
        ):
            with (self.folder / name).open("r+b") as stream:
                stream.seek(place)
                stream.write(data.tobytes())
                stream.truncate()  # what a killed pass left behind
                sync(stream)
        self._lengths[rows] = lengths
        write_rows(self.folder / LENGTHS, rows, self._lengths[rows])
        self.total += int(lengths.sum())

    def _check(self, rows: np.ndarray, tokens: np.ndarray, counted: np.ndarray) -> None:
        if tokens.ndim != 3 or (len(tokens), tokens.shape[2]) != (len(rows), self.dim):
            raise ComponentError(
                f"the encoder promised tokens ({len(rows)}, L, {self.dim}), returned {tokens.shape}",
                hint="Tokens are as wide as the vector.",
            )
        if counted.shape != tokens.shape[:2]:
            raise ComponentError(f"the encoder returned tokens {tokens.shape} and a mask {counted.shape}")
        finite = (np.isfinite(tokens).all(axis=2) | ~counted).all(axis=1)
        if not finite.all():
            raise ComponentError(
                f"the encoder returned NaN or infinity in a token of row {int(rows[int(np.argmin(finite))])}"
            )


class TokenFeatures:
    """Vectors and tokens of a data set's rows, memory-mapped, read-only.

    Another process that gets it maps the files itself.
    """

    def __init__(self, folder: Path, n_rows: int, dim: int):
        self.folder, self.n_rows, self.dim = folder, n_rows, dim
        lengths = np.fromfile(folder / LENGTHS, dtype="<i4", count=n_rows)
        self._ends = np.cumsum(lengths, dtype=np.int64)
        total = int(self._ends[-1]) if n_rows else 0
        self.vectors = mapped(folder / VECTORS, "<f4", (n_rows, dim))
        """The vectors `(N, D)`."""
        self._tokens = mapped(folder / TOKENS, "<f4", (total, dim))
        self._counted = mapped(folder / COUNTED, "u1", (total,))

    def __len__(self) -> int:
        return self.n_rows

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        """`vector (D,)`, `tokens (L, D)` and `mask (L,)` of one row; L is 0 where its modality is absent."""
        of = slice(int(self._ends[row - 1]) if row else 0, int(self._ends[row]))
        return {
            "vector": self.vectors[row],
            "tokens": self._tokens[of],
            "mask": self._counted[of].astype(bool),
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return TokenFeatures, (self.folder, self.n_rows, self.dim)


def mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """A file's content as an array, memory-mapped, read-only."""
    if 0 in shape:
        return np.zeros(shape, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r", shape=shape)
