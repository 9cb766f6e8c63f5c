"""Which columns look like clips, and small clips to try."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SUFFIXES = frozenset(
    {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".mjpeg", ".ts", ".ogv", ".3gp"}
)

PERHAPS = frozenset({".npz", ".npy", ".gif"})
"""May as well be something else."""


def looks_like_clips(name: str, values: list[Any]) -> float:
    """From 0 to 1: how many cells name a video file or hold one; half for files that may be something else.

    >>> looks_like_clips("clip", ["a.mp4", "b.npz", None])
    0.75
    """
    cells = [value for value in values if value is not None and value == value and value != ""]
    return sum(_likeness(cell) for cell in cells) / len(cells) if cells else 0.0


def examples(folder: Path, count: int) -> list[Any]:
    """Small moving squares of different lengths, as video files, folders of frames, arrays and GIFs."""
    writers = (_as_mp4, _as_folder, _as_npz, _as_gif)
    names = []
    for number in range(count):
        name = f"clip-{number}"
        names.append(writers[number % len(writers)](folder, name, _moving_square(number)))
    return names


def _likeness(cell: Any) -> float:
    if isinstance(cell, bytes):
        return float(cell[4:8] == b"ftyp" or cell[:4] in (b"\x1aE\xdf\xa3",) or cell[8:12] == b"AVI ")
    if isinstance(cell, dict):
        return max((_likeness(cell[key]) for key in ("bytes", "path") if cell.get(key)), default=0.0)
    suffix = Path(cell).suffix.lower() if isinstance(cell, str) and len(cell) < 4096 and "\n" not in cell else ""
    return 1.0 if suffix in SUFFIXES else 0.5 if suffix in PERHAPS else 0.0


def _moving_square(number: int) -> Any:
    """`(T, 36, 48, 3)` uint8: a bright square that moves in one of eight directions."""
    import numpy as np

    length, angle = 10 + 3 * (number % 3), number * np.pi / 4
    time = np.linspace(-1, 1, length)[:, None, None]
    y, x = np.mgrid[:36, :48]
    inside = (abs(x - 24 - 12 * np.cos(angle) * time) < 6) & (abs(y - 18 - 9 * np.sin(angle) * time) < 6)
    ground = np.broadcast_to(np.stack([x * 4, y * 6, x * 0 + 25 * (number % 6)], axis=-1), (length, 36, 48, 3))
    return np.where(inside[..., None], 230, ground).astype(np.uint8)


def _as_mp4(folder: Path, name: str, frames: Any) -> str:
    import av

    with av.open(str(folder / f"{name}.mp4"), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=12)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return f"{name}.mp4"


def _as_folder(folder: Path, name: str, frames: Any) -> str:
    from PIL import Image

    (folder / name).mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / name / f"frame-{number}.png")
    return name


def _as_npz(folder: Path, name: str, frames: Any) -> str:
    import numpy as np

    np.savez(folder / f"{name}.npz", frames=frames, rate=12.0)
    return f"{name}.npz"


def _as_gif(folder: Path, name: str, frames: Any) -> str:
    from PIL import Image

    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(folder / f"{name}.gif", save_all=True, append_images=others, duration=80)
    return f"{name}.gif"
