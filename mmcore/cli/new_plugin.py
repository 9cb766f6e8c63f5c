"""`mmcore new plugin`: a package that installs, passes its own checks and trains at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plugin(
    name: Annotated[str, typer.Argument(help="The package's name: lower-case letters, digits, hyphens.")],
    type_: Annotated[
        str,
        typer.Option("--type", help="encoder, fusion-method, fusion-strategy, dataset, explainer or modality-kind."),
    ],
    kind: Annotated[str | None, typer.Option(help="Of an encoder: the kind that it reads; text if left out.")] = None,
    folder: Annotated[Path, typer.Option("--in", help="The folder in which it is made.")] = Path(),
) -> None:
    """Write a plugin's package: code to change, tests, an experiment that trains at once.

    Example: mmcore new plugin my-encoder --type encoder --kind image
    """
    from mmcore.testing.scaffold import Plan, new_plugin

    written = new_plugin(name, type_, kind=kind, parent=folder)
    typer.echo(str(written))
    typer.echo(
        f'Install it: pip install -e "{written}[test]"\nCheck it: mmcore check {Plan(name, type_, kind).package}\n'
        f"Train it: cd {written} && mmcore fit experiment.yaml",
        err=True,
    )
