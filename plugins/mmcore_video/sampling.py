"""Which frames of a clip an encoder sees."""

from __future__ import annotations

import numpy as np

from mmcore_video.spec import VideoSpec


def frame_indices(count: int, rate: float, spec: VideoSpec) -> np.ndarray:
    """The frames of each view, `(V, T)`, each from 0 to `count - 1` and none before the one it follows.

    Uniform: the clip is parted into T equal segments, and each gives its middle frame; of V views, the v-th takes the
    frame at the share (v + ½) / V of every segment. Dense: frames at a fixed distance, `stride` divided by `spec.rate`
    seconds or `stride` frames; one view is taken from the middle, V views are spread evenly from the beginning to the
    end. A clip that is too short repeats frames: uniform sampling its own, dense sampling its last.

    Args:
        count: frames of the clip, at least 1.
        rate: its frames per second.
        spec: which ones are wanted.

    >>> frame_indices(8, 25.0, VideoSpec(frames=4)).tolist()
    [[1, 3, 5, 7]]
    >>> frame_indices(8, 25.0, VideoSpec(frames=3, sampling="dense", stride=2, views=2)).tolist()
    [[0, 2, 4], [3, 5, 7]]
    >>> frame_indices(1, 25.0, VideoSpec(frames=3)).tolist()
    [[0, 0, 0]]
    """
    if spec.sampling == "uniform":
        part = np.arange(spec.frames)[None] * spec.views + np.arange(spec.views)[:, None]
        return (2 * part + 1) * count // (2 * spec.frames * spec.views)  # in whole numbers: halves must not wobble
    step = spec.stride * (rate / spec.rate if spec.rate else 1.0)
    steps = np.floor(np.arange(spec.frames) * step + 0.5).astype(np.int64)
    room = max(0, count - 1 - int(steps[-1]))
    starts = np.linspace(0, room, spec.views) if spec.views > 1 else np.array([room / 2])
    return np.clip(np.floor(starts + 0.5).astype(np.int64)[:, None] + steps[None], 0, count - 1)
