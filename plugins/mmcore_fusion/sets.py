"""Deep sets: modalities as an unordered set of any size."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from mmcore_fusion.arithmetic import Operation, pooled
from mmcore_fusion.fusion import Fusion, linears


class DeepSet(Fusion):
    """Deep set (arXiv:1703.06114, theorem 2): `ρ(pool_m φ(x_m))` over the modalities that are present.

    φ is a linear map for each modality, as in torchmultimodal; ρ is `W_2 ReLU(W_1 z + b_1) + b_2`.

    Args:
        widths: modality → width.
        width: of the common space and of the result.
        pool: mean, sum or max.
    """

    def __init__(self, widths: Mapping[str, int], width: int, pool: Operation = "mean"):
        super().__init__(widths, width)
        self.pool = pool
        self.projections = linears(widths, width)
        self.rho = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, width)`."""
        return self.rho(pooled([self.projections[name](vector) for name, vector in inputs.items()], present, self.pool))
