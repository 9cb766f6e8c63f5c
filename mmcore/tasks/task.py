"""What all tasks share: a head, a loss, and the way between targets and tensors.

Light: torch is imported when a task computes, not when one is described.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from mmcore.tasks.options import Head

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn


class Task(BaseModel):
    """What all tasks share. A task is plain data: it is saved with the model as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    head: Head = Field(default_factory=Head)

    @property
    def n_outputs(self) -> int:
        """C, the width of the logits."""
        raise NotImplementedError

    def build_head(self, dim: int) -> nn.Module:
        """A module `(B, dim)` → logits `(B, C)`: dropout and linear layers, ReLU between them."""
        from torch import nn

        widths = [dim, *self.head.hidden, self.n_outputs]
        layers: list[nn.Module] = []
        for number, (wide, narrow) in enumerate(pairwise(widths)):
            layers += [nn.ReLU()] * bool(number) + [nn.Dropout(self.head.dropout), nn.Linear(wide, narrow)]
        return nn.Sequential(*layers)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of `(B, C)` logits against encoded targets; a scalar."""
        return self.loss_per_row(logits, targets).mean()

    def loss_per_row(self, logits: Tensor, targets: Tensor) -> Tensor:
        """`(B,)`. With class weights, its mean is the weighted mean of the batch."""
        raise NotImplementedError

    def probabilities(self, logits: Tensor) -> Tensor:
        """`(N, C)` probabilities; in regression the outputs in the target's own unit."""
        raise NotImplementedError

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Targets as they stand in data → what `loss` takes, one entry per row.

        Raises:
            DataError: a value is no target of this task.
        """
        raise NotImplementedError

    def decode(self, encoded: np.ndarray) -> list[Any]:
        """The opposite of `encode`."""
        raise NotImplementedError

    def predict(self, logits: Tensor) -> list[Any]:
        """What is predicted for each row, in the target's own terms."""
        raise NotImplementedError

    def describe(self) -> str:
        """One line for a person."""
        raise NotImplementedError

    def fitted_to(self, training_targets: Sequence[Any]) -> Self:
        """The task with what it learns from the training rows' targets (scale, balanced class weights)."""
        return self
