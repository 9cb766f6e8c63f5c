"""Targets as they stand in data: texts, numbers, lists; and the classes among them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmcore.errors import DataError, OptionError, did_you_mean
from mmcore.tasks.options import TaskType

MOST_CLASSES_OF_NUMBERS = 20
"""A target of whole numbers with more distinct values than this is taken for a quantity, not for classes."""


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


def type_of(targets: Sequence[Any]) -> TaskType:
    """The task that targets call for when nobody says."""
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


def in_order(labels: set[str]) -> tuple[str, ...]:
    """Numbers by size, then texts by their letters."""

    def key(label: str) -> tuple[bool, float, str]:
        try:
            number = float(label)
        except ValueError:
            number = math.nan
        return (True, 0.0, label) if math.isnan(number) else (False, number, label)

    return tuple(sorted(labels, key=key))


def weights_in_order(classes: tuple[str, ...], asked: Any) -> Any:
    """Class weights as one for each class, in the classes\' order; anything but a mapping as it is.

    Raises:
        OptionError: a weight names no class.
    """
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


def quantity(value: Any, row: int) -> float:
    """A target as a finite number.

    Raises:
        DataError: it is none.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise DataError(f"row {row}: the target {value!r} is no number, and the task is a regression")
    return number
