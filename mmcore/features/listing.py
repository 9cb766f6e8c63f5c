"""What the feature cache holds, and how to be rid of it."""

from __future__ import annotations

import math
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from mmcore.features.store import DONE, META, features_folder, lock, read_meta

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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
    tokens: bool = False


def list_features(folder: Path | None = None) -> list[StoredFeatures]:
    """All features in the cache, the last used first."""
    found = []
    for meta_path in sorted((folder or features_folder()).glob(f"*/{META}")):
        meta = read_meta(meta_path.parent)
        if meta is None:
            continue
        place = meta_path.parent
        done = place / DONE
        found.append(
            StoredFeatures(
                place.name, place, int(meta["n_rows"]), int(meta["dim"]),
                done.is_file() and b"\x00" not in done.read_bytes(),
                sum(_bytes_on_disk(item) for item in place.iterdir()), meta_path.stat().st_mtime, meta.get("about", {}),
                bool(meta.get("tokens", False)),
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
            with lock(stored.folder, wait=False):
                shutil.rmtree(stored.folder, ignore_errors=True)
        except Timeout:
            continue
        freed += stored.bytes
    return freed


def _bytes_on_disk(path: Path) -> int:
    status = path.stat()
    return getattr(status, "st_blocks", math.ceil(status.st_size / 512)) * 512
