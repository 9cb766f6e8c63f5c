"""Video files, by PyAV: their frames one by one, and whether all of them are there."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError, InvalidDataError

import mmcore
from mmcore_video.clip import RATE, Clip, checked_rate, lasts_within, within

SHORT_SIDE = 360
"""Pixels: larger frames are made smaller as they are read. No encoder here sees more, and a minute in full HD would be
nine gigabytes."""

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,m4v,flv,asf,ogg,mjpeg,mxf,gif,nut,ivf,h264,hevc,"
    "obu,av1,dv,wtv,yuv4mpegpipe,apng,webp"
)
"""What is looked for in a file. FFmpeg knows more, some of which open other files or addresses (playlists)."""


@dataclass
class Count:
    """What a reading came to: how many frames, where in time the last one ends, and whether a part was no frame."""

    frames: int = 0
    end: float | None = None
    damaged: bool = False
    broken: str = ""


def read_container(source: Path | bytes, budget: mmcore.Budget) -> Clip:
    """The frames of a video file's first picture track.

    Grey frames of more than 8 bits keep 16 (depth); other grey ones have one channel; all else becomes RGB. Turned as
    the file says.

    Raises:
        InputError: not a video, no video, truncated, damaged, no frames, no frame rate, too large.
    """
    kept: list[np.ndarray] = []
    rate = RATE
    for frame, rate in frames_of(source, budget, short_side=SHORT_SIDE):
        kept.append(frame)
        within(len(kept), frame.shape[:2], budget)
        lasts_within(len(kept) / rate, budget)
    if any(frame.shape != kept[0].shape for frame in kept):
        raise mmcore.InputError("damaged", "its frames are not all of one size")
    return Clip(np.stack(kept), rate)


def frames_of(
    source: Path | bytes, budget: mmcore.Budget, *, short_side: int | None = None
) -> Iterator[tuple[np.ndarray, float]]:
    """Each frame `(H, W, C)` with the frame rate, in order, without holding the others.

    Whether frames are missing at the end is known at the end: the error comes after the last frame that is there.

    Raises:
        InputError: as `read_container`.
    """
    try:
        # a file object, not a path: a name can't be taken for an address then
        with _opened(source) as stream, av.open(stream, options={"format_whitelist": FORMATS}) as container:
            if not container.streams.video:
                raise mmcore.InputError("no video", "it has no picture track")
            track = container.streams.video[0]
            if track.codec_context is None:
                raise mmcore.InputError(
                    "damaged", "it doesn't say how its pictures are coded, or in a way unknown here"
                )
            within(1, (track.codec_context.height, track.codec_context.width), budget)
            rate = checked_rate(track.average_rate or track.guessed_rate or track.base_rate or 0)
            count = Count()
            for frame in _decoded(container, track, count):
                _note(count, frame, rate)
                within(1, (frame.height, frame.width), budget)
                yield _array(frame, short_side), rate
            _require_all(count, container, track, rate)
    except mmcore.InputError:
        raise
    except MemoryError as error:
        raise mmcore.InputError("too large", "its frames do not fit into memory") from error
    except Exception as error:  # whatever a decoder stumbles over is the file's fault
        raise _refusal(error) from error


def _opened(source: Path | bytes) -> Any:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _refusal(error: BaseException) -> mmcore.InputError:
    text = f"{error.strerror if isinstance(error, FFmpegError) and error.strerror else error}"
    if isinstance(error, EOFError):
        return mmcore.InputError("truncated", f"it ends before its frames do ({text})")
    return mmcore.InputError("damaged", f"can't be read as a video ({text})")


def _decoded(container: Any, track: Any, count: Count) -> Iterator[Any]:
    """The frames that a decoder gives; a part that it can't read is noted, and is the end if nothing follows it."""
    for packet in container.demux(track):
        try:
            frames = packet.decode()
        except InvalidDataError as error:
            count.broken = str(error.strerror or error)
            continue
        if frames and count.broken:
            raise mmcore.InputError("damaged", f"frame {count.frames + 1} can't be read ({count.broken})")
        yield from frames


def _note(count: Count, frame: Any, rate: float) -> None:
    count.frames += 1
    count.damaged |= bool(frame.is_corrupt)
    if frame.time is not None:
        lasts = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
        count.end = max(frame.time + max(lasts, 1 / rate), count.end or 0.0)


def _array(frame: Any, short_side: int | None) -> np.ndarray:
    """`(H, W, C)`: uint8, or uint16 for grey of more than 8 bits."""
    wide, high = frame.width, frame.height
    if short_side is not None and min(wide, high) > short_side:
        scale = short_side / min(wide, high)
        wide, high = max(1, round(wide * scale)), max(1, round(high * scale))
    shape = (
        {"width": wide, "height": high, "interpolation": "AREA"} if (wide, high) != (frame.width, frame.height) else {}
    )
    grey = frame.format.name.startswith("gray")
    wanted = ("gray16le" if frame.format.components[0].bits > 8 else "gray") if grey else "rgb24"
    pixels = frame.to_ndarray(format=wanted, **shape)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    quarter, rest = divmod(int(frame.rotation), 90)
    return np.rot90(pixels, quarter) if quarter and not rest else pixels


def _require_all(count: Count, container: Any, track: Any, rate: float) -> None:
    """Refuse a file of which fewer frames came out than it says that it holds: a decoder stops there without an error.

    Both the count and the time have to fall short: a count alone does so in files that were cut by an edit list.
    """
    said = int(track.frames or 0)
    if count.broken and count.frames:
        raise mmcore.InputError("truncated", f"nothing can be read after frame {count.frames} ({count.broken})")
    if not count.frames:
        what = f"it says that it holds {said} frames, and none can be read" if said else "it holds no frames"
        raise mmcore.InputError("truncated" if said else "no frames", what)
    lasts = _duration(container, track)
    short = lasts is not None and count.end is not None and count.end < lasts - 1.5 / rate
    if short and (not said or count.frames < said):
        of = f"{count.frames} of {said} frames" if said else f"{count.end:.2f} of {lasts:.2f} seconds"
        raise mmcore.InputError("truncated", f"only {of} can be read")
    if count.damaged:
        raise mmcore.InputError("damaged", "some of its frames can't be decoded whole")


def _duration(container: Any, track: Any) -> float | None:
    """When the picture track ends, in seconds, as the container says; None when it doesn't."""
    if track.duration is not None and track.time_base is not None:
        return float((track.duration + (track.start_time or 0)) * track.time_base)
    told = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", track.metadata.get("DURATION", ""))
    if told:  # Matroska, which says it for each track
        return int(told[1]) * 3600 + int(told[2]) * 60 + float(told[3])
    if container.duration and len(container.streams) == 1:  # with a sound track, it may be the sound that lasts longer
        return float(container.duration / av.time_base)
    return None
