"""Side by side: Concat, and MultConcat with the product beside."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mmcore_fusion.fusion import Fusion, linears, product


class Concat(Fusion):
    """Side by side; an absent modality's slot is zero.

    Args:
        widths: modality → width.
    """

    def __init__(self, widths: Mapping[str, int]):
        super().__init__(widths, sum(widths.values()))

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, sum of the widths)`."""
        return torch.cat(list(inputs.values()), dim=1)


class MultConcat(Fusion):
    """MultConcat (arXiv:2406.04349): `cat(o_1, …, o_M, o_1 ⊙ … ⊙ o_M)` with `o_m = ReLU(W_m x_m + b_m)`.

    An absent modality's slot is zero and its factor one, so that the product of the others stays.

    Args:
        widths: modality → width.
        width: of the common space; the result has `(M + 1) · width`.
    """

    def __init__(self, widths: Mapping[str, int], width: int):
        super().__init__(widths, width * (len(widths) + 1))
        self.projections = linears(widths, width)

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, dim)`."""
        projected = [self.projections[name](vector).relu() for name, vector in inputs.items()]
        slots = [torch.where(here[:, None], each, 0.0) for each, here in zip(projected, present.unbind(1), strict=True)]
        return torch.cat([*slots, product(projected, present)], dim=1)
