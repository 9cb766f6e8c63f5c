"""The result table: each modality alone against all of them fused, and what fusion gained."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmcore.report.contents import FUSED, SPLITS, Contents
from mmcore.report.gains import Gain, gains, interval_name
from mmcore.report.scores import best_of, main_metric, over_folds, scalars
from mmcore.report.wording import MISSING, in_order, is_lower_better, is_proportion, metric_name, metric_value


def result_table(contents: Contents) -> dict[str, Any] | None:
    """Metrics down, models across: each modality alone, fused, the gain."""
    if not scalars(contents.results):
        return None
    models = _models(contents)
    found = gains(contents)
    return {
        "models": [model.title for model in models],
        "rows": [_table_row(metric, models, found.get(metric)) for metric in _shown(contents)],
        "has_gain": bool(found),
        "interval": next((interval_name(entry) for entry in (contents.metrics.get("gain") or {}).values()), ""),
        "notes": _notes(contents, bool(found)),
        "bars": _bars(contents, models),
        "splits": _splits(contents),
        "folds": _folds(contents),
        "main": metric_name(main_metric(contents) or ""),
        "split": contents.split,
    }


@dataclass(frozen=True)
class _Model:
    """A column of the table."""

    title: str
    results: Mapping[str, Any]
    over_folds: Mapping[str, Mapping[str, float]]
    colour: int
    fused: bool


def _models(contents: Contents) -> list[_Model]:
    names = contents.modalities
    if len(names) == 1:
        return [_Model(names[0], contents.results, contents.over_folds(), 0, False)]
    alone = [
        _Model(f"{name} alone", results, contents.over_folds(name), contents.colour(name), False)
        for name, results in contents.baselines.items()
    ]
    return [*alone, _Model(FUSED, contents.results, contents.over_folds(), 0, True)]


def _table_row(metric: str, models: Sequence[_Model], gain: Gain | None) -> dict[str, Any]:
    best = best_of({model.title: model.results.get(metric) for model in models}, metric)
    return {
        "metric": metric_name(metric),
        "note": "lower is better" if is_lower_better(metric) else "",
        "cells": [
            {
                "text": metric_value(metric, model.results.get(metric)),
                "spread": over_folds(metric, model.over_folds),
                "best": len(models) > 1 and model.title in best,
                "fused": model.fused,
            }
            for model in models
        ],
        "gain": gain,
    }


def _shown(contents: Contents) -> list[str]:
    """Metrics of the table: without accuracies among as many classes as there are."""
    classes = len(contents.classes)
    main = main_metric(contents)
    return [
        name
        for name in sorted(in_order(list(scalars(contents.results))), key=lambda name: name != main)
        if not (classes and re.fullmatch(r"top\d+", name) and int(name[3:]) >= classes and name != "top1")
    ]


def _bars(contents: Contents, models: Sequence[_Model]) -> list[dict[str, Any]]:
    """The main metric as bars, where it is a proportion."""
    metric = main_metric(contents)
    if metric is None or not is_proportion(metric) or len(models) < 2:
        return []
    return [
        {
            "model": model.title,
            "value": metric_value(metric, model.results.get(metric)),
            "width": round(100 * max(0.0, min(1.0, model.results.get(metric) or 0.0)), 2),
            "colour": model.colour,
        }
        for model in models
    ]


def _splits(contents: Contents) -> dict[str, Any] | None:
    """The fused model on every split, where there are several."""
    parts = {name: contents.metrics[name] for name in SPLITS if contents.metrics.get(name)}
    return _side_by_side(contents, parts) if len(parts) > 1 else None


def _folds(contents: Contents) -> dict[str, Any] | None:
    """The fused model on the test rows of every fold."""
    parts = {str(place): fold for place, fold in enumerate(contents.folds, 1)}
    return _side_by_side(contents, parts) if parts else None


def _side_by_side(contents: Contents, parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    rows = [("Rows", [f"{part['n']:,}" if part.get("n") else MISSING for part in parts.values()])]
    rows += [(metric_name(m), [metric_value(m, part.get(m)) for part in parts.values()]) for m in _shown(contents)]
    return {"names": list(parts), "rows": rows}


def _notes(contents: Contents, has_gain: bool) -> list[str]:
    notes = []
    found = contents.metrics.get("gain") or {}
    if has_gain and found:
        notes.append(
            "Gain is against the single modality that does best on these rows, for each metric by itself; above 0 is "
            "good, whatever the metric. The interval comes from drawing the rows anew, the same for both models."
        )
        rows = {entry.get("rows") for entry in found.values()} - {None}
        if rows and max(rows) < (contents.results.get("n") or 0):
            notes.append(
                f"It is measured on the {max(rows):,} of {contents.results['n']:,} rows in which every modality is "
                "there, so it can differ from the difference of the columns."
            )
    if len(contents.modalities) > 1 and not contents.baselines:
        notes.append("No modality was trained alone in this run, so what fusion gained is not known.")
    if contents.folds:
        notes.append(
            "Figures are of the test rows of all folds together; below them, mean ± standard deviation of the folds."
        )
    return notes
