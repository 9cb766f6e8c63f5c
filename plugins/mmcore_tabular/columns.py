"""Cells: what they say, and which columns look like numbers or categories."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

Cell = float | str | None

MOST_CATEGORIES = 50
"""A column of texts with more distinct values than this does not look like categories."""


def as_number(cell: Cell) -> float | None:
    """The finite number that a cell says, or None.

    >>> as_number("1.5"), as_number("1,234"), as_number("abc"), as_number("inf")
    (1.5, None, None, None)
    """
    try:
        number = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def looks_like_values(name: str, values: list[Any]) -> float:
    """From 0 to 1: numbers do, and texts that are few and repeat."""
    cells = [value for value in values if value is not None and value == value and value != ""]
    if not cells or not all(isinstance(cell, int | float | str | bool) for cell in cells):
        return 0.0
    numbers = sum(as_number(cell) is not None for cell in cells) / len(cells)
    if numbers >= 0.9:
        return 0.9
    distinct = len({str(cell) for cell in cells})
    repeats = distinct <= MOST_CATEGORIES and distinct <= 0.5 * len(cells)
    return 0.7 if repeats and not any(" " in str(cell) and len(str(cell)) > 30 for cell in cells) else 0.1 * numbers


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
