"""The kind `video`: clips of RGB, depth or any channels; players are tubes of patches over time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import mmcore
from mmcore_video.baselines import baseline_frames
from mmcore_video.clip import Clip, unit_values
from mmcore_video.decoding import decode_video
from mmcore_video.sampling import frame_indices
from mmcore_video.spec import VideoDescription, VideoSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor, nn

    Inputs = dict[str, Tensor]

DEFAULT_SIDE = 4
"""Tubes along a side when nobody says how many; the same for every modality, so that tubes of RGB and depth agree."""

SEGMENTS = 8
"""Parts of the time when only time is parted."""

LOOKED_AT = 4
"""Frames of a clip whose values are counted when clips are described."""


class VideoKind(mmcore.Kind):
    """Samples are `Clip`s. Prepared: `frames (C, T, S, S)`, normalised; `(V, C, T, S, S)` for several views."""

    baselines = MappingProxyType(
        {
            "default": "the mean colour of the data that the encoder was trained on (zero after normalisation)",
            "mean": "the clip's own mean colour",
            "blur": "the clip, blurred (Gaussian, a sixteenth of its side)",
        }
    )

    @property
    def primary(self) -> str:
        """The normalised frames."""
        return "frames"

    def decode(self, value: Any, *, root: Path, budget: mmcore.Budget) -> Clip:
        """Read a clip; see `decode_video`."""
        return decode_video(value, root, budget)

    def describe(self, samples: Iterable[Clip]) -> VideoDescription:
        """Medians of rate, length and size; mean and spread of each channel over a few frames of each clip.

        Of clips with different numbers of channels, the most frequent number counts; `check` refuses the others.
        """
        seen: list[tuple[int, float, float, int, int, int]] = []
        sums: dict[int, np.ndarray] = {}
        for clip in samples:
            count, high, wide, channels = clip.frames.shape
            seen.append((channels, clip.rate, clip.seconds, count, high, wide))
            chosen = clip.frames[np.unique(np.linspace(0, count - 1, LOOKED_AT).round().astype(int))]
            values = unit_values(chosen[:, ::4, ::4]).astype(np.float64).reshape(-1, channels)
            moments = np.stack([values.mean(0), (values**2).mean(0), np.ones(channels)])
            sums[channels] = sums.get(channels, 0.0) + moments
        if not seen:
            return VideoDescription()
        channels = max(Counter(each[0] for each in seen).items(), key=lambda item: (item[1], item[0]))[0]
        rate, seconds, frames, high, wide = np.median([each[1:] for each in seen if each[0] == channels], axis=0)
        mean, square = sums[channels][:2] / sums[channels][2]
        std = np.sqrt(np.maximum(square - mean**2, 0.0))
        return VideoDescription(
            channels=channels,
            parts=(channels,),
            rate=float(rate),
            seconds=float(seconds),
            frames=max(1, round(frames)),
            size=(max(1, round(high)), max(1, round(wide))),
            mean=tuple(float(value) for value in mean),
            std=tuple(float(value) if value > 1e-6 else 1.0 for value in std),
        )

    def check(self, sample: Clip, description: mmcore.Description) -> None:
        """Refuse a clip of other channels than the training clips; grey ones count as RGB.

        Raises:
            InputError: other channels.
        """
        assert isinstance(description, VideoDescription)
        if sample.channels not in (description.channels, 1 if description.channels == 3 else description.channels):
            raise mmcore.InputError(
                "other channels", f"{sample.channels} channels; the training clips have {description.channels}"
            )

    def default_spec(self, description: mmcore.Description) -> VideoSpec:
        """16 frames of 112 pixels from the whole clip."""
        assert isinstance(description, VideoDescription)
        mean, std = description.moments()
        return VideoSpec(channels=description.channels, mean=mean, std=std)

    def prepare(self, sample: Clip, spec: mmcore.InputSpec) -> Inputs:
        """Choose frames, cut out the middle, resize (bilinear, antialiased), normalise.

        Raises:
            InputError: other channels than the encoder's.
        """
        assert isinstance(spec, VideoSpec)
        indices = frame_indices(len(sample), sample.rate, spec)
        chosen, places = np.unique(indices, return_inverse=True)
        pixels = seen_frames(sample, spec, chosen)
        mean, std = (torch.tensor(values, dtype=torch.float32)[:, None, None] for values in (spec.mean, spec.std))
        normal = ((pixels - mean) / std)[torch.from_numpy(places.reshape(indices.shape))]  # (V, T, C, S, S)
        return {"frames": normal.transpose(1, 2).reshape(spec.shape).contiguous()}

    def blank(self, spec: mmcore.InputSpec, description: mmcore.Description) -> Inputs:
        """The mean colour all the time."""
        assert isinstance(spec, VideoSpec)
        return {"frames": torch.zeros(spec.shape)}

    def players(
        self, sample: Clip, inputs: Inputs, spec: mmcore.InputSpec, *, granularity: str | int = "auto"
    ) -> mmcore.Players:
        """Tubes: the patches of a grid over the picture, each over one extent of time. They cover every pixel.

        `granularity`: p for p x p tubes over the whole clip, "PxPxT" for p x p patches times t extents of time,
        "tubes" for 4 x 4, "segments" for extents of time alone.

        Raises:
            OptionError: it is none of these, or finer than the frames.
        """
        assert isinstance(spec, VideoSpec)
        times, side = _grid(granularity, spec)
        starts = np.linspace(0, spec.frames, times + 1).round().astype(int)
        edges = np.linspace(0, spec.size, side + 1).round().astype(int)
        labels = tuple(", ".join(_label(place, (times, side), starts)) for place in np.ndindex(times, side, side))
        return mmcore.Players(labels, cells=(starts, edges), grid=(times, side, side), notes={"spec": spec})

    def mask(self, inputs: Inputs, players: mmcore.Players, keep: np.ndarray, *, baseline: str = "default") -> Inputs:
        """Masked tubes take the baseline's pixels, each frame by itself."""
        assert players.grid is not None
        starts, edges = players.cells
        kept = np.asarray(keep, dtype=bool).reshape(-1, *players.grid)
        for axis, borders in enumerate((starts, edges, edges)):
            kept = np.repeat(kept, np.diff(borders), axis=axis + 1)
        frames = inputs["frames"]
        shape = (len(kept), *([1] * (frames.ndim - 3)), *kept.shape[1:])
        still = baseline_frames(frames, baseline)
        return {"frames": torch.where(torch.from_numpy(kept.reshape(shape)), frames[None], still)}

    def render(
        self,
        axes: Axes,
        sample: Clip,
        players: mmcore.Players | None = None,
        values: np.ndarray | None = None,
    ) -> None:
        """Some frames in a row; with values, in grey under tubes coloured by their values."""
        from mmcore_video.drawing import draw_frames, draw_tubes

        if players is None or values is None:
            draw_frames(axes, sample.frames)
            return
        assert players.grid is not None
        spec = players.notes["spec"]
        indices = frame_indices(len(sample), sample.rate, spec)[0]
        pixels = seen_frames(sample, spec, indices).permute(0, 2, 3, 1).numpy()
        draw_tubes(axes, pixels, players.cells, np.asarray(values, dtype=float).reshape(players.grid))

    def stem(self, description: mmcore.Description, dim: int) -> nn.Module:
        """Each tubelet of 2 frames x 16 x 16 pixels as a token, by one linear map and a learned place."""
        from mmcore_video.stem import VideoStem

        assert isinstance(description, VideoDescription)
        return VideoStem(description, dim)

    def join(self, descriptions: Sequence[mmcore.Description]) -> VideoDescription:
        """RGB and depth of one scene as one clip of four channels.

        Raises:
            CompositionError: their pictures have different proportions, so that pixels would not meet.
        """
        parts = [part for part in descriptions if isinstance(part, VideoDescription)]
        first = parts[0]
        for part in parts[1:]:
            if abs(np.log(part.size[1] / part.size[0]) - np.log(first.size[1] / first.size[0])) > 0.05:
                raise mmcore.CompositionError(
                    f"clips of {first.size[1]} x {first.size[0]} and of {part.size[1]} x {part.size[0]} pixels have "
                    "different proportions, so their pixels don't meet in a stack",
                    hint="Cut them to one view, or fuse them otherwise.",
                )
        return first.model_copy(
            update={
                "channels": sum(part.channels for part in parts),
                "parts": tuple(count for part in parts for count in part.parts),
                "mean": tuple(value for part in parts for value in part.mean),
                "std": tuple(value for part in parts for value in part.std),
            }
        )

    def split(self, spec: mmcore.InputSpec, descriptions: Sequence[mmcore.Description]) -> list[mmcore.InputSpec]:
        """The same frames and the same square for each; its own channels."""
        assert isinstance(spec, VideoSpec)
        parts = [part for part in descriptions if isinstance(part, VideoDescription)]
        starts = np.cumsum([0, *(part.channels for part in parts)])
        return [spec.part(int(start), part.channels) for start, part in zip(starts, parts, strict=False)]

    def stack(self, inputs: Sequence[Inputs]) -> Inputs:
        """Batches `(B, …, C, T, S, S)` side by side by channel."""
        return {"frames": torch.cat([part["frames"] for part in inputs], dim=-4)}

    def duration(self, sample: Clip) -> float:
        """Frames divided by their rate."""
        return sample.seconds

    def cut(self, sample: Clip, seconds: float) -> Clip:
        """The frames of the first `seconds`; at least one."""
        return sample.until(seconds)

    def augment(self, sample: Clip, generator: np.random.Generator) -> Clip:
        """The same random part of every frame (60 to 100 % of the area, aspect 3:4 to 4:3), mirrored half the time."""
        high, wide = sample.frames.shape[1:3]
        area, aspect = generator.uniform(0.6, 1.0), np.exp(generator.uniform(np.log(3 / 4), np.log(4 / 3)))
        w = int(np.clip(round(np.sqrt(area * aspect) * wide), 1, wide))
        h = int(np.clip(round(np.sqrt(area / aspect) * high), 1, high))
        # as shares of the room there is: the same part of samples of one time axis, whatever their sizes
        left, top = (int(generator.random() * (room + 1)) for room in (wide - w, high - h))
        part = sample.frames[:, top : top + h, left : left + w]
        return replace(sample, frames=np.ascontiguousarray(part[:, :, ::-1] if generator.random() < 0.5 else part))


def seen_frames(sample: Clip, spec: VideoSpec, indices: np.ndarray) -> Tensor:
    """What the encoder sees of some frames, before normalisation: `(T, C, S, S)`, of values from 0 to 1."""
    frames = sample.frames[indices]
    if not spec.squash:
        high, wide = frames.shape[1:3]
        side = max(1, round(min(high, wide) * spec.size / spec.resized))
        top, left = (high - side) // 2, (wide - side) // 2
        frames = frames[:, top : top + side, left : left + side]
    pixels = torch.from_numpy(np.ascontiguousarray(unit_values(frames).transpose(0, 3, 1, 2)))
    if pixels.shape[1] == 1 and spec.channels == 3:
        pixels = pixels.expand(-1, 3, -1, -1)
    if pixels.shape[1] != spec.channels:
        raise mmcore.InputError("other channels", f"{pixels.shape[1]} channels; the encoder reads {spec.channels}")
    if pixels.shape[2:] == (spec.size, spec.size):
        return pixels
    return torch.nn.functional.interpolate(
        pixels, (spec.size, spec.size), mode="bilinear", align_corners=False, antialias=True
    )


def _grid(granularity: str | int, spec: VideoSpec) -> tuple[int, int]:
    """Extents of time, and patches along a side."""
    if granularity in ("auto", "tubes"):
        return 1, min(DEFAULT_SIDE, spec.size)
    if granularity == "segments":
        return min(SEGMENTS, spec.frames), 1
    times, side = 0, 0
    if isinstance(granularity, int) and not isinstance(granularity, bool):
        times, side = 1, granularity
    elif isinstance(granularity, str) and (found := re.fullmatch(r"(\d{1,4})x(\d{1,4})x(\d{1,4})", granularity)):
        times, side = int(found[3]), int(found[1]) if found[1] == found[2] else 0
    if not (1 <= side <= spec.size and 1 <= times <= spec.frames):
        raise mmcore.OptionError(
            f"clips have no granularity {granularity!r}",
            hint=f"Allowed: tubes, segments, 1 to {spec.size} per side, or PxPxT with T from 1 to {spec.frames}.",
        )
    return times, side


def _label(place: tuple[int, ...], grid: tuple[int, int], starts: np.ndarray) -> list[str]:
    (time, row, column), (times, side) = place, grid
    words = [f"row {row + 1}", f"column {column + 1}"] if side > 1 else []
    first, last = int(starts[time]) + 1, int(starts[time + 1])
    if times > 1:
        words.append(f"frame {first}" if first == last else f"frames {first}–{last}")
    return words or ["the whole clip"]
