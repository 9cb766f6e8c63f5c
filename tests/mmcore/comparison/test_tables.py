"""Each grid among the examples can be planned: no mistake in it, and no combination that is impossible."""

from pathlib import Path

import pytest

from mmcore.comparison.grid import Grid

TABLES = Path(__file__).parents[3] / "examples" / "tables"
RUNS = {"hscode": 36, "hscode-here": 36, "railway": 27, "railway-here": 42, "strategies-here": 9}


def test_every_grid_is_known_here():
    assert {path.stem for path in TABLES.glob("*.yaml")} == set(RUNS)


@pytest.mark.parametrize("name", sorted(RUNS))
def test_a_grid_has_no_mistakes_and_a_line_that_runs_it(name, monkeypatch, tmp_path):
    path = TABLES / f"{name}.yaml"
    grid = Grid.load(path, _where(name, tmp_path))
    cells = grid.cells()
    assert {cell.reason for cell in cells} == {""}
    assert len({cell.key for cell in cells}) == RUNS[name]
    assert f"mmcore compare examples/tables/{name}.yaml" in path.read_text()


def _where(name, folder):
    """A data folder that is there, where the grid names one that a command has to write first."""
    if not name.startswith("hscode"):
        return []
    from mmcore_hscode.simulation import write_declarations

    write_declarations(folder / "data", 40, 0)
    return [f"dataset.path={folder / 'data'}"]
