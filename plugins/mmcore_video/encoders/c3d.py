"""C3D (Tran et al., Learning Spatiotemporal Features with 3D Convolutional Networks, arXiv:1412.0767)."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

import mmcore
from mmcore_video import spec
from mmcore_video.encoders.clip_encoder import ClipEncoder, clip_spec
from mmcore_video.options import C3DOptions
from mmcore_video.spec import VideoDescription
from mmcore_video.weights import fetched, load_state, read_state

SPORTS1M = "https://download.openmmlab.com/mmaction/recognition/c3d/c3d_sports1m_pretrain_20201016-dcc47ddc.pth"

GROUPS = ((("conv1a", 64),), (("conv2a", 128),), (("conv3a", 256), ("conv3b", 256)),
          (("conv4a", 512), ("conv4b", 512)), (("conv5a", 512), ("conv5b", 512)))  # fmt: skip
"""Convolutions and their channels, a pooling after each group."""

UNITS = 4096
"""Of fc6 and fc7."""

SCALE = 255.0
MEAN = (104 / SCALE, 117 / SCALE, 128 / SCALE)
STD = (1 / SCALE, 1 / SCALE, 1 / SCALE)
"""The weights of Sports-1M read values from 0 to 255 without their mean. A network from scratch reads values of unit
variance instead."""


class C3D(nn.Module):
    """Eight convolutions of 3 x 3 x 3, five poolings, two fully connected layers; no batch norm.

    The first pooling leaves time as it is, the last pads space by one. Where time or space is down to one place (short
    or small clips), a pooling leaves it as it is: that is ours, the paper's clips are 16 x 112 x 112. Weights begin by
    He's rule, also ours: without batch norm, torch's own would fade.

    Args:
        channels: of the clip.
        frames, size: of the clip.
        width: channels and units as a multiple of the paper's.
        dropout: after fc6 and fc7.
    """

    def __init__(self, channels: int, frames: int, size: int, width: float = 1.0, dropout: float = 0.5):
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        pools: list[nn.MaxPool3d] = []
        before, time, space = channels, frames, size
        for group in GROUPS:
            for name, full in group:
                layers[name] = nn.Conv3d(before, before := scaled(full, width), 3, padding=1)
            pool = _pool(len(pools), time, space)
            time, space = (_pooled(each, pool, axis) for axis, each in ((0, time), (1, space)))
            pools.append(pool)
        self.features = before * time * space * space
        self.units = scaled(UNITS, width)
        layers["fc6"] = nn.Linear(self.features, self.units)
        layers["fc7"] = nn.Linear(self.units, self.units)
        for name, layer in layers.items():
            self.add_module(name, layer)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.pools = nn.ModuleList(pools)
        self.dropout = nn.Dropout(dropout)

    def forward(self, clip: Tensor) -> Tensor:
        """`(B, C, T, S, S)` to fc7, `(B, 4096)`."""
        for group, pool in zip(GROUPS, self.pools, strict=True):
            for name, _ in group:
                clip = torch.relu(self.get_submodule(name)(clip))
            clip = pool(clip)
        hidden = self.dropout(torch.relu(self.get_submodule("fc6")(clip.flatten(1))))
        return self.dropout(torch.relu(self.get_submodule("fc7")(hidden)))


class C3DEncoder(ClipEncoder):
    """`vector (B, 4096)`: fc7 after its ReLU."""

    def __init__(self, options: C3DOptions, description: VideoDescription, *, from_scratch: bool = False):
        super().__init__()
        mean, std = (spec.MEAN, spec.STD) if from_scratch else (MEAN, STD)
        self.input_spec = clip_spec(options, description, mean=mean, std=std)
        self.model = C3D(description.channels, options.frames, options.size, options.width, options.dropout)
        self.dim = self.model.units

    @property
    def blocks(self) -> list[nn.Module]:
        """conv1a … conv5b, fc6, fc7."""
        return [self.model.get_submodule(name) for group in GROUPS for name, _ in group] + [
            self.model.get_submodule(name) for name in ("fc6", "fc7")
        ]

    def encode(self, frames: Tensor) -> mmcore.Representation:
        """fc7 of each view."""
        return mmcore.Representation(self.model(frames))


def c3d_encoder(options: C3DOptions, description: VideoDescription, resources: mmcore.Resources) -> C3DEncoder:
    """C3D with the weights of Sports-1M, none, or those of a file.

    How clips are scaled follows from the choice of weights, also for a saved model, which loads none.

    Raises:
        MissingDependency: the weights are not here and can't be downloaded.
        DataError: the file does not hold this network's weights.
    """
    weights = resources.weights
    encoder = C3DEncoder(options, description, from_scratch=weights == "none")
    if weights != "none" and resources.assets is None:
        path = fetched(SPORTS1M, encoder="c3d") if weights == "pretrained" else Path(weights)
        load_state(encoder.model, named_as_ours(read_state(path)), str(path), first="conv1a.")
    return encoder


def named_as_ours(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of the published files as ours: `backbone.conv1a.conv.weight` and `conv1.weight` are `conv1a.weight`.

    >>> list(named_as_ours({"backbone.conv1a.conv.weight": torch.ones(1), "conv2.bias": torch.ones(1)}))
    ['conv1a.weight', 'conv2a.bias']
    """
    named = {}
    for name, value in state.items():
        found = re.search(r"(conv[12])a?\.(?:conv\.)?(\w+)$", name)
        named[f"{found[1]}a.{found[2]}" if found else re.sub(r"^(?:module\.|backbone\.)*|\.conv(?=\.)", "", name)] = (
            value
        )
    return named


def scaled(full: int, width: float) -> int:
    """That many channels, at least one."""
    return max(1, round(full * width))


def _pool(index: int, time: int, space: int) -> nn.MaxPool3d:
    kernel_time = 1 if index == 0 or time < 2 else 2
    last = index == len(GROUPS) - 1
    kernel_space = 2 if space >= 2 or last else 1
    return nn.MaxPool3d((kernel_time, kernel_space, kernel_space), padding=(0, 1, 1) if last else 0)


def _pooled(length: int, pool: nn.MaxPool3d, axis: int) -> int:
    kernel = pool.kernel_size[axis]  # type: ignore[index]
    padding = pool.padding[axis] if isinstance(pool.padding, tuple) else pool.padding
    return (length + 2 * padding - kernel) // kernel + 1
