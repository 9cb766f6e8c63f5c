"""Which figures there are, which one stands for all, and which model does best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmcore.report.contents import Contents
from mmcore.report.wording import MAIN_METRIC, difference, in_order, is_lower_better, metric_value


def main_metric(contents: Contents) -> str | None:
    """The metric of the headline: the task's usual one, else the first that there is."""
    there = [name for name, value in scalars(contents.results).items() if value is not None]
    usual = MAIN_METRIC.get(contents.task)
    return usual if usual in there else next(iter(in_order(there)), None)


def scalars(results: Mapping[str, Any]) -> dict[str, float | None]:
    """The figures that are one number each, without the number of rows.

    >>> scalars({"n": 9, "top1": 0.5, "r2": None, "confusion": [[9]]})
    {'top1': 0.5, 'r2': None}
    """
    return {
        name: value
        for name, value in results.items()
        if name != "n" and not isinstance(value, bool) and (value is None or isinstance(value, int | float))
    }


def best_of(values: Mapping[str, float | None], metric: str) -> set[str]:
    """The models with the best value; several where they are equal."""
    defined = {name: value for name, value in values.items() if value is not None}
    if not defined:
        return set()
    best = (min if is_lower_better(metric) else max)(defined.values())
    return {name for name, value in defined.items() if value == best}


def over_folds(metric: str, found: Mapping[str, Mapping[str, float]]) -> str:
    """Mean and standard deviation over folds, with the unit only once."""
    if metric not in found:
        return ""
    mean, unit, percent_sign = metric_value(metric, found[metric]["mean"]).partition("\u202f")
    return f"{mean} ± {difference(metric, found[metric]['sd'], signed=False)}{unit}{percent_sign}"
