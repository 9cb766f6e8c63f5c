"""`mmcore explain`: why a fitted model decides so, on rows of its test split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mmcore.attribution.evaluated import Measure
    from mmcore.attribution.tables import ShareTable


def explain(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    explainer: Annotated[
        str | None,
        typer.Option(help="Its name, or {name: …, option: …}; by default the one of the experiment."),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(min=1, help="How many rows of the split, right and wrong ones: 12; for a measure at random: 500."),
    ] = None,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Explain this row instead; may be repeated.")] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the tables and each row's explanation as JSON.")
    ] = False,
) -> None:
    """Explain test rows of a run, or measure over them.

    Values and pictures go to its explanations/, the shares over classes are printed.

    Example: mmcore explain runs/hs --explainer mm_shap --rows 64
    """
    import json

    from mmcore.cli.progress import EventPrinter
    from mmcore.experiment.explanations import explain_run
    from mmcore.report.write import write_report
    from mmcore.run import RunFolder

    RunFolder(run).require_finished()
    chosen = _chosen(run, explainer)
    with EventPrinter(quiet=quiet) as show:
        found = explain_run(run, chosen, rows=rows, ids=ids or (), split=split, on_event=show)
    report = write_report(run)
    if as_json:
        told = {
            "tables": [table.to_dict() for table in found.tables],
            "explanations": [one.to_dict() for one in found.explanations],
            **({} if found.measure is None else {"measure": found.measure.to_dict()}),
        }
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False, default=str))
        return
    if found.measure is not None:
        _print_measure(found.measure)
        typer.echo(f"{found.measure.n} rows measured; the table: {found.folder / 'measure.csv'}")
        return
    for table in found.tables:
        _print(table)
    typer.echo(f"{len(found.explanations)} rows explained in {found.folder}\nReport: {report}")


def _chosen(run: Path, explainer: str | None) -> str | dict[str, Any]:
    """The explainer that is asked for, as it would stand in an experiment."""
    from mmcore.errors import UserError
    from mmcore.experiment.document import parse_value
    from mmcore.experiment.specification import Experiment

    if explainer is not None:
        value = parse_value(explainer, source="--explainer")
        if not isinstance(value, str | dict) or not value:
            raise UserError(f"--explainer {explainer!r} names none", hint="Write a name, or {name: …, option: …}.")
        return value
    written = Experiment.load(run / "experiment.yaml").explain
    if written is None:
        raise UserError("the experiment names no explainer", where=str(run), hint="Name one with --explainer.")
    return written.explainer.to_short_form()


def _print_measure(measure: Measure) -> None:
    from mmcore.cli.tables import print_table

    def shown(value: Any) -> str:
        return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)

    typer.echo(measure.question)
    print_table(list(measure.columns), [[shown(value) for value in line] for line in measure.lines])
    for note in measure.notes:
        typer.echo(note)


def _print(table: ShareTable) -> None:
    """The shares over all classes and over each that has rows."""
    from mmcore.cli.tables import print_table

    explained = {row.of_class for row in table.rows if row.n}
    lines = [
        [row.of_class, row.group, *(str(row.shares[name]) for name in table.modalities)]
        for row in table.rows
        if row.of_class in explained
    ]
    print_table(["class", "predictions", *table.modalities], lines, title=f"{table.explainer}: shares")
