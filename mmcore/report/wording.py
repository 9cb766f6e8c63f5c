"""How figures are said: metrics by their names, proportions in percent, differences in points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mmcore.training.options import LOWER_IS_BETTER

METRIC_NAMES = {
    "top1": "Top-1 accuracy",
    "top3": "Top-3 accuracy",
    "top5": "Top-5 accuracy",
    "macro_f1": "Macro F1",
    "micro_f1": "Micro F1",
    "weighted_f1": "Weighted F1",
    "map": "Mean average precision",
    "exact_match": "Exact match",
    "ece": "Calibration error",
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "r2": "R²",
    "loss": "Loss",
}
"""What people call the metrics, in the order in which they are shown."""

IN_TARGET_UNIT = frozenset({"mae", "rmse"})
PLAIN = frozenset({"r2", "loss"})
MAIN_METRIC = {"single_label": "top1", "multi_label": "map", "regression": "mae"}
"""The metric of the headline, by type of task."""

MISSING = "–"


def metric_name(metric: str) -> str:
    """What people call a metric.

    >>> metric_name("macro_f1"), metric_name("my_score")
    ('Macro F1', 'my score')
    """
    return METRIC_NAMES.get(metric, metric.replace("_", " "))


def in_sentence(metric: str) -> str:
    """A metric's name in the middle of a sentence.

    >>> in_sentence("ece"), in_sentence("macro_f1")
    ('calibration error', 'macro F1')
    """
    name = metric_name(metric)
    return name if metric == "r2" else name[:1].lower() + name[1:]


def is_proportion(metric: str) -> bool:
    """Whether the metric is said in percent."""
    return metric in METRIC_NAMES and metric not in IN_TARGET_UNIT | PLAIN


def is_lower_better(metric: str) -> bool:
    """Whether a better model has less of it."""
    return metric in LOWER_IS_BETTER


def number(value: float | None) -> str:
    """A number with as many digits as a person wants.

    >>> number(1234.5), number(3.14159), number(0.01234), number(0), number(None), number(-2)
    ('1,234', '3.14', '0.0123', '0', '–', '−2')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if value == int(value) or abs(value) >= 1000:
        text = f"{value:,.0f}"
    else:
        text = f"{value:#.3g}" if abs(value) >= 1e-4 else f"{value:.1e}"
    return text.rstrip(".").replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    """A proportion in percent, with a narrow no-break space.

    >>> percent(0.864), percent(None)
    ('86.4\\u202f%', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{100 * value:.{digits}f}\u202f%".replace("-", "−")


def metric_value(metric: str, value: float | None) -> str:
    """A metric's value: a proportion in percent, anything else as a number."""
    return percent(value) if is_proportion(metric) else number(value)


def difference(metric: str, value: float | None, *, signed: bool = True) -> str:
    """A difference of two values of a metric: points of a hundred for proportions, else in the metric's own unit.

    >>> difference("top1", 0.0213), difference("mae", -0.5), difference("top1", -0.0001), difference("r2", 0.1)
    ('+2.1', '−0.500', '0.0', '+0.100')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{100 * abs(value):.1f}" if is_proportion(metric) else number(abs(value))
    if not any(digit in text for digit in "123456789"):
        return text
    return ("−" if value < 0 else "+" if signed else "") + text


def unit_of_difference(metric: str) -> str:
    """What a difference is counted in, to be put after the number."""
    return " points" if is_proportion(metric) else ""


def interval(metric: str, low: float, high: float) -> str:
    """Both ends of an interval of differences.

    >>> interval("top1", 0.004, 0.038)
    '+0.4 to +3.8'
    """
    return f"{difference(metric, low)} to {difference(metric, high)}"


def listed(names: Sequence[Any]) -> str:
    """Names in a sentence.

    >>> listed(["image"]), listed(["image", "text"]), listed("abc")
    ('image', 'image and text', 'a, b and c')
    """
    texts = [str(name) for name in names]
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)


def shortened(text: Any, length: int = 24) -> str:
    """A label that fits a chart.

    >>> shortened("transport and travel things", 12)
    'transport a…'
    """
    plain = str(text)
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def in_order(metrics: Sequence[str]) -> list[str]:
    """Metrics as they are shown: the known ones in their order, strangers' after them by name.

    >>> in_order(["zeta", "ece", "top1"])
    ['top1', 'ece', 'zeta']
    """
    known = list(METRIC_NAMES)
    return sorted(metrics, key=lambda name: (known.index(name) if name in known else len(known), name))
