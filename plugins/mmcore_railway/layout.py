"""The real layout on disk: a table of clips, or folders `rgb/<class>/<clip>` and `depth/<class>/<clip>`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mmcore

MODALITIES = ("rgb", "depth")

TABLE = "clips.csv"

GROUPS = ("group", "scene", "camera", "site")
"""Columns whose equal values keep clips together in the data set's own split; the first that is there counts."""

VIDEOS = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".npz", ".npy", ".gif"})
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})

Row = dict[str, str | None]


def find_layout(path: Path, layout: str) -> Path:
    """The table of a data set, or its folder where folders are to be read.

    Args:
        path: the data set's folder, or a table.
        layout: "table", "folders", or "auto": the table where there is one.

    Raises:
        DataError: there is no such folder or table, or neither of the folders `rgb` and `depth`.
    """
    if layout != "folders" and path.is_file():
        return path
    if not path.is_dir():
        raise mmcore.DataError(
            f"there is no {'table' if layout == 'table' else 'folder'} {str(path)!r}",
            hint="Write a simulated data set with: mmcore simulate railway " + str(path),
        )
    if layout != "folders" and (path / TABLE).is_file():
        return path / TABLE
    if layout == "table":
        raise mmcore.DataError(f"there is no {TABLE} in {str(path)!r}")
    if not any((path / modality).is_dir() for modality in MODALITIES):
        raise mmcore.DataError(
            f"{str(path)!r} has neither {TABLE} nor a folder rgb or depth",
            hint="Clips belong in rgb/<class>/<clip>.mp4 and depth/<class>/<clip>.mkv, or folders of frames.",
        )
    return path


def read_rows(found: Path) -> list[Row]:
    """The clips that `find_layout` found: id, rgb, depth, label, and split and group where they are known.

    Paths are relative to the folder that holds the table, or the folders. A modality that a clip lacks is None.

    Raises:
        DataError: nothing is there, names do not match, a table lacks a column.
    """
    return _table_rows(found) if found.is_file() else _folder_rows(found)


def _table_rows(path: Path) -> list[Row]:
    known = mmcore.table_columns(str(path), {"label"})
    if "label" not in known or not set(MODALITIES) & set(known):
        missing = "label" if "label" not in known else "rgb, and no column depth"
        raise mmcore.DataError(
            f"no column {missing}", where=str(path), hint="Columns: id, rgb, depth, label, and perhaps split and scene."
        )
    group = next((name for name in GROUPS if name in known), None)
    wanted = {"id": "id", "rgb": "rgb", "depth": "depth", "label": "label", "split": "split", "group": group}
    table = mmcore.read_table(str(path), text=[column for column in wanted.values() if column in known])
    rows: list[Row] = []
    for number, cells in enumerate(table):
        row = {name: _text(cells.get(column)) for name, column in wanted.items() if column in known}
        rows.append({"id": str(number + 1), "rgb": None, "depth": None, **row})
    if not rows:
        raise mmcore.DataError("the table has no rows", where=str(path))
    return rows


def _text(cell: Any) -> str | None:
    return None if cell is None or not str(cell).strip() else str(cell)


def _folder_rows(folder: Path) -> list[Row]:
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for modality in MODALITIES:
        for key, path in _clips(folder / modality):
            clip = found.setdefault(key, {})
            if modality in clip:
                raise mmcore.DataError(
                    f"two clips of one name: {clip[modality]} and {path.relative_to(folder)}", where=str(folder)
                )
            clip[modality] = str(path.relative_to(folder).as_posix())
    there = {modality for clip in found.values() for modality in clip}
    if not found:
        raise mmcore.DataError("its folders rgb and depth hold no clips", where=str(folder))
    if len(there) == 2 and not any(len(clip) == 2 for clip in found.values()):
        names = [next(clip[modality] for clip in found.values() if modality in clip) for modality in MODALITIES]
        raise mmcore.DataError(
            f"no clip is both in rgb and in depth: there are {names[0]} and {names[1]}, for example",
            where=str(folder),
            hint="Give both clips of a scene one name, or bring a table clips.csv.",
        )
    rows: list[Row] = []
    for key in sorted(found):
        row: Row = {"id": "/".join(key), "rgb": None, "depth": None, **found[key], "label": key[0]}
        rows.append({**row, "group": key[1] if len(key) > 2 else None})
    if not all(row["group"] for row in rows):
        for row in rows:
            del row["group"]
    return rows


def _clips(folder: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Clips below `<modality>`, each with its class, its scene where clips lie in folders of scenes, and its name."""
    for label in _folders(folder):
        for name, path in _entries(label):
            yield (label.name, name), path
        for scene in _folders(label):
            if not _holds_pictures(scene):
                for name, path in _entries(scene):
                    yield (label.name, scene.name, name), path


def _entries(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in _visible(folder):
        if path.is_dir():
            if _holds_pictures(path):
                yield path.name, path
        elif path.suffix.lower() in VIDEOS:
            yield path.stem, path


def _folders(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.is_dir()] if folder.is_dir() else []


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _holds_pictures(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(os.path.splitext(entry.name)[1].lower() in PICTURES for entry in entries)
