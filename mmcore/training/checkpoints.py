"""Checkpoints: a folder counts only with its completion marker, which is written last and removed first."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

MARKER = "complete"
"""The file without which a checkpoint folder is what a killed process left behind."""

_PREFIX = "checkpoint-"


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint after `step` optimiser steps lies."""
    return folder / f"{_PREFIX}{step}"


def seal(checkpoint: Path) -> None:
    """Mark a checkpoint as complete, once everything in it has reached the disk."""
    for item in sorted(checkpoint.rglob("*")):
        if item.is_file():
            _sync(item)
    _sync(checkpoint)
    (checkpoint / MARKER).touch()
    _sync(checkpoint / MARKER)
    _sync(checkpoint)
    _sync(checkpoint.parent)


def discard(checkpoint: Path) -> None:
    """Delete a checkpoint; at no moment is a part of it taken for a whole one."""
    (checkpoint / MARKER).unlink(missing_ok=True)
    shutil.rmtree(checkpoint, ignore_errors=True)


def complete_checkpoints(folder: Path) -> dict[int, Path]:
    """The complete checkpoints in a folder by optimiser step, ascending."""
    return {step: path for step, path in sorted(_all(folder).items()) if (path / MARKER).is_file()}


def latest_checkpoint(folder: Path) -> Path | None:
    """The last complete checkpoint; None when there is none."""
    return max(complete_checkpoints(folder).items(), default=(0, None))[1]


def discard_incomplete(folder: Path) -> list[Path]:
    """Delete what a killed process left behind; which folders those were."""
    torn = [path for _, path in sorted(_all(folder).items()) if not (path / MARKER).is_file()]
    for path in torn:
        discard(path)
    return torn


def keep_only(folder: Path, steps: Collection[int]) -> None:
    """Delete all checkpoints but those after these steps."""
    for step, path in _all(folder).items():
        if step not in steps:
            discard(path)


def _all(folder: Path) -> dict[int, Path]:
    if not folder.is_dir():
        return {}
    found = {item.name.removeprefix(_PREFIX): item for item in folder.iterdir() if item.name.startswith(_PREFIX)}
    return {int(step): path for step, path in found.items() if step.isdecimal() and path.is_dir()}


def _sync(path: Path) -> None:
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
