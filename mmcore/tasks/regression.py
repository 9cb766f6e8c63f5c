"""The task whose answer is a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field

from mmcore.errors import DataError
from mmcore.tasks.task import Task
from mmcore.tasks.values import quantity

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class Regression(Task):
    """A number per row; mean squared error. Targets are encoded standardised, by the training rows' mean and sd.

    >>> task = Regression().fitted_to([1.0, 3.0])
    >>> task.encode([3.0]).tolist(), task.decode(task.encode([3.0]))
    ([1.0], [3.0])
    """

    type: Literal["regression"] = "regression"
    mean: float = 0.0
    sd: float = Field(1.0, gt=0)
    classes: ClassVar[tuple[str, ...]] = ()

    @property
    def n_outputs(self) -> int:
        """One."""
        return 1

    def loss_per_row(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Squared error `(B,)` of standardised targets."""
        return (logits.squeeze(1) - targets.to(logits.dtype)) ** 2

    def probabilities(self, logits: Tensor) -> Tensor:
        """Outputs in the target's own unit."""
        return logits * self.sd + self.mean

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Numbers → standardised `(N,)` float32."""
        import numpy as np

        return ((np.array([quantity(value, row) for row, value in enumerate(values)]) - self.mean) / self.sd).astype(
            np.float32
        )

    def decode(self, encoded: np.ndarray) -> list[Any]:
        """Standardised → the target's own unit."""
        return [float(value) * self.sd + self.mean for value in encoded]

    def predict(self, logits: Tensor) -> list[Any]:
        """The output in the target's own unit."""
        return self.decode(logits.double().squeeze(1).cpu().numpy())

    def describe(self) -> str:
        """One line for a person."""
        return "a number (regression)"

    def fitted_to(self, training_targets: Sequence[Any]) -> Self:
        """With the training rows' mean and standard deviation."""
        values = [quantity(value, row) for row, value in enumerate(training_targets)]
        if not values:
            raise DataError("no training row has a target")
        mean = math.fsum(values) / len(values)
        sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
        return self.model_copy(update={"mean": mean, "sd": sd or 1.0})
