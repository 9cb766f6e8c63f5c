"""What `mmcore depth` is to work on: pictures, video files and folders of frames, and where their depth goes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

import mmcore
from mmcore_video.clip import RATE, checked_rate
from mmcore_video.columns import SUFFIXES as VIDEO_SUFFIXES
from mmcore_video.containers import frames_of
from mmcore_video.frame_files import SUFFIXES, frame_paths, natural_key, read_gif, read_picture, sidecar

BUDGET = mmcore.Budget(bytes=2**43, seconds=float("inf"))
"""Frames are read one by one, so only their own size is limited."""

PREVIEWS = "previews"
"""The folder of the previews, within the results'."""


@dataclass(frozen=True)
class Source:
    """One picture, video file or folder of frames.

    Args:
        path: where it is.
        name: of its result, relative to the results' folder, without a suffix.
        form: what it is.
    """

    path: Path
    name: str
    form: Literal["picture", "video", "frames"]

    def frames(self) -> Iterator[tuple[np.ndarray, float]]:
        """RGB frames `(H, W, 3)` uint8 and their rate, one by one.

        Raises:
            InputError: it can't be read, or ends before it should.
        """
        if self.form == "picture":
            yield (
                _rgb(
                    read_picture(mmcore.input_bytes(self.path.name, self.path.parent, BUDGET), self.path.name, BUDGET)
                ),
                RATE,
            )
        elif self.form == "frames":
            rate = checked_rate(sidecar(self.path).get("rate", RATE))
            for path in frame_paths(self.path):
                content = mmcore.input_bytes(path.name, self.path, BUDGET)
                yield _rgb(read_picture(content, path.name, BUDGET)), rate
        elif self.path.suffix.lower() == ".gif":
            clip = read_gif(mmcore.input_bytes(self.path.name, self.path.parent, BUDGET), BUDGET)
            yield from ((frame, clip.rate) for frame in clip.frames)
        else:
            path = mmcore.input_file(self.path.name, self.path.parent, BUDGET)
            for frame, rate in frames_of(path, BUDGET):
                yield _rgb(frame), rate


def sources_in(place: Path, *, one_clip: bool = False) -> list[Source]:
    """What there is to do, in natural order.

    A folder is searched to its depths: video files are clips, folders within it that hold pictures are clips of frames,
    and pictures directly in it are pictures; with `one_clip` they are the frames of one clip.

    Raises:
        DataError: there is nothing, or nothing of these.
    """
    if not place.exists():
        raise mmcore.DataError("there is no such file or folder", where=str(place))
    if place.is_file():
        found = _source(place, place.parent)
        if found is None:
            raise mmcore.DataError(
                "is neither a picture nor a video", where=str(place), hint=f"Allowed: {_suffixes()}, or a folder."
            )
        return [found]
    if one_clip:
        if not frame_paths(place):
            raise mmcore.DataError("holds no pictures", where=str(place))
        return [Source(place, place.resolve().name or "clip", "frames")]
    found_all = list(_search(place, place))
    if not found_all:
        raise mmcore.DataError("holds no pictures and no videos", where=str(place), hint=f"Looked for: {_suffixes()}.")
    twice = {name for name, count in Counter(each.name for each in found_all).items() if count > 1}
    return [
        Source(
            each.path,
            f"{each.name}{each.path.suffix.replace('.', '-')}" if each.name in twice else each.name,
            each.form,
        )
        for each in found_all
    ]


def without_results(sources: list[Source], place: Path, results: Path) -> list[Source]:
    """The sources in `place` but for what lies in the results' folder, where that lies within `place`."""
    inner = results.resolve()
    if not inner.is_relative_to(place.resolve()):
        return sources
    return [source for source in sources if not source.path.resolve().is_relative_to(inner)]


def _search(folder: Path, root: Path) -> Iterator[Source]:
    try:
        entries = sorted((entry for entry in os.scandir(folder)), key=lambda entry: natural_key(entry.name))
    except OSError as error:
        raise mmcore.DataError(f"can't be read ({error.strerror})", where=str(folder)) from error
    pictures = False
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _search(Path(entry.path), root)
        elif entry.is_file():
            found = _source(Path(entry.path), root)
            if found is not None and (found.form == "video" or folder == root):
                yield found
            pictures |= found is not None and found.form == "picture"
    if pictures and folder != root:
        yield Source(folder, folder.relative_to(root).as_posix(), "frames")


def _source(path: Path, root: Path) -> Source | None:
    suffix, name = path.suffix.lower(), path.relative_to(root).with_suffix("").as_posix()
    if suffix in SUFFIXES:
        return Source(path, name, "picture")
    return Source(path, name, "video") if suffix in VIDEO_SUFFIXES or suffix == ".gif" else None


def _suffixes() -> str:
    return ", ".join(sorted({*SUFFIXES, *VIDEO_SUFFIXES, ".gif"}))


def _rgb(frame: np.ndarray) -> np.ndarray:
    """Frames of any depth and channels as RGB of 8 bits."""
    if frame.dtype == np.uint16:
        frame = (frame >> 8).astype(np.uint8)
    if frame.dtype != np.uint8:
        raise mmcore.InputError("wrong type", f"a picture of {frame.dtype} is no RGB picture")
    return np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame[..., :3]
