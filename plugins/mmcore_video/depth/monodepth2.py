"""Monodepth2 (Godard et al., Digging Into Self-Supervised Monocular Depth Estimation, arXiv:1806.01260).

Written from the paper and the layer table of its appendix; no code of the authors. Their checkpoints are for
non-commercial use only, and come with no package: they are loaded from a folder that the user names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import mmcore

LICENCE = "Monodepth2 licence (Niantic): non-commercial use only"

CHANNELS = (16, 32, 64, 128, 256)
"""Of the decoder's levels, from the finest to the coarsest."""

SCALES = 4
"""Levels that give a disparity: at full, half, quarter and eighth resolution."""

NEAREST, FARTHEST = 0.1, 100.0
"""Depths that a disparity of 1 and of 0 stand for."""

STEREO = 5.4
"""Metres per unit of depth of the networks that were trained with stereo pairs, whose baseline was taken as 0.1."""

FEED = (192, 640)
"""Height and width that the published networks see, where a checkpoint doesn't say."""


def disparity_to_depth(disparity: Tensor, nearest: float = NEAREST, farthest: float = FARTHEST) -> Tensor:
    """Depth from a sigmoid's disparity σ: 1 / (a σ + b), with a and b so that depth goes from `farthest` to `nearest`.

    D = 1 / (a σ + b) in the paper, with b = 1 / farthest and a = 1 / nearest − 1 / farthest.

    >>> [round(float(depth), 3) for depth in disparity_to_depth(torch.tensor([0.0, 1.0]))]
    [100.0, 0.1]
    """
    least = 1 / farthest
    return 1 / (least + (1 / nearest - least) * disparity)


class DepthEncoder(nn.Module):
    """ResNet-18 without its classifier: five maps, at 1/2 to 1/32 of the resolution.

    Channels are 64, 64, 128, 256 and 512. Reads RGB from 0 to 1.
    """

    channels = (64, 64, 128, 256, 512)

    def __init__(self) -> None:
        from torchvision.models import resnet18

        super().__init__()
        network = resnet18(weights=None)
        network.fc = nn.Identity()
        self.encoder = network

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """`(B, 3, H, W)`, sides multiples of 32 from 64 on, to five maps, the finest first."""
        net: Any = self.encoder
        maps = [net.relu(net.bn1(net.conv1((pictures - 0.45) / 0.225)))]
        hidden = net.maxpool(maps[0])
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            maps.append(hidden := layer(hidden))
        return maps


class DepthDecoder(nn.Module):
    """From five maps to disparities at four scales: convolution, doubling, skip connection, convolution at each level.

    Convolutions are 3 x 3 with reflected borders, activations ELU; a disparity is a sigmoid.
    """

    def __init__(self, channels: tuple[int, ...] = DepthEncoder.channels):
        super().__init__()
        self.before, self.after = nn.ModuleList(), nn.ModuleList()
        incoming = channels[-1]
        for level in reversed(range(len(CHANNELS))):
            self.before.append(_convolution(incoming, CHANNELS[level]))
            skipped = channels[level - 1] if level else 0
            self.after.append(_convolution(CHANNELS[level] + skipped, CHANNELS[level]))
            incoming = CHANNELS[level]
        self.disparity = nn.ModuleList(_convolution(CHANNELS[scale], 1) for scale in range(SCALES))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Disparities `(B, 1, H / 2^s, W / 2^s)` from 0 to 1, the finest first."""
        hidden, found = maps[-1], {}
        for level, before, after in zip(reversed(range(len(CHANNELS))), self.before, self.after, strict=True):
            hidden = functional.interpolate(functional.elu(before(hidden)), scale_factor=2, mode="nearest")
            if level:
                hidden = torch.cat([hidden, maps[level - 1]], dim=1)
            hidden = functional.elu(after(hidden))
            if level < SCALES:
                found[level] = torch.sigmoid(self.disparity[level](hidden))
        return [found[scale] for scale in range(SCALES)]


class Monodepth2(nn.Module):
    """Encoder and decoder. `unit` is metres per unit of depth, or None where depth is known up to a factor only."""

    def __init__(self, feed: tuple[int, int] = FEED, unit: float | None = None):
        super().__init__()
        self.feed, self.unit = feed, unit
        self.encoder, self.decoder = DepthEncoder(), DepthDecoder()

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Disparities at four scales, the finest first."""
        found: list[Tensor] = self.decoder(self.encoder(pictures))
        return found


def load_published(folder: Path) -> Monodepth2:
    """The network of a published checkpoint: a folder with `encoder.pth` and `depth.pth`.

    Raises:
        DataError: a file is missing, or is of another network.
    """
    encoder, decoder = (_read(folder / name) for name in ("encoder.pth", "depth.pth"))
    feed = tuple(int(encoder.get(side, given)) for side, given in zip(("height", "width"), FEED, strict=True))
    if any(side < 64 or side % 32 for side in feed):
        raise mmcore.DataError(f"says that the network sees {feed}", where=str(folder / "encoder.pth"))
    model = Monodepth2((feed[0], feed[1]), STEREO if encoder.get("use_stereo") else None)
    _load(model.encoder, encoder, folder / "encoder.pth")
    _load(model.decoder, renamed(decoder), folder / "depth.pth")
    return model


def renamed(published: Mapping[str, Any]) -> dict[str, Any]:
    """The decoder's tensors by our names: the published ones are numbered in the order in which they are used."""
    levels = len(CHANNELS)
    places = {f"decoder.{2 * index}.conv.conv.": f"before.{index}." for index in range(levels)}
    places |= {f"decoder.{2 * index + 1}.conv.conv.": f"after.{index}." for index in range(levels)}
    places |= {f"decoder.{2 * levels + scale}.conv.": f"disparity.{scale}." for scale in range(SCALES)}
    named = {}
    for name, value in published.items():
        stem, _, kind = name.rpartition(".")
        named[places.get(f"{stem}.", f"{stem}.") + kind] = value
    return named


def _convolution(incoming: int, outgoing: int) -> nn.Conv2d:
    return nn.Conv2d(incoming, outgoing, 3, padding=1, padding_mode="reflect")


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise mmcore.DataError(
            "there is no such file", where=str(path), hint="Give the folder with encoder.pth and depth.pth."
        )
    try:
        state = torch.load(path, "cpu", weights_only=True)
    except Exception as error:
        raise mmcore.DataError(f"can't be read as weights ({str(error).splitlines()[0]})", where=str(path)) from error
    if not isinstance(state, Mapping):
        raise mmcore.DataError("holds no mapping of names to tensors", where=str(path))
    return dict(state)


def _load(module: nn.Module, state: Mapping[str, Any], path: Path) -> None:
    from mmcore_video.weights import load_state

    load_state(module, {name: value for name, value in state.items() if isinstance(value, Tensor)}, str(path))
