"""What makes content the same content: hashes of samples, of the files that cells name, of a kind's own code."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.data.reading import RowReader, iterate_rows
from mmcore.files import digest

if TYPE_CHECKING:
    from mmcore.data.kind import Kind
    from mmcore.data.source import DataSource


def file_states(source: DataSource, reader: RowReader) -> str:
    """Size and time of change of every file that a cell names, so that a file that changed is read again."""
    import xxhash

    hasher = xxhash.xxh3_128()
    for _, row in iterate_rows(source.rows, reader.columns):
        for name in reader.modalities:
            hasher.update(_file_state(reader.root, reader.value(name, row)).encode())
    return hasher.hexdigest()


def _file_state(root: Path, value: Any) -> str:
    """Of the file that a cell names; empty where it names none."""
    if not isinstance(value, str) or len(value) > 1024 or "\n" in value or "\0" in value:
        return ""
    try:
        state = os.stat(os.path.join(root, value))
    except OSError:
        return ""
    return f"{value}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ino}\n"


def rows_state(source: DataSource, reader: RowReader, numbers: Sequence[int]) -> str:
    """Stands for these rows: their cells, and size and time of change of the files that cells name."""
    import xxhash

    hasher = xxhash.xxh3_128()
    for _, row in iterate_rows(source.rows, reader.columns, numbers):
        for name in reader.modalities:
            value = reader.value(name, row)
            _feed(hasher, value)
            hasher.update(_file_state(reader.root, value).encode())
    return hasher.hexdigest()


def kind_code(kind: Kind) -> str:
    """The kind's own source files: when its decoder changes, what it decoded before does not count."""
    try:
        files = sorted(Path(inspect.getfile(type(kind))).parent.glob("*.py"))
    except (TypeError, OSError):
        return type(kind).__qualname__
    return digest([type(kind).__qualname__, *(file.read_text(encoding="utf-8", errors="replace") for file in files)])


def sample_hash(sample: Any) -> int:
    """A 64-bit hash of a decoded sample's content, never 0; equal samples have equal hashes.

    >>> sample_hash({"a": 1}) == sample_hash({"a": 1}) != sample_hash({"a": 2})
    True
    """
    import xxhash

    hasher = xxhash.xxh3_64()
    _feed(hasher, sample)
    return hasher.intdigest() or 1


def size_of(sample: Any) -> int:
    """About how many bytes a decoded sample takes.

    >>> size_of([b"12345", "678"]) >= 8
    True
    """
    counter = _Counter()
    _feed(counter, sample)
    return counter.bytes


class _Counter:
    """In a hasher's place: counts what it is fed."""

    bytes = 0

    def update(self, data: Any) -> None:
        self.bytes += len(data)


def _feed(hasher: Any, value: Any) -> None:
    hasher.update(f"{type(value).__name__}:".encode())
    if isinstance(value, bytes | bytearray):
        hasher.update(value)
    elif value is None or isinstance(value, str | int | float | bool):
        hasher.update(repr(value).encode("utf-8", errors="surrogatepass"))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _feed(hasher, key)
            _feed(hasher, item)
    elif isinstance(value, list | tuple):
        for item in value:
            _feed(hasher, item)
    elif hasattr(value, "tobytes"):  # arrays and pictures
        form = [str(getattr(value, name, "")) for name in ("shape", "dtype", "mode", "size")]
        hasher.update(repr(form).encode())
        hasher.update(value.tobytes())
    elif hasattr(value, "numpy"):  # tensors
        _feed(hasher, value.numpy())
    elif hasattr(value, "__dict__"):  # a kind's own sample class
        _feed(hasher, vars(value))
    else:
        hasher.update(repr(value).encode())
    hasher.update(b";")
