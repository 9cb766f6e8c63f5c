"""Stacking: a second model learns, from held-out decisions, how to combine them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mmcore_fusion.decisions import DecisionFusion, log_loss
from mmcore_fusion.minimising import minimised

SUREST = 30.0
"""Decisions are cut here: beyond it a logit says nothing more, and one mad row could bend the second model."""


class Stacking(DecisionFusion):
    """Stacked generalisation (Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1) by a linear model over the decisions.

    For one label a multinomial logistic regression over all modalities' centred log-probabilities; for several a
    logistic regression for each label over the modalities' log odds of that label; in regression a ridge regression
    over their outputs. An absent modality's decision is 0, which is "no opinion", and a further feature says that it is
    absent. All coefficients, the constant too, are held back by `ridge / 2 · ‖·‖²` beside the summed loss.

    Before it is fitted, it is the mean of the decisions.

    Args:
        widths: modality → width of its logits.
        task_type: of the task.
        ridge: how strongly coefficients are held back; 1 / C of scikit-learn.
        calibrate: whether temperatures are fitted first.
    """

    coefficients: Tensor

    def __init__(self, widths: Mapping[str, int], task_type: str, ridge: float = 1.0, *, calibrate: bool = False):
        super().__init__(widths, task_type, calibrate=calibrate)
        self.ridge = ridge
        self.register_buffer("coefficients", self._mean(len(widths), next(iter(widths.values()))))

    def _mean(self, modalities: int, outputs: int) -> Tensor:
        """Coefficients `(features, C)` that give the mean of the decisions."""
        decisions = torch.eye(outputs).repeat(modalities, 1) if self.task_type == "single_label" else torch.ones(
            modalities, outputs
        )  # fmt: skip
        return torch.cat([decisions / modalities, torch.zeros(modalities + 1, outputs)])

    def decide(self, logits: Tensor, present: Tensor) -> Tensor:
        """`(B, M, C)` logits and `present (B, M)` → `(B, C)`."""
        return self._fused(self.features(logits, present), self.coefficients.to(logits.dtype))

    def features(self, logits: Tensor, present: Tensor) -> Tensor:
        """What the second model reads: for one label `(B, M · C + M + 1)`, else `(B, C, 2 · M + 1)`."""
        here = present[:, :, None]
        if self.task_type == "single_label":
            logits = logits.log_softmax(2)
            logits = logits - logits.mean(2, keepdim=True)
        opinions = torch.where(here, logits.clamp(-SUREST, SUREST), 0.0)
        absent = (~present).to(logits.dtype)
        told = torch.cat([absent, torch.ones_like(absent[:, :1])], dim=1)
        if self.task_type == "single_label":
            return torch.cat([opinions.flatten(1), told], dim=1)
        return torch.cat([opinions.transpose(1, 2), told[:, None].expand(-1, logits.shape[2], -1)], dim=2)

    def learn(self, logits: Tensor, present: Tensor, targets: Tensor) -> None:
        """Find the coefficients."""
        features = self.features(logits, present)
        if self.task_type == "regression":
            self.coefficients.copy_(self._ridge(features[:, 0], targets.to(features.dtype)))
            return

        rows, labels = len(features), 1 if self.task_type == "single_label" else logits.shape[2]

        def loss(coefficients: Tensor) -> Tensor:
            fused = self._fused(features, coefficients)
            # `log_loss` is a mean over rows and labels; the ridge stands beside their sum
            return (
                log_loss(fused, targets, self.task_type) + self.ridge / 2 * coefficients.square().sum() / rows / labels
            )

        self.coefficients.copy_(minimised(loss, torch.zeros_like(self.coefficients, dtype=torch.double).cpu()))

    def _ridge(self, features: Tensor, targets: Tensor) -> Tensor:
        held_back = self.ridge * torch.eye(features.shape[1], dtype=features.dtype)
        return torch.linalg.solve(features.T @ features + held_back, features.T @ targets)[:, None]

    def _fused(self, features: Tensor, coefficients: Tensor) -> Tensor:
        if self.task_type == "single_label":
            return features @ coefficients
        return torch.einsum("bcf,fc->bc", features, coefficients)
