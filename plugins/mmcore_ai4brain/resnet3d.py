"""Residual networks in three dimensions, as MedicalNet trains them, with its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

import mmcore
from mmcore_ai4brain.spec import VolumeDescription, cube_of

if TYPE_CHECKING:
    from mmcore_ai4brain import ResNet3DOptions

LAYERS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
"""Depth → blocks in each of the four stages."""

WITHOUT_PARAMETERS = (18, 34)
"""Depths whose shortcuts MedicalNet makes by leaving out places and filling up channels with zeros (type A)."""

STAGES = ((1, 1), (2, 1), (1, 2), (1, 4))
"""Stride and dilation of each stage: the last two stages widen what a voxel sees instead of halving the map."""


class Residual(nn.Module):
    """Two convolutions of 3 x 3 x 3 (arXiv:1512.03385, figure 5 left), in three dimensions."""

    def __init__(self, before: int, width: int, stride: int, dilation: int, shortcut: nn.Module):
        super().__init__()
        self.conv1 = nn.Conv3d(before, width, 3, stride, dilation, dilation, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, 1, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.downsample = shortcut

    def forward(self, maps: Tensor) -> Tensor:
        """`(B, before, …)` → `(B, width, …)`."""
        hidden = functional.relu(self.bn1(self.conv1(maps)))
        return functional.relu(self.bn2(self.conv2(hidden)) + self.downsample(maps))


class Bottleneck(nn.Module):
    """Convolutions of 1, 3 and 1 (arXiv:1512.03385, figure 5 right), in three dimensions; four times as wide after."""

    def __init__(self, before: int, width: int, stride: int, dilation: int, shortcut: nn.Module):
        super().__init__()
        self.conv1 = nn.Conv3d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(4 * width)
        self.downsample = shortcut

    def forward(self, maps: Tensor) -> Tensor:
        """`(B, before, …)` → `(B, 4 · width, …)`."""
        hidden = functional.relu(self.bn1(self.conv1(maps)))
        hidden = functional.relu(self.bn2(self.conv2(hidden)))
        return functional.relu(self.bn3(self.conv3(hidden)) + self.downsample(maps))


class Subsampled(nn.Module):
    """A shortcut without parameters: every `stride`-th place, and zeros in the channels that are new."""

    def __init__(self, width: int, stride: int):
        super().__init__()
        self.width, self.stride = width, stride

    def forward(self, maps: Tensor) -> Tensor:
        """`(B, before, …)` → `(B, width, …)`."""
        every = slice(None, None, self.stride)
        return functional.pad(maps[:, :, every, every, every], (0, 0) * 3 + (0, self.width - maps.shape[1]))


class ResNet3D(nn.Module):
    """MedicalNet's residual networks without their decoder.

    Reference: arXiv:1904.00625, section 3.2, after arXiv:1711.09577. The names of parameters are those of its
    checkpoints. `vector` is the mean over the last map, whose places are the tokens; their width is 8 · `width`, and
    four times that for depth 50.
    """

    def __init__(self, options: ResNet3DOptions, description: VolumeDescription):
        super().__init__()
        self.input_spec = cube_of(description, options.size, options.normalise)
        self._block: type[Residual] | type[Bottleneck] = Bottleneck if options.depth >= 50 else Residual
        self._expansion = 4 if options.depth >= 50 else 1
        self._plain = options.depth in WITHOUT_PARAMETERS
        width = options.width
        self.conv1 = nn.Conv3d(description.channels, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        before = width
        for number, (count, (stride, dilation)) in enumerate(zip(LAYERS[options.depth], STAGES, strict=True)):
            stage = self._stage(before, width * 2**number, count, stride, dilation)
            setattr(self, f"layer{number + 1}", stage)
            before = width * 2**number * self._expansion
        self.dim = before
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @property
    def blocks(self) -> list[nn.Module]:
        """The first convolution and the four stages."""
        return [self.conv1, *(getattr(self, f"layer{number}") for number in range(1, 5))]

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `voxels (B, C, S, S, S)`."""
        maps = functional.relu(self.bn1(self.conv1(inputs["voxels"])))
        maps = functional.max_pool3d(maps, 3, 2, 1)
        for number in range(1, 5):
            maps = getattr(self, f"layer{number}")(maps)
        tokens = maps.flatten(2).transpose(1, 2)  # (B, places, dim)
        return mmcore.Representation(tokens.mean(1), tokens)

    def _stage(self, before: int, width: int, count: int, stride: int, dilation: int) -> nn.Sequential:
        after = width * self._expansion
        first = self._block(before, width, stride, dilation, self._shortcut(before, after, stride))
        rest = [self._block(after, width, 1, dilation, nn.Identity()) for _ in range(count - 1)]
        return nn.Sequential(first, *rest)

    def _shortcut(self, before: int, after: int, stride: int) -> nn.Module:
        if stride == 1 and before == after:
            return nn.Identity()
        if self._plain:
            return Subsampled(after, stride)
        return nn.Sequential(nn.Conv3d(before, after, 1, stride, bias=False), nn.BatchNorm3d(after))


def resnet3d_encoder(
    options: ResNet3DOptions, description: VolumeDescription, weights: str | Path = "none"
) -> ResNet3D:
    """The network, with MedicalNet's weights ("pretrained", from the hub), those of a checkpoint, or none.

    Raises:
        OptionError: published weights do not fit these options or these volumes.
        MissingDependency: the published weights are not on this machine and can't be downloaded.
        DataError: a checkpoint can't be read, or is of another network.
    """
    module = ResNet3D(options, description)
    if weights == "none":
        return module
    if weights == "pretrained":
        if options.width != 64:
            raise mmcore.OptionError(
                f"MedicalNet's networks have width 64, not {options.width}",
                path=("weights",),
                hint="Use weights: none.",
            )
        weights = _published(options.depth)
    load_checkpoint(module, Path(weights))
    return module


def load_checkpoint(module: ResNet3D, path: Path) -> None:
    """Load a MedicalNet checkpoint (or safetensors of this network); what belongs to its decoder is passed over.

    Checkpoints of networks that were trained on several devices have "module." before each name. For volumes that
    are stacked by channel the first convolution's weights are repeated and divided by their number, so that equal
    channels give what one gives.

    Raises:
        DataError: it can't be read, or is of another network.
    """
    from safetensors.torch import load_file

    if not path.is_file():
        raise mmcore.DataError("there is no such file of weights", where=str(path))
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise mmcore.DataError(f"can't be read as weights ({first})", where=str(path)) from error
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise mmcore.DataError("holds no mapping of names to tensors", where=str(path))
    state = {str(name).removeprefix("module."): value for name, value in state.items()}
    wanted = module.state_dict()
    channels = wanted["conv1.weight"].shape[1]
    if channels > 1 and "conv1.weight" in state and state["conv1.weight"].shape[1] == 1:
        state["conv1.weight"] = state["conv1.weight"].repeat(1, channels, 1, 1, 1) / channels
    found = {}
    for name, value in wanted.items():
        if name.endswith("num_batches_tracked") and name not in state:  # torch 0.4, which wrote some, did not count
            found[name] = value
            continue
        if name not in state or state[name].shape != value.shape:
            how = f"as {tuple(state[name].shape)}" if name in state else "not at all"
            raise mmcore.DataError(
                f"holds {name!r} {how}; the network needs {tuple(value.shape)}",
                where=str(path),
                hint="Is it of another depth or width?",
            )
        found[name] = state[name]
    over = sorted(name for name in state if name not in wanted and not name.startswith(("conv_seg.", "fc.")))
    if over:
        raise mmcore.DataError(
            f"holds {over[0]!r}, which the network has not", where=str(path), hint="Is it of another depth?"
        )
    module.load_state_dict(found)


def _published(depth: int) -> Path:
    """The checkpoint trained on 23 data sets, out of the hub's cache or downloaded."""
    from huggingface_hub import hf_hub_download

    repository, name = f"TencentMedicalNet/MedicalNet-Resnet{depth}", f"resnet_{depth}_23dataset.pth"
    try:
        return Path(hf_hub_download(repository, name))
    except Exception as error:
        raise mmcore.MissingDependency(
            f"MedicalNet's weights of depth {depth} are not on this machine, and could not be downloaded "
            f"({type(error).__name__})",
            where="encoder 'resnet3d'",
            hint=f"Go online once, give weights: <path of {name}>, or weights: none.",
        ) from error
