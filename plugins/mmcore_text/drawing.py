"""Texts on matplotlib axes, each part on the colour of its value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = "RdBu_r"
"""Red for values that speak for the prediction, blue for those against; told apart by colour-blind readers."""

WIDE = 34
"""Characters to a line."""


def draw_text(axes: Axes, text: str, spans: Sequence[tuple[int, int]], values: np.ndarray | None) -> None:
    """Draw `text` wrapped at word boundaries; `spans[i]` lies on the colour of `values[i]`."""
    from matplotlib import colormaps

    lines = wrapped(text, WIDE)
    axes.set_axis_off()
    axes.set_xlim(0, max(WIDE, 1))
    height = max(len(lines), 4)
    axes.set_ylim(height, 0)
    largest = float(np.abs(values).max()) if values is not None and len(values) else 0.0
    shades = {}
    if values is not None:
        for (start, end), value in zip(spans, values, strict=True):
            strength = float(value) / largest if largest else 0.0
            shades.update(dict.fromkeys(range(start, end), strength))
    top = (height - len(lines)) / 2
    size = _font_size(axes, height)
    for row, (start, end) in enumerate(lines):
        left = (WIDE - (end - start)) / 2
        for position in range(start, end):
            x, y = left + position - start, top + row
            if position in shades:
                colour = colormaps[COLOURS](0.5 + 0.45 * shades[position])
                axes.fill([x, x + 1, x + 1, x], [y + 0.08, y + 0.08, y + 0.92, y + 0.92], color=colour, lw=0)
            dark = abs(shades.get(position, 0.0)) < 0.7
            axes.text(
                x + 0.5, y + 0.5, text[position], ha="center", va="center", family="monospace", fontsize=size,
                color="#111" if dark else "#fff", parse_math=False,
            )  # fmt: skip


def wrapped(text: str, wide: int) -> list[tuple[int, int]]:
    """Start and end of each line, at most `wide` characters; a longer word is cut.

    >>> [("one two three"[a:b]) for a, b in wrapped("one two three", 8)]
    ['one two', 'three']
    """
    lines: list[tuple[int, int]] = []
    for word in re.finditer(r"\S+", text):
        start, end = word.span()
        if lines and end - lines[-1][0] <= wide:
            lines[-1] = (lines[-1][0], end)
            continue
        lines += [(cut, min(cut + wide, end)) for cut in range(start, end, wide)]
    return lines


def _font_size(axes: Axes, lines: int) -> float:
    """Points that fit a character into a cell of the axes."""
    box = axes.get_position()
    width, height = axes.figure.get_size_inches()  # type: ignore[union-attr]
    cell_width, cell_height = 72 * width * box.width / WIDE, 72 * height * box.height / lines
    return float(np.clip(min(cell_width / 0.62, cell_height / 1.25), 3.0, 14.0))
