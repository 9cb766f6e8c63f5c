"""A grid file in, one table out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmcore.comparison.grid import Cell, Grid
from mmcore.comparison.planning import with_baselines
from mmcore.comparison.robustness import refuse_unknown
from mmcore.comparison.running import run_cells
from mmcore.comparison.table import Table, make_table
from mmcore.comparison.writing import write_table
from mmcore.errors import UserError


def compare(
    grid: Grid | Mapping[str, Any] | str | Path,
    folder: str | Path,
    *,
    workers: int = 1,
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> Table:
    """Run a grid and write its table beside its runs.

    Args:
        grid: a file, plain data, or a `Grid`.
        folder: where; what is finished there is kept, what was broken off goes on.
        workers: processes.
        on_event: told how far the grid is, and everything that a run tells.

    Returns:
        The table; `folder` holds it as Markdown, CSV, LaTeX, HTML and JSON.

    Raises:
        UserError: the grid has a mistake, or no combination of it is possible.
    """
    chosen = _grid(grid)
    cells = with_baselines(chosen.cells())
    running = possible(cells)
    conditions = chosen.sections.test_with
    refuse_unknown(
        conditions, sorted({name for cell in running if cell.experiment for name in cell.experiment.modalities()})
    )
    home = Path(folder)
    if home.exists() and not home.is_dir():
        raise UserError("is no folder", where=str(home))
    home.mkdir(parents=True, exist_ok=True)
    table = make_table(chosen, cells, run_cells(running, home, workers=workers, tell=on_event, conditions=conditions))
    write_table(table, home)
    return table


def possible(cells: Sequence[Cell]) -> list[Cell]:
    """The combinations that can run.

    Raises:
        UserError: none can.
    """
    found = [cell for cell in cells if cell.experiment is not None]
    if not found:
        reason = next((f": {cell.reason}" for cell in cells), "")
        raise UserError(f"no combination of the grid is possible{reason}")
    return found


def _grid(grid: Grid | Mapping[str, Any] | str | Path) -> Grid:
    if isinstance(grid, Grid):
        return grid
    return Grid.from_dict(grid) if isinstance(grid, Mapping) else Grid.load(grid)
