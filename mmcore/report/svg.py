"""Small charts as inline SVG: crisp in print, in the page's own colours, light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

COLOURS = 10
"""Series colours that the style sheet has: the classes `s0` to `s9`."""


@dataclass(frozen=True)
class Frame:
    """A plotting area with linear axes.

    >>> frame = Frame((0, 10), (0, 1), width=100, height=100, left=0, right=0, top=0, bottom=0)
    >>> frame.x(5), frame.y(1)
    (50.0, 0.0)
    """

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    width: int = 360
    height: int = 250
    left: int = 46
    right: int = 12
    top: int = 12
    bottom: int = 40

    def x(self, value: float) -> float:
        """Where a value lies from the left."""
        low, high = self.x_range
        return round(self.left + (value - low) / (high - low) * (self.width - self.left - self.right), 2)

    def y(self, value: float) -> float:
        """Where a value lies from the top."""
        low, high = self.y_range
        return round(
            self.height - self.bottom - (value - low) / (high - low) * (self.height - self.top - self.bottom), 2
        )

    def axes(
        self,
        x_label: str,
        y_label: str,
        *,
        x_ticks: Sequence[float],
        y_ticks: Sequence[float],
        x_text: Callable[[float], str] | None = None,
        y_text: Callable[[float], str] | None = None,
    ) -> Markup:
        """Horizontal grid lines, ticks and the names of both axes."""
        x_text, y_text = x_text or tick_texts(x_ticks), y_text or tick_texts(y_ticks)
        right, floor = self.width - self.right, self.height - self.bottom
        parts = []
        for tick in y_ticks:
            parts.append(line(self.left, self.y(tick), right, self.y(tick), "grid"))
            parts.append(text(self.left - 6, self.y(tick) + 3.5, y_text(tick), "tick end"))
        for tick in x_ticks:
            parts.append(line(self.x(tick), floor, self.x(tick), floor + 4, "axis"))
            parts.append(text(self.x(tick), floor + 16, x_text(tick), "tick mid"))
        parts.append(line(self.left, floor, right, floor, "axis"))
        parts.append(text((self.left + right) / 2, self.height - 5, x_label, "name mid"))
        middle = (self.top + floor) / 2
        parts.append(
            Markup('<text class="name mid" transform="translate(11 {}) rotate(-90)">{}</text>').format(middle, y_label)
        )
        return join(parts)

    def polyline(self, points: Iterable[tuple[float, float]], style: str) -> Markup:
        """A line through the points."""
        path = " ".join(f"{self.x(x)},{self.y(y)}" for x, y in points)
        return Markup('<polyline class="line {}" points="{}"/>').format(style, path)

    def document(self, parts: Iterable[Markup], *, title: str, style: str = "") -> Markup:
        """The chart with its text alternative."""
        return document(self.width, self.height, parts, title=title, style=style)


def document(width: float, height: float, parts: Iterable[Markup], *, title: str, style: str = "") -> Markup:
    """An SVG image with its text alternative."""
    head = Markup('<svg class="chart {}" viewBox="0 0 {} {}" width="{}" role="img" aria-label="{}">').format(
        style, width, height, width, title
    )
    return head + join(parts) + Markup("</svg>")


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> Markup:
    """A straight line."""
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(style, x1, y1, x2, y2)


def text(x: float, y: float, content: str, style: str) -> Markup:
    """A text; the style says how it is anchored: start, mid or end."""
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(style, round(x, 2), round(y, 2), content)


def rectangle(x: float, y: float, width: float, height: float, style: str, *, title: str = "", css: str = "") -> Markup:
    """A filled rectangle with a text for the pointer."""
    head = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"').format(
        style, round(x, 2), round(y, 2), round(max(width, 0), 2), round(max(height, 0), 2)
    )
    head += Markup(' style="{}"').format(css) if css else Markup("")
    return head + (Markup("><title>{}</title></rect>").format(title) if title else Markup("/>"))


def markers(points: Iterable[tuple[float, float]], shape: int, style: str, size: float = 3.2) -> Markup:
    """Points as one path of small marks: circle, square, triangle, diamond, turned triangle by `shape`."""
    path = "".join(_mark(x, y, shape % 5, size) for x, y in points)
    return Markup('<path class="mark {}" d="{}"/>').format(style, path) if path else Markup("")


def key(shape: int, style: str) -> Markup:
    """The mark of a series for a legend."""
    return Markup('<svg class="key" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">{}</svg>').format(
        markers([(6, 6)], shape, style, 4)
    )


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values between `low` and `high`, about so many.

    >>> ticks(0, 1, 5), ticks(1, 20, 4)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [5.0, 10.0, 15.0, 20.0])
    """
    width = (high - low) / max(about, 1)
    if width <= 0 or not math.isfinite(width):
        return [low]
    power = 10.0 ** math.floor(math.log10(width))
    step = min((m * power for m in (1, 2, 2.5, 5, 10) if m * power >= width * 0.999), default=10 * power)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_texts(values: Sequence[float]) -> Callable[[float], str]:
    """How ticks are written: all with the decimals that their distance asks for.

    >>> [tick_texts([0.5, 1.0, 1.5])(value) for value in (0.5, 1.0)], tick_texts([1000.0, 2000.0])(-1000.0)
    (['0.5', '1.0'], '−1,000')
    """
    step = min((b - a for a, b in pairwise(values)), default=1.0)
    decimals = next((d for d in range(9) if abs(step * 10**d - round(step * 10**d)) < 1e-6 * 10**d * step), 9)
    return lambda value: f"{value:,.{decimals}f}".replace("-", "−")


def whole_ticks(low: int, high: int, about: int = 6) -> list[float]:
    """Round whole numbers between `low` and `high`, both ends where they fit.

    >>> whole_ticks(1, 20), whole_ticks(1, 1)
    ([1, 5, 10, 15, 20], [1])
    """
    step = max(1, int(ticks(0, max(high - low, 1), about)[-1] // max(len(ticks(0, max(high - low, 1), about)) - 1, 1)))
    found = [n for n in range(low, high + 1) if n % step == 0]
    return [float(n) if n != int(n) else n for n in ([low] if low not in found and step > 1 else []) + found] or [low]


def padded(values: Sequence[float], share: float = 0.06) -> tuple[float, float]:
    """A range with some air around the values; never empty.

    >>> padded([1.0, 1.0])
    (0.5, 1.5)
    """
    low, high = min(values), max(values)
    if low == high:
        return low - 0.5, high + 0.5
    air = share * (high - low)
    return low - air, high + air


def join(parts: Iterable[Markup]) -> Markup:
    """Parts after one another, each escaped unless it is markup already."""
    return Markup("").join(escape(part) for part in parts)


def _mark(x: float, y: float, shape: int, r: float) -> str:
    x, y = round(x, 1), round(y, 1)
    if shape == 0:
        return f"M{x - r:.1f} {y}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z"
    if shape == 1:
        s = 1.7 * r
        return f"M{x - s / 2:.1f} {y - s / 2:.1f}h{s:.1f}v{s:.1f}h{-s:.1f}z"
    if shape == 3:
        d = 1.25 * r
        return f"M{x} {y - d:.1f}l{d:.1f} {d:.1f}l{-d:.1f} {d:.1f}l{-d:.1f} {-d:.1f}z"
    t = 1.2 * r if shape == 2 else -1.2 * r
    return f"M{x} {y - t:.1f}L{x + t:.1f} {y + 0.8 * t:.1f}L{x - t:.1f} {y + 0.8 * t:.1f}z"
