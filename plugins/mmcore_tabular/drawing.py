"""Rows on matplotlib axes: a bar per column, or a list of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmcore_tabular.columns import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 14
"""Columns that are drawn."""

WIDE = 26
"""Characters of a column's name and cell together."""

FOR, AGAINST = "#b2182b", "#2166ac"
"""Columns that speak for the prediction, and against it; told apart by colour-blind readers."""


def draw_bars(axes: Axes, names: Sequence[str], cells: Sequence[Cell], values: np.ndarray) -> None:
    """A bar per column, in the columns' order; of more than `MOST`, the strongest and a word about the others."""
    chosen = np.sort(np.argsort(-np.abs(values), kind="stable")[:MOST])
    heights = values[chosen]
    rows = np.arange(len(chosen))
    axes.barh(rows, heights, color=[FOR if value >= 0 else AGAINST for value in heights], height=0.7)
    axes.set_yticks(rows, [named(names[at], cells[at]) for at in chosen], fontsize=8, parse_math=False)
    axes.set_ylim(max(len(chosen), 4) - 0.4, -0.6)
    axes.axvline(0, color="#888", lw=0.8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#ccc")
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7, colors="#6b6b6b")
    axes.locator_params(axis="x", nbins=4)
    if len(chosen) < len(names):
        axes.set_xlabel(f"and {len(names) - len(chosen)} weaker columns", fontsize=7, color="#6b6b6b")


def draw_cells(axes: Axes, names: Sequence[str], cells: Sequence[Cell]) -> None:
    """A line per column: its name and its cell."""
    axes.set_axis_off()
    lines = [named(name, cell) for name, cell in zip(names[:MOST], cells[:MOST], strict=True)]
    if len(names) > MOST:
        lines.append(f"… and {len(names) - MOST} columns more")
    axes.set_xlim(0, 1)
    axes.set_ylim(max(len(lines), 6), 0)
    for row, line in enumerate(lines):
        axes.text(0.05, row + 0.5, line, va="center", fontsize=8, color="#111", parse_math=False)


def named(name: str, cell: Cell) -> str:
    """A column's name and its cell, both cut where they are long.

    >>> named("weight", 0.25), named("price", None), named("a" * 40, "b" * 40)
    ('weight = 0.25', 'price = –', 'aaaaaaaaaaaaaaa… = bbbbbbb…')
    """
    said = "–" if cell is None else f"{cell:g}" if isinstance(cell, float) else " ".join(cell.split())
    said = _cut(said, max(8, WIDE - 2 - len(name)))
    return f"{_cut(' '.join(name.split()), max(8, WIDE - 2 - len(said)))} = {said}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
