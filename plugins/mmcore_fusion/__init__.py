"""When and how modalities are fused: the strategies `intermediate` and `late`, and the methods that fit them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

import mmcore

if TYPE_CHECKING:
    from torch import nn


class LateOptions(mmcore.Options):
    """What happens to each modality's representation before anything reads it."""

    normalise: bool = mmcore.Field(True, description="layer norm over each modality's representation")
    dropout: float = mmcore.Field(0.2, ge=0, lt=1, description="of the normalised representations, in training")


class IntermediateOptions(LateOptions):
    """What happens to representations before they are fused."""

    modality_dropout: float = mmcore.Field(
        0.0, ge=0, lt=1, description="share of present modalities left out per row in training; never all of a row's"
    )
    placeholder: Literal["zero", "learned"] = mmcore.Field(
        "zero", description="what stands for an absent modality: nothing, or a learned vector"
    )


class MultConcatOptions(mmcore.Options):
    """How wide the common space is."""

    dim: int = mmcore.Field(500, ge=1, le=65_536, description="width to which every modality is projected")


class ConcatOptions(mmcore.Options):
    """Whether modalities are brought to one width first."""

    dim: int | None = mmcore.Field(
        None, ge=1, le=65_536, description="width to which every modality is projected, with ReLU; null: as they are"
    )


def build_intermediate(
    options: IntermediateOptions,
    descriptions: Mapping[str, mmcore.Description],
    encoders: mmcore.EncoderBank,
    method: mmcore.MethodFactory,
    task: mmcore.Task,
) -> mmcore.FusionModel:
    """Encode each modality, fuse the representations, one head."""
    from mmcore_fusion.intermediate import Intermediate

    return Intermediate(options, encoders, method, task)


def build_late(
    options: LateOptions,
    descriptions: Mapping[str, mmcore.Description],
    encoders: mmcore.EncoderBank,
    method: mmcore.MethodFactory,
    task: mmcore.Task,
) -> mmcore.FusionModel:
    """Encode each modality, a head for each, fuse the decisions."""
    from mmcore_fusion.late import Late

    return Late(options, encoders, method, task)


def build_multconcat(options: MultConcatOptions, widths: Mapping[str, int], task: mmcore.Task) -> nn.Module:
    """Projections and their product."""
    from mmcore_fusion.representations import MultConcat

    return MultConcat(widths, options.dim)


def build_concat(options: ConcatOptions, widths: Mapping[str, int], task: mmcore.Task) -> nn.Module:
    """Representations side by side."""
    from mmcore_fusion.representations import Concat

    return Concat(widths, options.dim)


def build_soft_voting(options: mmcore.NoOptions, widths: Mapping[str, int], task: mmcore.Task) -> nn.Module:
    """The mean of the modalities' probabilities."""
    from mmcore_fusion.decisions import SoftVoting

    return SoftVoting(task.type)


@mmcore.hookimpl
def mmcore_fusion_strategies() -> Iterator[mmcore.FusionStrategy]:
    """`intermediate` and `late`."""
    yield mmcore.FusionStrategy(
        name="intermediate",
        summary="An encoder per modality, then the representations are fused, then one head",
        options=IntermediateOptions,
        build=build_intermediate,
        levels=("representation",),
        default_method="multconcat",
        reference="arXiv:2406.04349",
    )
    yield mmcore.FusionStrategy(
        name="late",
        summary="An encoder, a head and a loss per modality; the decisions are fused",
        options=LateOptions,
        build=build_late,
        levels=("decision",),
        default_method="soft_voting",
    )


@mmcore.hookimpl
def mmcore_fusion_methods() -> Iterator[mmcore.FusionMethod]:
    """`multconcat`, `concat`, `soft_voting`."""
    yield mmcore.FusionMethod(
        name="multconcat",
        summary="Projections to one width, side by side with their elementwise product",
        options=MultConcatOptions,
        build=build_multconcat,
        level="representation",
        reference="arXiv:2406.04349",
        tiny={"dim": 8},
    )
    yield mmcore.FusionMethod(
        name="concat",
        summary="Representations side by side",
        options=ConcatOptions,
        build=build_concat,
        level="representation",
    )
    yield mmcore.FusionMethod(
        name="soft_voting",
        summary="The mean of the modalities' probabilities",
        build=build_soft_voting,
        level="decision",
    )
