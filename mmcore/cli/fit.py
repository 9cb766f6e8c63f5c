"""`mmcore fit`: from an experiment file to a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmcore.experiment.running import Run
    from mmcore.experiment.specification import Experiment


def fit(
    experiment: Annotated[Path | None, typer.Argument(help="The experiment file.", show_default=False)] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The run folder; by default a new one under runs/, named after the file."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change one option: fusion.method=lmf; may be repeated.", metavar="KEY=VALUE"),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the run in this folder, which was killed or stopped.", metavar="RUN")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run that is in the folder.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only look for mistakes; run nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON.")] = False,
) -> None:
    """Train, evaluate and explain an experiment.

    Everything is written into the run folder; the result table is printed.

    Example: mmcore fit experiment.yaml -o runs/hs --set training.epochs=3
    """
    import json

    from mmcore.cli.progress import EventPrinter

    asked, target = _asked(experiment, folder, overrides or [], resume)
    if check:
        asked.validate()
        typer.echo("The experiment is right.")
        return
    with EventPrinter(quiet=quiet) as show:
        run = asked.run(target, resume=resume is not None, overwrite=overwrite, on_event=show)
    if as_json:
        typer.echo(json.dumps({"folder": str(run.folder), "metrics": run.metrics}, indent=2, ensure_ascii=False))
    else:
        _show(run, asked)


def fit_command(
    experiment: Path, folder: Path, *, overrides: Sequence[str] = (), overwrite: bool = False, quiet: bool = False
) -> Run:
    """What `mmcore fit` does with a file, for commands of plugins: progress, the result table, where the report is.

    Raises:
        UserError: the experiment has a mistake, the data can't be used, or the folder is in use.
    """
    from mmcore.cli.progress import EventPrinter
    from mmcore.experiment.specification import Experiment

    asked = Experiment.load(experiment, overrides)
    with EventPrinter(quiet=quiet) as show:
        run = asked.run(folder, overwrite=overwrite, on_event=show)
    _show(run, asked)
    return run


def _asked(
    file: Path | None, folder: Path | None, overrides: list[str], resume: Path | None
) -> tuple[Experiment, Path]:
    """The experiment and the folder of its run."""
    from mmcore.errors import UserError
    from mmcore.experiment.quick import free_folder
    from mmcore.experiment.specification import Experiment
    from mmcore.run import RunFolder

    if resume is not None:
        if file is not None or folder is not None or overrides:
            raise UserError(
                "--resume goes on with the experiment of the run as it was",
                hint=f"Write nothing beside it: mmcore fit --resume {resume}",
            )
        if RunFolder(resume).state() == "absent" or not (resume / "experiment.yaml").is_file():
            raise UserError("there is no run to resume here", where=str(resume))
        return Experiment.load(resume / "experiment.yaml"), resume
    if file is None:
        raise UserError("which experiment?", hint="Write: mmcore fit experiment.yaml, or mmcore fit --resume RUN.")
    return Experiment.load(file, overrides), folder or free_folder(file.stem)


def _show(run: Run, experiment: Experiment) -> None:
    from mmcore.cli.results import result_table, verdict
    from mmcore.cli.tables import print_tables

    metrics: dict[str, Any] = run.metrics
    print_tables(result_table(metrics, list(experiment.modalities())), verdict(metrics))
    report = run.folder / "report.html"
    typer.echo(f"Run: {run.folder}" + (f"\nReport: {report}" if report.is_file() else ""))
