"""What the fusion methods let their users choose."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import model_validator

import mmcore

Width = Annotated[int, mmcore.Field(ge=1, le=65_536)]


class AfterOptions(mmcore.Options):
    """What may come after any method that fuses representations."""

    hidden: list[Width] = mmcore.Field(
        default_factory=list, description="widths of an MLP after the fusion, each layer with ReLU; none: no MLP"
    )


class AroundOptions(AfterOptions):
    """What may stand around any method that fuses vectors."""

    project: Width | None = mmcore.Field(
        None, description="width to which every modality is projected first, with ReLU; null: as they are"
    )


class CommonSpaceOptions(AroundOptions):
    """The width of the space in which modalities meet."""

    dim: Width = mmcore.Field(500, description="width of the space in which the modalities meet")


class MultConcatOptions(AroundOptions):
    """How wide the common space is."""

    dim: Width = mmcore.Field(500, description="width to which every modality is projected")


class GatedOptions(CommonSpaceOptions):
    """What a gate is."""

    tied: bool | None = mmcore.Field(
        None, description="whether the gates of a row sum to 1 (z and 1 - z); null: for two modalities, not for more"
    )
    scalar: bool = mmcore.Field(False, description="one gate for a modality instead of one for each unit")


class LowRankOptions(AfterOptions):
    """The size of the low-rank factors, and of what enters them."""

    project: Width | None = mmcore.Field(
        64, description="width to which every modality is projected first, then normalised; null: normalised only"
    )
    rank: Width = mmcore.Field(16, description="number of factors for each modality")
    dim: Width = mmcore.Field(128, description="width of the fused representation")


class TensorOptions(AroundOptions):
    """The size of the outer product, and of the layer that reads it."""

    project: Width | None = mmcore.Field(
        12, description="width to which every modality is projected first, with ReLU; null: as they are"
    )
    dim: Width = mmcore.Field(128, description="width of the layer that reads the tensor")
    dropout: float = mmcore.Field(0.0, ge=0, lt=1, description="of the tensor, in training")
    max_weights: int = mmcore.Field(
        50_000_000, ge=1, description="more weights than this in the layer that reads the tensor are refused"
    )


class PairwiseOptions(AroundOptions):
    """The size of the bilinear forms."""

    project: Width | None = mmcore.Field(
        64, description="width to which every modality is projected first, with ReLU; null: as they are"
    )
    dim: Width = mmcore.Field(128, description="width of the fused representation")
    max_weights: int = mmcore.Field(
        50_000_000, ge=1, description="more weights than this in all the bilinear forms are refused"
    )


class MLBOptions(AroundOptions):
    """The sizes of low-rank bilinear pooling."""

    width: Width = mmcore.Field(1200, description="width in which the modalities are multiplied")
    dim: Width = mmcore.Field(500, description="width of the fused representation")
    activation: Literal["relu", "tanh"] = mmcore.Field("relu", description="of the projections")


class MFBOptions(AroundOptions):
    """The sizes of factorised bilinear pooling."""

    dim: Width = mmcore.Field(1000, description="width of the fused representation")
    factor: Width = mmcore.Field(5, description="products that are summed for each unit (the paper's k)")
    dropout: float = mmcore.Field(0.1, ge=0, lt=1, description="of the products, in training")


class MutanOptions(AroundOptions):
    """The sizes of the Tucker decomposition."""

    width: Width = mmcore.Field(360, description="width of the core tensor's sides")
    rank: Width = mmcore.Field(10, description="rank of the core tensor's slices")
    dim: Width = mmcore.Field(500, description="width of the fused representation")


class BlockOptions(AroundOptions):
    """The sizes of the block-term decomposition."""

    width: Width = mmcore.Field(1600, description="width that is cut into blocks")
    chunks: Width = mmcore.Field(20, description="number of blocks; divides `width`")
    rank: Width = mmcore.Field(15, description="rank of each block's slices")
    dim: Width = mmcore.Field(500, description="width of the fused representation")

    @model_validator(mode="after")
    def _in_equal_blocks(self) -> Self:
        if self.width % self.chunks:
            raise ValueError(f"a width of {self.width} can't be cut into {self.chunks} equal chunks")
        return self


class FilmOptions(AroundOptions):
    """Which modality is modulated."""

    main: str | None = mmcore.Field(
        None, description="the modality that the others modulate; null: the first of the experiment"
    )


class MagOptions(FilmOptions):
    """How far the main modality may be moved."""

    beta: float = mmcore.Field(1.0, gt=0, description="how long the shift may be, as a share of the main vector")
    dropout: float = mmcore.Field(0.5, ge=0, lt=1, description="of the shifted vector, in training")


class HeadsOptions(AfterOptions):
    """The size of attention over tokens."""

    dim: Width = mmcore.Field(256, description="width to which every modality's tokens are projected")
    heads: Width = mmcore.Field(4, description="attention heads; divides `dim`")
    dropout: float = mmcore.Field(0.1, ge=0, lt=1, description="of what attention and its layers add, in training")

    @model_validator(mode="after")
    def _in_equal_heads(self) -> Self:
        if self.dim % self.heads:
            raise ValueError(f"a width of {self.dim} can't be cut into {self.heads} equal heads")
        return self


class CrossAttentionOptions(HeadsOptions):
    """Which modality asks the others."""

    main: str | None = mmcore.Field(
        None, description="the one modality whose tokens ask the others'; null: every modality asks all others"
    )


class MulTOptions(HeadsOptions):
    """The size of the crossmodal transformers."""

    dim: Width = mmcore.Field(40, description="width to which every modality's tokens are projected")
    heads: Width = mmcore.Field(10, description="attention heads; divides `dim`")
    layers: Width = mmcore.Field(4, description="layers of each crossmodal transformer")
    memory_layers: Width = mmcore.Field(3, description="layers of each modality's transformer over what it heard")
    pool: Literal["last", "mean"] = mmcore.Field(
        "last", description="what is read of a modality's tokens: the last one, as the paper does, or their mean"
    )


class JointTransformerOptions(HeadsOptions):
    """The size of the transformer over all tokens."""

    dim: Width = mmcore.Field(128, description="width of the transformer")
    layers: Width = mmcore.Field(4, description="transformer layers")


class DeepSetOptions(CommonSpaceOptions):
    """How the set is pooled."""

    pool: Literal["mean", "sum", "max"] = mmcore.Field("mean", description="over the modalities that are present")


class CalibrateOptions(mmcore.Options):
    """Whether decisions are made comparable first."""

    calibrate: bool = mmcore.Field(
        False,
        description="a temperature for each modality, fitted on the validation split, so that they are comparable",
    )


class HardVotingOptions(mmcore.Options):
    """What decides where votes are equal."""

    ties: Literal["probability", "first"] = mmcore.Field(
        "probability", description="what decides between classes with equal votes: the mean probability, or their order"
    )


class WeightedVotingOptions(CalibrateOptions):
    """What is weighted."""

    voting: Literal["soft", "hard"] = mmcore.Field(
        "soft", description="whether probabilities are averaged (soft) or votes for one class counted (hard)"
    )


class ExpertsOptions(mmcore.Options):
    """Whether experts are weighed by how sure they may be."""

    calibrate: bool = mmcore.Field(
        False,
        description="fitted on the validation split: a temperature for each modality; in regression its precision",
    )


class StackingOptions(CalibrateOptions):
    """How strongly the second model is held back."""

    ridge: float = mmcore.Field(1.0, gt=0, description="weight of the squared coefficients (1 / C of scikit-learn)")
