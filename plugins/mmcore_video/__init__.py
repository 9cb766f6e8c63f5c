"""Clips: the kind `video`, the encoders `c3d`, `slowfast`, `x3d`, `timesformer` and `frame_pool`, `mmcore depth`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import mmcore
from mmcore_video import declared
from mmcore_video.columns import examples, looks_like_clips
from mmcore_video.spec import VideoDescription, VideoSpec

if TYPE_CHECKING:
    from mmcore_video.kind import VideoKind

__all__ = ["VideoDescription", "VideoSpec"]


def build_kind(options: mmcore.NoOptions) -> VideoKind:
    """The kind `video`."""
    from mmcore_video.kind import VideoKind

    return VideoKind()


@mmcore.hookimpl
def mmcore_modality_kinds() -> Iterator[mmcore.ModalityKind]:
    """The kind `video`."""
    yield mmcore.ModalityKind(
        name="video",
        summary="A clip of RGB, depth or other frames: a file, a folder of frames, an array; players are tubes",
        build=build_kind,
        description=VideoDescription,
        input_spec=VideoSpec,
        guess=looks_like_clips,
        examples=examples,
        requires=("av", "PIL"),
        extra="mmcore-framework[video]",
    )


@mmcore.hookimpl
def mmcore_encoders() -> Iterator[mmcore.Encoder]:
    """`c3d`, `slowfast`, `x3d`, `timesformer` and `frame_pool`."""
    yield from declared.encoders()


def build_depth() -> Callable[..., None]:
    """The function of `mmcore depth`."""
    from mmcore_video.depth.command import depth

    return depth


@mmcore.hookimpl
def mmcore_commands() -> Iterator[mmcore.Command]:
    """`mmcore depth`."""
    yield mmcore.Command(
        name="depth",
        summary="Estimate depth from RGB pictures and clips: 16-bit PNG with their scale, and previews",
        build=build_depth,
    )
