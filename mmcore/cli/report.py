"""`mmcore report`: the page about a run, written again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(run: Annotated[Path, typer.Argument(help="The run folder.")]) -> None:
    """Write a run's report.html anew.

    It is made from what the run folder holds; where it lies is printed.

    Example: mmcore report runs/hs
    """
    from mmcore.report.write import write_report
    from mmcore.run import RunFolder

    RunFolder(run).require_finished()
    typer.echo(str(write_report(run)))
