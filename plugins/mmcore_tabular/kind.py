"""The kind `tabular`: columns of one row; players are the columns."""

from __future__ import annotations

import math
import numbers
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import mmcore
from mmcore_tabular.columns import Cell, as_number
from mmcore_tabular.spec import Column, TabularDescription, TabularSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor, nn

    Inputs = dict[str, Tensor]

Sample = dict[str, Cell]

MOST_VALUES = 10_000
"""Values of a category that are told apart, the first ones seen; what comes after is unknown."""

FARTHEST = 1e4
"""Standard deviations from the mean after which a number counts as no farther away. No row of fewer than 10^8 training
rows is; without it, one absurd number in a new row would leave the range of single precision."""

SHRUNK = 2.0**-32
"""Numbers are summed up this much smaller, which is exact, so that differences of the largest ones stay finite."""

TRUTH = ("true", "false")
"""What a truth value is as a category, however its file writes it."""

MOSTLY = 0.9
"""A column is one of numbers when this share of its cells in the training rows are numbers."""


class TabularKind(mmcore.Kind):
    """Samples are mappings of column to number, text or None.

    Prepared, for C columns: `values (C,)`, standardised numbers and category numbers (0 for an unknown one, the k-th
    known one k), and `missing (C,)`, 1 where a cell is empty.
    """

    baselines = MappingProxyType({"default": "the training rows' mean, or an unknown category"})

    def is_missing(self, value: Any) -> bool:
        """Whether no cell says anything."""
        if isinstance(value, Mapping):
            return all(super(TabularKind, self).is_missing(cell) for cell in value.values())
        return super().is_missing(value)

    def decode(self, value: Any, *, root: Path, budget: mmcore.Budget) -> Sample:
        """The row's cells: numbers, texts, None where empty. A value that is no mapping is a single column "value"."""
        cells = value if isinstance(value, Mapping) else {"value": value}
        return {str(name): self._cell(str(name), cell, budget) for name, cell in cells.items()}

    def describe(self, samples: Iterable[Sample]) -> TabularDescription:
        """Mean and standard deviation of columns of numbers, the values of others. One pass."""
        columns: dict[str, _Seen] = {}
        for sample in samples:
            for name, cell in sample.items():
                columns.setdefault(name, _Seen()).add(cell)
        return TabularDescription(columns=tuple(seen.column(name) for name, seen in columns.items()))

    def check(self, sample: Sample, description: mmcore.Description) -> None:
        """Refuse a text in a column of numbers."""
        assert isinstance(description, TabularDescription)
        for column in description.columns:
            cell = sample.get(column.name)
            if column.type == "number" and cell is not None and as_number(cell) is None:
                raise mmcore.InputError("wrong type", f"{_quoted(cell)} in column {column.name!r} is no number")

    def default_spec(self, description: mmcore.Description) -> TabularSpec:
        """By the training rows' columns."""
        assert isinstance(description, TabularDescription)
        return TabularSpec(description.columns)

    def prepare(self, sample: Sample, spec: mmcore.InputSpec) -> Inputs:
        """Standardise numbers, number categories, flag what is missing."""
        assert isinstance(spec, TabularSpec)
        values, missing = [], []
        for column in spec.columns:
            cell = sample.get(column.name)
            missing.append(float(cell is None))
            values.append(0.0 if cell is None else _encoded(cell, column))
        return {"values": torch.tensor(values), "missing": torch.tensor(missing)}

    def blank(self, spec: mmcore.InputSpec, description: mmcore.Description) -> Inputs:
        """A row with no cell filled."""
        assert isinstance(spec, TabularSpec)
        return {"values": torch.zeros(len(spec.columns)), "missing": torch.ones(len(spec.columns))}

    def stem(self, description: mmcore.Description, dim: int) -> nn.Module:
        """A token for each column."""
        from mmcore_tabular.tokens import ColumnTokens

        assert isinstance(description, TabularDescription)
        return ColumnTokens(description, dim)

    def players(
        self, sample: Sample, inputs: Inputs, spec: mmcore.InputSpec, *, granularity: str | int = "auto"
    ) -> mmcore.Players:
        """One player per column.

        Raises:
            OptionError: another granularity than "auto" or "columns".
        """
        assert isinstance(spec, TabularSpec)
        if granularity not in ("auto", "columns") and not isinstance(granularity, int):
            raise mmcore.OptionError(f"rows have no granularity {granularity!r}", hint="Allowed: columns.")
        return mmcore.Players(tuple(column.name for column in spec.columns), cells=tuple(range(len(spec.columns))))

    def mask(self, inputs: Inputs, players: mmcore.Players, keep: np.ndarray, *, baseline: str = "default") -> Inputs:
        """A masked column is the training rows' mean, or an unknown category."""
        kept = torch.from_numpy(np.asarray(keep, dtype=np.float32))
        return {name: tensor[None] * kept for name, tensor in inputs.items()}

    def render(
        self,
        axes: Axes,
        sample: Sample,
        players: mmcore.Players | None = None,
        values: np.ndarray | None = None,
    ) -> None:
        """A bar per column, named with its cell, strongest columns only where there are many; without values a list."""
        from mmcore_tabular.drawing import draw_bars, draw_cells

        names = list(players.labels) if players is not None else list(sample)
        cells = [sample.get(name) for name in names]
        if values is None:
            draw_cells(axes, names, cells)
        else:
            draw_bars(axes, names, cells, np.asarray(values, dtype=float))

    def _cell(self, name: str, cell: Any, budget: mmcore.Budget) -> Cell:
        if super().is_missing(cell):
            return None
        if isinstance(cell, bool | np.bool_):
            return str(bool(cell)).lower()
        if isinstance(cell, numbers.Real | Decimal):
            return _finite(name, cell)
        if not isinstance(cell, str):
            raise mmcore.InputError("wrong type", f"column {name!r} holds {type(cell).__name__}, no number and no text")
        if len(cell) > budget.characters:
            raise mmcore.InputError("too large", f"column {name!r} holds {len(cell):,} characters")
        text = cell.strip()
        return text.lower() if text.lower() in TRUTH else text


class _Seen:
    """One column's cells, as they come by: mean and spread of its numbers (Welford), counts of its texts.

    The spread is the root of the summed squares: squares themselves overflow from 1e154 on, and a table may mark what
    is missing by the largest number there is.
    """

    def __init__(self) -> None:
        self.numbers, self.mean, self.spread = 0, 0.0, 0.0
        self.others = 0
        self.texts: Counter[str] = Counter()

    def add(self, cell: Cell) -> None:
        if cell is None:
            return
        number = as_number(cell)
        if number is None:
            self.others += 1
        else:
            self.numbers += 1
            step = number * SHRUNK - self.mean
            self.mean += step / self.numbers
            self.spread = math.hypot(self.spread, step * math.sqrt(1 - 1 / self.numbers))
        text = _text(cell)
        if text in self.texts or len(self.texts) < MOST_VALUES:
            self.texts[text] += 1

    def column(self, name: str) -> Column:
        if self.numbers and self.numbers >= MOSTLY * (self.numbers + self.others):
            sd = min(self.spread / math.sqrt(self.numbers) / SHRUNK, sys.float_info.max)
            return Column(name=name, type="number", mean=self.mean / SHRUNK, sd=sd or 1.0)
        return Column(name=name, type="category", values=tuple(sorted(self.texts)))


def _finite(name: str, cell: Any) -> float | None:
    try:
        number = float(cell)
    except OverflowError:
        number = math.inf
    if number != number:
        return None  # missing, as NaN is everywhere (a Decimal's is no float)
    if not math.isfinite(number):
        raise mmcore.InputError("not finite", f"column {name!r} holds {str(cell)[:40]}")
    return number


def _encoded(cell: Cell, column: Column) -> float:
    if column.type == "number":
        number = as_number(cell)
        if number is None:
            raise mmcore.InputError("wrong type", f"{_quoted(cell)} in column {column.name!r} is no number")
        away = (number / 2 - column.mean / 2) / (column.sd / 2)  # halves: the difference may be no double any more
        return min(max(away, -FARTHEST), FARTHEST)
    return float(_numbers(column).get(_text(cell), 0))


def _quoted(cell: Cell) -> str:
    return repr(cell if not isinstance(cell, str) or len(cell) <= 40 else f"{cell[:40]}…")


@cache
def _numbers(column: Column) -> dict[str, int]:
    return {value: number for number, value in enumerate(column.values, start=1)}


def _text(cell: Cell) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
