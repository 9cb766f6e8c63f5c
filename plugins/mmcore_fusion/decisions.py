"""Methods at decision level: logits in, logits out. An absent modality casts no vote."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid


class SoftVoting(nn.Module):
    """The mean of the present modalities' probabilities, as logits; in regression the mean of their outputs.

    Computed in logarithms, so that confident modalities do not overflow.
    """

    def __init__(self, task_type: str):
        super().__init__()
        self.task_type = task_type

    def forward(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, C)` logits per modality and `present (B, M)` → `(B, C)`."""
        here = present[:, :, None]
        logits = torch.where(here, torch.stack(list(inputs.values()), dim=1), 0.0)
        if self.task_type == "regression":
            return torch.where(here, logits, 0.0).sum(1) / here.sum(1).clamp(min=1)
        if self.task_type == "multi_label":
            return _log_mean(logsigmoid(logits), here) - _log_mean(logsigmoid(-logits), here)
        return _log_mean(logits.log_softmax(dim=2), here)


def _log_mean(logs: Tensor, here: Tensor) -> Tensor:
    """Logarithm of the mean over the present modalities of what `logs (B, M, C)` are logarithms of; `(B, C)`."""
    floor = torch.finfo(logs.dtype).min / 4  # not -inf, whose gradient is NaN where a row has nothing
    count = here.sum(1).clamp(min=1).to(logs.dtype)
    return torch.where(here, logs, floor).logsumexp(dim=1) - count.log()
