"""The main result in one plain sentence, what fusion gained in another, and the figures beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmcore.report.contents import Contents
from mmcore.report.gains import Gain, gains
from mmcore.report.scores import best_of, main_metric, over_folds
from mmcore.report.wording import in_sentence, listed, metric_name, metric_value, number, unit_of_difference


@dataclass(frozen=True)
class Tile:
    """One figure at the top of the page."""

    name: str
    value: str
    note: str = ""
    outcome: str = ""


def headline(contents: Contents) -> dict[str, Any]:
    """The main result in a sentence, what fusion gained in another, and the figures beside them."""
    metric = main_metric(contents)
    gain = gains(contents).get(metric or "")
    return {
        "subject": _subject(contents),
        "result": _result(contents, metric),
        "gain": gain,
        "tiles": _tiles(contents, metric, gain),
    }


def _subject(contents: Contents) -> dict[str, str]:
    dataset = contents.experiment.get("dataset")
    dataset = {"name": dataset} if isinstance(dataset, str) else dataset if isinstance(dataset, dict) else {}
    return {
        "target": str(dataset.get("target") or "the target"),
        "modalities": listed(contents.modalities),
        "dataset": str(dataset.get("name") or ""),
    }


def _result(contents: Contents, metric: str | None) -> str:
    if metric is None:
        return ""
    results, spread = contents.results, over_folds(metric, contents.over_folds())
    said = metric_value(metric, results[metric])
    across = f" (over {len(contents.folds)} folds: {spread})" if spread else ""
    rows = f"{results['n']:,} {contents.split} rows" if results.get("n") else f"the {contents.split} rows"
    model = "the model" if len(contents.modalities) == 1 else "the fused model"
    if metric == "top1":
        return f"{model} gets {said} of {rows} right{across}."
    if metric == "mae":
        r2 = results.get("r2")
        explained = f" (R² {number(r2)})" if r2 is not None else ""
        return f"{model} is off by {said} on average{explained}, on {rows}{across}."
    return f"{model} reaches {said} {in_sentence(metric)} on {rows}{across}."


def _tiles(contents: Contents, metric: str | None, gain: Gain | None) -> list[Tile]:
    if metric is None:
        return []
    single = len(contents.modalities) == 1
    name = f"{metric_name(metric)}{'' if single else ', fused'}"
    tiles = [Tile(name, metric_value(metric, contents.results[metric]))]
    alone = {name: values.get(metric) for name, values in contents.baselines.items()}
    best = sorted(best_of(alone, metric))
    if best and not single:
        tiles.append(Tile(f"Best alone: {best[0]}", metric_value(metric, alone[best[0]])))
    if gain:
        name = f"Gain{unit_of_difference(metric).replace(' ', ', ')}"
        tiles.append(Tile(name, gain.amount, gain.interval, gain.outcome))
    if contents.results.get("n"):
        tiles.append(Tile(f"{contents.split.capitalize()} rows", f"{contents.results['n']:,}"))
    return tiles
