"""`mmcore report`: the page about a run, written again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(run: Annotated[Path, typer.Argument(help="The run folder.")]) -> None:
    """Write a run's report.html anew from what its folder holds, and print where it lies.

    Example: mmcore report runs/hs
    """
    from mmcore.report.write import write_report
    from mmcore.run import RunFolder

    RunFolder(run).require_finished()
    typer.echo(str(write_report(run)))
