"""`mmcore new`: a commented experiment file, or a plugin's package, to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmcore.cli.new_plugin import plugin

new = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Write a commented experiment file, or a plugin's package.\n\nExample: mmcore new experiment --data items.csv",
)


@new.command("experiment")
def experiment(
    data: Annotated[Path, typer.Option("--data", help="CSV, TSV, JSON lines, Parquet, or a dataset folder.")],
    target: Annotated[
        str | None, typer.Option(help="The column to predict; if left out, one named target, label, class or category.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write; - for standard output.")] = Path(
        "experiment.yaml"
    ),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
) -> None:
    """Write a commented experiment file from the columns of a table.

    Example: mmcore new experiment --data items.csv --target hs6
    """
    from mmcore.errors import UserError
    from mmcore.experiment.starter import starter_experiment
    from mmcore.files import write_text

    to_output = str(out) == "-"
    if not to_output and out.exists() and not overwrite:
        raise UserError("is there already", where=str(out), hint="Choose another name with -o, or use --overwrite.")
    text, guess = starter_experiment(data, target=target)
    for line in guess.describe():
        typer.echo(line, err=True)
    if to_output:
        typer.echo(text, nl=False)
        return
    write_text(out, text)
    typer.echo(f"{out}\nRun it: mmcore fit {out}", err=True)


new.command("plugin")(plugin)
