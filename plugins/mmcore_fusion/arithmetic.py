"""Sum, mean, maximum and product of projections to one space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from mmcore_fusion.fusion import Fusion, factors, linears, product, total

Operation = Literal["sum", "mean", "max", "product"]


class Arithmetic(Fusion):
    """`op_m(W_m x_m + b_m)` over the modalities that are present; no activation (the programme's `SimpleOperation`).

    An absent modality adds nothing, does not count in the mean, is never the maximum, and is a factor of 1.

    Args:
        widths: modality → width.
        width: of the common space.
        operation: sum, mean, max or product.
    """

    def __init__(self, widths: Mapping[str, int], width: int, operation: Operation):
        super().__init__(widths, width)
        self.operation = operation
        self.projections = factors(widths, width) if operation == "product" else linears(widths, width)

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, width)`."""
        return pooled([self.projections[name](vector) for name, vector in inputs.items()], present, self.operation)


def pooled(terms: list[Tensor], present: Tensor, operation: Operation) -> Tensor:
    """Sum, mean, maximum or product of `(B, D)` terms over the modalities of `present (B, M)`.

    >>> pooled([torch.tensor([[2.0]]), torch.tensor([[9.0]])], torch.tensor([[True, False]]), "mean")
    tensor([[2.]])
    """
    if operation == "product":
        return product(terms, present)
    if operation == "max":
        floor = torch.finfo(terms[0].dtype).min
        columns = zip(terms, present.unbind(1), strict=True)
        highest = torch.stack([torch.where(here[:, None], term, floor) for term, here in columns]).amax(0)
        return torch.where(present.any(1, keepdim=True), highest, 0.0)
    added = total(terms, present)
    return added if operation == "sum" else added / present.sum(1, keepdim=True).clamp(min=1)
