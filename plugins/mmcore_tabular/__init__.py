"""Tables' rows: the kind `tabular` (numbers, categories, missing values) and the encoder `mlp`."""

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


def build_kind(options: mmcore.NoOptions) -> TabularKind:
    """The kind `tabular`."""
    from mmcore_tabular.kind import TabularKind

    return TabularKind()


def build_mlp(options: MLPOptions, description: TabularDescription) -> nn.Module:
    """A multi-layer perceptron over standardised numbers and embedded categories."""
    from mmcore_tabular.mlp import TabularMLP

    return TabularMLP(options, description)


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
    """`mlp`."""
    yield mmcore.Encoder(
        name="mlp",
        kind="tabular",
        summary="Multi-layer perceptron over standardised numbers, missing flags and embedded categories",
        options=MLPOptions,
        build=build_mlp,
        tiny={"width": 8, "layers": 1},
    )
