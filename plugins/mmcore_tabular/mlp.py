"""A multi-layer perceptron over columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import mmcore
from mmcore_tabular.spec import TabularDescription, TabularSpec

if TYPE_CHECKING:
    from mmcore_tabular import MLPOptions


class TabularMLP(nn.Module):
    """Standardised numbers, missing flags of all columns and embedded categories → `(B, width)`."""

    def __init__(self, options: MLPOptions, description: TabularDescription):
        super().__init__()
        columns = description.columns
        self.input_spec = TabularSpec(columns)
        self.dim = options.width
        self.numbers = [index for index, column in enumerate(columns) if column.type == "number"]
        self.categories = [index for index, column in enumerate(columns) if column.type == "category"]
        self.embeddings = nn.ModuleList(
            nn.Embedding(len(columns[index].values) + 1, options.embedding) for index in self.categories
        )
        width = len(self.numbers) + len(columns) + options.embedding * len(self.categories)
        layers: list[nn.Module] = []
        for _ in range(options.layers):
            layers.append(
                nn.Sequential(
                    nn.Linear(max(width, 1), options.width),
                    nn.LayerNorm(options.width),
                    nn.ReLU(),
                    nn.Dropout(options.dropout),
                )
            )
            width = options.width
        self.layers = nn.ModuleList(layers)

    @property
    def blocks(self) -> list[nn.Module]:
        """The layers, input side first."""
        return list(self.layers)

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `values (B, C)` and `missing (B, C)`."""
        values, missing = inputs["values"], inputs["missing"]
        parts = [values[:, self.numbers], missing]
        for index, embedding in zip(self.categories, self.embeddings, strict=True):
            numbers = values[:, index].round().long().clamp(0, embedding.num_embeddings - 1)  # type: ignore[arg-type, operator]
            parts.append(embedding(numbers))
        hidden = torch.cat(parts, dim=1)
        if not hidden.shape[1]:
            hidden = hidden.new_zeros(len(values), 1)
        for layer in self.layers:
            hidden = layer(hidden)
        return mmcore.Representation(hidden)
