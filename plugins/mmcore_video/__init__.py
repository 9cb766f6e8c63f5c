"""Clips: the kind `video`, and the encoders `c3d`, `slowfast`, `x3d`, `timesformer` and `frame_pool`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import mmcore
from mmcore_video.columns import examples, looks_like_clips
from mmcore_video.declared import encoders
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
    yield from encoders()
