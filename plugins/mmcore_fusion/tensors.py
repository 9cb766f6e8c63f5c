"""Tensor fusion: the outer product of all modalities, in full or by factors of low rank."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

import mmcore
from mmcore_fusion.fusion import Fusion, product


class TensorFusion(Fusion):
    """Tensor fusion network (arXiv:1707.07250): `z = [x_1; 1] ⊗ … ⊗ [x_M; 1]`, dropout, a layer with ReLU.

    An absent modality is `[0; 1]`: the products of the others stay.

    Args:
        widths: modality → width.
        dim: width of the layer that reads the tensor.
        dropout: of the tensor.
        max_weights: more weights than this in that layer are refused.

    Raises:
        CompositionError: they would be more; says how many, and which projection would fit.
    """

    def __init__(self, widths: Mapping[str, int], dim: int, *, dropout: float = 0.0, max_weights: int = 50_000_000):
        super().__init__(widths, dim)
        entries = math.prod(width + 1 for width in widths.values())
        if entries * dim > max_weights:
            raise mmcore.CompositionError(
                f"the tensor of {' × '.join(str(width + 1) for width in widths.values())} = {entries:,} entries needs "
                f"a layer of {entries * dim:,} weights ({4 * entries * dim / 1e9:,.1f} GB), more than the "
                f"{max_weights:,} of `max_weights`",
                hint=_what_fits(max_weights // dim, len(widths)),
            )
        self.layer = nn.Sequential(nn.Dropout(dropout), nn.Linear(entries, dim), nn.ReLU())

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, dim)`."""
        return self.layer(outer_product(list(inputs.values())))


def outer_product(vectors: list[Tensor]) -> Tensor:
    """`[x_1; 1] ⊗ … ⊗ [x_M; 1]` of vectors `(B, D_m)`, flattened to `(B, Π (D_m + 1))`, the last modality fastest.

    >>> outer_product([torch.tensor([[2.0]]), torch.tensor([[3.0, 5.0]])])
    tensor([[ 6., 10.,  2.,  3.,  5.,  1.]])
    """
    tensor = vectors[0].new_ones(len(vectors[0]), 1)
    for vector in vectors:
        extended = torch.cat([vector, vector.new_ones(len(vector), 1)], dim=1)
        tensor = (tensor[:, :, None] * extended[:, None, :]).flatten(1)
    return tensor


def _what_fits(entries: int, modalities: int) -> str:
    side = max((side for side in range(2, 4097) if side**modalities <= entries), default=0)
    if side:
        return f"Set `project` to {side - 1} or less, a smaller `dim`, or use lmf, which never forms the tensor."
    return "Set a smaller `dim`, or use lmf, which never forms the tensor."


class LowRankCore(nn.Module):
    """The low-rank core of LMF (arXiv:1806.00064): `h = Σ_r w_r Π_m ([1; x_m] W_m^(r)) + b`.

    Equals the contraction of `[1; x_1] ⊗ … ⊗ [1; x_M]` with the full tensor of rank `rank` that the factors stand for.
    An absent modality is a factor of 1.

    The factors start with standard deviation `1 / sqrt(D_m + 1)`, the row that meets the constant 1 at one, and the
    weights at `1 / sqrt(rank)`, so that products neither vanish nor explode with the number of modalities, and every
    lower-order term passes. The published initialisation (Xavier over three dimensions) shrinks as its M-th power.

    Args:
        widths: modality → width.
        dim: width of the result.
        rank: number of factors.
    """

    def __init__(self, widths: Mapping[str, int], dim: int, rank: int):
        super().__init__()
        self.dim = dim
        self.factors = nn.ParameterDict()
        for name, width in widths.items():
            factor = torch.randn(rank, width + 1, dim) / math.sqrt(width + 1)
            factor[:, 0] = 1.0
            self.factors[name] = nn.Parameter(factor)
        self.weights = nn.Parameter(torch.full((rank,), 1 / math.sqrt(rank)))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)`, in the order of `inputs` → `(B, dim)`."""
        factors = []
        for name, vector in inputs.items():
            constant, linear = self.factors[name][:, :1], self.factors[name][:, 1:]
            factors.append(torch.einsum("bi,rio->bro", vector, linear) + constant.transpose(0, 1))
        return torch.einsum("bro,r->bo", product(factors, present), self.weights) + self.bias


class LowRankTensorFusion(Fusion):
    """Low-rank multimodal fusion (arXiv:1806.00064), so that it trains: normalised before the core and after it.

    Each modality is normalised, projected and normalised again, so that the core multiplies numbers of unit scale
    whatever the encoder gave; the result is normalised, because its scale grows with the number of modalities. The
    paper has small subnets with batch norm before the core; layer norm, here, also works for a batch of one.

    Args:
        widths: modality → width.
        dim: width of the result.
        rank: number of factors.
        width: to which each modality is projected; None: normalised only.
    """

    def __init__(self, widths: Mapping[str, int], dim: int, rank: int, width: int | None):
        super().__init__(widths, dim)
        self.subnets = nn.ModuleDict({name: _subnet(own, width) for name, own in widths.items()})
        self.core = LowRankCore({name: width or own for name, own in widths.items()}, dim, rank)
        self.norm = nn.LayerNorm(dim)

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, dim)`."""
        return self.norm(self.core({name: self.subnets[name](vector) for name, vector in inputs.items()}, present))


def _subnet(own: int, width: int | None) -> nn.Module:
    if width is None:
        return _norm(own)
    return nn.Sequential(_norm(own), nn.Linear(own, width), _norm(width))


def _norm(width: int) -> nn.Module:
    return nn.LayerNorm(width) if width > 1 else nn.Identity()  # a single number, normalised, says nothing
