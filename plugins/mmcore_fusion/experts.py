"""Product of experts: modalities that are sure count for more than those that are not."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mmcore_fusion.decisions import DecisionFusion


class ProductOfExperts(DecisionFusion):
    """`p ∝ Π_m p_m` over the modalities that are present (Hinton 2002, doi:10.1162/089976602760128018, equation 1).

    For one label the sum of log-probabilities, for several the sum of log odds. In regression every expert is a normal
    distribution, and their product's mean is `Σ τ_m f_m / Σ τ_m`: precisions τ are 1, or fitted on the validation split
    (one over the mean squared error). An absent expert is a factor of 1.

    Args:
        widths: modality → width of its logits.
        task_type: of the task.
        calibrate: whether temperatures (in regression: precisions) are fitted; products of overconfident experts are
            worse off than means.
    """

    precisions: Tensor

    def __init__(self, widths: Mapping[str, int], task_type: str, *, calibrate: bool = False):
        super().__init__(widths, task_type, calibrate=calibrate and task_type != "regression")
        self.weighs = calibrate and task_type == "regression"
        self.register_buffer("precisions", torch.ones(len(widths)))

    def decide(self, logits: Tensor, present: Tensor) -> Tensor:
        """`(B, M, C)` logits and `present (B, M)` → `(B, C)`."""
        here = present[:, :, None]
        if self.task_type == "regression":
            precisions = torch.where(here, self.precisions.to(logits.dtype)[:, None], 0.0)
            everything = precisions.sum(1)
            return (precisions * logits).sum(1) / torch.where(everything > 0, everything, 1.0)
        if self.task_type == "multi_label":
            return logits.sum(1)
        return torch.where(here, logits.log_softmax(dim=2), 0.0).sum(1)

    def learn(self, logits: Tensor, present: Tensor, targets: Tensor) -> None:
        """In regression, find the precisions; a modality that no row has is as precise as the targets' mean."""
        if not self.weighs:
            return
        targets = targets.to(logits.dtype)
        found = []
        for column in range(logits.shape[1]):
            here = present[:, column]
            misses = logits[here, column, 0] - targets[here] if here.any() else targets - targets.mean()
            found.append(1 / (misses.square().mean() + LEAST_VARIANCE))
        self.precisions.copy_(torch.stack(found))


LEAST_VARIANCE = 1e-6
"""Of standardised targets: a modality without any error on the validation rows is not infinitely precise."""
