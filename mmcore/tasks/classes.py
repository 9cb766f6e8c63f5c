"""Tasks whose answers are classes: one of them, or any number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mmcore.errors import DataError, UserError, did_you_mean
from mmcore.tasks.task import Task
from mmcore.tasks.values import label_text, labels_of, weights_in_order

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class _Classes(Task):
    classes: tuple[str, ...] = Field(min_length=1)
    class_weights: Literal["balanced"] | tuple[Annotated[float, Field(gt=0)], ...] | None = None
    """Per class, in order; may be given as class → weight, others weighing 1. `balanced` needs `fitted_to`."""

    @model_validator(mode="before")
    @classmethod
    def _weights_in_order(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and isinstance(value.get("class_weights"), Mapping):
            ordered = weights_in_order(tuple(value.get("classes", ())), value["class_weights"])
            return {**value, "class_weights": ordered}
        return value

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        twice = [label for label, count in Counter(self.classes).items() if count > 1]
        if twice:
            raise ValueError(f"class {twice[0]!r} is there twice")
        if isinstance(self.class_weights, tuple) and len(self.class_weights) != len(self.classes):
            raise ValueError(f"{len(self.class_weights)} class weights for {len(self.classes)} classes")
        return self

    @property
    def n_outputs(self) -> int:
        """One per class."""
        return len(self.classes)

    def _number(self) -> dict[str, int]:
        return {label: number for number, label in enumerate(self.classes)}

    def _weights(self, like: Tensor) -> Tensor | None:
        if self.class_weights is None:
            return None
        if isinstance(self.class_weights, str):
            raise UserError(
                "balanced class weights follow from the training rows' targets",
                hint="Call task.fitted_to(targets) first.",
            )
        return like.new_tensor(self.class_weights)

    def _unknown(self, label: str, row: int) -> DataError:
        return DataError(f"row {row}: {label!r} is none of the classes", hint=did_you_mean(label, self.classes))


class SingleLabel(_Classes):
    """One class per row; cross-entropy. Targets are encoded as class numbers.

    >>> task = SingleLabel(classes=["cup", "shoe"])
    >>> task.encode(["shoe", "cup"]).tolist(), task.decode(task.encode(["shoe"]))
    ([1, 0], ['shoe'])
    """

    type: Literal["single_label"] = "single_label"

    def loss_per_row(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy `(B,)`."""
        from torch.nn.functional import cross_entropy

        each = cross_entropy(logits, targets, reduction="none")
        weights = self._weights(logits)
        if weights is None:
            return each
        rows = weights[targets]
        return each * rows * (len(rows) / rows.sum())

    def probabilities(self, logits: Tensor) -> Tensor:
        """Softmax."""
        return logits.softmax(dim=1)

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Labels → class numbers `(N,)` int64."""
        import numpy as np

        numbers = self._number()
        encoded = np.empty(len(values), dtype=np.int64)
        for row, value in enumerate(values):
            label = label_text(value)
            if label not in numbers:
                raise self._unknown(label, row)
            encoded[row] = numbers[label]
        return encoded

    def decode(self, encoded: np.ndarray) -> list[Any]:
        """Class numbers → labels."""
        return [self.classes[int(number)] for number in encoded]

    def predict(self, logits: Tensor) -> list[Any]:
        """The most probable class of each row."""
        return self.decode(logits.argmax(1).cpu().numpy())

    def describe(self) -> str:
        """One line for a person."""
        return f"one of {len(self.classes)} classes (single_label)"

    def fitted_to(self, training_targets: Sequence[Any]) -> Self:
        """With balanced weights, those of the training rows."""
        if self.class_weights != "balanced":
            return self
        counts = Counter(label_text(value) for value in training_targets)
        return self.model_copy(update={"class_weights": _balanced(self.classes, counts, len(training_targets))})


class MultiLabel(_Classes):
    """Any number of classes per row; binary cross-entropy. Targets are encoded as 0/1 `(N, C)` float32.

    >>> task = MultiLabel(classes=["cheap", "red"])
    >>> task.encode([["red"], []]).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """

    type: Literal["multi_label"] = "multi_label"
    threshold: float = Field(0.5, gt=0, lt=1)

    def loss_per_row(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy, the mean over labels, `(B,)`."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        each = binary_cross_entropy_with_logits(
            logits, targets.to(logits.dtype), reduction="none", pos_weight=self._weights(logits)
        )
        return each.mean(1)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Sigmoid."""
        return logits.sigmoid()

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Lists of labels → 0/1 `(N, C)` float32."""
        import numpy as np

        numbers = self._number()
        encoded = np.zeros((len(values), len(self.classes)), dtype=np.float32)
        for row, value in enumerate(values):
            for label in labels_of(value):
                if label not in numbers:
                    raise self._unknown(label, row)
                encoded[row, numbers[label]] = 1.0
        return encoded

    def decode(self, encoded: np.ndarray) -> list[Any]:
        """0/1 → lists of labels."""
        return [[self.classes[number] for number in row.nonzero()[0]] for row in encoded > 0.5]

    def predict(self, logits: Tensor) -> list[Any]:
        """The labels whose probability is above the threshold."""
        return self.decode((self.probabilities(logits) > self.threshold).cpu().numpy().astype("float32"))

    def describe(self) -> str:
        """One line for a person."""
        return f"any of {len(self.classes)} labels (multi_label)"

    def fitted_to(self, training_targets: Sequence[Any]) -> Self:
        """With `balanced`, a label's rows that have it weigh as much as those that have it not."""
        if self.class_weights != "balanced":
            return self
        counts = Counter(label for value in training_targets for label in labels_of(value))
        n = len(training_targets)
        weights = tuple((n - counts[label]) / counts[label] if 0 < counts[label] < n else 1.0 for label in self.classes)
        return self.model_copy(update={"class_weights": weights})


def _balanced(classes: tuple[str, ...], counts: Mapping[str, int], n: int) -> tuple[float, ...]:
    """n / (classes × rows of the class), as scikit-learn's "balanced"; 1 for a class without training rows."""
    present = sum(bool(counts.get(label)) for label in classes)
    return tuple(n / (present * counts[label]) if counts.get(label) else 1.0 for label in classes)
