"""The video encoders as the catalogue lists them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import mmcore
from mmcore_video.options import C3DOptions, FramePoolOptions, SlowFastOptions, TimesformerOptions, X3DOptions
from mmcore_video.spec import VideoDescription

if TYPE_CHECKING:
    from torch import nn

EXTRA = "mmcore-framework[video]"

KINETICS = "as published by pytorchvideo; trained on Kinetics-400, whose clips have terms of their own"


def build_c3d(options: C3DOptions, description: VideoDescription, resources: mmcore.Resources) -> nn.Module:
    """C3D."""
    from mmcore_video.encoders.c3d import c3d_encoder

    return c3d_encoder(options, description, resources)


def build_slowfast(options: SlowFastOptions, description: VideoDescription, resources: mmcore.Resources) -> nn.Module:
    """SlowFast."""
    from mmcore_video.encoders.slowfast import slowfast_encoder

    return slowfast_encoder(options, description, _weights(resources))


def build_x3d(options: X3DOptions, description: VideoDescription, resources: mmcore.Resources) -> nn.Module:
    """X3D."""
    from mmcore_video.encoders.x3d import x3d_encoder

    return x3d_encoder(options, description, _weights(resources))


def build_timesformer(
    options: TimesformerOptions, description: VideoDescription, resources: mmcore.Resources
) -> nn.Module:
    """TimeSformer."""
    from mmcore_video.encoders.timesformer import timesformer_encoder

    return timesformer_encoder(options, description, _weights(resources))


def build_frame_pool(
    options: FramePoolOptions, description: VideoDescription, resources: mmcore.Resources
) -> nn.Module:
    """An image encoder over frames."""
    from mmcore_video.encoders.frame_pool import frame_pool_encoder

    return frame_pool_encoder(options, description, resources)


def encoders() -> Iterator[mmcore.Encoder]:
    """`c3d`, `slowfast`, `x3d`, `timesformer` and `frame_pool`."""
    yield mmcore.Encoder(
        name="c3d",
        kind="video",
        summary="C3D: eight 3D convolutions; clips as 4,096 numbers (fc7)",
        options=C3DOptions,
        build=build_c3d,
        weights=mmcore.Weights(
            source="Sports-1M, converted by OpenMMLab (download.openmmlab.com)",
            licence="not stated for the weights; the code they come with is Apache-2.0",
        ),
        reference="arXiv:1412.0767",
        requires=("av",),
        extra=EXTRA,
        half_precision=True,
        tiny={"width": 0.03, "frames": 8, "size": 32, "dropout": 0.0},
    )
    yield mmcore.Encoder(
        name="slowfast",
        kind="video",
        summary="SlowFast: a slow pathway for what is there, a fast one for how it moves; 2,304 numbers",
        options=SlowFastOptions,
        build=build_slowfast,
        weights=mmcore.Weights(source="Kinetics-400, pytorchvideo's model zoo (depth 50 or 101)", licence=KINETICS),
        reference="arXiv:1812.03982",
        licence="Apache-2.0 (pytorchvideo)",
        requires=("av", "pytorchvideo"),
        extra=EXTRA,
        half_precision=True,
        tiny={"depth": 18, "width": 8, "beta": 4, "frames": 8, "size": 32},
    )
    yield mmcore.Encoder(
        name="x3d",
        kind="video",
        summary="X3D: a small network grown along time, space, width and depth; 2,048 numbers",
        options=X3DOptions,
        build=build_x3d,
        weights=mmcore.Weights(source="Kinetics-400, pytorchvideo's model zoo", licence=KINETICS),
        reference="arXiv:2004.04730",
        licence="Apache-2.0 (pytorchvideo)",
        requires=("av", "pytorchvideo"),
        extra=EXTRA,
        half_precision=True,
        tiny={"model": "xs", "width": 0.7, "depth": 0.4, "frames": 4, "size": 32},
    )
    yield mmcore.Encoder(
        name="timesformer",
        kind="video",
        summary="TimeSformer: attention over time, then over space; 768 numbers",
        options=TimesformerOptions,
        build=build_timesformer,
        weights=mmcore.Weights(
            source="Kinetics-400, the Hugging Face hub (facebook/timesformer-base-finetuned-k400)",
            licence="CC BY-NC 4.0: no commercial use",
        ),
        reference="arXiv:2102.05095",
        licence="Apache-2.0 (transformers)",
        requires=("av", "transformers"),
        extra=EXTRA,
        half_precision=True,
        tiny={"hidden": 32, "layers": 2, "heads": 2, "frames": 4, "size": 32, "patch": 16},
    )
    yield mmcore.Encoder(
        name="frame_pool",
        kind="video",
        summary="Any image encoder over the frames, pooled over time; by custom EfficientNet-Lite0, with its weights",
        options=FramePoolOptions,
        build=build_frame_pool,
        weights=mmcore.Weights(source="the image encoder's own", licence="the image encoder's own", offline=True),
        requires=("av", "timm"),
        extra=EXTRA,
        half_precision=True,
        tiny={"encoder": {"name": "timm", "model": "test_efficientnet"}, "frames": 3, "pooling": "attention"},
    )


def _weights(resources: mmcore.Resources) -> str | Path:
    """Which weights to load; none into a saved model, whose state has them."""
    return "none" if resources.assets is not None else resources.weights
