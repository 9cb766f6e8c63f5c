"""Finished runs that another experiment builds upon, as late fusion of models that were trained separately."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.errors import CompositionError, DataError, RunError

if TYPE_CHECKING:
    from mmcore.catalog import Catalog
    from mmcore.experiment.fitted import FittedModel
    from mmcore.experiment.prepared import PreparedData
    from mmcore.experiment.specification import Experiment


def named_runs(experiment: Experiment, catalog: Catalog) -> Mapping[str, str]:
    """Modality → the folder of the finished run that the strategy names for it."""
    if experiment.fusion is None:
        return {}
    strategy = catalog.resolve("fusion-strategy", experiment.fusion.strategy, path=("fusion", "strategy"))
    declared = strategy.declaration.runs
    return dict(declared(strategy.options)) if declared is not None else {}


def finished_models(experiment: Experiment, data: PreparedData, catalog: Catalog) -> dict[str, FittedModel]:
    """The models of the runs that the strategy names, each compared with the data that is fitted now.

    Raises:
        RunError: a folder holds no finished run.
        CompositionError: a run reads another modality, or knows other labels.
        DataError: rows that a run was trained on are among those that this experiment holds back.
    """
    from mmcore.experiment.fitted import load

    found = {}
    for name, folder in named_runs(experiment, catalog).items():
        try:
            fitted = load(folder)
        except RunError as error:
            raise RunError(f"fusion.strategy.runs.{name}: {error.what}", where=error.where, hint=error.hint) from error
        _refuse_other_input(name, folder, fitted)
        _refuse_other_labels(folder, fitted, data)
        _refuse_seen_rows(name, folder, data)
        found[name] = fitted
    return found


def _refuse_other_input(name: str, folder: str, fitted: FittedModel) -> None:
    if fitted.modalities != (name,):
        raise CompositionError(
            f"the run {folder} reads {', '.join(fitted.modalities)}, not {name!r} alone",
            hint="Fit a run with that one modality, and name it as the data set does.",
        )


def _refuse_other_labels(folder: str, fitted: FittedModel, data: PreparedData) -> None:
    task = data.task
    if fitted.task.type != task.type or fitted.labels != list(getattr(task, "classes", ())):
        theirs = f"{fitted.task.type}: {', '.join(fitted.labels[:5])}" if fitted.labels else fitted.task.describe()
        raise CompositionError(
            f"the run {folder} predicts other labels ({theirs} …) than this experiment ({task.describe()})",
            hint="Fit it on the same target.",
        )


def _refuse_seen_rows(name: str, folder: str, data: PreparedData) -> None:
    import pandas as pd

    table = pd.read_parquet(Path(folder) / "predictions.parquet", columns=["id", "split"])
    trained = set(table.loc[table["split"] == "train", "id"].astype(str))
    for part in ("validation", "test"):
        seen = trained & set(data.ids(data.splits[part]))
        if seen:
            raise DataError(
                f"{len(seen)} rows of this experiment's {part} split are among those that {folder} was trained on "
                f"(id {sorted(seen)[0]!r} is one)",
                where=f"fusion.strategy.runs.{name}",
                hint="Fit all of them with the same split and seed.",
            )


def rebuilt(manifests: Mapping[str, Any], assets: Path, catalog: Catalog) -> dict[str, Any]:
    """Modality → a model as the manifest of a finished run describes it; its state comes with the whole model's."""
    from mmcore.experiment.fitted import build_described

    return {name: build_described(manifest, assets, catalog)[0] for name, manifest in manifests.items()}
