"""`mmcore cache`: what is kept between runs, how large it is, and how to be rid of it."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

MEANINGS = {
    "features": "vectors and tokens of frozen encoders; computed again when they are needed",
    "tables": "tables as Arrow files; read again when they are needed",
    "frames": "tables that were given in Python; written again when they are needed",
    "surveys": "which rows of a data set can be used; checked again when it is needed",
}


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete everything that is cached.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what is cached, or clear it. Nothing is lost: it is made again when it is needed.

    Example: mmcore cache --clear
    """
    from mmcore.cli.tables import print_json, print_table
    from mmcore.files import cache_folder

    folder = cache_folder()
    found = cached(folder)
    if clear:
        _clear(folder)
        freed = sum(size for _, _, size in found) - sum(size for _, _, size in cached(folder))
        if as_json:
            print_json({"folder": str(folder), "freed": freed})
        else:
            typer.echo(f"Freed {human(freed)}.")
        return
    if as_json:
        print_json({"folder": str(folder), "parts": [{"name": n, "entries": e, "bytes": b} for n, e, b in found]})
        return
    rows = [(name, str(entries), human(size), MEANINGS.get(name, "")) for name, entries, size in found]
    print_table(("what", "entries", "size", ""), rows, title=str(folder))
    typer.echo(f"{human(sum(size for _, _, size in found))} in all. mmcore cache --clear deletes it.", err=True)


def cached(folder: Path) -> list[tuple[str, int, int]]:
    """Name, entries and bytes on disk of each part of the cache."""
    parts = sorted(item for item in folder.iterdir() if item.is_dir()) if folder.is_dir() else []
    return [(part.name, sum(not item.name.startswith(".") for item in part.iterdir()), size_of(part)) for part in parts]


def size_of(folder: Path) -> int:
    """Bytes that a folder's files take on disk; holes in sparse files take none."""
    total = 0
    for item in folder.rglob("*"):
        with suppress(FileNotFoundError):  # another process has deleted it just now
            total += item.lstat().st_blocks * 512 if item.is_file() else 0
    return total


def human(size: float) -> str:
    """Bytes in words.

    >>> human(512), human(3 * 1024**2)
    ('512 B', '3.0 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"


def _clear(folder: Path) -> None:
    from mmcore.features import clear_features

    clear_features()  # leaves what another process is writing
    for item in folder.iterdir() if folder.is_dir() else ():
        if item.is_dir() and item.name != "features":
            shutil.rmtree(item, ignore_errors=True)
