"""Pictures of explanations: each modality with its players, and the shares beside chance level.

Figures are drawn without pyplot, so that nothing global is touched and threads don't meet.
"""

from __future__ import annotations

from math import ceil
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.attribution.request import WholePlayer
from mmcore.errors import UserError, did_you_mean
from mmcore.files import writing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmcore.attribution.explanation import Explanation, Part

INK, PALE, FOR, AGAINST, BAR = "#1a1a1a", "#6b6b6b", "#b2182b", "#2166ac", "#44546a"
"""Text, secondary text, players for the output and against it (told apart by colour-blind readers), bars of shares."""

PANEL, HEAD, FOOT = (3.6, 3.1), 0.62, 0.34
"""Inches: width and height of a panel, the title above them, the line below."""

ACROSS = 3
"""Panels in a line."""

BARS = 12
"""Players shown as bars when there is no sample to draw them on."""

SUFFIXES = ("png", "svg", "pdf")


def draw(explanation: Explanation) -> Figure:
    """The whole picture as a matplotlib figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [*explanation.parts, *(explanation.stayed if explanation.drawing is not None else ())]
    panels = len(shown) + 1
    lines = ceil(panels / ACROSS)
    across = ceil(panels / lines)
    size = (across * PANEL[0], lines * PANEL[1] + HEAD + FOOT)
    figure = Figure(figsize=size, facecolor="white")
    FigureCanvasAgg(figure)
    for number, name in enumerate(shown):
        _draw_modality(_axes(figure, number, across, size), explanation, name)
    _draw_shares(_axes(figure, panels - 1, across, size, left=0.27), explanation)
    _draw_words(figure, explanation, size)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all, the same bytes each time."""
    import matplotlib as mpl

    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in SUFFIXES:
        raise UserError(f"a picture can't be written as {path.name!r}", hint=did_you_mean(suffix, SUFFIXES))
    unstamped: dict[str, Any] = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with writing(path) as temporary, mpl.rc_context({"svg.hashsalt": "mmcore"}):
        figure.savefig(temporary, format=suffix, dpi=110, metadata=unstamped[suffix])


def _axes(figure: Figure, number: int, across: int, size: tuple[float, float], left: float = 0.05) -> Axes:
    """The axes of a panel; `left` is the share of its width that stays free for labels."""
    column, line = number % across, number // across
    x = column * PANEL[0] + left * PANEL[0]
    y = size[1] - HEAD - (line + 1) * PANEL[1] + 0.14
    width, height = PANEL[0] * (0.95 - left), PANEL[1] - 0.14 - 0.5
    return figure.add_axes((x / size[0], y / size[1], width / size[0], height / size[1]))


def _draw_modality(axes: Axes, explanation: Explanation, name: str) -> None:
    part, drawing = explanation.parts.get(name), explanation.drawing
    if part is None:
        assert drawing is not None
        drawing.kinds[name].render(axes, drawing.samples[name])
        _make_room(axes)
        _title(axes, name, "stays as it is")
        return
    if drawing is None:
        _draw_players(axes, part)
        _make_room(axes)
    else:
        players = drawing.players[name]
        coloured = () if isinstance(players, WholePlayer) else (players, part.values)
        drawing.kinds[name].render(axes, drawing.samples[name], *coloured)
        _make_room(axes)
    strongest = part.values[np.abs(part.values).argmax()] if len(part.values) else 0.0
    _title(axes, name, f"{_count(len(part.labels))}, Φ {part.contribution:.3g}, strongest {strongest:+.2g}")


def _draw_players(axes: Axes, part: Part) -> None:
    chosen = np.sort(np.argsort(-np.abs(part.values), kind="stable")[:BARS])
    values = part.values[chosen]
    places = np.arange(len(chosen))
    axes.barh(places, values, color=[FOR if value > 0 else AGAINST for value in values], height=0.7)
    axes.axvline(0, color=INK, lw=0.6)
    axes.set_yticks(places, [_plain(shorten(part.labels[at], 18, placeholder="…") or "·") for at in chosen], fontsize=7)
    axes.set_ylim(max(len(chosen), 4) - 0.4, -0.6)
    _quiet(axes)
    axes.tick_params(axis="x", labelsize=7, colors=PALE)
    axes.locator_params(axis="x", nbins=4)


def _draw_shares(axes: Axes, explanation: Explanation) -> None:
    names, shares, chance = list(explanation.parts), explanation.shares, explanation.chance
    for place, name in enumerate(names):
        share = shares.get(name, 0.0)
        axes.barh(place, share, height=0.52, color=BAR)
        text = f"{100 * share:.0f} %" if shares else "–"
        error = explanation.share_errors.get(name)
        if shares and error:
            axes.errorbar(share, place, xerr=error, color=INK, lw=1, capsize=2.5)
        axes.text(1.05, place, text, va="center", fontsize=10, color=INK)
        if name in chance:
            axes.plot([chance[name]] * 2, [place - 0.4, place + 0.4], color="#e08214", lw=2.2, solid_capstyle="butt")
    axes.set_xlim(0, 1.25)
    axes.set_ylim(max(len(names), 3) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), [_plain(shorten(name, 16, placeholder="…") or name[:16]) for name in names])
    axes.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    _quiet(axes)
    axes.tick_params(axis="y", labelsize=9, colors=INK)
    axes.tick_params(axis="x", labelsize=7.5, colors=PALE)
    axes.plot([], [], color="#e08214", lw=2.2, label="chance level")
    axes.legend(loc="lower right", fontsize=7.5, frameon=False, borderaxespad=0, labelcolor=PALE)
    _title(axes, "Shares", "± standard error" if explanation.share_errors else "")


def _draw_words(figure: Figure, explanation: Explanation, size: tuple[float, float]) -> None:
    verdict = {True: "  (right)", False: "  (wrong)", None: ""}[explanation.correct]
    said = f"predicted {_words(explanation.prediction)}"
    if explanation.target is not None:
        said += f", true {_words(explanation.target)}{verdict}"
    figure.text(
        0.16 / size[0], 1 - 0.12 / size[1], _plain(shorten(said, int(size[0] * 9), placeholder="…")),
        va="top", fontsize=11, fontweight="bold", color=INK,
    )  # fmt: skip
    of = f" of {explanation.explained}" if explanation.explained is not None else ""
    line = f"{explanation.output}{of} {explanation.value:.3f}, everything masked {explanation.base_value:.3f}"
    first = f"{explanation.id}   " if explanation.id else ""
    figure.text(0.16 / size[0], 1 - 0.36 / size[1], _plain(f"{first}{line}"), va="top", fontsize=8.5, color=PALE)
    legend = "red: speaks for it, blue: against it; scaled within each modality"
    if explanation.missing:
        legend += f"; missing: {', '.join(explanation.missing)}"
    figure.text(0.16 / size[0], 0.12 / size[1], _plain(legend), va="bottom", fontsize=7.5, color=PALE)


def _title(axes: Axes, name: str, line: str) -> None:
    """Two lines above the axes' box (not above what an equal aspect leaves of it)."""
    box = axes.get_position(original=True)
    assert axes.figure is not None
    height = axes.figure.get_size_inches()[1]  # type: ignore[union-attr]
    middle = (box.x0 + box.x1) / 2
    for text, above, size, colour in ((name, 0.21, 10, INK), (line, 0.06, 7.5, PALE)):
        axes.figure.text(middle, box.y1 + above / height, _plain(text), ha="center", fontsize=size, color=colour)


def _make_room(axes: Axes) -> None:
    """Names along the vertical axis stand left of it: give them a part of the panel."""
    if axes.axison and any(label.get_text() for label in axes.get_yticklabels()):
        box = axes.get_position(original=True)
        axes.tick_params(labelsize=7)
        axes.set_position((box.x0 + 0.27 * box.width, box.y0, 0.71 * box.width, box.height))


def _quiet(axes: Axes) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#cccccc")
    axes.tick_params(length=0)


def _words(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(str, value)) or "no label" if isinstance(value, list) else str(value)


def _plain(text: str) -> str:
    """Without what matplotlib would read as mathematics."""
    return text.replace("$", r"\$")


def _count(players: int) -> str:
    return f"{players} player" + ("" if players == 1 else "s")
