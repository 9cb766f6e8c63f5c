"""The kind `image`: RGB pictures; players are the patches of a grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

import mmcore
from mmcore_image.baselines import baseline_pixels
from mmcore_image.decoding import decode_image
from mmcore_image.spec import ImageDescription, ImageSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor, nn

    Inputs = dict[str, Tensor]

DEFAULT_SIDE = 4
"""Patches along a side when nobody says how many."""


STRIP = 8
"""Times that a picture may be longer than wide before it counts as a strip."""

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class ImageKind(mmcore.Kind):
    """Samples are RGB PIL images. Prepared: `pixels (3, S, S)`, normalised."""

    baselines = MappingProxyType(
        {
            "default": "the mean colour of the data that the encoder was trained on (zero after normalisation)",
            "mean": "the picture's own mean colour",
            "blur": "the picture, blurred (Gaussian, a sixteenth of its side)",
        }
    )

    @property
    def primary(self) -> str:
        """The normalised pixels."""
        return "pixels"

    def decode(self, value: Any, *, root: Path, budget: mmcore.Budget) -> Image.Image:
        """Read a picture; see `decode_image`."""
        return decode_image(value, root, budget)

    def describe(self, samples: Iterable[Image.Image]) -> ImageDescription:
        """Every sample is RGB, so there is nothing to look for."""
        return ImageDescription(channels=3)

    def default_spec(self, description: mmcore.Description) -> ImageSpec:
        """224 pixels, scaled as for ImageNet."""
        return ImageSpec()

    def prepare(self, sample: Image.Image, spec: mmcore.InputSpec) -> Inputs:
        """Resize, cut out the middle, normalise."""
        assert isinstance(spec, ImageSpec)
        pixels = np.asarray(seen_part(sample, spec), dtype=np.float32) / 255.0
        normal = (pixels - np.asarray(spec.mean, np.float32)) / np.asarray(spec.std, np.float32)
        return {"pixels": torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))}

    def blank(self, spec: mmcore.InputSpec, description: mmcore.Description) -> Inputs:
        """The mean colour."""
        assert isinstance(spec, ImageSpec)
        assert isinstance(description, ImageDescription)
        return {"pixels": torch.zeros(description.channels, spec.size, spec.size)}

    def join(self, descriptions: Sequence[mmcore.Description]) -> ImageDescription:
        """Channels add up."""
        return ImageDescription(channels=sum(each.channels for each in descriptions))  # type: ignore[attr-defined]

    def split(self, spec: mmcore.InputSpec, descriptions: Sequence[mmcore.Description]) -> list[mmcore.InputSpec]:
        """Every picture is prepared as the one that the encoder was made for."""
        return [spec] * len(descriptions)

    def stack(self, inputs: Sequence[Inputs]) -> Inputs:
        """Side by side in the channels."""
        return {"pixels": torch.cat([each["pixels"] for each in inputs], dim=1)}

    def stem(self, description: mmcore.Description, dim: int) -> nn.Module:
        """Patches of 16 pixels, embedded linearly, with learned places."""
        from mmcore_image.stem import PatchStem

        assert isinstance(description, ImageDescription)
        return PatchStem(description.channels, dim)

    def players(
        self, sample: Image.Image, inputs: Inputs, spec: mmcore.InputSpec, *, granularity: str | int = "auto"
    ) -> mmcore.Players:
        """The patches of a grid with `granularity` patches along each side; together they cover every pixel.

        Raises:
            OptionError: the granularity is no number from 1 to the picture's side.
        """
        assert isinstance(spec, ImageSpec)
        side = DEFAULT_SIDE if granularity in ("auto", "patches") else granularity
        if not isinstance(side, int) or not 1 <= side <= spec.size:
            raise mmcore.OptionError(
                f"pictures have no granularity {granularity!r}", hint=f"Allowed: patches, or 1 to {spec.size} per side."
            )
        edges = np.linspace(0, spec.size, side + 1).round().astype(int)
        labels = tuple(f"row {row + 1}, column {column + 1}" for row in range(side) for column in range(side))
        return mmcore.Players(labels, cells=edges, grid=(side, side), notes={"spec": spec})

    def mask(self, inputs: Inputs, players: mmcore.Players, keep: np.ndarray, *, baseline: str = "default") -> Inputs:
        """Masked patches take the baseline's pixels."""
        assert players.grid is not None
        side = players.grid[0]
        cell = np.searchsorted(players.cells, np.arange(players.cells[-1]), side="right") - 1
        kept = np.asarray(keep, dtype=bool).reshape(-1, side, side)[:, cell][:, :, cell]
        pixels = inputs["pixels"]
        return {"pixels": torch.where(torch.from_numpy(kept)[:, None], pixels[None], baseline_pixels(pixels, baseline))}

    def render(
        self,
        axes: Axes,
        sample: Image.Image,
        players: mmcore.Players | None = None,
        values: np.ndarray | None = None,
    ) -> None:
        """The picture; with values, its grey version under patches coloured by their values."""
        from mmcore_image.drawing import draw_image, draw_patches

        if players is None or values is None:
            draw_image(axes, sample)
        else:
            draw_patches(axes, seen_part(sample, players.notes["spec"]), players.cells, np.asarray(values))

    def augment(self, sample: Image.Image, generator: np.random.Generator) -> Image.Image:
        """A random part (60 to 100 % of the area, aspect 3:4 to 4:3), mirrored half of the time."""
        wide, high = sample.size
        area, aspect = generator.uniform(0.6, 1.0), np.exp(generator.uniform(np.log(3 / 4), np.log(4 / 3)))
        w = int(np.clip(round(np.sqrt(area * aspect) * wide), 1, wide))
        h = int(np.clip(round(np.sqrt(area / aspect) * high), 1, high))
        # as shares of the room there is: the same part of samples of one time axis, whatever their sizes
        left, top = (int(generator.random() * (room + 1)) for room in (wide - w, high - h))
        part = sample.crop((left, top, left + w, top + h))
        return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if generator.random() < 0.5 else part


def seen_part(sample: Image.Image, spec: ImageSpec) -> Image.Image:
    """What the encoder sees of a picture, before normalisation: a square, `spec.size` pixels wide.

    Pixel for pixel what torchvision's `Resize` and `CenterCrop` give, but for strips longer than `STRIP` times their
    width, which are resized in their middle alone: one of 100,000 x 1 would become 25.6 million x 256 pixels.
    """
    wide, high = sample.size
    if spec.squash:
        resized = (spec.resized, spec.resized)
    elif wide <= high:
        resized = (spec.resized, int(spec.resized * high / wide))
    else:
        resized = (int(spec.resized * wide / high), spec.resized)
    left, top = round((resized[0] - spec.size) / 2), round((resized[1] - spec.size) / 2)
    square = (left, top, left + spec.size, top + spec.size)
    resample = FILTERS[spec.interpolation]
    if max(resized) > STRIP * min(resized):
        x, y = wide / resized[0], high / resized[1]
        box = (square[0] * x, square[1] * y, min(wide, square[2] * x), min(high, square[3] * y))
        return sample.resize((spec.size, spec.size), resample, box)
    whole = sample if sample.size == resized else sample.resize(resized, resample)
    return whole.crop(square)
