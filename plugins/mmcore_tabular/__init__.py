"""Tables' rows: the kind `tabular` (numbers, categories, missing values), the encoders `mlp` and `ft_transformer`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import mmcore
from mmcore_tabular.columns import examples, looks_like_values
from mmcore_tabular.spec import Column, TabularDescription, TabularSpec

if TYPE_CHECKING:
    from torch import nn

    from mmcore_tabular.kind import TabularKind

__all__ = ["Column", "TabularDescription", "TabularSpec"]


class MLPOptions(mmcore.Options):
    """How deep and wide."""

    width: int = mmcore.Field(64, ge=1, le=65_536, description="hidden units, and the width of the representation")
    layers: int = mmcore.Field(2, ge=1, le=64, description="linear layers, each with layer norm and ReLU")
    embedding: int = mmcore.Field(8, ge=1, le=1024, description="numbers that a category becomes")
    dropout: float = mmcore.Field(0.1, ge=0, lt=1, description="after each layer, in training")


class FTTransformerOptions(mmcore.Options):
    """The defaults of the paper (table 12)."""

    width: int = mmcore.Field(192, ge=2, le=8192, description="width of the tokens and of the representation")
    layers: int = mmcore.Field(3, ge=1, le=32, description="transformer layers")
    heads: int = mmcore.Field(8, ge=1, le=64, description="attention heads; they divide the width")
    factor: float = mmcore.Field(4 / 3, gt=0, le=16, description="inner width of the networks, by the width")
    attention_dropout: float = mmcore.Field(0.2, ge=0, lt=1, description="of attention weights, in training")
    dropout: float = mmcore.Field(0.1, ge=0, lt=1, description="within the networks, in training")


def build_kind(options: mmcore.NoOptions) -> TabularKind:
    """The kind `tabular`."""
    from mmcore_tabular.kind import TabularKind

    return TabularKind()


def build_mlp(options: MLPOptions, description: TabularDescription) -> nn.Module:
    """A multi-layer perceptron over standardised numbers and embedded categories."""
    from mmcore_tabular.mlp import TabularMLP

    return TabularMLP(options, description)


def build_ft_transformer(options: FTTransformerOptions, description: TabularDescription) -> nn.Module:
    """A transformer over columns."""
    from mmcore_tabular.tokens import FTTransformer

    return FTTransformer(options, description)


@mmcore.hookimpl
def mmcore_modality_kinds() -> Iterator[mmcore.ModalityKind]:
    """The kind `tabular`."""
    yield mmcore.ModalityKind(
        name="tabular",
        summary="Columns of numbers and categories, some cells missing; players are its columns",
        build=build_kind,
        description=TabularDescription,
        input_spec=TabularSpec,
        guess=looks_like_values,
        joins_columns=True,
        examples=examples,
    )


@mmcore.hookimpl
def mmcore_encoders() -> Iterator[mmcore.Encoder]:
    """`mlp` and `ft_transformer`."""
    yield mmcore.Encoder(
        name="mlp",
        kind="tabular",
        summary="Multi-layer perceptron over standardised numbers, missing flags and embedded categories",
        options=MLPOptions,
        build=build_mlp,
        tiny={"width": 8, "layers": 1},
    )
    yield mmcore.Encoder(
        name="ft_transformer",
        kind="tabular",
        summary="FT-Transformer: a token for each column, and attention among them",
        options=FTTransformerOptions,
        build=build_ft_transformer,
        reference="arXiv:2106.11959",
        tiny={"width": 8, "layers": 1, "heads": 2},
    )
