"""Cells: what they say, and which columns look like numbers or categories."""

from __future__ import annotations

import math
import numbers
from decimal import Decimal
from pathlib import Path
from typing import Any

Cell = float | str | None

MOST_CATEGORIES = 50
"""A column of texts with more distinct values than this does not look like categories."""


def as_number(cell: Cell) -> float | None:
    """The finite number that a cell says, or None.

    >>> as_number("1.5"), as_number("1,234"), as_number("abc"), as_number("inf"), as_number("12_34")
    (1.5, None, None, None, None)
    """
    if isinstance(cell, str) and "_" in cell:  # Python's own way to write 1234, and a code everywhere else
        return None
    try:
        number = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def looks_like_values(name: str, values: list[Any]) -> float:
    """From 0 to 1: numbers do, and texts that are few and repeat."""
    cells = [value for value in values if value is not None and value == value and value != ""]
    if not cells or not all(isinstance(cell, numbers.Real | Decimal | str) for cell in cells):
        return 0.0
    share = sum(as_number(cell) is not None for cell in cells) / len(cells)
    if share >= 0.9:
        return 0.9
    distinct = len({str(cell) for cell in cells})
    repeats = distinct <= MOST_CATEGORIES and distinct <= 0.5 * len(cells)
    return 0.7 if repeats and not any(" " in str(cell) and len(str(cell)) > 30 for cell in cells) else 0.1 * share


def examples(folder: Path, count: int) -> list[Any]:
    """Rows with two numbers and a category; some cells are missing."""
    return [
        {
            "weight": 0.5 + 0.25 * number,
            "price": None if number % 4 == 3 else 10.0 * (1 + number % 5),
            "origin": ("MA", "BE", "CN")[number % 3],
        }
        for number in range(count)
    ]
