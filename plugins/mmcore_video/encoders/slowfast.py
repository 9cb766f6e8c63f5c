"""SlowFast (Feichtenhofer et al., SlowFast Networks for Video Recognition, arXiv:1812.03982), built by pytorchvideo."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import mmcore
from mmcore_video.encoders.clip_encoder import ClipEncoder, clip_spec
from mmcore_video.encoders.library import pytorchvideo_models
from mmcore_video.options import SlowFastOptions
from mmcore_video.spec import VideoDescription
from mmcore_video.weights import fetched, for_channels, load_state, read_state

ZOO = "https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics"

PUBLISHED = {50: f"{ZOO}/SLOWFAST_8x8_R50.pyth", 101: f"{ZOO}/SLOWFAST_8x8_R101.pyth"}
"""Depth → weights of Kinetics-400."""

FUSED = 7, 5
"""Frames that the fusing convolution sees: of the published R50 and of the published R101."""

SLOW_STEM, FAST_STEM = (f"blocks.0.multipathway_blocks.{pathway}.conv.weight" for pathway in (0, 1))


class SlowFastEncoder(ClipEncoder):
    """The slow pathway sees every alpha-th frame; the fast one sees all, with a beta-th of the channels.

    `vector (B, 2304)` is the mean of both pathways' last maps over time and space, side by side, as the classifier
    reads it. `tokens (B, T / alpha · s · s, 2304)` are the places of the slow map, with the mean of the fast map over
    the frames that each stands for; their mean is the vector.
    """

    def __init__(self, options: SlowFastOptions, description: VideoDescription):
        super().__init__()
        self.alpha = options.alpha
        self.input_spec = clip_spec(options, description)
        network = pytorchvideo_models("slowfast").create_slowfast(
            slowfast_channel_reduction_ratio=(options.beta,),
            slowfast_fusion_conv_kernel_size=(FUSED[1] if options.depth > 50 else FUSED[0], 1, 1),
            slowfast_fusion_conv_stride=(options.alpha, 1, 1),
            input_channels=(description.channels, description.channels),
            model_depth=options.depth,
            stem_dim_outs=(options.width, options.width // options.beta),
            head=None,
        )
        self.model = nn.Module()
        self.model.blocks = network.blocks[:-1]  # the last one pools for clips of one size
        self.dim = 32 * options.width + 32 * options.width // options.beta

    @property
    def blocks(self) -> list[nn.Module]:
        """The stem and the four stages, both pathways of each."""
        return list(self.model.blocks)  # type: ignore[arg-type]

    def encode(self, frames: Tensor) -> mmcore.Representation:
        """Both pathways, joined."""
        maps = [self.slow(frames), frames]  # a list of our own: pytorchvideo writes into it
        for block in self.model.blocks:  # type: ignore[union-attr]
            maps = block(maps)
        slow, fast = maps
        both = torch.cat([slow, nn.functional.avg_pool3d(fast, (self.alpha, 1, 1))], dim=1)
        tokens = both.flatten(2).transpose(1, 2)
        return mmcore.Representation(tokens.mean(1), tokens)

    def slow(self, frames: Tensor) -> Tensor:
        """The slow pathway's frames, as pytorchvideo packs them: evenly from the first to the last."""
        count = frames.shape[2]
        chosen = torch.linspace(0, count - 1, count // self.alpha).long()
        return frames.index_select(2, chosen.to(frames.device))


def slowfast_encoder(options: SlowFastOptions, description: VideoDescription, weights: str | Path) -> SlowFastEncoder:
    """SlowFast with the weights of Kinetics-400, none, or those of a file.

    Raises:
        OptionError: nobody published weights of this depth.
        MissingDependency: the weights are not here and can't be downloaded.
        DataError: the file does not hold this network's weights.
    """
    encoder = SlowFastEncoder(options, description)
    if weights == "none":
        return encoder
    if weights == "pretrained" and options.depth not in PUBLISHED:
        raise mmcore.OptionError(
            f"nobody published weights of depth {options.depth}",
            path=("depth",),
            hint="Use depth 50 or 101, weights: none, or a file.",
        )
    path = fetched(PUBLISHED[options.depth], encoder="slowfast") if weights == "pretrained" else Path(weights)
    state = read_state(path)
    for name in (name for name in state if name.endswith((SLOW_STEM, FAST_STEM))):
        state[name] = for_channels(state[name], description.channels)
    load_state(encoder.model, state, str(path))
    return encoder
