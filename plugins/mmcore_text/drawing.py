"""Texts on matplotlib axes, each part on the colour of its value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = "RdBu_r"
"""Red for values that speak for the prediction, blue for those against; told apart by colour-blind readers."""

WIDTHS = (20, 26, 34, 44, 58, 76, 100)
"""Characters to a line; the first one that leaves the largest letters is taken."""

SMALLEST, LARGEST = 5.0, 14.0
"""Points of letters. A text that would need smaller ones is cut."""

TALL = 1.9
"""A line's height, in widths of a character."""

FONTS = (
    "DejaVu Sans Mono", "DejaVu Sans", "Noto Sans Mono CJK JP", "Noto Sans CJK JP", "Noto Sans CJK SC", "IPAGothic",
    "WenQuanYi Zen Hei", "Droid Sans Fallback", "Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "MS Gothic",
    "Microsoft YaHei", "Malgun Gothic", "Arial Unicode MS", "Noto Sans Arabic", "Noto Sans Hebrew",
    "Noto Sans Devanagari", "Noto Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Symbola",
)  # fmt: skip
"""Tried in this order for each character; the first two come with matplotlib."""

UNKNOWN = "□"
"""Stands for a character that no font of this machine has."""


def draw_text(axes: Axes, text: str, spans: Sequence[tuple[int, int]], values: np.ndarray | None) -> None:
    """Draw `text` wrapped at word boundaries; `spans[i]` lies on the colour of `values[i]`.

    Where spans overlap (several tokens of one character), their values are added up.
    """
    box = axes.get_position()
    assert axes.figure is not None
    width, height = (float(side) * 72 for side in axes.figure.get_size_inches())  # type: ignore[union-attr]
    width, height = max(width * box.width, 1.0), max(height * box.height, 1.0)
    text, lines, columns = laid_out(text, width, height)
    cell = width / columns
    shades = _shades(spans, values, len(text))
    axes.set_axis_off()
    axes.set_xlim(0, columns)
    rows = max(height / (cell * TALL), len(lines))
    axes.set_ylim(rows, 0)
    size = float(np.clip(min(cell / 0.62, height / rows / 1.25), 1.0, LARGEST))
    top = (rows - len(lines)) / 2
    for row, (start, end) in enumerate(lines):
        left = (columns - wide(text[start:end])) / 2
        _draw_line(axes, text, (start, end), shades, left, top + row, size)


def laid_out(text: str, width: float, height: float) -> tuple[str, list[tuple[int, int]], int]:
    """The text, cut where it does not fit into a box of so many points; its lines; and the characters to a line."""
    room = max(1, int(height / (1.25 * SMALLEST)))
    text = text[: 2 * room * WIDTHS[-1]]  # more would be cut anyway, after long work
    for columns in WIDTHS:
        lines = wrapped(text, columns)
        if len(lines) * TALL * width / columns <= height:
            return text, lines, columns
    columns = min(WIDTHS[-1], max(WIDTHS[0], int(width / (0.62 * SMALLEST))))
    lines = wrapped(text, columns)
    if len(lines) > room:
        text = text[: max(lines[room - 1][0] + 1, lines[room - 1][1] - 1)] + "…"
        lines = wrapped(text, columns)[:room]
    return text, lines, columns


def wrapped(text: str, columns: int) -> list[tuple[int, int]]:
    """Start and end of each line, at most `columns` wide; a longer word is cut.

    >>> [("one two three"[a:b]) for a, b in wrapped("one two three", 8)]
    ['one two', 'three']
    """
    lines: list[tuple[int, int]] = []
    for word in re.finditer(r"\S+", text):
        start, end = word.span()
        if lines and end - lines[-1][0] <= columns and wide(text[lines[-1][0] : end]) <= columns:
            lines[-1] = (lines[-1][0], end)
            continue
        begin, taken = start, 0
        for position in range(start, end):
            step = wide(text[position])
            if taken + step > columns:
                lines.append((begin, position))
                begin, taken = position, 0
            taken += step
        lines.append((begin, end))
    return lines


def wide(text: str) -> int:
    """Cells that a text takes: two for East Asian characters and emoji, none for what combines with others.

    >>> wide("ab"), wide("日本"), wide("e" + chr(0x301)), wide("a" + chr(0x200D))
    (2, 4, 1, 1)
    """
    return sum(_cells(character) for character in text)


@cache
def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _shades(spans: Sequence[tuple[int, int]], values: np.ndarray | None, length: int) -> dict[int, float]:
    """Character → its strength from -1 to 1, for those that a span covers."""
    if values is None:
        return {}
    sums: dict[int, float] = {}
    for (start, end), value in zip(spans, values, strict=True):
        for position in range(start, min(end, length)):
            sums[position] = sums.get(position, 0.0) + float(value)
    largest = max(map(abs, sums.values()), default=0.0)
    return {position: value / largest if largest else 0.0 for position, value in sums.items()}


def _draw_line(
    axes: Axes, text: str, line: tuple[int, int], shades: dict[int, float], left: float, y: float, size: float
) -> None:
    from matplotlib import colormaps

    x = left
    for position in range(*line):
        step, shade = _cells(text[position]), shades.get(position)
        if shade is not None and step:
            colour = colormaps[COLOURS](0.5 + 0.45 * shade)
            axes.fill([x, x + step, x + step, x], [y + 0.06, y + 0.06, y + 0.94, y + 0.94], color=colour, lw=0)
        if step and not text[position].isspace():
            name, character = _font(text[position])
            axes.text(
                x + step / 2, y + 0.5, character, ha="center", va="center_baseline", family=name, fontsize=size,
                color="#fff" if abs(shade or 0.0) > 0.65 else "#111", parse_math=False,
            )  # fmt: skip
        x += step


@cache
def _font(character: str) -> tuple[str, str]:
    """The first font that has a character, and what to draw: the character, or a box where no font has it."""
    for name, characters in _installed():
        if ord(character) in characters:
            return name, character
    return FONTS[0], UNKNOWN


@cache
def _installed() -> list[tuple[str, frozenset[int]]]:
    from matplotlib.font_manager import fontManager, get_font

    known = {entry.name: entry.fname for entry in reversed(fontManager.ttflist) if entry.style == "normal"}
    found = []
    for name in FONTS:
        if name in known:
            try:
                found.append((name, frozenset(get_font(known[name]).get_charmap())))
            except (OSError, RuntimeError):  # a font that matplotlib can't read
                continue
    return found
