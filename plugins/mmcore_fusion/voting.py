"""Votes: soft, hard, and weighted by what modalities were worth on the validation split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

import mmcore
from mmcore_fusion.decisions import DecisionFusion, log_loss, log_odds_of_mean
from mmcore_fusion.minimising import minimised

Ties = Literal["probability", "first"]


class SoftVoting(DecisionFusion):
    """The mean of the present modalities' probabilities, as logits; in regression the mean of their outputs."""

    def decide(self, logits: Tensor, present: Tensor) -> Tensor:
        """`(B, M, C)` logits and `present (B, M)` → `(B, C)`."""
        return log_odds_of_mean(logits, present, self.task_type)


class HardVoting(DecisionFusion):
    """Each present modality votes for one class, or, with several labels, for those that it holds more likely than not.

    The share of the votes, as logits. Equal votes are decided by the mean probability, or, as scikit-learn does it, for
    the first of the classes: either way by a part of the share so small that it decides nothing else.

    Args:
        widths: modality → width of its logits.
        task_type: single_label or multi_label.
        ties: what decides between equal votes; with several labels always the mean probability.

    Raises:
        CompositionError: the task is a regression.
    """

    def __init__(self, widths: Mapping[str, int], task_type: str, ties: Ties = "probability"):
        _need_classes(task_type, "hard_voting")
        super().__init__(widths, task_type)
        self.ties = ties

    def decide(self, logits: Tensor, present: Tensor) -> Tensor:
        """`(B, M, C)` logits and `present (B, M)` → `(B, C)`."""
        return vote_shares(logits, present, self.task_type, logits.new_ones(logits.shape[1]), self.ties)


class WeightedVoting(DecisionFusion):
    """Votes with weights that are learned from held-out decisions: positive, sum 1, shared out among those present.

    The weights have the least log loss of the fused decision (in regression the least squared error) on the validation
    split, with a unit normal prior on their logarithms, which is worth about one row. Before that all are alike.

    Args:
        widths: modality → width of its logits.
        task_type: of the task.
        voting: "soft" averages probabilities (in regression outputs), "hard" counts votes for one class.
        calibrate: whether temperatures are fitted first.

    Raises:
        CompositionError: hard voting in a regression, or `calibrate` there.
    """

    weights: Tensor

    def __init__(
        self,
        widths: Mapping[str, int],
        task_type: str,
        voting: Literal["soft", "hard"] = "soft",
        *,
        calibrate: bool = False,
    ):
        if voting == "hard":
            _need_classes(task_type, "weighted_voting with `voting: hard`")
        super().__init__(widths, task_type, calibrate=calibrate)
        self.voting = voting
        self.register_buffer("weights", torch.full((len(widths),), 1 / len(widths)))

    def decide(self, logits: Tensor, present: Tensor) -> Tensor:
        """`(B, M, C)` logits and `present (B, M)` → `(B, C)`."""
        return self._fused(logits, present, self.weights.to(logits.dtype))

    def learn(self, logits: Tensor, present: Tensor, targets: Tensor) -> None:
        """Find the weights."""

        def loss(raw: Tensor) -> Tensor:
            fused = self._fused(logits, present, raw.softmax(0))
            return log_loss(fused, targets, self.task_type) + 0.5 * raw.square().sum() / len(logits)

        found = minimised(loss, torch.zeros(len(self.modalities), dtype=torch.double))
        self.weights.copy_(found.softmax(0))

    def _fused(self, logits: Tensor, present: Tensor, weights: Tensor) -> Tensor:
        if self.voting == "hard":
            return vote_shares(logits, present, self.task_type, weights, "probability")
        return log_odds_of_mean(logits, present, self.task_type, weights)


LEAST = 1e-6
"""No class gets a smaller share: its logarithm stays finite."""


def vote_shares(logits: Tensor, present: Tensor, task_type: str, weights: Tensor, ties: Ties) -> Tensor:
    """Shares of the votes as logits `(B, C)`: logarithms for one label, log odds for several.

    Args:
        logits: `(B, M, C)`.
        present: `(B, M)`; who votes.
        task_type: single_label or multi_label.
        weights: `(M,)`, of the votes.
        ties: what decides between equal votes.
    """
    shares = torch.where(present, weights, 0.0)
    shares = (shares / shares.sum(1, keepdim=True).clamp(min=torch.finfo(shares.dtype).tiny))[:, :, None]  # (B, M, 1)
    several = task_type == "multi_label"
    probabilities = logits.sigmoid() if several else logits.softmax(2)
    votes = (logits > 0).to(logits.dtype) if several else torch.zeros_like(logits).scatter(
        2, logits.argmax(2, keepdim=True), 1.0
    )  # fmt: skip
    by_probability = several or ties == "probability"
    tie_break = (
        (shares * probabilities).sum(1) if by_probability else torch.full_like(logits[:, 0], 1 / logits.shape[2])
    )
    part = 0.01 / logits.shape[1]  # less than a vote among so many
    fused = ((1 - part) * (shares * votes).sum(1) + part * tie_break).clamp(LEAST, 1 - LEAST)
    return fused.log() - (1 - fused).log() if several else fused.log()


def _need_classes(task_type: str, method: str) -> None:
    if task_type == "regression":
        raise mmcore.CompositionError(
            f"{method} counts votes for classes, and a regression has none", hint="Use soft_voting or weighted_voting."
        )
