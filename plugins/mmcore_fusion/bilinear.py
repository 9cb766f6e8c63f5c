"""Bilinear pooling: every unit of one modality meets every unit of another, with factorised weights.

The papers write of two modalities. For more, products are over all of them (MLB, MFB, MUTAN, BLOCK) or summed over all
pairs (multiplicative interactions); that is ours. An absent modality is a factor of 1, or leaves its pairs out.
Constants of what is multiplied begin at 1 (ours: see `factors`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Literal

import torch
from torch import Tensor, nn

import mmcore
from mmcore_fusion.fusion import Fusion, factors, linears, product


class MLB(Fusion):
    """Low-rank bilinear pooling (arXiv:1610.04325): `W_o (⊙_m σ(U_m x_m + b_m)) + b_o`.

    Args:
        widths: modality → width.
        width: in which the modalities are multiplied.
        dim: width of the result.
        activation: σ: tanh in the paper, relu in mmf.
    """

    def __init__(
        self, widths: Mapping[str, int], width: int, dim: int, *, activation: Literal["relu", "tanh"] = "relu"
    ):
        super().__init__(widths, dim)
        self.activation = nn.ReLU() if activation == "relu" else nn.Tanh()
        self.projections = factors(widths, width)
        self.output = nn.Linear(width, dim)

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, dim)`."""
        activations = [self.activation(self.projections[name](vector)) for name, vector in inputs.items()]
        return self.output(product(activations, present))


class MFB(Fusion):
    """Factorised bilinear pooling (arXiv:1708.01471): `norm(root(Σ_k ⊙_m (U_m x_m + b_m)))`.

    The sum is over `factor` neighbouring products for each unit, `root` keeps the sign, `norm` is to length 1.

    Args:
        widths: modality → width.
        dim: width of the result (the paper's o).
        factor: products that are summed for each unit (the paper's k).
        dropout: of the products.
    """

    def __init__(self, widths: Mapping[str, int], dim: int, factor: int, *, dropout: float = 0.1):
        super().__init__(widths, dim)
        self.factor = factor
        self.projections = factors(widths, dim * factor)
        self.dropout = nn.Dropout(dropout)

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, dim)`."""
        products = self.dropout(product([self.projections[name](vector) for name, vector in inputs.items()], present))
        return to_length_one(signed_root(products.unflatten(1, (-1, self.factor)).sum(2)))


class Mutan(Fusion):
    """MUTAN (arXiv:1705.06676): `W_o Σ_r ⊙_m (A_mr (W_m x_m))`, every map with its bias.

    The Tucker decomposition of a full bilinear form, its core tensor of rank `rank` in each slice.

    Args:
        widths: modality → width.
        width: of the core tensor's sides.
        rank: of its slices.
        dim: width of the result.
    """

    def __init__(self, widths: Mapping[str, int], width: int, rank: int, dim: int):
        super().__init__(widths, dim)
        self.rank = rank
        self.projections = linears(widths, width)
        self.slices = factors(dict.fromkeys(widths, width), width * rank)
        self.output = nn.Linear(width, dim)

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, dim)`."""
        sliced = [self.slices[name](self.projections[name](vector)) for name, vector in inputs.items()]
        return self.output(product(sliced, present).unflatten(1, (self.rank, -1)).sum(1))


class Block(Fusion):
    """BLOCK (arXiv:1902.00038): projections cut into blocks, each block a small MUTAN of its own.

    `W_o cat_c norm(root(Σ_r ⊙_m (A_mcr (W_m x_m)_c)))`, every map with its bias; the signed root and the length of 1
    for each block are those of the authors' code.

    Args:
        widths: modality → width.
        width: that is cut into blocks.
        chunks: number of blocks; divides `width`.
        rank: of each block's slices.
        dim: width of the result.
    """

    def __init__(self, widths: Mapping[str, int], width: int, chunks: int, rank: int, dim: int):
        super().__init__(widths, dim)
        self.chunks, self.rank = chunks, rank
        self.projections = linears(widths, width)
        self.slices = nn.ModuleDict({name: BlockwiseLinear(chunks, width // chunks, rank) for name in widths})
        self.output = nn.Linear(width, dim)

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, dim)`."""
        sliced = []
        for name, vector in inputs.items():
            blocks = self.projections[name](vector).unflatten(1, (self.chunks, -1))  # (B, chunks, size)
            sliced.append(self.slices[name](blocks))  # (B, chunks, rank, size)
        merged = product(sliced, present).sum(2)
        return self.output(to_length_one(signed_root(merged)).flatten(1))


class BlockwiseLinear(nn.Module):
    """For each block of `(B, chunks, size)` a linear map of its own to `(rank, size)`: `(B, chunks, rank, size)`.

    Constants begin at 1, as those of all factors.
    """

    def __init__(self, chunks: int, size: int, rank: int):
        super().__init__()
        bound = 1 / math.sqrt(size)  # as torch.nn.Linear begins
        self.weight = nn.Parameter(torch.empty(chunks, rank, size, size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.ones(chunks, rank, size))

    def forward(self, blocks: Tensor) -> Tensor:
        """Map each block."""
        return torch.einsum("bci,croi->bcro", blocks, self.weight) + self.bias


class MultiplicativeInteractions(Fusion):
    """Multiplicative interactions (ICLR 2020, openreview rylnK6VtDH): `x^T W y + U x + V y + b`.

    For more than two modalities, a bilinear form for each pair: `Σ_{i<j} x_i^T W_ij x_j + Σ_i U_i x_i + b`.

    Args:
        widths: modality → width.
        dim: width of the result.
        max_weights: more weights than this in all the bilinear forms are refused.

    Raises:
        CompositionError: they would be more; says how many.
    """

    def __init__(self, widths: Mapping[str, int], dim: int, *, max_weights: int = 50_000_000):
        super().__init__(widths, dim)
        self.pairs = list(combinations(widths, 2))
        weights = dim * sum(widths[first] * widths[second] for first, second in self.pairs)
        if weights > max_weights:
            fits = math.isqrt(max_weights // (dim * len(self.pairs)))
            raise mmcore.CompositionError(
                f"bilinear forms between widths {', '.join(map(str, widths.values()))} with {dim} outputs need "
                f"{weights:,} weights ({4 * weights / 1e9:,.1f} GB), more than the {max_weights:,} of `max_weights`",
                hint=f"Set `project` to {fits} or less." if fits else "Set a smaller `dim`.",
            )
        self.forms = nn.ParameterList(
            torch.randn(dim, widths[first], widths[second]) / math.sqrt(widths[first] * widths[second])
            for first, second in self.pairs
        )
        self.linears = linears(widths, dim, bias=False)
        self.bias = nn.Parameter(torch.zeros(dim))

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, dim)`; what is absent is zero and adds nothing."""
        result = self.bias + sum(self.linears[name](vector) for name, vector in inputs.items())
        for form, (first, second) in zip(self.forms, self.pairs, strict=True):
            result = result + torch.einsum("bi,oij,bj->bo", inputs[first], form, inputs[second])
        return result


ROOT_FROM = 1e-6
"""Below this the signed root is a straight line, whose slope (1,000) is finite."""


def signed_root(values: Tensor) -> Tensor:
    """`sign(x) sqrt(|x|)`, with a finite slope at zero.

    >>> signed_root(torch.tensor([4.0, -9.0, 0.0]))
    tensor([ 2., -3.,  0.])
    """
    root = values.sign() * values.abs().clamp(min=ROOT_FROM).sqrt()
    return torch.where(values.abs() > ROOT_FROM, root, values / math.sqrt(ROOT_FROM))


def to_length_one(vectors: Tensor) -> Tensor:
    """Along the last axis, divided by the Euclidean length; zeros stay zeros."""
    return vectors / (vectors.square().sum(-1, keepdim=True) + 1e-12).sqrt()
