"""Tokens that attend to other modalities' tokens: cross-attention, MulT, and one transformer over all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

import mmcore
from mmcore_fusion.attention import Attention, TransformerLayer, last_token, masked_mean, sinusoids
from mmcore_fusion.fusion import Fusion, check_modality, linears

Tokens = Mapping[str, mmcore.Representation]


class CrossAttention(Fusion):
    """Cross-attention: `x_i + softmax(Q K^T / sqrt(d)) V`, Q from modality i, K and V from all others; then the mean.

    The means of all modalities stand side by side; with `main`, only that modality asks, and its mean is the result.
    An absent modality is asked nothing, its slot is zero; an absent main one is replaced by the mean of the others'
    tokens. The residual connection and the mean over tokens are ours.

    Args:
        widths: modality → width of its tokens.
        dim: width to which tokens are projected.
        heads: attention heads; divides `dim`.
        dropout: of what attention adds.
        main: the one modality that asks; None: all.

    Raises:
        CompositionError: `main` is no modality.
    """

    def __init__(
        self, widths: Mapping[str, int], dim: int, heads: int, *, dropout: float = 0.0, main: str | None = None
    ):
        self.main = check_modality(main, list(widths), "cross_attention")
        asking = [main] if main is not None else list(widths)
        super().__init__(widths, dim * len(asking))
        self.projections = linears(widths, dim)
        self.attentions = nn.ModuleDict({name: Attention(dim, heads) for name in asking})
        self.dropout = nn.Dropout(dropout)

    def combine(self, inputs: Tokens, present: Tensor) -> Tensor:
        """Tokens `(B, L, width)` per modality and `present (B, M)` → `(B, dim)`."""
        tokens = projected(inputs, self.projections)
        slots = []
        for name, attention in self.attentions.items():
            asking, mask = tokens[name]
            others = torch.cat([each for other, (each, _) in tokens.items() if other != name], dim=1)
            counts = torch.cat([each for other, (_, each) in tokens.items() if other != name], dim=1)
            mean = masked_mean(asking + self.dropout(attention(asking, others, counts)), mask)
            if self.main is not None:
                mean = torch.where(mask.any(1, keepdim=True), mean, masked_mean(others, counts))
            slots.append(mean)
        return torch.cat(slots, dim=1)


class MulT(Fusion):
    """Multimodal transformer (arXiv:1906.00295, section 3): each modality's tokens, reinforced by every other's.

    For each ordered pair a crossmodal transformer, tokens of one asking those of the other at every layer; what a
    modality heard from all others, side by side, goes through a transformer of its own; the last token is read; all of
    it, side by side, through a residual MLP. Positions are sinusoids. An absent modality is not heard, and its slot is
    zero.

    Args:
        widths: modality → width of its tokens.
        dim: width to which tokens are projected; the result has `M (M - 1) · dim`.
        heads: attention heads; divides `dim`.
        layers: of each crossmodal transformer.
        memory_layers: of each modality's own transformer.
        dropout: in all transformers and the MLP.
        pool: what is read of a modality's tokens; the paper reads the last one.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        dim: int,
        heads: int,
        layers: int,
        memory_layers: int,
        *,
        dropout: float = 0.1,
        pool: Literal["last", "mean"] = "last",
    ):
        heard = (len(widths) - 1) * dim
        super().__init__(widths, heard * len(widths))
        self.projections = linears(widths, dim, bias=False)
        self.crossmodal = nn.ModuleDict(
            {name: nn.ModuleDict({other: Stack(dim, heads, layers, dropout) for other in widths if other != name})
             for name in widths}
        )  # fmt: skip
        self.memories = nn.ModuleDict({name: Stack(heard, heads, memory_layers, dropout) for name in widths})
        self.inner = nn.Sequential(
            nn.Linear(self.dim, self.dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(self.dim, self.dim)
        )
        self.pool = pool

    def combine(self, inputs: Tokens, present: Tensor) -> Tensor:
        """Tokens `(B, L, width)` per modality and `present (B, M)` → `(B, dim)`."""
        tokens = {name: (_placed(each), mask) for name, (each, mask) in projected(inputs, self.projections).items()}
        read = last_token if self.pool == "last" else masked_mean
        slots = []
        for name, others in self.crossmodal.items():
            assert isinstance(others, nn.ModuleDict)
            own, mask = tokens[name]
            heard = torch.cat([stack(own, *tokens[other]) for other, stack in others.items()], dim=2)
            memory = self.memories[name](heard, heard, mask)
            slots.append(torch.where(mask.any(1, keepdim=True), read(memory, mask), 0.0))
        together = torch.cat(slots, dim=1)
        return together + self.inner(together)


class Stack(nn.Module):
    """Transformer layers that all ask the same tokens, or, where a sequence asks itself, what the last layer gave."""

    def __init__(self, dim: int, heads: int, layers: int, dropout: float):
        super().__init__()
        self.layers = nn.ModuleList(TransformerLayer(dim, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, asking: Tensor, asked: Tensor, mask: Tensor) -> Tensor:
        """`asking (B, L, D)` after it asked `asked (B, S, D)`, of which `mask (B, S)` says what counts."""
        itself = asking is asked
        for layer in self.layers:
            asking = layer(asking, asking if itself else asked, mask)
        return self.norm(asking)


class JointTransformer(Fusion):
    """One transformer over the tokens of all modalities, from the first layer on (early fusion).

    Each modality's tokens are projected and marked by a learned vector of that modality; a learned token in front reads
    the result, as in arXiv:2010.11929, and its place after the last layer is returned. Tokens carry their places
    already: kinds' stems give them. Tokens of absent modalities, and those that do not count, are seen by nobody.

    Args:
        widths: modality → width of its tokens.
        dim: width of the transformer and of the result.
        heads: attention heads; divides `dim`.
        layers: transformer layers.
        dropout: of what each half of a layer adds.
    """

    def __init__(self, widths: Mapping[str, int], dim: int, heads: int, layers: int, *, dropout: float = 0.1):
        super().__init__(widths, dim)
        self.projections = linears(widths, dim)
        self.marks = nn.ParameterDict({name: nn.Parameter(0.02 * torch.randn(dim)) for name in widths})
        self.reader = nn.Parameter(0.02 * torch.randn(dim))
        self.stack = Stack(dim, heads, layers, dropout)

    def combine(self, inputs: Tokens, present: Tensor) -> Tensor:
        """Tokens `(B, L, width)` per modality and `present (B, M)` → `(B, dim)`."""
        parts = projected(inputs, self.projections)
        reader = self.reader.expand(len(present), 1, -1)
        together = torch.cat([reader, *[each + self.marks[name] for name, (each, _) in parts.items()]], dim=1)
        counts = torch.cat([torch.ones_like(present[:, :1]), *[mask for _, mask in parts.values()]], dim=1)
        return self.stack(together, together, counts)[:, 0]


def projected(inputs: Tokens, projections: nn.ModuleDict) -> dict[str, tuple[Tensor, Tensor]]:
    """Modality → its tokens, projected `(B, L, D)` and zero where they do not count, and their mask `(B, L)`."""
    found = {}
    for name, given in inputs.items():
        assert given.tokens is not None
        assert given.mask is not None
        found[name] = (torch.where(given.mask[..., None], projections[name](given.tokens), 0.0), given.mask)
    return found


def _placed(tokens: Tensor) -> Tensor:
    return tokens * math.sqrt(tokens.shape[2]) + sinusoids(tokens.shape[1], tokens.shape[2], tokens)
