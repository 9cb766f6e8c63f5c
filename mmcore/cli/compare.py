"""`mmcore compare`: from a grid to one table."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mmcore.comparison.grid import Cell
    from mmcore.comparison.table import Table


def compare(
    grid: Annotated[Path, typer.Argument(help="The grid file: base, vary, rows, exclude, table.")],
    folder: Annotated[
        Path | None, typer.Option("--out", "-o", help="The grid's folder; by default runs/<name of the file>.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change one option of the base: training.epochs=3; may be repeated.", metavar="KEY=VALUE"
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that run side by side.")] = 1,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would run.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan or the table as JSON.")] = False,
) -> None:
    """Run a grid of experiments and print one table.

    Each run has its own folder; what is finished is kept, what was broken off goes on. The table is written as
    Markdown, CSV, LaTeX, HTML and JSON.

    Example: mmcore compare grid.yaml -o runs/grid --workers 2
    """
    from mmcore.comparison.compare import compare as run_grid
    from mmcore.comparison.compare import possible
    from mmcore.comparison.grid import Grid
    from mmcore.comparison.planning import with_baselines
    from mmcore.comparison.writing import to_json

    chosen = Grid.load(grid, overrides or [])
    cells = with_baselines(chosen.cells())
    possible(cells)
    if plan:
        _show_plan(cells, as_json=as_json)
        return
    if not quiet:
        typer.echo(_summary(cells), err=True)
    target = folder or Path("runs") / grid.stem
    table = run_grid(chosen, target, workers=workers, on_event=None if quiet else _Progress())
    if as_json:
        from mmcore.cli.tables import print_json

        print_json(to_json(table))
    else:
        _show(table, target)
    if any(row.errors for row in table.rows):
        raise typer.Exit(1)


class _Progress:
    """One line for each finished run, with the time that is left, and the bars of the run that is under way."""

    def __init__(self) -> None:
        from mmcore.cli.progress import EventPrinter

        self.printer = EventPrinter()
        self.began: float | None = None
        self.kept = 0

    def __call__(self, event: dict[str, Any]) -> None:
        if event.get("event") == "grid":
            if event["done"]:
                how = event["error"] or ("kept" if event["reused"] else f"{event['seconds']:.1f} s")
                typer.echo(f"[{event['done']}/{event['total']}] {event['label']}: {how}{self._left(event)}", err=True)
            else:
                self.began = time.monotonic()
        elif event.get("event") == "progress" and self.printer.console.is_terminal:
            self.printer.show_progress(event)

    def _left(self, event: dict[str, Any]) -> str:
        """The time that is left if the other runs take as long as those so far."""
        self.kept += bool(event["reused"])
        ran, left = event["done"] - self.kept, event["total"] - event["done"]
        if self.began is None or not ran or not left:
            return ""
        return f"; about {_minutes((time.monotonic() - self.began) / ran * left)} left"


def _summary(cells: list[Cell]) -> str:
    runs = {cell.key for cell in cells if cell.experiment is not None}
    repeated = sum(cell.experiment is not None for cell in cells) - len(runs)
    impossible = sum(cell.experiment is None for cell in cells)
    said = f"{len(runs)} runs"
    said += f"; {repeated} combinations come to the same as another" if repeated else ""
    return said + (f"; {impossible} are impossible" if impossible else "")


def _show_plan(cells: list[Cell], *, as_json: bool) -> None:
    from mmcore.cli.tables import print_json, print_table
    from mmcore.comparison.planning import shared_passes

    if as_json:
        print_json(
            [{"label": cell.label, "key": cell.key or None, "impossible": cell.reason or None} for cell in cells]
        )
        return
    seen: set[str] = set()
    rows = []
    for cell in cells:
        what = cell.reason or ("as above" if cell.key in seen else "runs")
        seen.add(cell.key)
        rows.append((cell.label, what))
    print_table(("combination", "what happens"), rows, title=_summary(cells))
    shared = [(name, str(count)) for name, count in shared_passes(cells)]
    if shared:
        print_table(("encoder, passed through once", "runs that read it"), shared)
    typer.echo(_estimated(cells))


def _estimated(cells: list[Cell]) -> str:
    from mmcore.comparison.estimate import estimate
    from mmcore.errors import MMCoreError

    try:
        found = estimate(cells)
    except MMCoreError as error:
        return f"No estimate of the time: {str(error).splitlines()[0]}"
    return (
        f"In one process about {_minutes(found.seconds)} at most: {_minutes(found.passes)} in passes of frozen "
        f"encoders, less what is cached; {_minutes(found.runs)} in training, less what stops early."
    )


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _show(table: Table, folder: Path) -> None:
    from mmcore.cli.tables import print_table
    from mmcore.comparison.writing import body, headings, notes

    lines = body(table, lambda text, place: f"{text} *" if place == 0 else text)
    print_table(headings(table), lines, title=table.title)
    typer.echo("* the best of its column")
    for note in notes(table):
        typer.echo(note)
    typer.echo(f"Tables: {folder / 'table.md'}, .csv, .tex, .html, .json")
