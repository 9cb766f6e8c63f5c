"""Columns as tokens, and a transformer over them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

import mmcore
from mmcore_tabular.spec import TabularDescription, TabularSpec

if TYPE_CHECKING:
    from mmcore_tabular import FTTransformerOptions


class ColumnTokens(nn.Module):
    """A token for each column (arXiv:2106.11959, section 3.3): `x_j W_j + b_j` of a number, `E_j[x_j] + b_j` of a
    category. An empty cell is a vector of the column's own, which is ours: the paper has no empty cells.

    `values (B, C)` and `missing (B, C)` → `tokens (B, C, dim)`; of no columns at all, one token that says so.
    """

    def __init__(self, description: TabularDescription, dim: int):
        super().__init__()
        columns = description.columns
        self.dim, self.input_spec = dim, TabularSpec(columns)
        self.categories = [index for index, column in enumerate(columns) if column.type == "category"]
        count = max(len(columns), 1)
        self.weight, self.bias, self.empty = (nn.Parameter(torch.empty(count, dim)) for _ in range(3))
        for parameter in (self.weight, self.bias, self.empty):
            nn.init.uniform_(parameter, -1 / math.sqrt(dim), 1 / math.sqrt(dim))
        self.embeddings = nn.ModuleList(nn.Embedding(len(columns[index].values) + 1, dim) for index in self.categories)
        for embedding in self.embeddings:
            nn.init.uniform_(embedding.weight, -1 / math.sqrt(dim), 1 / math.sqrt(dim))  # type: ignore[arg-type]

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Tokens, and their mean as vector."""
        values, missing = inputs["values"], inputs["missing"]
        if not values.shape[1]:
            values, missing = values.new_zeros(len(values), 1), values.new_ones(len(values), 1)
        known = values[..., None] * self.weight
        for index, embedding in zip(self.categories, self.embeddings, strict=True):
            numbers = values[:, index].round().long().clamp(0, embedding.num_embeddings - 1)  # type: ignore[arg-type, operator]
            known = torch.cat([known[:, :index], embedding(numbers)[:, None], known[:, index + 1 :]], dim=1)
        # a share between 0 and 1 is met where maskings are averaged
        tokens = known + missing[..., None] * (self.empty - known) + self.bias
        return mmcore.Representation(tokens.mean(1), tokens)


class Layer(nn.Module):
    """Pre-norm self-attention and a ReGLU network, each beside a residual path; the first attention has no norm.

    Args:
        dim: width of the tokens.
        heads: they divide the width.
        hidden: width of the network's inner layer.
    """

    def __init__(self, dim: int, heads: int, hidden: int, options: FTTransformerOptions, *, first: bool):
        super().__init__()
        self.heads, self.options = heads, options
        self.attention_norm = nn.Identity() if first else nn.LayerNorm(dim)
        self.query_key_value, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.norm, self.inner, self.outer = nn.LayerNorm(dim), nn.Linear(dim, 2 * hidden), nn.Linear(hidden, dim)
        self.dropout = nn.Dropout(options.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """`(B, L, dim)` → the same shape."""
        tokens = tokens + self.attend(self.attention_norm(tokens))
        value, gate = self.inner(self.norm(tokens)).chunk(2, dim=-1)
        return tokens + self.outer(self.dropout(value * gate.relu()))

    def attend(self, tokens: Tensor) -> Tensor:
        """Multi-head self-attention."""
        split = self.query_key_value(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        dropout = self.options.attention_dropout if self.training else 0.0
        mixed = scaled_dot_product_attention(split[0], split[1], split[2], dropout_p=dropout)
        return self.out(mixed.transpose(1, 2).flatten(2))


class FTTransformer(nn.Module):
    """FT-Transformer (arXiv:2106.11959): a token for each column and a class token, layers of attention among them.

    `vector (B, width)` is the class token after ReLU(LayerNorm(·)), which the paper's head reads; `tokens` are the
    columns' last states.
    """

    def __init__(self, options: FTTransformerOptions, description: TabularDescription):
        super().__init__()
        if options.width % options.heads:
            raise mmcore.OptionError(f"{options.heads} heads do not divide a width of {options.width}", path=("heads",))
        self.columns = ColumnTokens(description, options.width)
        self.input_spec, self.dim = self.columns.input_spec, options.width
        self.summary = nn.Parameter(torch.empty(options.width).uniform_(-1, 1) / math.sqrt(options.width))
        hidden = max(1, round(options.width * options.factor))
        self.layers = nn.ModuleList(
            Layer(options.width, options.heads, hidden, options, first=not number) for number in range(options.layers)
        )
        self.norm = nn.LayerNorm(options.width)

    @property
    def blocks(self) -> list[nn.Module]:
        """The columns' tokens, then the layers."""
        return [self.columns, *self.layers]

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `values (B, C)` and `missing (B, C)`."""
        tokens = self.columns(inputs).tokens
        tokens = torch.cat([self.summary.expand(len(tokens), 1, -1), tokens], dim=1)
        for layer in self.layers:
            tokens = layer(tokens)
        return mmcore.Representation(self.norm(tokens[:, 0]).relu(), tokens[:, 1:])
