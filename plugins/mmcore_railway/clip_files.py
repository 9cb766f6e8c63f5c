"""Clips as files: a picture clip as H.264 in MP4, a depth clip as 16-bit FFV1 in Matroska, which loses nothing."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_EXACT = {"fflags": "+bitexact"}
"""No time of writing and no random numbers in the file: equal clips are equal bytes."""


_H264 = {"crf": "14", "x264-params": "bframes=0:mbtree=0:rc-lookahead=0"}
"""Without looking ahead, whose outcome depends on where in memory a frame lies."""


def write_rgb(path: Path, frames: np.ndarray, rate: float) -> None:
    """Write frames `(F, H, W, 3)` uint8 as MP4; its losses are below what an eye sees. Sides must be even."""
    _write(path, frames, rate, codec="libx264", pixels="yuv420p", source="rgb24", options=_H264)


def write_depth(path: Path, depth: np.ndarray, rate: float, metres_per_unit: float) -> None:
    """Write depth `(F, H, W)` in metres as 16-bit grey frames that count `metres_per_unit`, rounded to the nearest."""
    units = np.clip(np.round(depth / metres_per_unit), 0, 65535).astype(np.uint16)
    _write(path, units, rate, codec="ffv1", pixels="gray16le", source="gray16le", options={})


def _write(
    path: Path, frames: np.ndarray, rate: float, *, codec: str, pixels: str, source: str, options: Mapping[str, str]
) -> None:
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=_EXACT) as container:
        stream: Any = container.add_stream(codec, rate=Fraction(rate).limit_denominator(1000), options=dict(options))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        stream.codec_context.thread_count = 1  # threads cut pictures otherwise on other machines
        for each in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(each), format=source)))
        container.mux(stream.encode())
