"""The strategies, as declarations; what they are made of is imported when one is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import model_validator

import mmcore

Descriptions = Mapping[str, mmcore.Description]


class LateOptions(mmcore.Options):
    """What happens to each modality's representation, and which modalities were trained before."""

    normalise: bool = mmcore.Field(True, description="layer norm over each modality's representation")
    dropout: float = mmcore.Field(0.2, ge=0, lt=1, description="of the normalised representations, in training")
    runs: dict[str, str] = mmcore.Field(
        default_factory=dict,
        description="modality → folder of a finished run of it alone, whose decisions are taken as they are",
    )


class IntermediateOptions(mmcore.Options):
    """What happens to representations before they are fused."""

    normalise: bool = mmcore.Field(True, description="layer norm over each modality's representation")
    dropout: float = mmcore.Field(0.2, ge=0, lt=1, description="of the normalised representations, in training")
    modality_dropout: float = mmcore.Field(
        0.0, ge=0, lt=1, description="share of present modalities left out per row in training; never all of a row's"
    )
    placeholder: Literal["zero", "learned"] = mmcore.Field(
        "zero", description="what stands for an absent modality: nothing, or a learned vector"
    )
    unimodal_loss: float = mmcore.Field(
        0.0,
        ge=0,
        le=100,
        description="weight of the mean loss of a head for each modality, in training; keeps an "
        "encoder learning that the fused decision could do without (arXiv:1905.12681)",
    )


class EarlyOptions(mmcore.Options):
    """Which inputs meet, and in what: one encoder over stacked channels, or one transformer over light embeddings."""

    stack: list[str] | None = mmcore.Field(
        None, min_length=2, description="modalities of one kind whose grids are stacked by channel into `encoder`"
    )
    encoder: Annotated[mmcore.ComponentConfig | None, mmcore.ComponentRef("encoder", slot=True)] = mmcore.Field(
        None, description="reads the stacked grids; a name, or a mapping with options, trainable and weights"
    )
    modalities: list[str] | None = mmcore.Field(
        None, min_length=2, description="modalities of any kinds whose light embeddings enter one transformer"
    )
    dim: int = mmcore.Field(128, ge=4, le=8192, description="width of the embedded tokens; unused where grids stack")
    dropout: float = mmcore.Field(0.1, ge=0, lt=1, description="of the fused representation, in training")
    modality_dropout: float = mmcore.Field(
        0.0, ge=0, lt=1, description="share of present modalities left out per row in training; never all of a row's"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.stack is None) == (self.modalities is None):
            raise ValueError("give either `stack` and `encoder`, or `modalities`")
        if (self.stack is None) != (self.encoder is None):
            raise ValueError("`stack` and `encoder` go together")
        names = self.stack or self.modalities or []
        if len(set(names)) < len(names):
            raise ValueError("a modality is named twice")
        return self

    @property
    def names(self) -> list[str]:
        """The modalities that meet."""
        return self.stack or self.modalities or []


def build_intermediate(
    options: IntermediateOptions,
    descriptions: Descriptions,
    encoders: mmcore.EncoderBank,
    method: mmcore.MethodFactory,
    task: mmcore.Task,
) -> mmcore.FusionModel:
    """Encode each modality, fuse the representations, one head."""
    from mmcore_fusion.intermediate import Intermediate

    return Intermediate(options, encoders, method, task)


def build_late(
    options: LateOptions,
    descriptions: Descriptions,
    encoders: mmcore.EncoderBank,
    method: mmcore.MethodFactory,
    task: mmcore.Task,
    parts: mmcore.Parts,
) -> mmcore.FusionModel:
    """Encode each modality, a head for each, fuse the decisions."""
    from mmcore_fusion.late import Late

    return Late(options, encoders, method, task, parts.runs)


def build_early(
    options: EarlyOptions,
    descriptions: Descriptions,
    encoders: mmcore.EncoderBank,
    method: mmcore.MethodFactory,
    task: mmcore.Task,
    parts: mmcore.Parts,
) -> mmcore.FusionModel:
    """Stack grids for one encoder, or let embedded tokens meet in one transformer."""
    from mmcore_fusion.early import JointTokens, StackedGrids

    if encoders.modalities:
        raise mmcore.CompositionError(
            f"early fusion reads {', '.join(encoders.modalities)} by itself, so they need no encoders",
            hint="Leave them out of `encoders`, and name them in the strategy.",
        )
    made = StackedGrids if options.stack else JointTokens
    return made(options, method, task, parts)


def check_early(options: EarlyOptions, kinds: Mapping[str, str], method: mmcore.FusionMethod) -> None:
    """Refuse modalities that can't meet in this way, before anything is loaded."""
    wanted, way = ("grid", "stack") if options.stack else ("tokens", "modalities")
    if method.reads != wanted:
        other = "joint_transformer" if method.reads == "grid" else "channel_stack"
        raise mmcore.OptionError(
            f"method {method.name!r} does not fit `{way}`", path=(way,), hint=f"Leave the method out, or write {other}."
        )
    others = [name for name in kinds if name not in options.names]
    if others:
        raise mmcore.OptionError(
            f"early fusion reads all modalities, and {', '.join(others)} has an encoder of its own",
            path=(way,),
            hint="Name it in the strategy, or leave it out.",
        )
    if options.stack and options.encoder is not None:
        found = sorted({kinds[name] for name in options.stack})
        if len(found) > 1:
            raise mmcore.OptionError(
                f"grids of {' and '.join(found)} can't be stacked: they must be of one kind",
                path=("stack",),
                hint="Use `modalities` for different kinds.",
            )
        mmcore.check_encoder(options.encoder, found[0], path=("encoder",))


STRATEGIES = (
    mmcore.FusionStrategy(
        name="early",
        summary="Inputs meet before any deep encoder: stacked channels, or light embeddings in one transformer",
        options=EarlyOptions,
        build=build_early,
        levels=("input",),
        default_method=lambda options: "channel_stack" if options.stack else "joint_transformer",
        modalities=lambda options: options.names,
        check=check_early,
        reference="arXiv:1705.09406",
        tiny={"modalities": ["first", "second", "third"], "dim": 8},
    ),
    mmcore.FusionStrategy(
        name="intermediate",
        summary="An encoder per modality, then the representations are fused, then one head",
        options=IntermediateOptions,
        build=build_intermediate,
        levels=("representation",),
        default_method="multconcat",
        reference="arXiv:2406.04349",
    ),
    mmcore.FusionStrategy(
        name="late",
        summary="An encoder, a head and a loss per modality, or finished runs; the decisions are fused",
        options=LateOptions,
        build=build_late,
        levels=("decision",),
        default_method="soft_voting",
        modalities=lambda options: tuple(options.runs),
        runs=lambda options: options.runs,
    ),
)
