"""X3D (Feichtenhofer, X3D: Expanding Architectures for Efficient Video Recognition, arXiv:2004.04730)."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

import mmcore
from mmcore_video.encoders.clip_encoder import ClipEncoder, clip_spec
from mmcore_video.encoders.library import pytorchvideo_models
from mmcore_video.options import X3DOptions
from mmcore_video.spec import VideoDescription
from mmcore_video.weights import fetched, load_state, read_state

ZOO = "https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics"

MODELS = {"xs": (4, 160, 2.2), "s": (13, 160, 2.2), "m": (16, 224, 2.2), "l": (16, 312, 5.0)}
"""Frames, size and depth, as pytorchvideo's hub has them."""

FEATURES = 2048
"""What the classifier reads, whatever the width."""


class X3DEncoder(ClipEncoder):
    """`vector (B, 2048)`: what the classifier would read, after the last ReLU."""

    def __init__(self, options: X3DOptions, description: VideoDescription):
        super().__init__()
        frames, size, depth = MODELS[options.model]
        self.input_spec = clip_spec(options, description, frames=options.frames or frames, size=options.size or size)
        self.model = pytorchvideo_models("x3d").create_x3d(
            input_channel=description.channels,
            input_clip_length=self.input_spec.frames,
            input_crop_size=self.input_spec.size,
            model_num_class=1,
            width_factor=options.width,
            depth_factor=options.depth or depth,
            dropout_rate=0.0,
            head_dim_out=FEATURES,
        )
        self.model.blocks[-1].proj = nn.Identity()
        self.model.blocks[-1].pool.pool = nn.AdaptiveAvgPool3d(1)  # the same for clips of the stated size
        self.dim = FEATURES

    @property
    def blocks(self) -> list[nn.Module]:
        """The stem, the four stages, the last layers."""
        return list(self.model.blocks)

    def encode(self, frames: Tensor) -> mmcore.Representation:
        """The vector of each view."""
        for block in self.model.blocks[:-1]:
            frames = block(frames)
        return mmcore.Representation(self.model.blocks[-1].pool(frames).flatten(1))


def x3d_encoder(options: X3DOptions, description: VideoDescription, weights: str | Path) -> X3DEncoder:
    """X3D with the weights of Kinetics-400, none, or those of a file.

    Raises:
        MissingDependency: the weights are not here and can't be downloaded.
        DataError: the file does not hold this network's weights.
    """
    encoder = X3DEncoder(options, description)
    if weights != "none":
        url = f"{ZOO}/X3D_{options.model.upper()}.pyth"
        path = fetched(url, encoder="x3d") if weights == "pretrained" else Path(weights)
        load_state(encoder.model, read_state(path), str(path), first="blocks.0.conv.conv_t.")
    return encoder
