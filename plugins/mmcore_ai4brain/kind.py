"""The kind `volume`: pictures of three dimensions; players are the boxes of a grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import mmcore
from mmcore_ai4brain.decoding import Volume, decode_volume
from mmcore_ai4brain.resampling import box_of, head_mask, head_statistics
from mmcore_ai4brain.spec import VolumeDescription, VolumeSpec, cube_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor, nn

    Inputs = dict[str, Tensor]

DEFAULT_SIDE = 3
"""Boxes along a side when nobody says how many."""

WORDS = (("left", "middle", "right"), ("back", "centre", "front"), ("bottom", "mid-height", "top"))
"""What the thirds of each axis are called."""


class VolumeKind(mmcore.Kind):
    """Samples are `Volume`s. Prepared: `voxels (1, D, H, W)`, normalised; D to the right, H to the front, W upwards."""

    baselines = MappingProxyType(
        {
            "default": "the mean brightness inside heads (zero after normalisation)",
            "mean": "the volume's own mean brightness",
        }
    )

    @property
    def primary(self) -> str:
        """The normalised voxels."""
        return "voxels"

    def decode(self, value: Any, *, root: Path, budget: mmcore.Budget) -> Volume:
        """Read a volume; see `decode_volume`."""
        return decode_volume(value, root, budget)

    def describe(self, samples: Iterable[Volume]) -> VolumeDescription:
        """The median shape and spacing; mean and spread of the voxels of heads, each volume counting once."""
        shapes, spacings, moments = [], [], []
        for sample in samples:
            mean, sd = head_statistics(sample.values, head_mask(sample.values))
            shapes.append(sample.values.shape)
            spacings.append(sample.spacing)
            moments.append((mean, sd * sd + mean * mean))
        if not shapes:
            return VolumeDescription()
        x, y, z = (int(count) for count in np.median(shapes, axis=0))
        right, front, up = (float(step) for step in np.median(spacings, axis=0))
        mean, square = np.mean(moments, axis=0)
        sd = float(np.sqrt(max(square - mean * mean, 0.0)))
        return VolumeDescription(shape=(x, y, z), spacing=(right, front, up), mean=float(mean), sd=sd or 1.0)

    def default_spec(self, description: mmcore.Description) -> VolumeSpec:
        """A cube of 64 voxels a side that holds the training volumes."""
        assert isinstance(description, VolumeDescription)
        return cube_of(description, 64)

    def prepare(self, sample: Volume, spec: mmcore.InputSpec) -> Inputs:
        """Normalise, resample, cut out the box."""
        assert isinstance(spec, VolumeSpec)
        return {"voxels": torch.from_numpy(np.ascontiguousarray(box_of(sample, spec)))[None]}

    def blank(self, spec: mmcore.InputSpec, description: mmcore.Description) -> Inputs:
        """The mean brightness everywhere."""
        assert isinstance(spec, VolumeSpec)
        return {"voxels": torch.zeros(spec.channels, *spec.size)}

    def players(
        self, sample: Volume, inputs: Inputs, spec: mmcore.InputSpec, *, granularity: str | int = "auto"
    ) -> mmcore.Players:
        """The boxes of a grid with `granularity` boxes along each side; together they cover every voxel.

        Raises:
            OptionError: the granularity is no number from 1 to the shortest side.
        """
        assert isinstance(spec, VolumeSpec)
        side = min(DEFAULT_SIDE, *spec.size) if granularity in ("auto", "boxes") else granularity
        if not isinstance(side, int) or isinstance(side, bool) or not 1 <= side <= min(spec.size):
            raise mmcore.OptionError(
                f"volumes have no granularity {granularity!r}",
                hint=f"Allowed: boxes, or 1 to {min(spec.size)} per side.",
            )
        edges = tuple(np.linspace(0, count, side + 1).round().astype(int) for count in spec.size)
        labels = tuple(_label(place, side) for place in np.ndindex(side, side, side))
        return mmcore.Players(labels, cells=edges, grid=(side, side, side), notes={"spec": spec})

    def mask(self, inputs: Inputs, players: mmcore.Players, keep: np.ndarray, *, baseline: str = "default") -> Inputs:
        """Masked boxes take the baseline's values."""
        assert players.grid is not None
        kept = np.asarray(keep, dtype=bool).reshape(-1, *players.grid)
        for axis, edges in enumerate(players.cells):
            kept = np.repeat(kept, np.diff(edges), axis=axis + 1)
        voxels = inputs["voxels"]
        still = voxels.mean((-3, -2, -1), keepdim=True) if baseline == "mean" else torch.zeros(())
        return {"voxels": torch.where(torch.from_numpy(kept)[:, None], voxels[None], still)}

    def render(
        self,
        axes: Axes,
        sample: Volume,
        players: mmcore.Players | None = None,
        values: np.ndarray | None = None,
    ) -> None:
        """Slices from the side, the front and above; with values, through the strongest box, boxes coloured."""
        from mmcore_ai4brain.drawing import draw_boxes, draw_slices

        if players is None or values is None:
            draw_slices(axes, sample.values, sample.spacing)
        else:
            spec = players.notes["spec"]
            assert players.grid is not None
            strengths = np.asarray(values, dtype=float).reshape(players.grid)
            draw_boxes(axes, box_of(sample, spec), spec.spacing, players.cells, strengths)

    def stem(self, description: mmcore.Description, dim: int) -> nn.Module:
        """Each of 4 x 4 x 4 boxes as a token, by one linear map and a learned place."""
        from mmcore_ai4brain.stem import VolumeStem

        assert isinstance(description, VolumeDescription)
        return VolumeStem(description, dim)

    def join(self, descriptions: Sequence[mmcore.Description]) -> VolumeDescription:
        """Several volumes of one head on one grid (T1 and FLAIR, co-registered) as channels.

        Raises:
            CompositionError: their grids differ.
        """
        parts = [part for part in descriptions if isinstance(part, VolumeDescription)]
        first = parts[0]
        for part in parts[1:]:
            if part.shape != first.shape or not np.allclose(part.spacing, first.spacing, rtol=0.01):
                raise mmcore.CompositionError(
                    f"volumes of {first.shape} voxels of {first.spacing} mm and of {part.shape} of {part.spacing} mm "
                    "can't be stacked by channel",
                    hint="Register them to one grid, or fuse them otherwise.",
                )
        return first.model_copy(update={"channels": sum(part.channels for part in parts)})

    def split(self, spec: mmcore.InputSpec, descriptions: Sequence[mmcore.Description]) -> list[mmcore.InputSpec]:
        """The same box for each, normalised by itself; cut from the middle, so that the grids stay together."""
        assert isinstance(spec, VolumeSpec)
        parts = [part for part in descriptions if isinstance(part, VolumeDescription)]
        return [replace(spec, channels=part.channels, crop="volume", mean=part.mean, sd=part.sd) for part in parts]

    def stack(self, inputs: Sequence[Inputs]) -> Inputs:
        """Batches `(B, C, D, H, W)` side by side by channel."""
        return {"voxels": torch.cat([part["voxels"] for part in inputs], dim=1)}

    def augment(self, sample: Volume, generator: np.random.Generator) -> Volume:
        """Mirrored left to right half of the time, moved by up to a 20th of each side, contrast and noise changed."""
        values = sample.values[::-1] if generator.random() < 0.5 else sample.values
        reaches = [count // 20 for count in values.shape]
        # one draw for each side, whatever its length: the same move of volumes that belong together
        steps = [int(generator.random() * (2 * reach + 1)) - reach for reach in reaches]
        values = _moved(values, steps)
        low, high = float(values.min()), float(values.max())
        span = (high - low) or 1.0
        gamma = float(np.exp(generator.uniform(-0.2, 0.2)))
        noise = generator.normal(0.0, 0.02, values.shape)
        changed = ((values - low) / span) ** gamma + noise
        return replace(sample, values=(low + span * changed).astype(np.float32))


def _label(place: tuple[int, ...], side: int) -> str:
    if side == 1:
        return "all"
    if side in (2, 3):
        return ", ".join(words[index if side == 3 else 2 * index] for words, index in zip(WORDS, place, strict=True))
    return ", ".join(f"{word} {index + 1}" for word, index in zip(("x", "y", "z"), place, strict=True))


def _moved(values: np.ndarray, steps: list[int]) -> np.ndarray:
    """Moved by whole voxels; what comes in is what stood at the border."""
    for axis, step in enumerate(steps):
        count = values.shape[axis]
        values = values.take(np.clip(np.arange(count) - step, 0, count - 1), axis=axis)
    return values
