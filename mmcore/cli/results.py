"""Results as tables that a person likes to read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmcore.cli.tables import new_table
from mmcore.report.wording import (
    MAIN_METRIC,
    difference,
    in_order,
    interval,
    is_lower_better,
    metric_name,
    metric_value,
    number,
    unit_of_difference,
)

if TYPE_CHECKING:
    from rich.table import Table

TOP_K = {"top3": 3, "top5": 5}
"""Accuracies among the k most probable classes; with no more than k classes there is nothing to get wrong."""

CLASS_COLUMNS = ("precision", "recall", "f1", "average_precision", "support")
CALIBRATION_COLUMNS = ("low", "high", "confidence", "accuracy", "n")

LARGEST_MATRIX = 20
"""Classes up to which a confusion matrix is printed; larger ones stand in the report and in metrics.json."""


def figures(found: Mapping[str, Any]) -> dict[str, float | None]:
    """The metrics among a split's results that say something, in the order in which they are shown.

    >>> figures({"ece": 0.1, "n": 3, "top1": 0.9, "top3": 1.0, "per_class": {"a": {}, "b": {}}})
    {'top1': 0.9, 'ece': 0.1}
    """
    classes = len(found.get("per_class") or ()) or math.inf
    always_right = {name for name, k in TOP_K.items() if k >= classes}
    plain = {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float) and name != "n" and name not in always_right
    }
    return {name: plain[name] for name in in_order(list(plain))}


def judged_split(metrics: Mapping[str, Any]) -> str | None:
    """The split that a run is judged by: test, else validation."""
    return next((split for split in ("test", "validation") if split in metrics), None)


def result_table(metrics: Mapping[str, Any], modalities: Sequence[str]) -> Table | None:
    """Metrics down; each modality alone, fused, and the gain of fusion across."""
    split = judged_split(metrics)
    if split is None:
        return None
    fused = figures(metrics[split])
    baselines = metrics.get("baselines", {})
    alone = {name: baselines[name][split] for name in modalities if split in baselines.get(name, ())}
    gains = metrics.get("gain") or {}
    title = f"{split}, {metrics[split].get('n', '?')} rows"
    table = new_table(title)
    table.add_column("metric")
    for name in alone:
        table.add_column(f"{name} alone", justify="right")
    table.add_column("fused" if len(modalities) > 1 else modalities[0], justify="right", style="bold")
    if gains:
        table.add_column("gain", justify="right")
        table.add_column("95 % interval", justify="right")
    for name, value in fused.items():
        row = [_label(name), *(metric_value(name, found.get(name)) for found in alone.values())]
        row.append(metric_value(name, value))
        if gain := gains.get(name):
            row += [difference(name, gain["gain"]), interval(name, gain["low"], gain["high"])]
        table.add_row(*row)
    return table


def verdict(metrics: Mapping[str, Any]) -> str | None:
    """In plain words what fusion gained in the task's main metric."""
    name = MAIN_METRIC.get(str(metrics.get("task")), "")
    gain = (metrics.get("gain") or {}).get(name)
    if gain is None:
        return None
    split = judged_split(metrics)
    judged, rows = gain.get("rows"), metrics[split].get("n") if split else None
    note = f" Over the {judged} of {rows} rows that have every modality." if judged and judged != rows else ""
    return _verdict(name, gain) + note


def _verdict(name: str, gain: Mapping[str, Any]) -> str:
    unit, over = unit_of_difference(name), f"over {gain['modality']} alone"
    size = difference(name, abs(gain["gain"]), signed=False) + unit
    between = f"95 % interval {interval(name, gain['low'], gain['high'])}"
    if gain["low"] > 0:
        return f"{metric_name(name)}: fusion gained {size} {over} ({between})."
    if gain["high"] < 0:
        return f"{metric_name(name)}: fusion lost {size} against {gain['modality']} alone ({between})."
    return (
        f"{metric_name(name)}: fusion gained nothing that shows {over}: "
        f"{difference(name, gain['gain'])}{unit}, and the {between} includes 0."
    )


def figures_table(found: Mapping[str, Any], title: str) -> Table:
    """One split's metrics."""
    table = new_table(title)
    table.add_column("metric")
    table.add_column("value", justify="right")
    for name, value in figures(found).items():
        table.add_row(_label(name), metric_value(name, value))
    return table


def per_class_table(found: Mapping[str, Any]) -> Table | None:
    """Precision, recall and F1 of each class."""
    classes = found.get("per_class")
    if not classes:
        return None
    columns = _in_order(CLASS_COLUMNS, next(iter(classes.values())))
    table = new_table("per class")
    table.add_column("class")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for label, values in classes.items():
        table.add_row(str(label), *(number(values.get(column)) for column in columns))
    return table


def calibration_table(found: Mapping[str, Any]) -> Table | None:
    """How sure the model was, and how often it was right."""
    bins = [point for point in found.get("calibration") or () if point.get("n")]
    if not bins:
        return None
    table = new_table("calibration")
    columns = _in_order(CALIBRATION_COLUMNS, bins[0])
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for point in bins:
        table.add_row(*(number(point[column]) for column in columns))
    return table


def confusion_table(found: Mapping[str, Any], classes: Sequence[str]) -> Table | str | None:
    """Rows are true classes, columns predicted ones; for many classes the most frequent confusions."""
    matrix = found.get("confusion")
    if matrix and len(matrix) <= LARGEST_MATRIX:
        table = new_table("confusion matrix: true classes down, predicted ones across")
        table.add_column("")
        for position in range(len(matrix)):
            table.add_column(str(position + 1), justify="right")
        for position, (label, row) in enumerate(zip(classes, matrix, strict=False)):
            cells = [str(count) if count else "·" for count in row]
            table.add_row(f"{position + 1} {label}", *cells)
        return table
    worst = found.get("confusions")
    if not worst:
        return None
    table = new_table("most frequent confusions")
    for column in ("true", "predicted", "rows"):
        table.add_column(column, justify="right" if column == "rows" else "left")
    for pair in worst[:10]:
        table.add_row(str(pair["target"]), str(pair["prediction"]), str(pair["n"]))
    return table


def _in_order(known: Sequence[str], found: Mapping[str, Any]) -> list[str]:
    """Known columns in their order, others after them: a JSON file keeps no order."""
    return [*(name for name in known if name in found), *(name for name in found if name not in known)]


def _label(metric: str) -> str:
    return f"{metric_name(metric)} {'↓' if is_lower_better(metric) else '↑'}"
