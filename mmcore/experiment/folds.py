"""Cross-validation: one run folder per fold, and above them what all folds say together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mmcore.evaluation.gain import gain
from mmcore.evaluation.metrics import scored
from mmcore.experiment.environment import describe_environment
from mmcore.experiment.predictions import stored_inference
from mmcore.experiment.prepared import prepare_folds
from mmcore.experiment.running import fit_prepared, write_problems
from mmcore.files import writing
from mmcore.run import RunFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from mmcore.catalog import Catalog
    from mmcore.experiment.prepared import PreparedData
    from mmcore.experiment.specification import Experiment


def run_folds(experiment: Experiment, catalog: Catalog, run: RunFolder, *, resume: bool) -> dict[str, Any]:
    """Fit every fold into `folds/<number>`, and pool their test rows, each of which one fold has predicted.

    There is no single model then: `mmcore.load(folder / "folds" / "1")` loads that of a fold.
    """
    prepared = prepare_folds(experiment, catalog, run.event)
    run.write_json("environment.json", describe_environment(experiment, catalog, prepared[0]))
    write_problems(run.path / "problems.csv", prepared[0].survey.problems)
    found = []
    for number, data in enumerate(prepared, start=1):
        run.event({"event": "stage", "stage": f"fold {number} of {len(prepared)}", "fold": number})
        found.append(_fit_fold(experiment, data, catalog, run, number, resume=resume))
    measured = pool(experiment, prepared, run, found)
    run.write_json("metrics.json", measured)
    return measured


def _fit_fold(
    experiment: Experiment, data: PreparedData, catalog: Catalog, run: RunFolder, number: int, *, resume: bool
) -> dict[str, Any]:
    fold = RunFolder(run.path / "folds" / str(number), [lambda event: run.event({**event, "fold": number})])
    state = fold.state() if resume else "absent"
    if state == "finished":
        return fold.metrics()
    with fold.writing(resume=state != "absent", overwrite=state == "absent"):
        fold.write_text("experiment.yaml", experiment.to_yaml())
        return fit_prepared(experiment, data, catalog, fold, resume=state != "absent")


def pool(
    experiment: Experiment, prepared: Sequence[PreparedData], run: RunFolder, found: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Figures over the test rows of all folds, and each figure's mean and standard deviation over the folds."""
    task = prepared[0].task
    predictions = _test_rows(run, len(found), "predictions.parquet")
    with writing(run.path / "predictions.parquet") as temporary:
        predictions.to_parquet(temporary, index=False)
    fused = stored_inference(task, predictions)
    singles = {}
    if found[0]["baselines"]:
        rows = _test_rows(run, len(found), "baselines.parquet")
        with writing(run.path / "baselines.parquet") as temporary:
            rows.to_parquet(temporary, index=False)
        singles = {str(name): stored_inference(task, some) for name, some in rows.groupby("modality", sort=False)}
    return {
        "task": task.type,
        "classes": list(getattr(task, "classes", ())),
        "test": scored(task, fused),
        "folds": [fold["test"] for fold in found],
        "over_folds": _mean_and_sd([fold["test"] for fold in found]),
        "baselines": {
            str(name): {
                "test": scored(task, single),
                "over_folds": _mean_and_sd([fold["baselines"][name]["test"] for fold in found]),
            }
            for name, single in singles.items()
        },
        "gain": gain(task, fused, singles, seed=experiment.seed),
        "data": {**prepared[0].summary(), "splits": {"folds": len(found)}},
        "history": {},
        "cost": {
            "training_seconds": round(sum(fold["cost"]["training_seconds"] for fold in found), 3),
            "encoding_seconds": round(sum(fold["cost"]["encoding_seconds"] for fold in found), 3),
        },
    }


def _test_rows(run: RunFolder, folds: int, name: str) -> pd.DataFrame:
    import pandas as pd

    tables = []
    for number in range(1, folds + 1):
        table = pd.read_parquet(run.path / "folds" / str(number) / name)
        tables.append(table[table["split"] == "test"].assign(fold=number))
    return pd.concat(tables).sort_values("row", kind="stable").reset_index(drop=True)


def _mean_and_sd(folds: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Metric → mean and sample standard deviation over the folds in which it is defined."""
    result = {}
    for name, value in folds[0].items():
        values = [fold[name] for fold in folds if isinstance(fold.get(name), int | float)]
        if name == "n" or not isinstance(value, int | float | None) or not values:
            continue
        mean = math.fsum(values) / len(values)
        spread = math.fsum((each - mean) ** 2 for each in values) / max(len(values) - 1, 1)
        result[name] = {"mean": mean, "sd": math.sqrt(spread), "n": len(values)}
    return result
