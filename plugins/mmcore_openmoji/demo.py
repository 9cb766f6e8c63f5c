"""`mmcore demo`: the main job, from an installed package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import mmcore

EXPERIMENT = Path(__file__).with_name("demo.yaml")


def demo(
    folder: Annotated[Path, typer.Option("--out", "-o", help="The run folder.")] = Path("runs/demo"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run that is in the folder.")] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change one option: seed=8; may be repeated.", metavar="KEY=VALUE"),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Only print the experiment file.")] = False,
) -> None:
    """Train image + text on real data with pretrained weights, explain it, and write a report.

    Example: mmcore demo -o runs/demo
    """
    if show:
        typer.echo(EXPERIMENT.read_text(encoding="utf-8"), nl=False)
        return
    mmcore.fit_command(EXPERIMENT, folder, overrides=overrides or [], overwrite=overwrite)
