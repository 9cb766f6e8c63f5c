"""Methods at representation level. An absent modality enters none of them, whatever stands in its place."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class MultConcat(nn.Module):
    """MultConcat (arXiv:2406.04349): `cat(o_1, …, o_M, o_1 ⊙ … ⊙ o_M)` with `o_m = ReLU(W_m x_m + b_m)`.

    An absent modality's slot is zero and its factor one, so that the product of the others stays.

    Args:
        widths: modality → width.
        width: of the common space; the result has `(M + 1) · width`.
    """

    def __init__(self, widths: Mapping[str, int], width: int):
        super().__init__()
        self.projections = nn.ModuleDict({name: nn.Linear(own, width) for name, own in widths.items()})
        self.dim = width * (len(widths) + 1)

    def forward(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, dim)`."""
        slots, product = [], None
        there = dict(zip(inputs, present.unbind(1), strict=True))
        for name, projection in self.projections.items():
            here = there[name][:, None]
            projected = projection(torch.where(here, inputs[name], 0.0)).relu()
            slots.append(torch.where(here, projected, 0.0))
            factor = torch.where(here, projected, 1.0)
            product = factor if product is None else product * factor
        assert product is not None
        return torch.cat([*slots, product], dim=1)


class Concat(nn.Module):
    """Side by side; an absent modality's slot is zero.

    Args:
        widths: modality → width.
        width: to which each is projected first, with ReLU; None leaves them as they are.
    """

    def __init__(self, widths: Mapping[str, int], width: int | None = None):
        super().__init__()
        self.projections = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(own, width), nn.ReLU()) if width else nn.Identity()
             for name, own in widths.items()}
        )  # fmt: skip
        self.dim = len(widths) * width if width else sum(widths.values())

    def forward(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, dim)`."""
        there = dict(zip(inputs, present.unbind(1), strict=True))
        slots = []
        for name, projection in self.projections.items():
            here = there[name][:, None]
            slots.append(torch.where(here, projection(torch.where(here, inputs[name], 0.0)), 0.0))
        return torch.cat(slots, dim=1)
