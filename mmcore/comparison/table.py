"""From the runs of a grid to one table: mean and spread over seeds, the best, and whether others are worse."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmcore.comparison.grid import LABEL, MODALITIES, Cell, Grid, shown
from mmcore.comparison.planning import alone, key_of
from mmcore.comparison.robustness import stored_figures
from mmcore.comparison.running import Outcome
from mmcore.report.wording import MAIN_METRIC, is_lower_better
from mmcore.run import RunFolder

DEFAULT_METRICS = {
    "single_label": ("top1", "top3", "top5", "macro_f1"),
    "multi_label": ("map", "micro_f1", "macro_f1"),
    "regression": ("mae", "rmse", "r2"),
}


@dataclass(frozen=True)
class Figure:
    """One metric of one row of the table, over its seeds."""

    mean: float
    sd: float | None
    n: int


@dataclass(frozen=True)
class Row:
    """One line: equal settings but for the seed.

    Args:
        settings: column → what stands there.
        figures: metric → figure; empty when every run of it failed.
        p: of the paired test against the best row; None for the best, and where there is nothing to compare.
        folders: of its runs.
        errors: of those that failed.
        seconds: of all its runs together.
        gain: by how much the first metric is better than of the best modality alone with the same seed; None where the
            grid has no runs of each modality alone.
    """

    settings: Mapping[str, str]
    figures: Mapping[str, Figure]
    p: float | None
    folders: tuple[Path, ...]
    errors: tuple[str, ...]
    seconds: float
    gain: Figure | None = None


@dataclass(frozen=True)
class Table:
    """The result of a grid.

    Args:
        title: above it.
        columns: of the settings.
        metrics: in order; the first is the one by which rows are compared. `top1@noisy` is that under a condition.
        rows: in the grid's order.
        impossible: (settings, reason) of combinations that were not run.
        passes: modality → rows that went through frozen encoders, over all runs.
        seconds: over all runs.
    """

    title: str
    columns: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]
    impossible: tuple[tuple[str, str], ...]
    passes: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def ranks(self, metric: str) -> dict[int, int]:
        """Row → its place by a metric (0 is the best), of rows that have it; equal figures share a place."""
        values = {number: row.figures[metric].mean for number, row in enumerate(self.rows) if metric in row.figures}
        order = sorted(set(values.values()), reverse=not is_lower_better(metric.partition("@")[0]))
        return {number: order.index(value) for number, value in values.items()}


def make_table(grid: Grid, cells: Sequence[Cell], outcomes: Sequence[Outcome]) -> Table:
    """The table of a grid's finished runs: a line for each of its combinations but for the seed.

    Args:
        cells: of the grid, impossible ones too, and its baselines.
        outcomes: of those that ran.
    """
    by_key = {outcome.cell.key: outcome for outcome in outcomes}
    columns = _columns(grid, cells)
    groups: dict[tuple[str, ...], list[Outcome]] = {}
    for cell in cells:
        if cell.experiment is not None:
            settings = _settings(cell.changes, cell.experiment, columns)
            found = groups.setdefault(tuple(settings), [])
            if by_key[cell.key] not in found:
                found.append(by_key[cell.key])
    metrics = _metrics(grid, outcomes)
    lines = [(settings, found, _figures(found, metrics)) for settings, found in groups.items()]
    tests = _tests([(found, figures) for _, found, figures in lines], metrics)
    rows = tuple(
        Row(
            dict(zip(columns, settings, strict=True)), figures, p, tuple(each.folder for each in found),
            tuple(each.error for each in found if each.error), sum(each.seconds for each in found),
            _gain(found, by_key, metrics),
        )
        for (settings, found, figures), p in zip(lines, tests, strict=True)
    )  # fmt: skip
    passes: dict[str, int] = {}
    for outcome in outcomes:
        for name, count in outcome.passes.items():
            passes[name] = passes.get(name, 0) + count
    return Table(
        grid.sections.table.title, columns, metrics, rows,
        _impossible(cells), passes,
        sum(outcome.seconds for outcome in outcomes),
    )  # fmt: skip


def _impossible(cells: Sequence[Cell]) -> tuple[tuple[str, str], ...]:
    """What could not be combined, and why; seeds are no reason."""
    found: dict[tuple[str, str], None] = {}
    for cell in cells:
        if cell.experiment is None:
            changes = {key: value for key, value in cell.changes.items() if key != "seed"}
            found[Cell(changes, None).label, cell.reason] = None
    return tuple(found)


def _gain(found: Sequence[Outcome], by_key: Mapping[str, Outcome], metrics: Sequence[str]) -> Figure | None:
    """The first metric of each run less that of the best modality alone, over the seeds; positive is better."""
    gains = []
    for outcome in found:
        assert outcome.cell.experiment is not None
        singles = [by_key.get(key_of(single)) for single in alone(outcome.cell.experiment).values()]
        ran = [each for each in singles if each is not None and not each.error]
        if outcome.error or not metrics or not ran or len(ran) < len(singles):
            continue
        sign = -1 if is_lower_better(metrics[0]) else 1
        values = [_results(each.folder).get(metrics[0]) for each in (outcome, *ran)]
        if all(value is not None for value in values):
            fused, *others = (sign * value for value in values if value is not None)
            gains.append(fused - max(others))
    if not gains:
        return None
    return Figure(statistics.fmean(gains), statistics.stdev(gains) if len(gains) > 1 else None, len(gains))


def _columns(grid: Grid, cells: Sequence[Cell]) -> tuple[str, ...]:
    if grid.sections.table.columns is not None:
        return tuple(grid.sections.table.columns)
    keys: dict[str, bool] = {}
    for cell in cells:
        for key, value in cell.changes.items():
            keys[key] = keys.get(key, False) or value is not None
    named = any(LABEL in change for change in grid.changes())
    added = len(cells) > len(list(grid.changes()))  # each modality alone
    found = [LABEL] if named else []
    shrinking = any(key.startswith("encoders.") and key.count(".") == 1 for key in keys) or "encoders" in keys
    shrinking = shrinking or MODALITIES in keys or added
    unsaid = ("seed", LABEL, MODALITIES, "fusion", "encoders")
    said = [key for key, has_values in keys.items() if has_values and key not in unsaid]
    found += [] if named else said
    return tuple([*found, MODALITIES] if shrinking or "fusion" in keys else found) or (MODALITIES,)


def _settings(changes: Mapping[str, Any], experiment: Any, columns: Sequence[str]) -> list[str]:
    """What stands in each column: a row's own label, the modalities, or a key's value in the experiment."""
    data = experiment.to_dict()
    found = []
    for column in columns:
        if column == LABEL:
            found.append(str(changes.get(LABEL, "")))
        elif column == MODALITIES:
            found.append(", ".join(experiment.modalities()))
        else:
            found.append(shown(changes[column] if changes.get(column) is not None else _value(data, column.split("."))))
    return found


def _value(data: Any, path: Sequence[str]) -> Any:
    for part in path:
        if not isinstance(data, Mapping):
            return None
        data = data.get(part)
    return data


def _metrics(grid: Grid, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    asked = grid.sections.table.metrics
    for outcome in outcomes:
        if not outcome.error:
            found = RunFolder(outcome.folder).metrics()
            task, judged = str(found["task"]), _judged(found)
            certain = {f"top{k}" for k in range(1, 10) if k >= len(found.get("classes") or ()) > 0}
            known = [name for name in DEFAULT_METRICS[task] if name in judged and name not in certain]
            clean = asked or (known[:1] if grid.sections.test_with else known)
            worse = [f"{name}@{condition}" for condition in grid.sections.test_with for name in clean[:1]]
            return (*clean, *worse)
    return tuple(asked or ())


def _figures(found: Sequence[Outcome], metrics: Sequence[str]) -> dict[str, Figure]:
    good = [_results(outcome.folder) for outcome in found if not outcome.error]
    figures = {}
    for metric in metrics:
        values = [value for each in good if (value := each.get(metric)) is not None]
        if values:
            sd = statistics.stdev(values) if len(values) > 1 else None
            figures[metric] = Figure(statistics.fmean(values), sd, len(values))
    return figures


def _results(folder: Path) -> dict[str, Any]:
    return {**_judged(RunFolder(folder).metrics()), **stored_figures(folder)}


def _judged(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    return metrics.get("test") or metrics.get("validation") or {}


def _tests(
    lines: Sequence[tuple[Sequence[Outcome], Mapping[str, Figure]]], metrics: Sequence[str]
) -> list[float | None]:
    """Each line against the best one by the first metric, over the same test rows of the same seeds."""
    main = next((name for name in MAIN_METRIC.values() if name in metrics), metrics[0] if metrics else "")
    scored = [(figures[main].mean, number) for number, (_, figures) in enumerate(lines) if main in figures]
    if len(scored) < 2:
        return [None] * len(lines)
    best = (min if is_lower_better(main) else max)(scored)[1]
    reference = _losses(lines[best][0])
    return [
        None if number == best or not figures else paired_p(reference, _losses(found))
        for number, (found, figures) in enumerate(lines)
    ]


def _losses(found: Sequence[Outcome]) -> dict[tuple[Any, str], float]:
    """(seed, row's id) → how wrong the prediction is: 0 or 1 of classes, the distance of numbers."""
    import pandas as pd

    losses: dict[tuple[Any, str], float] = {}
    for outcome in found:
        if outcome.error:
            continue
        table = pd.read_parquet(outcome.folder / "predictions.parquet")
        rows = table[table["split"] == "test"]
        assert outcome.cell.experiment is not None
        seed = outcome.cell.experiment.seed
        for name, target, prediction in zip(rows["id"], rows["target"], rows["prediction"], strict=True):
            if isinstance(target, float):
                loss = abs(target - prediction)
            elif isinstance(target, str):
                loss = float(target != prediction)
            else:
                loss = float(sorted(target) != sorted(prediction))
            losses[seed, str(name)] = loss
    return losses


def paired_p(first: Mapping[Any, float], second: Mapping[Any, float]) -> float | None:
    """The two-sided p of a paired test over what both have: McNemar's exact test of right and wrong, else Wilcoxon's
    signed-rank test. Rows of several seeds are pooled, so it is somewhat too sure where they repeat.

    >>> paired_p({1: 0.0, 2: 0.0, 3: 1.0}, {1: 0.0, 2: 1.0, 3: 1.0})
    1.0
    """
    from scipy.stats import binomtest, wilcoxon

    keys = [key for key in first if key in second]
    differences = np.array([second[key] - first[key] for key in keys])
    differing = differences[differences != 0]
    if not len(keys):
        return None
    if not len(differing):
        return 1.0
    if set(np.unique(np.abs(differing))) == {1.0}:
        return float(binomtest(int((differing > 0).sum()), len(differing)).pvalue)
    return float(wilcoxon(differing).pvalue)
