"""Temperatures: one number for each modality that makes its probabilities mean what they say."""

from __future__ import annotations

import torch
from torch import Tensor

COLDEST, HOTTEST = 0.05, 20.0
"""A modality that is always right on the validation rows would get a temperature of 0, one that knows nothing ∞."""

HALVINGS = 60


def temperatures(logits: Tensor, present: Tensor, targets: Tensor, task_type: str) -> Tensor:
    """The temperature T of each modality at which `logits / T` has the least log loss (arXiv:1706.04599, section 4.2).

    The loss is convex in 1 / T, so its slope is halved upon: the result is exact, and the same for the same rows. A
    modality that no row has keeps T = 1.

    Args:
        logits: `(N, M, C)`, double precision.
        present: `(N, M)`; rows in which a modality is absent say nothing of it.
        targets: class numbers `(N,)`, or 0/1 `(N, C)` for several labels.
        task_type: single_label or multi_label.

    Returns:
        `(M,)`, between 0.05 and 20.

    >>> logits = torch.tensor([[2.0, 0.0]] * 4, dtype=torch.double)[:, None]
    >>> found = temperatures(logits, torch.ones(4, 1, dtype=torch.bool), torch.tensor([0, 0, 0, 1]), "single_label")
    >>> round(float((logits[0, 0] / found).softmax(0)[0]), 6)  # right in three of four
    0.75
    """
    found = []
    for column in range(logits.shape[1]):
        here = present[:, column]
        found.append(_temperature(logits[here, column], targets[here], task_type) if here.any() else 1.0)
    return torch.tensor(found, dtype=torch.double)


def _temperature(logits: Tensor, targets: Tensor, task_type: str) -> float:
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        if _slope(logits, targets, middle, task_type) > 0:
            high = middle
        else:
            low = middle
    return 1 / (low * high) ** 0.5


def _slope(logits: Tensor, targets: Tensor, sharpness: float, task_type: str) -> float:
    """Derivative of the log loss of `sharpness · logits` by `sharpness`: rising, because the loss is convex in it."""
    if task_type == "multi_label":
        surplus = (sharpness * logits).sigmoid() - targets.to(logits.dtype)
    else:
        surplus = (sharpness * logits).softmax(1)
        surplus[torch.arange(len(logits)), targets.long()] -= 1
    return float((surplus * logits).sum())
