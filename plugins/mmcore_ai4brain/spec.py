"""What is remembered of volumes, and how an encoder wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import mmcore

Triple = tuple[int, int, int]
Spacing = tuple[float, float, float]


class VolumeDescription(mmcore.Description):
    """The training volumes.

    Args:
        shape: voxels along right, front and up, the median over the volumes.
        spacing: millimetres from voxel to voxel, the median.
        mean, sd: of the voxels of heads, background left out.
        channels: volumes that are stacked; 1 but for several modalities that are read as one.
    """

    shape: Triple = (64, 64, 64)
    spacing: Spacing = (3.0, 3.0, 3.0)
    mean: float = 0.0
    sd: float = 1.0
    channels: int = 1

    @property
    def extent(self) -> Spacing:
        """Millimetres along each axis.

        >>> VolumeDescription(shape=(10, 20, 30), spacing=(1.0, 2.0, 0.5)).extent
        (10.0, 40.0, 15.0)
        """
        x, y, z = (count * step for count, step in zip(self.shape, self.spacing, strict=True))
        return x, y, z


@dataclass(frozen=True)
class VolumeSpec(mmcore.InputSpec):
    """The box that an encoder sees, and how its values are scaled.

    Args:
        size: voxels (D, H, W) of the box, along right, front and up.
        spacing: millimetres from voxel to voxel; a volume is resampled to it, so that sizes in millimetres stay.
        crop: where the middle of the box lies: in the middle of the "volume", or in the centre of the "brain", which
            is that of all voxels brighter than the background. What lies outside the volume is background.
        normalise: "brain": by the mean and standard deviation of the volume's own voxels brighter than the background
            (MRI has no unit); "training": by `mean` and `sd`, for values that have one (CT).
        mean, sd: for "training".
        channels: volumes that are stacked.
    """

    size: Triple = (64, 64, 64)
    spacing: Spacing = (3.0, 3.0, 3.0)
    crop: Literal["volume", "brain"] = "brain"
    normalise: Literal["brain", "training"] = "brain"
    mean: float = 0.0
    sd: float = 1.0
    channels: int = 1


def cube_of(description: VolumeDescription, size: int, normalise: Literal["brain", "training"] = "brain") -> VolumeSpec:
    """A cube of `size` voxels a side that holds the training volumes whole.

    >>> cube_of(VolumeDescription(shape=(160, 192, 128), spacing=(1.0, 1.0, 1.5)), 96).spacing
    (2.0, 2.0, 2.0)
    """
    step = max(description.extent) / size
    return VolumeSpec(
        size=(size, size, size),
        spacing=(step, step, step),
        crop="brain" if description.channels == 1 else "volume",  # stacked volumes keep their common grid
        normalise=normalise,
        mean=description.mean,
        sd=description.sd,
        channels=description.channels,
    )
