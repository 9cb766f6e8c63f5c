"""Whether confidence can be believed: how often the model is right when it says that it is sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmcore.report.contents import Contents
from mmcore.report.svg import Frame, line, markers, rectangle, text
from mmcore.report.wording import metric_value, percent

if TYPE_CHECKING:
    from markupsafe import Markup


def calibration(contents: Contents) -> dict[str, Any] | None:
    """The reliability diagram, the calibration error and what both say in a sentence."""
    bins = contents.results.get("calibration") or []
    if not bins:
        return None
    n = sum(entry["n"] for entry in bins)
    confidence = sum(entry["confidence"] * entry["n"] for entry in bins) / n
    accuracy = sum(entry["accuracy"] * entry["n"] for entry in bins) / n
    return {
        "svg": _diagram(bins, multi=contents.task == "multi_label"),
        "ece": metric_value("ece", contents.results.get("ece")),
        "sentence": _sentence(confidence, accuracy, multi=contents.task == "multi_label"),
        "bins": [
            {
                "range": f"{percent(entry['low'], 0)} – {percent(entry['high'], 0)}",
                "confidence": percent(entry["confidence"]),
                "accuracy": percent(entry["accuracy"]),
                "n": f"{entry['n']:,}",
            }
            for entry in bins
        ],
    }


def _sentence(confidence: float, accuracy: float, *, multi: bool) -> str:
    """
    >>> _sentence(0.9, 0.8, multi=False).replace(chr(0x202F), " ")
    'On average it is 90.0 % sure and right in 80.0 %: too sure by 10.0 points.'
    """
    gap = confidence - accuracy
    if multi:
        said = f"On average it gives a label {percent(confidence)}, and {percent(accuracy)} hold"
    else:
        said = f"On average it is {percent(confidence)} sure and right in {percent(accuracy)}"
    if abs(gap) < 0.01:
        return f"{said}: neither too sure nor too timid."
    return f"{said}: too {'sure' if gap > 0 else 'timid'} by {abs(100 * gap):.1f} points."


def _diagram(bins: Sequence[Mapping[str, Any]], *, multi: bool) -> Markup:
    frame = Frame((0, 1), (0, 1), height=330, bottom=92)
    floor, room = frame.height - 38, 40
    quarters = (0.0, 0.25, 0.5, 0.75, 1.0)
    named = ("probability of a label", "labels that hold") if multi else ("confidence", "accuracy")
    parts = [
        frame.axes("", named[1], x_ticks=(), y_ticks=quarters, y_text=lambda value: percent(value, 0)),
        line(frame.x(0), frame.y(0), frame.x(1), frame.y(1), "ideal"),
    ]
    most = max(entry["n"] for entry in bins)
    for entry in bins:
        left, width = frame.x(entry["low"]) + 0.8, frame.x(entry["high"]) - frame.x(entry["low"]) - 1.6
        title = f"{percent(entry['low'], 0)}–{percent(entry['high'], 0)}: {percent(entry['accuracy'])} of {entry['n']}"
        top = frame.y(entry["accuracy"])
        parts.append(rectangle(left, top, width, frame.y(0) - top, "bar", title=title))
        tall = max(1.0, room * entry["n"] / most)
        parts.append(rectangle(left, floor - tall, width, tall, "count", title=f"{entry['n']} rows"))
    parts.append(markers([(frame.x(e["confidence"]), frame.y(e["accuracy"])) for e in bins], 0, "ink", 3))
    for value in quarters:
        parts.append(text(frame.x(value), floor + 15, percent(value, 0), "tick mid"))
    parts.append(line(frame.x(0), floor, frame.x(1), floor, "axis"))
    below = f"{named[0]}; below: how many"
    parts.append(text((frame.x(0) + frame.x(1)) / 2, frame.height - 5, below, "name mid"))
    return frame.document(parts, title=f"Reliability diagram: {named[1]} against {named[0]}, in {len(bins)} bins.")
