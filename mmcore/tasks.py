"""Tasks: what is predicted, how far off a prediction is, and what it means in the target's own terms.

Light: torch is imported when a task computes, not when one is described.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from mmcore.errors import DataError, OptionError, UserError, did_you_mean
from mmcore.options import Options

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

TaskType = Literal["single_label", "multi_label", "regression"]

MOST_CLASSES_OF_NUMBERS = 20
"""A target of whole numbers with more distinct values than this is taken for a quantity, not for classes."""


class Head(Options):
    """The layers between a representation and the outputs.

    >>> Head(hidden=[32]).dropout
    0.2
    """

    hidden: list[Annotated[int, Field(ge=1, le=65_536)]] = Field(
        default_factory=list, description="widths of the hidden layers, each with ReLU; none: a linear head"
    )
    dropout: float = Field(
        0.2, ge=0, lt=1, description="share of the values before each layer that training leaves out"
    )


class TaskOptions(Options):
    """The `task:` key of an experiment; what is left out is inferred from the target."""

    type: TaskType | None = Field(
        None, description="single_label, multi_label or regression; by the target if left out"
    )
    head: Head = Field(default_factory=Head, description="layers between the representation and the outputs")
    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]] | None = Field(
        None, description="balanced (rare classes weigh more), or class → weight; others weigh 1"
    )
    threshold: float = Field(0.5, gt=0, lt=1, description="multi_label: probability above which a label holds")

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.type == "regression" and self.class_weights is not None:
            raise ValueError("class_weights need classes; a regression has none")
        return self


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


class _Classes(Task):
    classes: tuple[str, ...] = Field(min_length=1)
    class_weights: Literal["balanced"] | tuple[Annotated[float, Field(gt=0)], ...] | None = None
    """Per class, in order; may be given as class → weight, others weighing 1. `balanced` needs `fitted_to`."""

    @model_validator(mode="before")
    @classmethod
    def _weights_in_order(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and isinstance(value.get("class_weights"), Mapping):
            ordered = _weights_for(tuple(value.get("classes", ())), value["class_weights"])
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

        return ((np.array([_quantity(value, row) for row, value in enumerate(values)]) - self.mean) / self.sd).astype(
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
        values = [_quantity(value, row) for row, value in enumerate(training_targets)]
        if not values:
            raise DataError("no training row has a target")
        mean = math.fsum(values) / len(values)
        sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
        return self.model_copy(update={"mean": mean, "sd": sd or 1.0})


AnyTask = Annotated[SingleLabel | MultiLabel | Regression, Field(discriminator="type")]


def task_from_dict(saved: Mapping[str, Any]) -> Task:
    """The task that `model_dump` gave."""
    return TypeAdapter(AnyTask).validate_python(dict(saved))


def infer_task(targets: Sequence[Any], options: TaskOptions | None = None) -> Task:
    """The task that targets call for: lists are labels, texts classes, numbers with a fraction a quantity.

    Whole numbers are classes when at most 20 distinct ones occur. `options.type` decides instead, where it is given.

    Args:
        targets: of all usable rows, as they stand in the data.

    Raises:
        DataError: there is no target, the targets do not fit the type, or there is only one class.
        OptionError: a class weight names no class.

    >>> infer_task(["a", "b"]).describe()
    'one of 2 classes (single_label)'
    >>> infer_task([0.5, 1.25, 3.0]).type
    'regression'
    """
    options = options or TaskOptions()
    if not len(targets):
        raise DataError("no row has a target")
    type_ = options.type or _type_of(targets)
    if type_ == "regression":
        return Regression(head=options.head).fitted_to(targets)
    every = labels_of if type_ == "multi_label" else lambda value: [label_text(value)]
    classes = _sorted({label for value in targets for label in every(value)})
    if len(classes) < 2 and type_ == "single_label":
        raise DataError(f"every target is {next(iter(classes), None)!r}; there is nothing to tell apart")
    if not classes:
        raise DataError("no row has a label")
    weights = _weights_for(classes, options.class_weights)
    if type_ == "multi_label":
        return MultiLabel(classes=classes, threshold=options.threshold, head=options.head, class_weights=weights)
    return SingleLabel(classes=classes, head=options.head, class_weights=weights)


def label_text(value: Any) -> str:
    """A class as text: 3 and 3.0 are one class.

    >>> label_text(3.0), label_text("03"), label_text(True)
    ('3', '03', 'True')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def labels_of(value: Any) -> list[str]:
    """The labels of a multi-label target: a list, or a text with labels separated by commas, semicolons or bars.

    >>> labels_of("red; cheap"), labels_of(["red"]), labels_of("")
    (['red', 'cheap'], ['red'], [])
    """
    if isinstance(value, str):
        for mark in (";", "|"):
            value = value.replace(mark, ",")
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, Iterable):
        return [label_text(each) for each in value]
    return [label_text(value)]


def _type_of(targets: Sequence[Any]) -> TaskType:
    numbers: set[float] = set()
    whole = True
    for value in targets:
        if isinstance(value, list | tuple | set):
            return "multi_label"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "single_label"
        numbers.add(float(value))
        whole = whole and float(value).is_integer()
    return "single_label" if whole and len(numbers) <= MOST_CLASSES_OF_NUMBERS else "regression"


def _sorted(labels: set[str]) -> tuple[str, ...]:
    """Numbers by size, then texts by their letters."""

    def key(label: str) -> tuple[bool, float, str]:
        try:
            number = float(label)
        except ValueError:
            number = math.nan
        return (True, 0.0, label) if math.isnan(number) else (False, number, label)

    return tuple(sorted(labels, key=key))


def _weights_for(classes: tuple[str, ...], asked: Any) -> Any:
    if not isinstance(asked, Mapping):
        return asked
    for label in asked:
        if label not in classes:
            raise OptionError(
                f"class_weights names {label!r}, which is no class of the target",
                path=("task", "class_weights", label),
                hint=did_you_mean(label, classes),
            )
    return tuple(float(asked.get(label, 1.0)) for label in classes)


def _balanced(classes: tuple[str, ...], counts: Mapping[str, int], n: int) -> tuple[float, ...]:
    """n / (classes × rows of the class), as scikit-learn's "balanced"; 1 for a class without training rows."""
    present = sum(bool(counts.get(label)) for label in classes)
    return tuple(n / (present * counts[label]) if counts.get(label) else 1.0 for label in classes)


def _quantity(value: Any, row: int) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise DataError(f"row {row}: the target {value!r} is no number, and the task is a regression")
    return number
