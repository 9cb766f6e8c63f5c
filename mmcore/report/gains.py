"""What fusion gained, metric by metric, in words and for the table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmcore.report.contents import Contents
from mmcore.report.wording import difference, in_sentence, interval, is_lower_better, unit_of_difference


@dataclass(frozen=True)
class Gain:
    """What fusion gained in one metric, in words and for the table.

    Args:
        outcome: gained, lost or nothing.
        sentence: all of it in one sentence.
        amount, interval: for the table.
    """

    outcome: str
    sentence: str
    amount: str
    interval: str


def gains(contents: Contents) -> dict[str, Gain]:
    """Metric → what fusion gained; empty with one modality or without models of single ones."""
    if len(contents.modalities) == 1:
        return {}
    return {name: _gain(name, found) for name, found in (contents.metrics.get("gain") or {}).items()}


def interval_name(found: Mapping[str, Any]) -> str:
    """What the interval is called; its level stands in the verdict."""
    level = re.search(r"([\d.]+) % interval", str(found.get("verdict", "")))
    return f"{level[1]}\u202f% interval" if level else "interval"


def _gain(metric: str, found: Mapping[str, Any]) -> Gain:
    gain, low, high, modality = found["gain"], found["low"], found["high"], found["modality"]
    said = f"{interval_name(found)} {interval(metric, low, high)}"
    amount = difference(metric, abs(gain), signed=False) + unit_of_difference(metric)
    name = in_sentence(metric)
    if low > 0:
        outcome, sentence = "gained", f"Fusion gained {amount} of {name} over {modality} alone ({said})."
        if is_lower_better(metric):
            sentence = f"Fusion lowered the {name} by {amount} against {modality} alone ({said})."
    elif high < 0:
        outcome, sentence = "lost", f"Fusion lost {amount} of {name} against {modality} alone ({said})."
        if is_lower_better(metric):
            sentence = f"Fusion raised the {name} by {amount} against {modality} alone ({said})."
    else:
        outcome = "nothing"
        sentence = (
            f"Fusion gained nothing that shows over {modality} alone: the difference in {name} is "
            f"{difference(metric, gain)}{unit_of_difference(metric)}, and its {said} includes 0."
        )
    return Gain(outcome, sentence, difference(metric, gain), interval(metric, low, high))
