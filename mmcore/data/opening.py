"""Look before opening: a cell that names a file becomes its path or its content, or the reason why it can't."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from mmcore.data.kind import Budget
from mmcore.errors import InputError


def input_file(value: str | Path, root: Path, budget: Budget) -> Path:
    """The path of a regular file within the budget of bytes, for readers that open it themselves.

    Args:
        value: a path relative to `root`, or an absolute one.

    Raises:
        InputError: not found, not a file (a folder, a pipe that would be waited for), unreadable, empty file, too
            large.

    >>> input_file("no-such-file", Path("."), Budget())
    Traceback (most recent call last):
    mmcore.errors.InputError: there is no file 'no-such-file'
    """
    path = root / value
    try:
        status = path.stat()
    except PermissionError as error:
        raise InputError("unreadable", f"{_shown(value)} can't be read ({error.strerror})") from error
    except (OSError, ValueError) as error:  # also a link that leads to itself, and what can't be a path
        raise InputError("not found", f"there is no file {_shown(value)}") from error
    if not stat.S_ISREG(status.st_mode):
        raise InputError("not a file", f"{_shown(value)} is no regular file")
    if status.st_size > budget.bytes:
        raise _too_large(status.st_size, budget)
    if not status.st_size:
        raise InputError("empty file", f"{_shown(value)} has no content")
    return path


def input_bytes(value: Any, root: Path, budget: Budget) -> bytes:
    """The content of a file, or of bytes that are given as such, within the budget.

    Raises:
        InputError: as `input_file` does, or "wrong type" for what is neither a path nor bytes.

    >>> input_bytes(b"abc", Path("."), Budget())
    b'abc'
    """
    if isinstance(value, bytes | bytearray | memoryview):
        content = bytes(value)
        if len(content) > budget.bytes:
            raise _too_large(len(content), budget)
        if not content:
            raise InputError("empty file", "it has no content")
        return content
    if not isinstance(value, str | Path):
        raise InputError("wrong type", f"{type(value).__name__} is no path and no content of a file")
    path = input_file(value, root, budget)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError("unreadable", f"{_shown(value)} can't be read ({error.strerror})") from error


def _shown(value: str | Path) -> str:
    return repr(str(value)[:200])


def _too_large(size: int, budget: Budget) -> InputError:
    return InputError("too large", f"{size:,} bytes; the limit is {budget.bytes:,}")
