"""From an experiment to a run: data, training, baselines, results, explanations, report."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.catalog import Catalog
from mmcore.catalog import load as load_catalog
from mmcore.files import writing
from mmcore.run import Event, RunFolder

if TYPE_CHECKING:
    from mmcore.data.survey import RowProblem
    from mmcore.experiment.fitted import FittedModel
    from mmcore.experiment.prepared import PreparedData, Shared
    from mmcore.experiment.specification import Experiment


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, what was asked, and what came out (`metrics`, as metrics.json holds it)."""

    folder: Path
    experiment: Experiment
    metrics: dict[str, Any]

    def model(self) -> FittedModel:
        """The fitted model, as `mmcore.load(folder)` gives it."""
        from mmcore.experiment.fitted import load

        return load(self.folder)


def run_experiment(
    experiment: Experiment,
    folder: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    on_event: Callable[[Event], None] | None = None,
    report: bool = True,
    shared: Shared | None = None,
) -> Run:
    """Train, evaluate and explain an experiment, and write its run folder.

    Args:
        folder: where; it may not exist yet, or be empty.
        resume: go on with the run that lies there.
        overwrite: replace the run that lies there.
        on_event: told each event as it happens; events.jsonl holds them as well.
        report: whether report.html is written; `mmcore report` writes it later.
        shared: what was read and built before in this process, for runs that share it.

    Raises:
        UserError: the experiment has a mistake, the data can't be used, or the folder is in use.
    """
    experiment.validate()
    experiment = experiment.resolved()
    catalog = load_catalog()
    run = RunFolder(Path(folder), [on_event] if on_event else [])
    with run.writing(resume=resume, overwrite=overwrite):
        run.write_text("experiment.yaml", experiment.to_yaml())
        run.event({"event": "run_started", "folder": str(folder), "resumed": resume})
        catalog.plugins.call("mmcore_run_started", folder=run.path, experiment=experiment.to_dict())
        if experiment.split.folds:
            from mmcore.experiment.folds import run_folds

            metrics = run_folds(experiment, catalog, run, resume=resume)
        else:
            metrics = _run_once(experiment, catalog, run, shared, resume=resume)
        if report:
            _write_report(run)
        run.event({"event": "run_finished", "folder": str(folder)})
        catalog.plugins.call("mmcore_run_finished", folder=run.path, metrics=metrics)
    return Run(run.path, experiment, metrics)


def _run_once(
    experiment: Experiment, catalog: Catalog, run: RunFolder, shared: Shared | None, *, resume: bool
) -> dict[str, Any]:
    from mmcore.experiment.prepared import prepare_data

    data = prepare_data(experiment, catalog, run.event, shared)
    return fit_prepared(experiment, data, catalog, run, shared, resume=resume)


def fit_prepared(
    experiment: Experiment,
    data: PreparedData,
    catalog: Catalog,
    run: RunFolder,
    shared: Shared | None = None,
    *,
    resume: bool,
) -> dict[str, Any]:
    """Fit on prepared data and write everything of the run folder but the report; the metrics."""
    from mmcore.experiment.environment import describe_environment
    from mmcore.experiment.fitting import fit_and_evaluate

    run.write_json("environment.json", describe_environment(experiment, catalog, data))
    write_problems(run.path / "problems.csv", data.survey.problems)
    metrics = fit_and_evaluate(experiment, data, catalog, run, shared, resume=resume)
    if experiment.explain is not None:
        from mmcore.experiment.explanations import explain_fitted

        explain_fitted(experiment, data.source, run)
    return metrics


def write_problems(path: Path, problems: list[RowProblem]) -> None:
    """Write which rows are left out and why; no file when there is none."""
    if not problems:
        path.unlink(missing_ok=True)
        return
    with writing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["row", "id", "modality", "reason", "message"])
        writer.writeheader()
        writer.writerows(asdict(problem) for problem in problems)


def _write_report(run: RunFolder) -> None:
    from mmcore.report.write import write_report

    run.event({"event": "stage", "stage": "write the report"})
    write_report(run.path)
