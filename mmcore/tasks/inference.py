"""The task that targets call for, and the one that was saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from mmcore.errors import DataError
from mmcore.tasks.classes import MultiLabel, SingleLabel
from mmcore.tasks.options import TaskOptions
from mmcore.tasks.regression import Regression
from mmcore.tasks.task import Task
from mmcore.tasks.values import in_order, label_text, labels_of, type_of, weights_in_order

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
    type_ = options.type or type_of(targets)
    if type_ == "regression":
        return Regression(head=options.head).fitted_to(targets)
    every = labels_of if type_ == "multi_label" else lambda value: [label_text(value)]
    classes = in_order({label for value in targets for label in every(value)})
    if len(classes) < 2 and type_ == "single_label":
        raise DataError(f"every target is {next(iter(classes), None)!r}; there is nothing to tell apart")
    if not classes:
        raise DataError("no row has a label")
    weights = weights_in_order(classes, options.class_weights)
    if type_ == "multi_label":
        return MultiLabel(classes=classes, threshold=options.threshold, head=options.head, class_weights=weights)
    return SingleLabel(classes=classes, head=options.head, class_weights=weights)
