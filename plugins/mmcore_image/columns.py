"""Which columns look like pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})

_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\x00", b"MM\x00*")


def looks_like_images(name: str, values: list[Any]) -> float:
    """From 0 to 1: the share of cells that name a picture file or hold one."""
    cells = [value for value in values if value is not None and value == value and value != ""]
    return sum(_is_image(cell) for cell in cells) / len(cells) if cells else 0.0


def examples(folder: Path, count: int) -> list[Any]:
    """Small pictures of different sizes, shapes and formats."""
    import numpy as np
    from PIL import Image

    names = []
    for number in range(count):
        wide, high = 40 + 8 * (number % 3), 36 + 4 * (number % 4)
        x, y = np.meshgrid(np.linspace(0, 1, wide), np.linspace(0, 1, high))
        inside = (x - 0.3 - 0.08 * (number % 5)) ** 2 + (y - 0.5) ** 2 < 0.05
        pixels = np.stack([x * 255, y * 255, np.where(inside, 30.0 * (number % 8), 200.0)], axis=-1).astype(np.uint8)
        name = f"picture-{number}.{'png' if number % 2 else 'jpg'}"
        Image.fromarray(pixels).save(folder / name)
        names.append(name)
    return names


def _is_image(cell: Any) -> bool:
    if isinstance(cell, bytes):
        return cell.startswith(_SIGNATURES)
    if isinstance(cell, dict):
        return any(_is_image(cell[key]) for key in ("bytes", "path") if cell.get(key))
    return isinstance(cell, str) and Path(cell).suffix.lower() in SUFFIXES
