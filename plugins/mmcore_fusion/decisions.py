"""What all methods at decision level share. Logits in, logits out; an absent modality casts no vote."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

import mmcore
from mmcore_fusion.calibration import temperatures


class DecisionFusion(nn.Module, ABC):
    """Stack the decisions, bring them to one temperature where asked, decide.

    A method writes `decide`, and `learn` where it learns more from held-out decisions than temperatures. What it learns
    is held in buffers: it is saved with the model, and the training loss leaves it alone.

    Args:
        widths: modality → width of its logits, the same for all.
        task_type: single_label, multi_label or regression.
        calibrate: whether `fit` finds a temperature for each modality, by which its logits are divided.

    Raises:
        CompositionError: `calibrate` in a regression, which has no probabilities.
    """

    temperatures: Tensor

    def __init__(self, widths: Mapping[str, int], task_type: str, *, calibrate: bool = False):
        super().__init__()
        if calibrate and task_type == "regression":
            raise mmcore.CompositionError(
                "`calibrate` makes probabilities comparable, and a regression has none", hint="Leave it out."
            )
        self.modalities = tuple(widths)
        self.task_type, self.calibrate = task_type, calibrate
        self.register_buffer("temperatures", torch.ones(len(widths)))

    @abstractmethod
    def decide(self, logits: Tensor, present: Tensor) -> Tensor:
        """`(B, M, C)` logits, zeros where absent, and `present (B, M)` → `(B, C)` logits."""

    def learn(self, logits: Tensor, present: Tensor, targets: Tensor) -> None:
        """Learn from `(N, M, C)` held-out logits in double precision, calibrated already."""

    def forward(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, C)` logits per modality and `present (B, M)`, in their order → `(B, C)`."""
        logits, present = self.stacked(inputs, present)
        return self.decide(logits / self.temperatures[:, None].to(logits.dtype), present)

    def fit(self, decisions: Mapping[str, Tensor], present: Tensor, targets: Tensor) -> None:
        """Learn from held-out rows: `(N, C)` logits per modality, `present (N, M)`, encoded targets.

        Rows with nothing present say nothing and are left out. The same rows give the same result, bit for bit.

        Raises:
            UserError: there is no row to learn from.
        """
        with torch.no_grad():
            logits, present = self.stacked(decisions, present)
            logits, present = logits.detach().cpu().double(), present.cpu()
            rows = present.any(1)
            if not rows.any():
                raise mmcore.UserError(
                    "there is no validation row to learn from", hint="Give the split a share for validation."
                )
            logits, present, targets = logits[rows], present[rows], targets.detach().cpu()[rows]
            if self.calibrate:
                self.temperatures.copy_(temperatures(logits, present, targets, self.task_type))
                logits = logits / self.temperatures.cpu().double()[:, None]
            self.learn(logits, present, targets)

    def stacked(self, inputs: Mapping[str, Tensor], present: Tensor) -> tuple[Tensor, Tensor]:
        """`(B, M, C)` logits, zeros where absent, and `present (B, M)`, both in the order of `modalities`."""
        columns = list(inputs)
        present = present[:, [columns.index(name) for name in self.modalities]]
        logits = torch.stack([inputs[name] for name in self.modalities], dim=1)
        return torch.where(present[:, :, None], logits, 0.0), present


def log_odds_of_mean(logits: Tensor, present: Tensor, task_type: str, weights: Tensor | None = None) -> Tensor:
    """The weighted mean of the present modalities' probabilities, as logits; in regression that of their outputs.

    Computed in logarithms, so that confident modalities do not overflow.

    Args:
        logits: `(B, M, C)`.
        present: `(B, M)`.
        task_type: what the logits are of.
        weights: `(M,)`, positive; shared out among those present. None: all alike.

    Returns:
        `(B, C)`: logarithms of probabilities for one label, log odds for several.
    """
    if weights is None:
        weights = logits.new_ones(logits.shape[1])
    shares = torch.where(present, weights, 0.0)
    if task_type == "regression":
        everything = shares.sum(1, keepdim=True)
        return (shares[:, :, None] * logits).sum(1) / torch.where(everything > 0, everything, 1.0)
    if task_type == "multi_label":
        return _log_mean(logsigmoid(logits), shares) - _log_mean(logsigmoid(-logits), shares)
    return _log_mean(logits.log_softmax(dim=2), shares)


def _log_mean(logs: Tensor, shares: Tensor) -> Tensor:
    """Logarithm of the mean, weighted by `shares (B, M)`, of what `logs (B, M, C)` are logarithms of; `(B, C)`."""
    counts = shares > 0
    floor = torch.finfo(logs.dtype).min / 4  # not -inf, whose gradient is NaN where a row has nothing
    weighted = logs + torch.where(counts, shares, 1.0).log()[:, :, None]
    everything = torch.where(counts.any(1), shares.sum(1), 1.0)
    return torch.where(counts[:, :, None], weighted, floor).logsumexp(dim=1) - everything.log()[:, None]


def log_loss(logits: Tensor, targets: Tensor, task_type: str) -> Tensor:
    """The mean loss of fused logits `(N, C)`: cross-entropy, binary cross-entropy over labels, or squared error."""
    from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

    if task_type == "single_label":
        return cross_entropy(logits, targets.long())
    if task_type == "multi_label":
        return binary_cross_entropy_with_logits(logits, targets.to(logits.dtype))
    return (logits[:, 0] - targets.to(logits.dtype)).square().mean()
