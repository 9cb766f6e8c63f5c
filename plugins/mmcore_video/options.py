"""What the video encoders let their users choose. Light: read when plugins are listed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import model_validator

import mmcore


class ClipOptions(mmcore.Options):
    """Which frames of a clip are seen. Their number and size are the authors'; to take them evenly is our default."""

    frames: int = mmcore.Field(16, ge=1, le=512, description="frames of one view")
    size: int = mmcore.Field(112, ge=16, le=1024, description="height and width of the frames, in pixels")
    sampling: Literal["uniform", "dense"] = mmcore.Field(
        "uniform", description="frames evenly from the whole clip, or neighbours, `stride` apart, from its middle"
    )
    stride: int = mmcore.Field(1, ge=1, le=256, description="of dense sampling: frames from one to the next")
    rate: float | None = mmcore.Field(
        None,
        gt=0,
        le=1000,
        description="of dense sampling: frames per second that `stride` counts, whatever the clip's",
    )
    views: int = mmcore.Field(
        1, ge=1, le=64, description="clips that are taken of one sample; their vectors are averaged"
    )
    squash: bool = mmcore.Field(
        False, description="show the whole width, squeezed, instead of the square in the middle"
    )


class C3DOptions(ClipOptions):
    """C3D's clip and size."""

    width: float = mmcore.Field(
        1.0, gt=0.01, le=4, description="channels and units as a multiple of the paper's (64 … 512, 4096)"
    )
    dropout: float = mmcore.Field(0.5, ge=0, lt=1, description="after fc6 and fc7")


class SlowFastOptions(ClipOptions):
    """SlowFast's clip and size. `frames` are those of the fast pathway; the slow one takes every alpha-th."""

    frames: int = mmcore.Field(32, ge=1, le=512, description="frames of the fast pathway")
    size: int = mmcore.Field(224, ge=32, le=1024, description="height and width of the frames, in pixels")
    depth: Literal[18, 50, 101, 152] = mmcore.Field(50, description="layers; 18 is one bottleneck a stage")
    width: int = mmcore.Field(64, ge=8, le=256, description="channels of the slow pathway's stem")
    alpha: int = mmcore.Field(4, ge=1, le=32, description="fast frames for each slow one")
    beta: int = mmcore.Field(8, ge=1, le=64, description="slow channels for each fast one")

    @model_validator(mode="after")
    def _fits(self) -> SlowFastOptions:
        if self.frames % self.alpha:
            raise ValueError(f"frames ({self.frames}) must be a multiple of alpha ({self.alpha})")
        if self.width % self.beta:
            raise ValueError(f"width ({self.width}) must be a multiple of beta ({self.beta})")
        return self


class X3DOptions(ClipOptions):
    """X3D's model; `frames` and `size` are the model's own unless given."""

    frames: int | None = mmcore.Field(None, ge=1, le=512, description="frames of one view; the model's own if left out")  # type: ignore[assignment]
    size: int | None = mmcore.Field(  # type: ignore[assignment]
        None, ge=32, le=1024, description="height and width, in pixels; the model's own if left out"
    )
    model: Literal["xs", "s", "m", "l"] = mmcore.Field("s", description="how far the network was expanded")
    width: float = mmcore.Field(
        2.0, ge=0.5, le=8, description="channels as a multiple of 12, 24, 48, 96; 2 in the paper"
    )
    depth: float | None = mmcore.Field(
        None,
        ge=0.2,
        le=8,
        description="layers as a multiple of 1, 2, 5, 3; the model's own (2.2, or 5 for l) if left out",
    )


class TimesformerOptions(ClipOptions):
    """TimeSformer's clip and size."""

    frames: int = mmcore.Field(8, ge=1, le=128, description="frames of one view")
    size: int = mmcore.Field(224, ge=16, le=1024, description="height and width of the frames, in pixels")
    model: str = mmcore.Field(
        "facebook/timesformer-base-finetuned-k400",
        min_length=1,
        description="a name on the Hugging Face hub, where pretrained weights are taken from",
    )
    patch: int = mmcore.Field(16, ge=2, le=64, description="height and width of the patches, in pixels")
    hidden: int = mmcore.Field(768, ge=8, le=2048, description="width of the tokens")
    layers: int = mmcore.Field(12, ge=1, le=48, description="transformer layers")
    heads: int = mmcore.Field(12, ge=1, le=32, description="attention heads of a layer")
    attention: Literal["divided_space_time", "joint_space_time"] = mmcore.Field(
        "divided_space_time", description="time and space in turn, or together"
    )

    @model_validator(mode="after")
    def _fits(self) -> TimesformerOptions:
        if self.hidden % self.heads:
            raise ValueError(f"hidden ({self.hidden}) must be a multiple of heads ({self.heads})")
        if self.size % self.patch:
            raise ValueError(f"size ({self.size}) must be a multiple of patch ({self.patch})")
        return self


class FramePoolOptions(mmcore.Options):
    """Which image encoder reads the frames, and how its vectors become one."""

    encoder: Annotated[mmcore.ComponentConfig, mmcore.ComponentRef("encoder", kind="image")] = mmcore.Field(
        default=mmcore.ComponentConfig(name="efficientnet_lite0"), description="any image encoder, with its options"
    )
    pooling: Literal["mean", "max", "attention"] = mmcore.Field(
        "mean", description="over the frames; attention learns weights and begins as the mean"
    )
    frames: int = mmcore.Field(8, ge=1, le=512, description="frames of one view")
    sampling: Literal["uniform", "dense"] = mmcore.Field(
        "uniform", description="frames evenly from the whole clip, or neighbours, `stride` apart, from its middle"
    )
    stride: int = mmcore.Field(1, ge=1, le=256, description="of dense sampling: frames from one to the next")
    rate: float | None = mmcore.Field(
        None,
        gt=0,
        le=1000,
        description="of dense sampling: frames per second that `stride` counts, whatever the clip's",
    )
    views: int = mmcore.Field(
        1, ge=1, le=64, description="clips that are taken of one sample; their vectors are averaged"
    )
    squash: bool = mmcore.Field(
        False, description="show the whole width, squeezed, instead of the square in the middle"
    )
