"""`mmcore explain`: why a fitted model decides so, on rows of its test split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mmcore.attribution.tables import ShareTable


def explain(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    explainer: Annotated[
        str | None,
        typer.Option(help="Its name, or {name: …, option: …}; by default the one of the experiment."),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="How many test rows.")] = 12,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the tables and each row's explanation as JSON.")
    ] = False,
) -> None:
    """Explain test rows: pictures and values in the run's explanations/, shares over classes as a table.

    Example: mmcore explain runs/hs --explainer mm_shap --rows 64
    """
    import json

    from mmcore.attribution.tables import share_tables
    from mmcore.cli.progress import EventPrinter
    from mmcore.experiment.explain_again import explain_again
    from mmcore.run import RunFolder

    RunFolder(run).require_finished()
    with EventPrinter(quiet=quiet) as show:
        explanations = explain_again(run, _chosen(run, explainer), rows=rows, on_event=show)
    tables = share_tables(explanations, [str(name) for name in RunFolder(run).metrics().get("classes", ())])
    if as_json:
        told = {
            "tables": [table.to_dict() for table in tables],
            "explanations": [one.to_dict() for one in explanations],
        }
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False, default=str))
        return
    for table in tables:
        _print(table)
    typer.echo(f"{len(explanations)} rows explained in {run / 'explanations'}\nReport: {run / 'report.html'}")


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


def _print(table: ShareTable) -> None:
    """The shares of each group of rows that there are."""
    from mmcore.cli.tables import print_table

    lines = [
        [row.of_class, row.group, *(str(row.shares[name]) for name in table.modalities)]
        for row in table.rows
        if row.n or row.group != "all"
    ]
    print_table(["class", "predictions", *table.modalities], lines, title=f"{table.explainer}: shares")
