"""Any image encoder over the frames of a clip; its vectors pooled over time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import mmcore
from mmcore_video.clip import Clip, unit_values
from mmcore_video.encoders.clip_encoder import ClipEncoder
from mmcore_video.options import FramePoolOptions
from mmcore_video.spec import VideoDescription, VideoSpec

INNER = "inner"
"""The folder of the image encoder's own files, within those of this one."""


class AttentionPool(nn.Module):
    """Weights of the frames by an additive score: softmax of v · tanh(W h) (Bahdanau et al., arXiv:1409.0473).

    v begins at zero, so that the pooling begins as the mean, and stays it while nothing trains; that is ours.
    """

    def __init__(self, dim: int, hidden: int = 64):
        super().__init__()
        self.project = nn.Linear(dim, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, vectors: Tensor) -> Tensor:
        """`(B, T, D)` to `(B, D)`."""
        weights = self.score(torch.tanh(self.project(vectors))).softmax(1)
        return (weights * vectors).sum(1)


class FramePoolEncoder(ClipEncoder):
    """`tokens (B, T, D)` are the frames' vectors, `vector (B, D)` their mean, maximum or weighted mean.

    A single channel (depth) is repeated three times. Other channels go through a 1 x 1 convolution to three, which
    begins as the mean of the stacked modalities, each as RGB.

    Args:
        options: the encoder's options.
        description: the training clips.
        image_encoder: a module with `input_spec`, `dim` and `forward`, that reads pictures.
    """

    def __init__(self, options: FramePoolOptions, description: VideoDescription, image_encoder: Any):
        super().__init__()
        picture = image_encoder.input_spec
        mean, std = description.moments(tuple(picture.mean), tuple(picture.std))
        self.input_spec = VideoSpec(
            frames=options.frames,
            size=picture.size,
            sampling=options.sampling,
            stride=options.stride,
            rate=options.rate,
            views=options.views,
            channels=description.channels,
            mean=mean,
            std=std,
            crop=picture.crop,
            squash=options.squash or picture.squash,
        )
        self.encoder = image_encoder
        self.dim = image_encoder.dim
        self.pooling = options.pooling
        self.attention = AttentionPool(self.dim) if options.pooling == "attention" else None
        self.mix = _mixing(description) if description.channels not in (1, 3) else None

    @property
    def blocks(self) -> list[nn.Module]:
        """Those of the image encoder, with what comes before and after it."""
        own = [part for part in (self.mix, self.attention) if part is not None]
        inner = list(self.encoder.blocks)  # an AttributeError where it names none, so that this one names none either
        return own[:1] + inner + own[1:] if self.mix is not None else inner + own

    def encode(self, frames: Tensor) -> mmcore.Representation:
        """Every frame as a picture, then the pooling."""
        count, channels, times = frames.shape[:3]
        pixels = frames.transpose(1, 2).flatten(0, 1)
        if self.mix is not None:
            pixels = self.mix(pixels)
        elif channels == 1:
            pixels = pixels.expand(-1, 3, -1, -1)
        returned = self.encoder({"pixels": pixels})
        vectors = returned if isinstance(returned, Tensor) else returned.vector
        tokens = vectors.reshape(count, times, -1)
        if self.attention is not None:
            return mmcore.Representation(self.attention(tokens), tokens)
        return mmcore.Representation(tokens.amax(1) if self.pooling == "max" else tokens.mean(1), tokens)

    def save_assets(self, folder: Path) -> None:
        """The image encoder's own files, in a folder of their own."""
        if hasattr(self.encoder, "save_assets"):
            (folder / INNER).mkdir(parents=True, exist_ok=True)
            self.encoder.save_assets(folder / INNER)


class AdaptingFramePoolEncoder(FramePoolEncoder):
    """With an image encoder that learns from the data before training."""

    def adapt(self, samples: Iterable[Clip]) -> None:
        """Let the image encoder see the middle frame of each clip."""
        self.encoder.adapt(_picture(clip) for clip in samples)


def frame_pool_encoder(
    options: FramePoolOptions, description: VideoDescription, resources: mmcore.Resources
) -> FramePoolEncoder:
    """The image encoder that the options name, with the weights that this one was given, over frames.

    Raises:
        OptionError: there is no such image encoder.
        ComponentError: it has no input spec.
    """
    from mmcore_image import ImageDescription, ImageSpec

    assets = resources.assets / INNER if resources.assets is not None else None
    inner = mmcore.build_encoder(
        options.encoder, "image", ImageDescription(channels=3), mmcore.Resources(resources.weights, assets)
    )
    if not isinstance(getattr(inner, "input_spec", None), ImageSpec):
        raise mmcore.ComponentError(
            "does not say how it wants pictures prepared", where=f"image encoder {options.encoder.name!r}"
        )
    made = AdaptingFramePoolEncoder if hasattr(inner, "adapt") else FramePoolEncoder
    return made(options, description, inner)


def _mixing(description: VideoDescription) -> nn.Conv2d:
    mix = nn.Conv2d(description.channels, 3, 1, bias=False)
    weight, start = torch.zeros(3, description.channels), 0
    for part in description.parts:
        share = torch.eye(3) if part == 3 else torch.full((3, part), 1.0 / part)
        weight[:, start : start + part] = share / len(description.parts)
        start += part
    with torch.no_grad():
        mix.weight.copy_(weight[:, :, None, None])
    return mix


def _picture(clip: Clip) -> Any:
    import numpy as np
    from PIL import Image

    values = np.clip(unit_values(clip.frames[len(clip) // 2]) * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(values[..., :3] if values.shape[-1] >= 3 else np.repeat(values[..., :1], 3, axis=-1))
